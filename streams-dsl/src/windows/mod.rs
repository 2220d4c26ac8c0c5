//! Window definitions: how a record's timestamp finds its windows, and for how long late records are waited for.
//!
//! What a window *is* lives in [`streams_core::window`]; here is how windows are laid over time. Durations are
//! [`std::time::Duration`]s; [`minutes`], [`seconds`] and their like keep definitions short to read. Event time has
//! milliseconds, so finer parts of a duration are cut off, as in Kafka Streams.
//!
//! A definition that makes no sense (a size of zero, an advance larger than the size) is reported by
//! `StreamsBuilder::build`, not by a panic here.

mod emit;
mod join;
mod session;
mod sliding;
mod time;
mod unlimited;

use std::time::Duration;

pub use emit::EmitStrategy;
pub use join::JoinWindows;
pub(crate) use join::Reach;
pub use session::SessionWindows;
pub(crate) use session::merge;
pub use sliding::SlidingWindows;
pub use time::{TimeWindows, TimeWindowsFor};
pub use unlimited::UnlimitedWindows;

use streams_core::time::Timestamp;
use streams_core::window::Window;

pub(crate) mod sealed {
    /// Keeps window definitions to those of this crate: stores and serdes must know how each is laid out.
    pub trait Sealed {}
}

/// Windows of one fixed size that can be listed for a timestamp (`org.apache.kafka.streams.kstream.Windows`):
/// [`TimeWindows`], which has an example, and [`UnlimitedWindows`].
///
/// Sealed: processors, stores and serdes rely on the layout of the kinds defined here.
pub trait Windows: sealed::Sealed + Copy + Send + Sync + 'static {
    /// The windows of one timestamp, in the order of their starts.
    type For: Iterator<Item = Window>;

    /// How long each window is.
    fn size_ms(&self) -> i64;

    /// For how long after its end a window still takes late records.
    fn grace_ms(&self) -> i64;

    /// The windows that a record with that timestamp belongs to.
    fn windows_for(&self, timestamp: Timestamp) -> Self::For;

    /// What is wrong with the definition, if anything; building reports it.
    fn check(&self) -> Result<(), String>;
}

/// A duration of `n` milliseconds.
///
/// ```
/// assert_eq!(streams_dsl::windows::millis(1_500), std::time::Duration::from_millis(1_500));
/// ```
pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A duration of `n` seconds.
///
/// ```
/// assert_eq!(streams_dsl::windows::seconds(90), std::time::Duration::from_secs(90));
/// ```
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A duration of `n` minutes.
///
/// ```
/// assert_eq!(streams_dsl::windows::minutes(5), streams_dsl::windows::seconds(300));
/// ```
pub const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(60))
}

/// A duration of `n` hours.
///
/// ```
/// assert_eq!(streams_dsl::windows::hours(2), streams_dsl::windows::minutes(120));
/// ```
pub const fn hours(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(3_600))
}

/// A duration of `n` days of 24 hours.
///
/// ```
/// assert_eq!(streams_dsl::windows::days(7), streams_dsl::windows::hours(168));
/// ```
pub const fn days(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(86_400))
}

/// The longest span a definition may have: two of them and a timestamp still add up without overflow, so the record
/// path can calculate with plain additions.
const SPAN_MAX_MS: i64 = i64::MAX / 8;

/// Whole milliseconds; what does not fit is capped, for [`check_span`] to refuse.
pub(crate) fn to_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Refuses a span with which the record path could overflow.
pub(crate) fn check_span(what: &str, ms: i64) -> Result<(), String> {
    match ms.checked_abs() {
        Some(span) if span <= SPAN_MAX_MS => Ok(()),
        _ => Err(format!(
            "{what} is {ms} ms, which is longer than the longest possible span of {SPAN_MAX_MS} ms"
        )),
    }
}
