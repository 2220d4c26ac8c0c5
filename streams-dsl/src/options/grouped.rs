//! How a stream is grouped (`org.apache.kafka.streams.kstream.Grouped`).

use streams_core::serde::{DefaultSerde, SerdeRef};

use super::SerdeChoice;

/// How a stream or table is grouped: serdes for the repartition topic, if one is needed, and its name
/// (`org.apache.kafka.streams.kstream.Grouped`).
///
/// ```
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let words = builder.stream::<String, String>("words");
/// words.group_by_with(|_, word| word.clone(), Grouped::named("by-word")).count();
/// assert!(builder.build()?.describe().to_string().contains("(topics: [by-word-repartition])"));
/// # Ok::<(), DslError>(())
/// ```
pub struct Grouped<K, V> {
    pub(crate) key_serde: SerdeChoice<K>,
    pub(crate) value_serde: SerdeChoice<V>,
    pub(crate) name: Option<String>,
}

impl<K: DefaultSerde, V: DefaultSerde> Default for Grouped<K, V> {
    fn default() -> Self {
        Grouped::new()
    }
}

impl<K, V> Grouped<K, V> {
    /// With inherited serdes, else the types' own.
    pub fn new() -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::of(SerdeChoice::by_type(), SerdeChoice::by_type())
    }

    /// With these serdes (`Grouped.with`).
    pub fn with(key_serde: SerdeRef<K>, value_serde: SerdeRef<V>) -> Self {
        Self::of(SerdeChoice::explicit(key_serde), SerdeChoice::explicit(value_serde))
    }

    /// With the serdes that the stream inherits; for types without a serde of their own.
    pub fn inherit() -> Self {
        Self::of(SerdeChoice::inherit(), SerdeChoice::inherit())
    }

    /// As [`new`](Self::new), with a repartition topic `<application.id>-<name>-repartition` (`Grouped.as`).
    pub fn named(name: &str) -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::new().with_name(name)
    }

    fn of(key_serde: SerdeChoice<K>, value_serde: SerdeChoice<V>) -> Self {
        Grouped { key_serde, value_serde, name: None }
    }

    /// Names the repartition topic and the node that selects the key (`Grouped.withName`).
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Writes keys so (`Grouped.withKeySerde`).
    #[must_use]
    pub fn with_key_serde(mut self, serde: SerdeRef<K>) -> Self {
        self.key_serde = self.key_serde.or_explicit(serde);
        self
    }

    /// Writes values so (`Grouped.withValueSerde`).
    #[must_use]
    pub fn with_value_serde(mut self, serde: SerdeRef<V>) -> Self {
        self.value_serde = self.value_serde.or_explicit(serde);
        self
    }
}
