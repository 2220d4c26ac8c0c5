//! How a topic is read (`org.apache.kafka.streams.kstream.Consumed`).

use std::sync::Arc;

use streams_core::config::AutoOffsetReset;
use streams_core::processor::timestamp_extractor::{TimestampExtractor, TimestampExtractorRef};

use super::common::{OnePair, Options};

/// How a topic is read: serdes, event time, where to start (`org.apache.kafka.streams.kstream.Consumed`). The name is that
/// of the source node; a table's source node is called `<name>-source` and the table's node `<name>`.
///
/// For a table, `V` is the type of its rows; tombstones need no mention.
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::prelude::*;
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
pub type Consumed<K, V> = Options<K, V, Reading<K, V>>;

/// What [`Consumed`] has besides serdes and a name.
pub struct Reading<K, V> {
    pub(crate) extractor: Option<TimestampExtractorRef<K, V>>,
    pub(crate) row_extractor: Option<TimestampExtractorRef<K, Option<V>>>,
    pub(crate) reset: Option<AutoOffsetReset>,
}

impl<K, V> Clone for Reading<K, V> {
    fn clone(&self) -> Self {
        let (extractor, row_extractor) = (self.extractor.clone(), self.row_extractor.clone());
        Reading { extractor, row_extractor, reset: self.reset }
    }
}

impl<K, V> Default for Reading<K, V> {
    fn default() -> Self {
        Reading { extractor: None, row_extractor: None, reset: None }
    }
}

impl<K, V> OnePair for Reading<K, V> {}

impl<K, V> Consumed<K, V> {
    /// Takes event time from there instead of from the application's default extractor
    /// (`Consumed.withTimestampExtractor`). A record to which it gives a negative time is dropped. For a table it is
    /// asked about rows only; a tombstone has its record's time.
    #[must_use]
    pub fn with_timestamp_extractor(mut self, extractor: impl TimestampExtractor<K, V> + 'static) -> Self {
        self.own.extractor = Some(Arc::new(extractor));
        self
    }

    /// For a table: takes the event time of rows and tombstones from there (`Consumed.withTimestampExtractor`).
    #[must_use]
    pub fn with_row_timestamp_extractor(
        mut self,
        extractor: impl TimestampExtractor<K, Option<V>> + 'static,
    ) -> Self {
        self.own.row_extractor = Some(Arc::new(extractor));
        self
    }

    /// Where to start without a committed offset (`Consumed.withOffsetResetPolicy`).
    #[must_use]
    pub fn with_offset_reset_policy(mut self, reset: AutoOffsetReset) -> Self {
        self.own.reset = Some(reset);
        self
    }
}
