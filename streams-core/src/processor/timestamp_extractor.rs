//! Where a record's event time comes from (`org.apache.kafka.streams.processor.TimestampExtractor`).

use std::sync::Arc;
use std::time::Duration;

use crate::config::BuiltInTimestampExtractor;
use crate::error::UserError;
use crate::ids::{Offset, TopicPartition};
use crate::record::Headers;
use crate::time::{IntoTimestamp, Timestamp};

/// A deserialized record before it has an event time.
#[derive(Debug)]
pub struct ConsumedRecord<'a, K, V> {
    /// Where it was read.
    pub partition: &'a TopicPartition,
    /// Its offset.
    pub offset: Offset,
    /// The timestamp that the producer or broker gave it; -1 for none.
    pub timestamp: Timestamp,
    /// The key.
    pub key: &'a K,
    /// The value.
    pub value: &'a V,
    /// The headers.
    pub headers: &'a Headers,
    /// The wall clock as of this step.
    pub wall_clock_ms: Timestamp,
}

/// Gives each record its event time (`org.apache.kafka.streams.processor.TimestampExtractor`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not extract timestamps from records with key `{K}` and value `{V}`",
    label = "not a timestamp extractor of these records",
    note = "a closure `|key, value, timestamp|` is wrapped: `ExtractWith(|_: &Key, value: &Value, _| ..)`; other types \
            implement `TimestampExtractor<K, V>`, for the types of the source"
)]
pub trait TimestampExtractor<K, V>: Send + Sync {
    /// The record's event time in milliseconds; a negative one drops the record, an error stops the application.
    /// `partition_time` is the largest event time seen in the partition, -1 before the first.
    fn extract(
        &self,
        record: &ConsumedRecord<'_, K, V>,
        partition_time: Timestamp,
    ) -> Result<Timestamp, UserError>;
}

/// A shared extractor.
pub type TimestampExtractorRef<K, V> = Arc<dyn TimestampExtractor<K, V>>;

/// Uses the record's own timestamp; an invalid (negative) one is an error. The default.
#[derive(Clone, Copy, Debug, Default)]
pub struct FailOnInvalidTimestamp;

impl<K, V> TimestampExtractor<K, V> for FailOnInvalidTimestamp {
    #[inline]
    fn extract(&self, record: &ConsumedRecord<'_, K, V>, _: Timestamp) -> Result<Timestamp, UserError> {
        if record.timestamp < 0 {
            return Err(format!("it has the invalid timestamp {}", record.timestamp).into());
        }
        Ok(record.timestamp)
    }
}

/// Uses the record's own timestamp. Drops, counts and logs a record whose timestamp is invalid.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogAndSkipOnInvalidTimestamp;

impl<K, V> TimestampExtractor<K, V> for LogAndSkipOnInvalidTimestamp {
    fn extract(&self, record: &ConsumedRecord<'_, K, V>, _: Timestamp) -> Result<Timestamp, UserError> {
        Ok(record.timestamp)
    }
}

/// Uses the record's own timestamp, and the partition's time where that is invalid.
#[derive(Clone, Copy, Debug, Default)]
pub struct UsePartitionTimeOnInvalidTimestamp;

impl<K, V> TimestampExtractor<K, V> for UsePartitionTimeOnInvalidTimestamp {
    fn extract(
        &self,
        record: &ConsumedRecord<'_, K, V>,
        partition_time: Timestamp,
    ) -> Result<Timestamp, UserError> {
        match (record.timestamp, partition_time) {
            (timestamp, _) if timestamp >= 0 => Ok(timestamp),
            (_, known) if known >= 0 => Ok(known),
            (invalid, _) => {
                Err(format!("it has the invalid timestamp {invalid}, and it is its partition's first").into())
            }
        }
    }
}

/// Uses the wall clock (processing time).
#[derive(Clone, Copy, Debug, Default)]
pub struct WallclockTimestampExtractor;

impl<K, V> TimestampExtractor<K, V> for WallclockTimestampExtractor {
    fn extract(&self, record: &ConsumedRecord<'_, K, V>, _: Timestamp) -> Result<Timestamp, UserError> {
        Ok(record.wall_clock_ms)
    }
}

/// How [`RejectFutureTimestamp`] says that a record is to be dropped.
#[derive(Debug, thiserror::Error)]
#[error("its event time is too far ahead of the wall clock")]
pub(crate) struct TooFarAhead;

/// Refuses event times that are too far ahead of the wall clock; gets the times from another extractor.
///
/// One record in microseconds or from a device whose clock is wrong moves stream time for years, and all records after it
/// are late: windows drop them. This extractor keeps such a record out, either with an error that stops the application,
/// or by dropping the record, which is counted as
/// [`DropReason::FutureTimestamp`](crate::processor::DropReason::FutureTimestamp) and logged. Old records that are read
/// again are not ahead of the clock, so reprocessing is not affected.
///
/// In a test the wall clock is the driver's, which shows 0 at first:
/// [`DriverBuilder::with_start_time`](crate::testing::DriverBuilder::with_start_time).
///
/// ```
/// # use streams_core as kstreams;
/// use std::time::Duration;
/// use kstreams::processor::timestamp_extractor::{FailOnInvalidTimestamp, RejectFutureTimestamp};
///
/// let an_hour_at_most = RejectFutureTimestamp::skipping(Duration::from_secs(3_600), FailOnInvalidTimestamp);
/// # use kstreams::processor::timestamp_extractor::TimestampExtractor;
/// # fn is_one<K, V>(_: &impl TimestampExtractor<K, V>) {}
/// # is_one::<String, i64>(&an_hour_at_most);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RejectFutureTimestamp<E> {
    inner: E,
    max_ahead_ms: i64,
    skip: bool,
}

impl<E> RejectFutureTimestamp<E> {
    /// Stops the application with an error at a time that is more than `max_ahead` after the wall clock.
    pub fn failing(max_ahead: Duration, inner: E) -> Self {
        let max_ahead_ms = i64::try_from(max_ahead.as_millis()).unwrap_or(i64::MAX);
        RejectFutureTimestamp { inner, max_ahead_ms, skip: false }
    }

    /// Drops and counts a record with such a time.
    pub fn skipping(max_ahead: Duration, inner: E) -> Self {
        RejectFutureTimestamp { skip: true, ..Self::failing(max_ahead, inner) }
    }
}

impl<K, V, E: TimestampExtractor<K, V>> TimestampExtractor<K, V> for RejectFutureTimestamp<E> {
    fn extract(
        &self,
        record: &ConsumedRecord<'_, K, V>,
        partition_time: Timestamp,
    ) -> Result<Timestamp, UserError> {
        let timestamp = self.inner.extract(record, partition_time)?;
        let now = record.wall_clock_ms;
        if timestamp <= now.saturating_add(self.max_ahead_ms) {
            return Ok(timestamp);
        }
        if self.skip {
            return Err(TooFarAhead.into());
        }
        let ahead = timestamp.saturating_sub(now);
        let most = self.max_ahead_ms;
        Err(format!(
            "its event time {timestamp} is {ahead} ms ahead of the wall clock, and {most} ms are allowed (are its units \
             milliseconds?)"
        )
        .into())
    }
}

/// A closure `|key, value, timestamp|` as an extractor, where `timestamp` is the record's own. It may return all that is
/// [`IntoTimestamp`].
///
/// ```
/// # use streams_core as kstreams;
/// use kstreams::processor::timestamp_extractor::ExtractWith;
///
/// // Seconds in the value, and the record's own time where there are none.
/// let extractor = ExtractWith(|_: &String, seconds: &Option<i64>, timestamp| match seconds {
///     Some(seconds) => seconds * 1_000,
///     None => timestamp,
/// });
/// # use kstreams::processor::timestamp_extractor::TimestampExtractor;
/// # fn is_one<K, V>(_: &impl TimestampExtractor<K, V>) {}
/// # is_one::<String, Option<i64>>(&extractor);
/// ```
pub struct ExtractWith<F>(pub F);

impl<K, V, T, F> TimestampExtractor<K, V> for ExtractWith<F>
where
    T: IntoTimestamp,
    F: Fn(&K, &V, Timestamp) -> T + Send + Sync,
{
    fn extract(&self, record: &ConsumedRecord<'_, K, V>, _: Timestamp) -> Result<Timestamp, UserError> {
        Ok((self.0)(record.key, record.value, record.timestamp).into_timestamp())
    }
}

impl<K, V> TimestampExtractor<K, V> for BuiltInTimestampExtractor {
    #[inline]
    fn extract(
        &self,
        record: &ConsumedRecord<'_, K, V>,
        partition_time: Timestamp,
    ) -> Result<Timestamp, UserError> {
        match self {
            BuiltInTimestampExtractor::FailOnInvalidTimestamp => {
                FailOnInvalidTimestamp.extract(record, partition_time)
            }
            BuiltInTimestampExtractor::LogAndSkipOnInvalidTimestamp => {
                LogAndSkipOnInvalidTimestamp.extract(record, partition_time)
            }
            BuiltInTimestampExtractor::UsePartitionTimeOnInvalidTimestamp => {
                UsePartitionTimeOnInvalidTimestamp.extract(record, partition_time)
            }
            BuiltInTimestampExtractor::WallclockTimestamp => {
                WallclockTimestampExtractor.extract(record, partition_time)
            }
        }
    }
}
