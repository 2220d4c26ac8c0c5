//! Runs an example on a broker until its input is processed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use kstreams::config::Bootstrap;
use kstreams::ids::{Offset, TopicName, TopicPartition};
use kstreams::prelude::{KafkaStreams, State, StreamsConfig};
use kstreams::time::{Clock, SystemClock};

use crate::broker::{Broker, Offsets};
use crate::progress::Progress;
use crate::text::count;
use crate::{ExampleApp, Options, OutputRecord, Result};

/// How often to check whether the input is processed.
const POLL: Duration = Duration::from_millis(50);
/// An application that does nothing for so long is given up.
const STALL_MAX_MS: i64 = 60_000;
/// How long a close may take.
const CLOSE: Duration = Duration::from_secs(30);

/// The outcome of a run.
pub struct Outcome {
    /// Everything in the example's output topics.
    pub outputs: Vec<OutputRecord>,
    /// Records taken from topics and processed, those of repartition topics included.
    pub processed: u64,
    /// From the moment at which the tasks were assigned until everything was committed.
    pub took: Duration,
}

impl Outcome {
    /// One line: how much in how long.
    pub fn summary(&self) -> String {
        if self.processed == 0 {
            return "Nothing new to process: the input was processed before.".to_owned();
        }
        let per_s = self.processed as f64 / self.took.as_secs_f64().max(0.001);
        let (processed, seconds) = (count(self.processed), self.took.as_secs_f64());
        format!("{processed} records in {seconds:.2} s: {} records per second", count(per_s as u64))
    }
}

/// Writes an example's input to its topics, processes all of it, and reads the results.
///
/// On Kafka and on a durable embedded broker it can be repeated: what is written or processed already is not again.
pub fn run(app: &ExampleApp, options: &Options) -> Result<Outcome> {
    let mut config = options.config(app.name)?;
    // A broker in memory begins empty each time, so what is left of an earlier run's state belongs to other topics.
    let in_memory = config.bootstrap() == Bootstrap::EmbeddedInMemory && options.state_dir.is_none();
    let scratch = in_memory.then(|| Scratch::new(app.name));
    if let Some(Scratch(folder)) = &scratch {
        config = config.with_state_dir(folder);
    }
    let mut broker = Broker::connect(&config)?;
    broker.create_topics(app)?;
    broker.write_input(app)?;

    let (running_since, group) = (Arc::new(AtomicI64::new(i64::MAX)), config.application_id());
    let exactly_once = config.exactly_once();
    let streams = start(app, config, &broker, &running_since)?;
    let waited = wait_until_processed(app, (&group, exactly_once), &mut broker, &streams);
    let ended = SystemClock.now_ms();
    let processed = streams.totals().processed_records;
    let closed = streams.close(CLOSE);
    if let Some(error) = streams.error() {
        // It says more than the wait that it ended.
        Err(error)?;
    }
    waited?;
    if !closed {
        Err(format!("the application did not close within {} s; RUST_LOG=debug shows why", CLOSE.as_secs()))?;
    }
    let took_ms = ended.saturating_sub(running_since.load(Ordering::Acquire)).max(1);
    let outputs = broker.read_outputs(app)?;
    Ok(Outcome { outputs, processed, took: Duration::from_millis(u64::try_from(took_ms)?) })
}

/// A folder that is deleted at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Scratch(std::env::temp_dir().join(format!("example-{name}-{}-{number}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Left-overs in the folder for temporary files hurt nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn start(
    app: &ExampleApp,
    config: StreamsConfig,
    broker: &Broker,
    running_since: &Arc<AtomicI64>,
) -> Result<KafkaStreams> {
    let since = Arc::clone(running_since);
    let mut builder =
        KafkaStreams::builder(app.topology.clone(), config).with_state_listener(move |new, _| {
            if new == State::Running {
                since.fetch_min(SystemClock.now_ms(), Ordering::AcqRel);
            }
        });
    if let Some(embedded) = broker.in_process() {
        builder = builder.with_broker(embedded);
    }
    let streams = builder.build()?;
    streams.start()?;
    Ok(streams)
}

/// Returns when the group has committed the end of every topic that the topology reads. Under exactly-once a transaction
/// ends with a marker, which takes an offset but is not a record, so that the end of a repartition topic may stay out of
/// reach by that one.
fn wait_until_processed(
    app: &ExampleApp,
    (group, exactly_once): (&str, bool),
    broker: &mut Broker,
    streams: &KafkaStreams,
) -> Result<()> {
    // Global tables are read outside of the group, and are complete before the first record is processed.
    let graph = app.topology.graph();
    let global: Vec<&TopicName> = graph.global_topics().collect();
    let mut sources = graph.source_topics(group);
    sources.retain(|topic| !global.contains(&topic));
    let is_input = |topic: &str| app.topics.iter().any(|known| known.name == topic);

    let inputs =
        app.input.iter().filter(|record| sources.iter().any(|topic| **topic == *record.topic)).count();
    let mut progress = Progress::new("Processing", inputs as u64);
    let (mut last, mut changed_at) = (Offsets::new(), SystemClock.now_ms());
    loop {
        if streams.wait_for(POLL, State::is_final) {
            return Err("the application stopped before the input was processed".into());
        }
        // In this order: what was committed then was written by now, in transactions that have ended by now.
        let partitions = broker.partitions(&sources)?;
        let committed = broker.committed(group, &partitions)?;
        let stable = broker.stable_ends(&partitions)?;
        let ends = broker.ends(&partitions)?;
        let done =
            committed.iter().filter(|(at, _)| is_input(&at.topic)).map(|(_, offset)| *offset).sum::<Offset>();
        progress.set(u64::try_from(done).unwrap_or(0));
        let reached = |(at, end): (&TopicPartition, &Offset)| {
            let markers = Offset::from(exactly_once && !is_input(&at.topic));
            committed.get(at).is_some_and(|offset| offset + markers >= *end)
        };
        if stable == ends && ends.iter().all(reached) {
            progress.finish();
            return Ok(());
        }
        let now = SystemClock.now_ms();
        if committed != last {
            last = committed;
            changed_at = now;
        } else if now - changed_at > STALL_MAX_MS {
            let (state, s) = (streams.state(), STALL_MAX_MS / 1_000);
            return Err(format!("nothing was committed for {s} s; the application is {state}").into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{final_records, flights, fraud, run_on_test_driver, word_count};

    fn last(outputs: &[OutputRecord]) -> Vec<OutputRecord> {
        final_records(outputs).into_iter().cloned().collect()
    }

    #[test]
    fn a_broker_gives_what_the_test_driver_gives() {
        let options = Options::default();
        let small_day = fraud::scenario(1, 100, 2_000, 12);
        for app in [word_count::app(&options), flights::app(&options), fraud::app_on(&small_day)] {
            let app = app.unwrap();
            let outcome = run(&app, &options).unwrap();
            let expected = run_on_test_driver(&app).unwrap();
            assert!(!expected.is_empty());
            assert!(last(&outcome.outputs) == last(&expected), "{}", app.name);
        }
    }

    #[test]
    fn a_durable_broker_is_not_written_twice() {
        let folder = Scratch::new("durable");
        let options = Options {
            bootstrap_servers: format!("embedded:{}", folder.0.join("broker").display()),
            state_dir: Some(folder.0.join("state")),
            ..Options::default()
        };
        let day = fraud::app_on(&fraud::scenario(2, 50, 500, 6)).unwrap();
        let first = run(&day, &options).unwrap();
        let again = run(&day, &options).unwrap();
        assert_eq!(again.processed, 0);
        assert_eq!(again.outputs, first.outputs);
        let other = fraud::app_on(&fraud::scenario(2, 50, 600, 6)).unwrap();
        assert!(run(&other, &options).err().unwrap().to_string().contains("delete the topic"));
    }
}
