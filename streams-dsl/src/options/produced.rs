//! How a topic is written (`org.apache.kafka.streams.kstream.Produced`).

use std::sync::Arc;

use streams_core::partitioner::StreamPartitioner;
use streams_core::serde::{DefaultSerde, SerdeRef};

use super::SerdeChoice;

/// How a topic is written: serdes, partitions, and the sink's name (`org.apache.kafka.streams.kstream.Produced`).
///
/// ```
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// // All records go to all partitions.
/// let everywhere = |_: &str, _: &String, _: &i64, partitions| Partitions::all(partitions);
/// builder.stream::<String, i64>("rates").to_with("all-rates", Produced::named("spread").with_partitioner(everywhere));
///
/// let config = StreamsConfig::new("test", "embedded:");
/// let driver = TopologyTestDriver::builder(builder.build()?, config).with_partitions(3).build()?;
/// driver.create_input_topic::<String, i64>("rates").pipe("EUR".into(), 5, 0)?;
/// assert_eq!(driver.create_output_topic::<String, i64>("all-rates").read_values()?, [5, 5, 5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Produced<K, V> {
    pub(crate) key_serde: SerdeChoice<K>,
    pub(crate) value_serde: SerdeChoice<V>,
    pub(crate) partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>,
    pub(crate) name: Option<String>,
}

impl<K: DefaultSerde, V: DefaultSerde> Default for Produced<K, V> {
    fn default() -> Self {
        Produced::new()
    }
}

impl<K, V> Produced<K, V> {
    /// With inherited serdes, else the types' own.
    pub fn new() -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::of(SerdeChoice::by_type(), SerdeChoice::by_type())
    }

    /// With these serdes (`Produced.with`).
    pub fn with(key_serde: SerdeRef<K>, value_serde: SerdeRef<V>) -> Self {
        Self::of(SerdeChoice::explicit(key_serde), SerdeChoice::explicit(value_serde))
    }

    /// With the serdes that the stream inherits; for types without a serde of their own.
    pub fn inherit() -> Self {
        Self::of(SerdeChoice::inherit(), SerdeChoice::inherit())
    }

    /// As [`new`](Self::new), from a sink node of that name (`Produced.as`).
    pub fn named(name: &str) -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::new().with_name(name)
    }

    fn of(key_serde: SerdeChoice<K>, value_serde: SerdeChoice<V>) -> Self {
        Produced { key_serde, value_serde, partitioner: None, name: None }
    }

    /// Names the sink node (`Produced.withName`).
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Writes keys so (`Produced.withKeySerde`).
    #[must_use]
    pub fn with_key_serde(mut self, serde: SerdeRef<K>) -> Self {
        self.key_serde = self.key_serde.or_explicit(serde);
        self
    }

    /// Writes values so (`Produced.withValueSerde`).
    #[must_use]
    pub fn with_value_serde(mut self, serde: SerdeRef<V>) -> Self {
        self.value_serde = self.value_serde.or_explicit(serde);
        self
    }

    /// Chooses partitions (`Produced.withStreamPartitioner`); the default hashes the key as Kafka's producer does, and
    /// a windowed key without its window.
    #[must_use]
    pub fn with_partitioner(mut self, partitioner: impl StreamPartitioner<K, V> + 'static) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }
}
