//! Topics that records name and that nobody can write to.

use super::*;
use crate::ids::TopicName;
use crate::processor::{SinkOptions, TopicTarget};
use crate::record::RecordMetadata;

/// Showed before, for topics of Kafka's own: on real brokers, work that was repeated until `task.timeout.ms` ended it.
#[test]
fn names_that_nobody_can_write_to_go_to_the_handler_with_their_records() -> Result<()> {
    let impossible = ["", ".", "..", "a/b", &"x".repeat(250), "__consumer_offsets", "__transaction_state"];
    for guarantee in ["at_least_once", "exactly_once_v2"] {
        let by_value = |_: &String, value: &String, _: Option<&RecordMetadata>| value.as_str().into();
        let mut topology = Topology::new();
        topology.add_source("source", &["in"], None, source_options())?;
        let target = TopicTarget::Dynamic(Arc::new(by_value));
        topology.add_sink("sink", SinkOptions { target, ..sink_options("") }, &["source"])?;
        let mut config = config();
        config.set("processing.guarantee", guarantee)?;
        config.set("production.exception.handler", "LogAndContinue")?;
        // As on real brokers, they exist.
        let trial = Trial::new(0, 1, &["in", "out", "__consumer_offsets", "__transaction_state"])?;
        let (engine, producer) = (trial.engine(topology, config)?, trial.producer()?);
        let mut world = World { trial, engine, producer };
        for name in impossible {
            world.send("a", name)?;
        }
        world.send("a", "out")?;
        world.run_until_idle()?;
        world.pass(COMMIT_MS)?;
        assert_eq!(world.engine.dropped_records().total(), impossible.len() as u64, "{guarantee}");
        assert_eq!(world.engine.topics_written()?, vec![TopicName::from("out")], "{guarantee}");
    }
    Ok(())
}

#[test]
fn a_sink_to_a_topic_of_kafkas_own_is_refused() -> Result<()> {
    let mut topology = Topology::new();
    topology.add_source("source", &["in"], None, source_options())?;
    topology.add_sink("sink", sink_options("__transaction_state"), &["source"])?;
    let error = World::of(topology).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("sink sink writes to __transaction_state"), "{error}");
    Ok(())
}
