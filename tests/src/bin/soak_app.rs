//! The application that the reliability tests kill. Prints a line of JSON when it runs, ten times a second, and at its
//! end; closes on SIGTERM.

#![expect(clippy::disallowed_methods, reason = "it feeds its broker by the clock of the machine")]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use streams_core::config::StreamsConfig;
use streams_core::runtime::{KafkaStreams, State};
use tests::apps::{EmbeddedClient, SoakReport, SoakSettings, SoakTopics, soak_topology};
use tests::checks::SoakModel;

const LOOK_EVERY: Duration = Duration::from_millis(100);
const CLOSE_LIMIT: Duration = Duration::from_secs(140);

type AnyError = Box<dyn std::error::Error>;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    settings: SoakSettings,
}

/// A durable embedded broker lives in this process, so that its input is written here too: from where the last process
/// was killed, in the background.
fn feed_embedded(settings: &SoakSettings) -> Result<(), AnyError> {
    let Some(folder) = settings.bootstrap.strip_prefix("embedded:") else { return Ok(()) };
    let model = SoakModel { records: settings.records, keys: settings.keys };
    let (client, topics) = (EmbeddedClient::open(folder.as_ref())?, SoakTopics::of(&settings.app));
    model.prepare_embedded(&client, &topics)?;
    let ends = client.end_offsets(&topics.input)?;
    let written = |partition: i32| {
        let end = ends.iter().find(|(at, _)| at.partition == partition).map_or(0, |(_, end)| *end);
        usize::try_from(end).unwrap_or(0)
    };
    let mut skip: Vec<usize> = (0..4).map(written).collect();
    let missing = model.input().filter(move |record| {
        let partition = usize::try_from(record.partition.unwrap_or(0)).unwrap_or(0);
        let left = skip.get_mut(partition).filter(|left| **left > 0);
        left.map(|left| *left -= 1).is_none()
    });
    let pause = Duration::from_millis(100);
    let batch = usize::try_from(settings.per_second / 10).unwrap_or(1);
    std::thread::spawn(move || {
        let mut missing = missing.peekable();
        while missing.peek().is_some() {
            if let Err(error) = client.produce(&topics.input, missing.by_ref().take(batch)) {
                eprintln!("soak_app: feeding: {error}");
                std::process::exit(2);
            }
            std::thread::sleep(pause);
        }
    });
    Ok(())
}

fn main() -> ExitCode {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| "warn,librdkafka=error".to_owned());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(&Arguments::parse().settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let (event, state) = ("exit".to_owned(), "Error".to_owned());
            say(&SoakReport { event, state, error: Some(error.to_string()), ..SoakReport::default() });
            eprintln!("soak_app: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &SoakSettings) -> Result<(), AnyError> {
    let app = KafkaStreams::new(soak_topology(&SoakTopics::of(&settings.app))?, config(settings)?)?;
    let asked = Arc::new(AtomicBool::new(false));
    end_on_signal(Arc::clone(&asked))?;
    feed_embedded(settings)?;
    app.start()?;
    let mut ran = false;
    while !app.wait_for(LOOK_EVERY, State::is_final) {
        if !ran && app.state() == State::Running {
            ran = true;
            say(&report("running", &app));
        }
        say(&report("status", &app));
        if asked.load(Ordering::Acquire) && !app.close(CLOSE_LIMIT) {
            return Err("closing took too long".into());
        }
    }
    if let Some(error) = app.error() {
        return Err(error.to_string().into());
    }
    say(&report("exit", &app));
    Ok(())
}

fn config(settings: &SoakSettings) -> Result<StreamsConfig, AnyError> {
    let embedded = settings.bootstrap.starts_with("embedded:");
    let mut config = StreamsConfig::new(&settings.app, &settings.bootstrap)
        .with_state_dir(&settings.state_dir)
        .with_num_stream_threads(settings.threads)
        .with_statestore_cache_max_bytes(settings.cache_bytes)
        .with_commit_interval(Duration::from_millis(100))
        .with("processing.guarantee", &settings.guarantee)?;
    if !embedded {
        config = config
            .with("consumer.session.timeout.ms", settings.session_timeout_ms)?
            .with("consumer.heartbeat.interval.ms", settings.session_timeout_ms / 5)?;
    }
    if let Some(instance) = &settings.instance {
        config = config.with("consumer.group.instance.id", instance)?;
    }
    for setting in &settings.set {
        let (key, value) = setting.split_once('=').ok_or_else(|| format!("--set {setting}: no '='"))?;
        config = config.with(key, value)?;
    }
    Ok(config)
}

fn end_on_signal(asked: Arc<AtomicBool>) -> Result<(), AnyError> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut terminate = {
        let _entered = runtime.enter();
        signal(SignalKind::terminate())?
    };
    std::thread::spawn(move || {
        runtime.block_on(terminate.recv());
        asked.store(true, Ordering::Release);
    });
    Ok(())
}

fn report(event: &str, app: &KafkaStreams) -> SoakReport {
    let metrics = app.totals();
    SoakReport {
        event: event.to_owned(),
        state: app.state().to_string(),
        processed_records: metrics.processed_records,
        dropped_records: metrics.dropped_records,
        commits: metrics.commits,
        restored_records: metrics.restored_records,
        wiped_tasks: metrics.wiped_tasks,
        running_tasks: metrics.running_tasks,
        error: None,
    }
}

fn say(report: &SoakReport) {
    match serde_json::to_string(report) {
        Ok(line) => println!("{line}"),
        Err(error) => eprintln!("soak_app: cannot say {report:?}: {error}"),
    }
}
