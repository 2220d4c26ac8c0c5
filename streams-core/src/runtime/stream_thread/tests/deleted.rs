//! A topic that is deleted after it has taken records.

use super::*;
use crate::processor::{DropReason, SinkOptions, TopicTarget};
use crate::record::RecordMetadata;
use crate::serde::DefaultSerde;

fn to_each() -> Result<Topology> {
    let mut topology = Topology::new();
    topology.add_source("source", &["in"], None, source_options())?;
    let topic = |_: &String, value: &String, _: Option<&RecordMetadata>| value.as_str().into();
    let target = TopicTarget::Dynamic(Arc::new(topic));
    let (key_serde, value_serde) = (String::default_serde(), String::default_serde());
    topology.add_sink(
        "sink",
        SinkOptions { target, key_serde, value_serde, partitioner: None },
        &["source"],
    )?;
    Ok(topology)
}

/// Showed before: the application ended with the topic's name alone, and no handler was asked.
#[test]
fn a_result_for_a_deleted_topic_goes_to_the_handler_as_on_kafka() -> Result<()> {
    for guarantee in ["exactly_once_v2", "at_least_once"] {
        let mut config = config();
        config.set("processing.guarantee", guarantee)?;
        config.set("production.exception.handler", "LogAndContinue")?;
        let trial = Trial::new(0, 1, &["in", "a", "b"])?;
        let (engine, producer) = (trial.engine(to_each()?, config)?, trial.producer()?);
        let mut world = World { trial, engine, producer };
        world.run_until_idle()?;
        world.put("1", "b")?;
        world.trial.transport.admin("admin")?.delete_topics(&["b".into()], TIMEOUT)?;
        world.send("2", "a")?;
        world.put("3", "b")?;
        for _ in 0..20 {
            world.pass(COMMIT_MS)?;
        }
        let dropped = world.engine.dropped_records();
        assert_eq!((dropped.of(DropReason::Production), dropped.total()), (1, 1), "{guarantee}");
        world.put("4", "a")?;
        world.pass(COMMIT_MS)?;
    }
    Ok(())
}
