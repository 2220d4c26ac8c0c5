//! What operators do to a cluster while applications run: more partitions, other settings, fewer records, other offsets.

use futures::executor::block_on;
use rdkafka::admin::NewPartitions;
use rdkafka::bindings as rd;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::client::{ATTEMPT, KafkaClient, none_but, options};
use crate::error::LabError;
use crate::raw::{self, Setting};

impl KafkaClient {
    /// Grows a topic to this many partitions and waits until they can be used.
    pub fn add_partitions(&self, topic: &str, partitions: i32) -> Result<(), LabError> {
        let what = || format!("giving topic {topic} {partitions} partitions");
        let wanted = usize::try_from(partitions).unwrap_or_default();
        let mut asked_before = false;
        self.persist(what, || {
            let again = std::mem::replace(&mut asked_before, true);
            let answers =
                block_on(self.admin()?.create_partitions(&[NewPartitions::new(topic, wanted)], &options()))?;
            // The second time it has as many already.
            let harmless: &[_] = if again { &[RDKafkaErrorCode::InvalidPartitions] } else { &[] };
            none_but(harmless, answers.into_iter())
        })?;
        self.wait_partitions(topic, partitions)
    }

    /// Sets some settings of a topic and leaves the others.
    pub fn alter_topic(&self, topic: &str, settings: &[(&str, &str)]) -> Result<(), LabError> {
        self.alter(rd::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC, topic, settings)
    }

    /// Sets some settings of one broker that can be changed while it runs. librdkafka has no way to name all.
    pub fn alter_broker(&self, node: &str, settings: &[(&str, &str)]) -> Result<(), LabError> {
        self.alter(rd::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_BROKER, node, settings)
    }

    /// Deletes what lies before an offset of a partition; without one, all that is there now.
    pub fn delete_records(&self, topic: &str, partition: i32, before: Option<i64>) -> Result<(), LabError> {
        let what = || format!("deleting records of {topic}-{partition}");
        let offset = before.map_or(Offset::End, Offset::Offset);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, offset).map_err(LabError::kafka(what()))?;
        self.persist(what, || {
            let admin = self.admin()?;
            // A client that does not know the leader yet would learn of it on two threads at once (librdkafka 2.12.1).
            admin.inner().fetch_metadata(Some(topic), ATTEMPT)?;
            let answers = block_on(admin.delete_records(&list, &options()))?;
            let refused = answers.elements().iter().find_map(|element| element.error().err());
            refused.map_or(Ok(()), Err)
        })
    }

    /// Sets what a group without members has committed.
    pub fn set_group_offsets(&self, group: &str, offsets: &[(&str, i32, i64)]) -> Result<(), LabError> {
        let what = || format!("setting the offsets of group {group}");
        let mut list = TopicPartitionList::new();
        for &(topic, partition, offset) in offsets {
            list.add_partition_offset(topic, partition, Offset::Offset(offset))
                .map_err(LabError::kafka(what()))?;
        }
        self.persist(what, || {
            let mut config = self.config();
            let consumer: BaseConsumer =
                config.set("group.id", group).set("enable.auto.commit", "false").create()?;
            consumer.commit(&list, CommitMode::Sync)
        })
    }

    fn alter(
        &self,
        kind: rd::rd_kafka_ResourceType_t,
        name: &str,
        settings: &[(&str, &str)],
    ) -> Result<(), LabError> {
        let what = || format!("changing settings of '{name}' ({settings:?})");
        self.persist(what, || raw::alter_configs(&self.asker()?, &Setting { kind, name, settings }))
    }

    /// A handle for requests that the rdkafka crate does not wrap.
    pub(crate) fn asker(&self) -> Result<BaseConsumer, KafkaError> {
        self.config().set("group.id", "kafka-lab").create()
    }
}
