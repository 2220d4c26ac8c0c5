//! `to`: ends a stream in a topic, the same for all records or each record's own (`StreamSinkNode`).

use std::sync::Arc;

use streams_core::processor::{Data, SinkOptions, TopicNameExtractor, TopicTarget};
use streams_core::serde::DefaultSerde;

use crate::error::DslError;
use crate::graph::GraphNode;
use crate::handles::KStream;
use crate::naming::prefix;
use crate::options::Produced;

impl<K: Data, V: Data> KStream<K, V> {
    /// Writes the records to a topic, with their timestamps and headers (`KStream.to`).
    ///
    /// * The topic must exist.
    /// * Nulls: the `None` of an `Option` is written as null; a null value is a tombstone to whoever reads the topic as
    ///   a table.
    /// * Time: the record's timestamp is written, which a topic with `message.timestamp.type=LogAppendTime` ignores.
    /// * Repartition: partitions are chosen by the hash of the key, as Kafka's producer does; a windowed key counts
    ///   without its window, and records without a key are spread. [`Produced::with_stream_partitioner`] chooses otherwise.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("payments").to("copy");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// payments.pipe("alice".into(), 99, 0)?;
    /// assert_eq!(driver.create_output_topic::<String, i64>("copy").read_key_values()?, [("alice".into(), 99)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to(&self, topic: &str)
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.to_with(topic, Produced::new());
    }

    /// As [`to`](Self::to), with options.
    pub fn to_with(&self, topic: &str, produced: Produced<K, V>) {
        self.add_sink(TopicTarget::Topic(topic.into()), produced);
    }

    /// Writes each record to the topic that `extractor` names (`KStream.to(TopicNameExtractor)`).
    ///
    /// The topics must exist; internal topics cannot be written to in this way. A record for a topic that does not exist
    /// goes to the production handler, after the brokers were asked for up to five seconds. Every name is remembered for
    /// as long as the application runs: where names come from strangers, let the extractor check them. Other rules are
    /// those of [`to`](Self::to).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, i64>("payments")
    ///     .to_dynamic(|country: &String, _: &i64, _: Option<&_>| format!("payments-{country}").into());
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// let french = driver.create_output_topic::<String, i64>("payments-fr");
    /// payments.pipe("fr".into(), 99, 0)?;
    /// assert_eq!(french.read_key_values()?, [("fr".into(), 99)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_dynamic(&self, extractor: impl TopicNameExtractor<K, V> + 'static)
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.to_dynamic_with(extractor, Produced::new());
    }

    /// As [`to_dynamic`](Self::to_dynamic), with options.
    pub fn to_dynamic_with(
        &self,
        extractor: impl TopicNameExtractor<K, V> + 'static,
        produced: Produced<K, V>,
    ) {
        self.add_sink(TopicTarget::Dynamic(Arc::new(extractor)), produced);
    }

    fn add_sink(&self, target: TopicTarget<K, V>, produced: Produced<K, V>) {
        let key_serde = produced.key_serde.resolve(self.key_serde.as_ref());
        let value_serde = produced.value_serde.resolve(self.value_serde.as_ref());
        let given = produced.name.as_deref().or(self.step.given_name());
        let name = self.step.with_plan(|plan| plan.name_or_new(given, prefix::SINK));
        let partitioner = produced.own.partitioner;
        let node = GraphNode::new(&name, move |writer| {
            let key_serde =
                key_serde.clone().ok_or_else(|| DslError::missing_serde::<K>(&writer.name, "key"))?;
            let value_serde =
                value_serde.clone().ok_or_else(|| DslError::missing_serde::<V>(&writer.name, "value"))?;
            let target = target.clone();
            writer.sink(SinkOptions { target, key_serde, value_serde, partitioner: partitioner.clone() })
        });
        self.step.add(node);
    }
}
