//! How a topic is read (`org.apache.kafka.streams.kstream.Consumed`).

use std::sync::Arc;

use streams_core::processor::timestamp_extractor::{TimestampExtractor, TimestampExtractorRef};
use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::topology::AutoOffsetReset;

use super::SerdeChoice;

/// How a topic is read: serdes, event time, where to start, and the source's name
/// (`org.apache.kafka.streams.kstream.Consumed`).
///
/// For a table, `V` is the type of its rows; tombstones need no mention.
///
/// ```
/// use streams_dsl::core::processor::timestamp_extractor::ExtractWith;
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// // The event time is the value; where there is no committed offset, only new records are of interest.
/// let consumed = Consumed::named("clock")
///     .with_timestamp_extractor(ExtractWith(|_: &String, time: &i64, _| *time))
///     .with_offset_reset_policy(AutoOffsetReset::Latest);
/// builder.stream_with("ticks", consumed).to("times");
///
/// let driver = TopologyTestDriver::of(builder.build()?)?;
/// driver.create_input_topic::<String, i64>("ticks").pipe("a".into(), 5_000, 1)?;
/// let times = driver.create_output_topic::<String, i64>("times").read_records()?;
/// assert_eq!(times[0].timestamp, 5_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Consumed<K, V> {
    pub(crate) key_serde: SerdeChoice<K>,
    pub(crate) value_serde: SerdeChoice<V>,
    pub(crate) extractor: Option<TimestampExtractorRef<K, V>>,
    pub(crate) row_extractor: Option<TimestampExtractorRef<K, Option<V>>>,
    pub(crate) reset: Option<AutoOffsetReset>,
    pub(crate) name: Option<String>,
}

impl<K, V> Clone for Consumed<K, V> {
    fn clone(&self) -> Self {
        Consumed {
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            extractor: self.extractor.clone(),
            row_extractor: self.row_extractor.clone(),
            reset: self.reset,
            name: self.name.clone(),
        }
    }
}

impl<K: DefaultSerde, V: DefaultSerde> Default for Consumed<K, V> {
    fn default() -> Self {
        Consumed::new()
    }
}

impl<K, V> Consumed<K, V> {
    /// With the types' own serdes.
    pub fn new() -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::of(SerdeChoice::by_type(), SerdeChoice::by_type())
    }

    /// With these serdes (`Consumed.with`).
    pub fn with(key_serde: SerdeRef<K>, value_serde: SerdeRef<V>) -> Self {
        Self::of(SerdeChoice::explicit(key_serde), SerdeChoice::explicit(value_serde))
    }

    /// With the types' own serdes, from a source node of that name (`Consumed.as`).
    pub fn named(name: &str) -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::new().with_name(name)
    }

    fn of(key_serde: SerdeChoice<K>, value_serde: SerdeChoice<V>) -> Self {
        Consumed { key_serde, value_serde, extractor: None, row_extractor: None, reset: None, name: None }
    }

    /// Names the source node; a table's is called `<name>-source` and the table's node `<name>` (`Consumed.withName`).
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Takes event time from there instead of from the application's default extractor
    /// (`Consumed.withTimestampExtractor`). A record to which it gives a negative time is dropped. For a table it is
    /// asked about rows only; a tombstone has its record's time.
    #[must_use]
    pub fn with_timestamp_extractor(mut self, extractor: impl TimestampExtractor<K, V> + 'static) -> Self {
        self.extractor = Some(Arc::new(extractor));
        self
    }

    /// For a table: takes the event time of rows and tombstones from there (`Consumed.withTimestampExtractor`).
    #[must_use]
    pub fn with_row_timestamp_extractor(
        mut self,
        extractor: impl TimestampExtractor<K, Option<V>> + 'static,
    ) -> Self {
        self.row_extractor = Some(Arc::new(extractor));
        self
    }

    /// Where to start without a committed offset (`Consumed.withOffsetResetPolicy`).
    #[must_use]
    pub fn with_offset_reset_policy(mut self, reset: AutoOffsetReset) -> Self {
        self.reset = Some(reset);
        self
    }
}
