//! Window definitions: how a record's timestamp finds its windows, and for how long late records are waited for.
//!
//! What a window *is* lives in [`streams_core::window`]; here is how windows are laid over time. Durations are
//! [`std::time::Duration`]s; [`minutes`], [`seconds`] and their like keep definitions short to read. Event time has
//! milliseconds, so finer parts of a duration are cut off, as in Kafka Streams.
//!
//! A definition that makes no sense (a size of zero, an advance larger than the size) is reported by
//! `StreamsBuilder::build`, not by a panic here.

#[cfg(feature = "chrono")]
mod calendar;
mod emit;
mod join;
mod listed;
mod serde;
mod session;
mod sliding;
mod time;
mod unlimited;
mod whole;
mod windowed_by;

use std::time::Duration;

#[cfg(feature = "chrono")]
pub use calendar::CalendarWindows;
pub use emit::EmitStrategy;
pub use join::JoinWindows;
pub(crate) use join::Reach;
pub use listed::Windows;
pub(crate) use listed::{AnyWindows, check_listed, closed_between, listed};
pub use serde::WindowsSerde;
pub use session::SessionWindows;
pub(crate) use session::merge;
pub use sliding::SlidingWindows;
pub use time::TimeWindows;
pub use unlimited::UnlimitedWindows;
pub use whole::Whole;
pub use windowed_by::WindowedBy;

pub(crate) mod sealed {
    /// Keeps the kinds of windows to those of this crate: processors, stores and serdes must know each.
    pub trait Sealed {}
}

/// A duration of `n` milliseconds.
///
/// ```
/// # use streams_dsl as kstreams;
/// assert_eq!(kstreams::windows::millis(1_500), std::time::Duration::from_millis(1_500));
/// ```
pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A duration of `n` seconds.
///
/// ```
/// # use streams_dsl as kstreams;
/// assert_eq!(kstreams::windows::seconds(90), std::time::Duration::from_secs(90));
/// ```
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A duration of `n` minutes.
///
/// ```
/// # use streams_dsl as kstreams;
/// assert_eq!(kstreams::windows::minutes(5), kstreams::windows::seconds(300));
/// ```
pub const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(60))
}

/// A duration of `n` hours.
///
/// ```
/// # use streams_dsl as kstreams;
/// assert_eq!(kstreams::windows::hours(2), kstreams::windows::minutes(120));
/// ```
pub const fn hours(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(3_600))
}

/// A duration of `n` days of 24 hours.
///
/// ```
/// # use streams_dsl as kstreams;
/// assert_eq!(kstreams::windows::days(7), kstreams::windows::hours(168));
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
