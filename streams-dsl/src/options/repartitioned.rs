//! How a stream is repartitioned (`org.apache.kafka.streams.kstream.Repartitioned`).

use std::sync::Arc;

use streams_core::partitioner::StreamPartitioner;

use super::common::{OnePair, Options};

/// How a stream is repartitioned: serdes, the topic's number of partitions, and who chooses a partition
/// (`org.apache.kafka.streams.kstream.Repartitioned`). The name is that of the topic,
/// `<application.id>-<name>-repartition`, and of its nodes. [`KStream::repartition`](crate::KStream::repartition) has an
/// example.
pub type Repartitioned<K, V> = Options<K, V, Spreading<K, V>>;

/// What [`Repartitioned`] has besides serdes and a name.
pub struct Spreading<K, V> {
    pub(crate) partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>,
    pub(crate) partitions: Option<i32>,
}

impl<K, V> Default for Spreading<K, V> {
    fn default() -> Self {
        Spreading { partitioner: None, partitions: None }
    }
}

impl<K, V> OnePair for Spreading<K, V> {}

impl<K, V> Repartitioned<K, V> {
    /// The topic's number of partitions (`Repartitioned.withNumberOfPartitions`); without it as many as the largest
    /// topic upstream.
    #[must_use]
    pub fn with_number_of_partitions(mut self, partitions: i32) -> Self {
        self.own.partitions = Some(partitions);
        self
    }

    /// Chooses partitions instead of the key's hash (`Repartitioned.withStreamPartitioner`).
    #[must_use]
    pub fn with_stream_partitioner(mut self, partitioner: impl StreamPartitioner<K, V> + 'static) -> Self {
        self.own.partitioner = Some(Arc::new(partitioner));
        self
    }
}
