//! What is remembered of refused results is bounded.

use super::*;
use crate::processor::ProcessorContext;

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

/// Showed before: not one commit, and all letters of thirty seconds in memory.
#[test]
fn letters_about_refused_results_are_committed_before_they_are_too_many() -> Result<()> {
    for guarantee in ["at_least_once", "exactly_once_v2"] {
        let mut topology = Topology::new();
        topology.add_source("source", &["in"], None, source_options())?;
        topology.add_processor("pass", |_| Ok(Pass), &["source"])?;
        topology.add_sink("sink", sink_options("out"), &["pass"])?;
        let mut config = config().with_commit_interval(Duration::from_secs(30));
        config.set("processing.guarantee", guarantee)?;
        config.set("errors.dead.letter.queue.topic.name", "letters")?;
        config.set("production.exception.handler", "LogAndContinue")?;
        config.set("statestore.uncommitted.max.bytes", HELD_MAX as i64)?;
        let trial = Trial::new(0, 1, &["in", "letters"])?;
        let configs = [("max.message.bytes".to_owned(), "1000".to_owned())].into();
        let out = NewTopic { name: "out".into(), partitions: 1, replication_factor: 1, configs };
        trial.transport.admin("admin")?.create_topics(&[out], TIMEOUT)?;
        let (engine, producer) = (trial.engine(topology, config)?, trial.producer()?);
        let mut world = World { trial, engine, producer };
        world.run_until_idle()?;
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
