//! What is remembered of refused results is bounded, and letters fit their queue.

use std::collections::BTreeMap;

use super::*;
use crate::ids::TopicPartition;
use crate::processor::ProcessorContext;
use crate::processor::dead_letter::headers as names;
use crate::runtime::trial::{count_of, warnings};
use crate::transport::{ConsumerSpec, Isolation, RawRecord};

/// Passes records on.
struct Pass;

impl Processor<String, String, String, String> for Pass {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        context.forward(record)
    }
}

const HELD_MAX: usize = 200_000;
const VALUE: usize = 5_000;
const RECORDS: usize = 500;

/// A copy to a topic of small records, whose refused results go to a queue of records up to this size.
fn world(mut config: StreamsConfig, queue_max: usize) -> Result<World> {
    let mut topology = Topology::new();
    topology.add_source("source", &["in"], None, source_options())?;
    topology.add_processor("pass", |_| Ok(Pass), &["source"])?;
    topology.add_sink("sink", sink_options("out"), &["pass"])?;
    config.set("errors.dead.letter.queue.topic.name", "letters")?;
    config.set("production.exception.handler", "LogAndContinue")?;
    let trial = Trial::new(0, 1, &["in"])?;
    let topic = |(name, bytes_max): (&str, usize)| {
        let configs = [("max.message.bytes".to_owned(), bytes_max.to_string())].into();
        NewTopic { name: name.into(), partitions: 1, replication_factor: 1, configs }
    };
    let topics = [("out", 1_000), ("letters", queue_max)].map(topic);
    trial.transport.admin("admin")?.create_topics(&topics, TIMEOUT)?;
    let (engine, producer) = (trial.engine(topology, config)?, trial.producer()?);
    let mut world = World { trial, engine, producer };
    world.run_until_idle()?;
    Ok(world)
}

/// The letters that are committed.
fn read(world: &World) -> Result<Vec<RawRecord>> {
    let mut consumer = world.trial.transport.consumer(&ConsumerSpec {
        client_id: "reader".to_owned(),
        isolation: Isolation::ReadCommitted,
        properties: BTreeMap::new(),
    })?;
    let handle = consumer.assign(&TopicPartition::new("letters", 0), 0)?;
    let mut letters = Vec::new();
    while consumer.fetch(handle, 100, &mut letters)?.records > 0 {}
    Ok(letters)
}

/// Showed before: not one commit, and all letters of thirty seconds in memory.
#[test]
fn letters_about_refused_results_are_committed_before_they_are_too_many() -> Result<()> {
    for guarantee in ["at_least_once", "exactly_once_v2"] {
        let mut config = config().with_commit_interval(Duration::from_secs(30));
        config.set("processing.guarantee", guarantee)?;
        config.set("statestore.uncommitted.max.bytes", HELD_MAX as i64)?;
        let mut world = world(config, 1_000_000)?;
        let before = world.engine.thread().stats.commits();
        for number in 0..RECORDS {
            world.send(&number.to_string(), &"x".repeat(VALUE))?;
        }
        // No time passes.
        world.run_until_idle()?;
        let commits = world.engine.thread().stats.commits() - before;
        // A letter has the record and the result.
        let least = u64::try_from(RECORDS * VALUE * 2 / HELD_MAX / 2).expect("a number");
        assert!(commits >= least, "{guarantee}: {commits} commits, {least} at least");
        assert_eq!(world.engine.dropped_records().total(), RECORDS as u64);
    }
    Ok(())
}

/// Showed before: no letter, and a warning about the result alone.
#[test]
fn a_letter_that_is_too_large_is_sent_without_the_result_then_without_the_record() -> Result<()> {
    for guarantee in ["at_least_once", "exactly_once_v2"] {
        for (queue_max, lacks) in
            [(VALUE + 2_000, "result.value"), (VALUE / 2, "value,headers,result.key,result.value")]
        {
            let mut config = config();
            config.set("processing.guarantee", guarantee)?;
            let mut world = world(config, queue_max)?;
            let value = "x".repeat(VALUE);
            let (sent, lines) = warnings(|| -> Result<()> {
                for key in ["a", "b"] {
                    world.send(key, &value)?;
                }
                world.pass(COMMIT_MS)?;
                world.pass(COMMIT_MS)
            });
            sent?;
            let letters = read(&world)?;
            assert_eq!(letters.len(), 2, "{guarantee} {queue_max}: {lines:#?}");
            for (offset, letter) in letters.iter().enumerate() {
                let headers = letter.headers();
                let text = |name: &str| {
                    let value = headers.last(name).and_then(|header| header.value.clone());
                    value.map(|value| String::from_utf8_lossy(&value).into_owned())
                };
                assert_eq!(text(names::LEFT_OUT).as_deref(), Some(lacks));
                assert_eq!(text(names::TOPIC).as_deref(), Some("in"));
                assert_eq!(text(names::PARTITION).as_deref(), Some("0"));
                assert_eq!(text(names::OFFSET), Some(offset.to_string()));
                assert_eq!(text(names::RESULT_TOPIC).as_deref(), Some("out"));
                assert_eq!(text(names::RESULT_VALUE), None);
                assert_eq!(letter.key(), Some([b"a", b"b"][offset].as_slice()));
                let has_value = queue_max > VALUE;
                assert_eq!(letter.value(), has_value.then_some(value.as_bytes()));
            }
            assert_eq!(count_of(&lines, "a dead letter is larger than its queue takes"), 1, "{lines:#?}");
            let said = lines.iter().find(|line| line.contains("larger than its queue")).expect("it is there");
            assert!(said.contains("at=\"in-0 offset 0\"") && said.contains("queue=\"letters\""), "{said}");
            assert_eq!(world.engine.dropped_records().total(), 2, "the results, and no letters");
        }
    }
    Ok(())
}

/// Showed before: the warning about the result hid that its letter was lost as well.
#[test]
fn a_letter_that_is_lost_names_its_record() -> Result<()> {
    let mut world = world(config(), 10)?;
    let (sent, lines) = warnings(|| -> Result<()> {
        for key in ["a", "b"] {
            world.send(key, &"x".repeat(VALUE))?;
        }
        world.pass(COMMIT_MS)
    });
    sent?;
    assert!(read(&world)?.is_empty());
    assert_eq!(count_of(&lines, "a dead letter is lost"), 1, "{lines:#?}");
    let said = lines.iter().find(|line| line.contains("is lost")).expect("it is there");
    assert!(said.contains("at=\"in-0 offset 0\""), "{said}");
    Ok(())
}
