//! Runs an example on the test driver: no threads, no broker, no waiting.

use kstreams::prelude::{Headers, StreamsConfig};
use kstreams::testing::{CommitPolicy, RawTestRecord, TopologyTestDriver};

use crate::{ExampleApp, OutputRecord, Result};

/// Pipes an example's input in, in its order, and returns everything that was written to its outputs.
///
/// It commits at the end only, so that there are few updates more than [`final_records`](crate::final_records).
pub fn run_on_test_driver(app: &ExampleApp) -> Result<Vec<OutputRecord>> {
    let config = StreamsConfig::new(app.name, "embedded:");
    let mut builder =
        TopologyTestDriver::builder(app.topology.clone(), config).with_commit_policy(CommitPolicy::OnDemand);
    for topic in &app.topics {
        builder = builder.with_topic_partitions(topic.name, topic.partitions);
    }
    let driver = builder.build()?;
    for record in &app.input {
        driver.pipe_raw(
            record.topic,
            &RawTestRecord {
                partition: 0,
                offset: 0,
                key: Some(record.key.clone().into()),
                value: record.value.clone().map(Into::into),
                timestamp: record.timestamp,
                headers: Headers::new(),
            },
        )?;
    }
    // Each commit shows what was written to the sub-topologies that read it from repartition topics.
    for _ in app.topology.describe().subtopologies {
        driver.commit()?;
    }
    let mut outputs = Vec::new();
    for topic in &app.outputs {
        for record in driver.read_raw(topic)? {
            outputs.push(OutputRecord {
                topic,
                partition: record.partition,
                key: record.key.map(|bytes| bytes.to_vec()),
                value: record.value.map(|bytes| bytes.to_vec()),
                timestamp: record.timestamp,
            });
        }
    }
    Ok(outputs)
}
