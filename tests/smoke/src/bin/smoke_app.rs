//! The application that Kafka Streams' smoke tests judge; closes on SIGTERM.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Parser;
use kstreams::prelude::*;
use smoke::{Judge, relational_topology, streams_topology};

const LOOK_EVERY: Duration = Duration::from_millis(100);
const CLOSE_LIMIT: Duration = Duration::from_secs(140);
const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Parser)]
struct Arguments {
    /// Whose topology.
    #[arg(long)]
    judge: Judge,
    /// `bootstrap.servers`.
    #[arg(long)]
    bootstrap: String,
    /// `processing.guarantee`.
    #[arg(long)]
    guarantee: String,
    /// `state.dir`.
    #[arg(long)]
    state_dir: PathBuf,
}

fn main() -> ExitCode {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| "info,librdkafka=error".to_owned());
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).init();
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("smoke_app: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let asked = lab::on_terminate();
    // The settings of the Java clients, and a session that a killed process does not outlive for long.
    let (topology, retention_days) = match arguments.judge {
        Judge::Streams => (streams_topology()?, 3),
        Judge::Relational => (relational_topology()?, 5),
    };
    let config = StreamsConfig::new("SmokeTest", &arguments.bootstrap)
        .with_state_dir(&arguments.state_dir)
        .with_commit_interval(Duration::from_secs(1))
        .with("processing.guarantee", &arguments.guarantee)?
        .with("windowstore.changelog.additional.retention.ms", retention_days * DAY_MS)?
        .with("consumer.session.timeout.ms", 6_000)?
        .with("consumer.heartbeat.interval.ms", 1_000)?;
    let app = KafkaStreams::new(topology, config)?;
    app.start()?;
    while !app.wait_for(LOOK_EVERY, State::is_final) {
        if asked.load(Ordering::Acquire) && !app.close(CLOSE_LIMIT) {
            return Err("closing took too long".into());
        }
    }
    app.error().map_or(Ok(()), |error| Err(error.to_string().into()))
}
