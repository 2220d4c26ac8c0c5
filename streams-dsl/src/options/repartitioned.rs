//! How a stream is repartitioned (`org.apache.kafka.streams.kstream.Repartitioned`).

use std::sync::Arc;

use streams_core::partitioner::StreamPartitioner;
use streams_core::serde::{DefaultSerde, SerdeRef};

use super::SerdeChoice;

/// How a stream is repartitioned: serdes, the topic's name and number of partitions, and who chooses a partition
/// (`org.apache.kafka.streams.kstream.Repartitioned`). [`KStream::repartition`](crate::KStream::repartition) has an
/// example.
pub struct Repartitioned<K, V> {
    pub(crate) key_serde: SerdeChoice<K>,
    pub(crate) value_serde: SerdeChoice<V>,
    pub(crate) partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>,
    pub(crate) partitions: Option<i32>,
    pub(crate) name: Option<String>,
}

impl<K: DefaultSerde, V: DefaultSerde> Default for Repartitioned<K, V> {
    fn default() -> Self {
        Repartitioned::new()
    }
}

impl<K, V> Repartitioned<K, V> {
    /// With inherited serdes, else the types' own.
    pub fn new() -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::of(SerdeChoice::by_type(), SerdeChoice::by_type())
    }

    /// With these serdes (`Repartitioned.with`).
    pub fn with(key_serde: SerdeRef<K>, value_serde: SerdeRef<V>) -> Self {
        Self::of(SerdeChoice::explicit(key_serde), SerdeChoice::explicit(value_serde))
    }

    /// With the serdes that the stream inherits; for types without a serde of their own.
    pub fn inherit() -> Self {
        Self::of(SerdeChoice::inherit(), SerdeChoice::inherit())
    }

    /// As [`new`](Self::new), with a topic `<application.id>-<name>-repartition` (`Repartitioned.as`).
    pub fn named(name: &str) -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::new().with_name(name)
    }

    fn of(key_serde: SerdeChoice<K>, value_serde: SerdeChoice<V>) -> Self {
        Repartitioned { key_serde, value_serde, partitioner: None, partitions: None, name: None }
    }

    /// Names the topic and its nodes (`Repartitioned.withName`).
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Writes keys so (`Repartitioned.withKeySerde`).
    #[must_use]
    pub fn with_key_serde(mut self, serde: SerdeRef<K>) -> Self {
        self.key_serde = self.key_serde.or_explicit(serde);
        self
    }

    /// Writes values so (`Repartitioned.withValueSerde`).
    #[must_use]
    pub fn with_value_serde(mut self, serde: SerdeRef<V>) -> Self {
        self.value_serde = self.value_serde.or_explicit(serde);
        self
    }

    /// The topic's number of partitions (`Repartitioned.withNumberOfPartitions`); without it as many as the largest
    /// topic upstream.
    #[must_use]
    pub fn with_number_of_partitions(mut self, partitions: i32) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// Chooses partitions instead of the key's hash (`Repartitioned.withStreamPartitioner`).
    #[must_use]
    pub fn with_partitioner(mut self, partitioner: impl StreamPartitioner<K, V> + 'static) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }
}
