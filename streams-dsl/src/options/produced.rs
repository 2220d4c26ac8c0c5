//! How a topic is written (`org.apache.kafka.streams.kstream.Produced`).

use std::sync::Arc;

use streams_core::partitioner::StreamPartitioner;

use super::common::{OnePair, Options};

/// How a topic is written: serdes and partitions (`org.apache.kafka.streams.kstream.Produced`). The name is that of the sink
/// node.
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// // All records go to all partitions.
/// let everywhere = |_: &str, _: &String, _: &i64, partitions| Partitions::all(partitions);
/// let spread = Produced::named("spread").with_stream_partitioner(everywhere);
/// builder.stream::<String, i64>("rates").to_with("all-rates", spread);
///
/// let config = StreamsConfig::new("test", "embedded:");
/// let driver = TopologyTestDriver::builder(builder.build()?, config).with_partitions(3).build()?;
/// driver.create_input_topic::<String, i64>("rates").pipe("EUR".into(), 5, 0)?;
/// assert_eq!(driver.create_output_topic::<String, i64>("all-rates").read_values()?, [5, 5, 5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Produced<K, V> = Options<K, V, Writing<K, V>>;

/// What [`Produced`] has besides serdes and a name.
pub struct Writing<K, V> {
    pub(crate) partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>,
}

impl<K, V> Default for Writing<K, V> {
    fn default() -> Self {
        Writing { partitioner: None }
    }
}

impl<K, V> OnePair for Writing<K, V> {}

impl<K, V> Produced<K, V> {
    /// Chooses partitions (`Produced.withStreamPartitioner`); the default hashes the key as Kafka's producer does, and
    /// a windowed key without its window.
    #[must_use]
    pub fn with_stream_partitioner(mut self, partitioner: impl StreamPartitioner<K, V> + 'static) -> Self {
        self.own.partitioner = Some(Arc::new(partitioner));
        self
    }
}
