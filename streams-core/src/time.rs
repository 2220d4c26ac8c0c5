//! Event time and the clock: the only place that reads the machine's time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01T00:00Z, as Kafka's record timestamps. Whatever is a time in this library's API is one.
/// Methods that programs call with a time take all that is [`IntoTimestamp`]; what is `const` takes this type, as
/// [`Window::new`](crate::window::Window::new).
pub type Timestamp = i64;

/// What can be given as a [`Timestamp`]: milliseconds since 1970, a [`SystemTime`], or, with the feature `chrono`, a date and
/// time. A `NaiveDate` is its midnight in UTC.
///
/// ```
/// # use streams_core as kstreams;
/// use std::time::{Duration, UNIX_EPOCH};
/// use kstreams::record::Record;
///
/// assert_eq!(Record::new("k", "v", UNIX_EPOCH + Duration::from_secs(1)), Record::new("k", "v", 1_000));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the time of a record",
    note = "give milliseconds since 1970 as `i64`, a `SystemTime`, or with the feature `chrono` a `chrono::DateTime`"
)]
pub trait IntoTimestamp {
    /// Milliseconds since 1970. What is finer is cut off.
    fn into_timestamp(self) -> Timestamp;
}

impl IntoTimestamp for Timestamp {
    #[inline]
    fn into_timestamp(self) -> Timestamp {
        self
    }
}

impl IntoTimestamp for SystemTime {
    fn into_timestamp(self) -> Timestamp {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        match self.duration_since(UNIX_EPOCH) {
            Ok(since) => millis(since),
            Err(before) => -millis(before.duration()),
        }
    }
}

#[cfg(feature = "chrono")]
impl<Z: chrono::TimeZone> IntoTimestamp for chrono::DateTime<Z> {
    fn into_timestamp(self) -> Timestamp {
        self.timestamp_millis()
    }
}

#[cfg(feature = "chrono")]
impl IntoTimestamp for chrono::NaiveDate {
    fn into_timestamp(self) -> Timestamp {
        self.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis()
    }
}

/// A duration in ms, as timestamps are; one longer than time itself is as long as that.
#[doc(hidden)]
pub fn to_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// That many ms; none if they are negative.
#[doc(hidden)]
pub fn from_ms(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}

/// The source of wall-clock time. The runtime is handed one, so that tests decide what time it is.
pub trait Clock: Send + Sync {
    /// Now.
    fn now_ms(&self) -> Timestamp;

    /// Milliseconds since some moment, never set back or forward: intervals are measured by it. It runs while
    /// the process is stopped, but not while the machine sleeps.
    ///
    /// By default it is the machine's, so that commits and time-outs are on time whatever [`now_ms`](Self::now_ms) shows.
    /// A virtual clock overrides it, as [`ManualClock`] does.
    fn monotonic_ms(&self) -> i64 {
        SystemClock.monotonic_ms()
    }
}

/// A shared clock.
pub type ClockRef = Arc<dyn Clock>;

/// One moment on both clocks: the wall clock for times, the monotonic one for intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    /// As record timestamps; it may be set back and forth.
    pub wall_ms: Timestamp,
    /// See [`Clock::monotonic_ms`].
    pub monotonic_ms: i64,
}

impl Now {
    /// What that clock shows.
    pub fn of(clock: &dyn Clock) -> Self {
        Now { wall_ms: clock.now_ms(), monotonic_ms: clock.monotonic_ms() }
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one reader of wall time")]
    fn now_ms(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    #[allow(clippy::disallowed_methods, reason = "the one reader of the monotonic clock")]
    fn monotonic_ms(&self) -> i64 {
        static START: OnceLock<Instant> = OnceLock::new();
        i64::try_from(START.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// A clock that stands still until it is moved. Intervals pass when it is moved forward.
#[derive(Debug, Default)]
pub struct ManualClock {
    wall_ms: AtomicI64,
    /// How far it has been moved forward in all.
    passed_ms: AtomicI64,
}

impl ManualClock {
    /// A clock that shows that time.
    pub fn new(now: impl IntoTimestamp) -> Self {
        let now_ms = now.into_timestamp();
        ManualClock { wall_ms: AtomicI64::new(now_ms), passed_ms: AtomicI64::new(now_ms) }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.advance_ms(to_ms(by));
    }

    /// As [`advance`](Self::advance), for tests that count in milliseconds.
    pub(crate) fn advance_ms(&self, by_ms: i64) {
        self.wall_ms.fetch_add(by_ms, Ordering::SeqCst);
        self.passed_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Sets the clock. When it is set back, no interval passes.
    pub fn set(&self, now: impl IntoTimestamp) {
        let now_ms = now.into_timestamp();
        let before_ms = self.wall_ms.swap(now_ms, Ordering::SeqCst);
        self.passed_ms.fetch_add(now_ms.saturating_sub(before_ms).max(0), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> Timestamp {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> i64 {
        self.passed_ms.load(Ordering::SeqCst)
    }
}

/// The shortest time between two lines of the log that say the same.
const LOG_EVERY_MS: i64 = 60_000;

/// When something was last done that is done at most once an interval, however often it is asked for.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default)]
pub struct LastTime(Option<Timestamp>);

impl LastTime {
    /// Whether the last time is an interval ago; if so, now is the last time. A clock that is set back delays it by no more
    /// than the interval. All calls use one clock.
    pub fn is_over(&mut self, now: Timestamp, interval_ms: i64) -> bool {
        let over = self.0.is_none_or(|last| now < last || now.saturating_sub(last) >= interval_ms);
        if over {
            self.0 = Some(now);
        }
        over
    }

    /// Whether what each record, round or retry would log again is to be logged: the first time, and then at most once a
    /// minute.
    pub(crate) fn is_to_log(&mut self, now: Timestamp) -> bool {
        self.is_over(now, LOG_EVERY_MS)
    }
}

/// What is logged the first time, and then at most once a minute, with how often it has been.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OnceAMinute {
    last: LastTime,
    so_far: u64,
}

impl OnceAMinute {
    /// Counts one more; if it is to be logged, returns how many there were.
    pub fn count(&mut self, now: Timestamp) -> Option<u64> {
        self.so_far += 1;
        self.last.is_to_log(now).then_some(self.so_far)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Showed before: not once until the clock had come round to where it was.
    #[test]
    fn a_clock_that_is_set_back_delays_nothing() {
        let mut last = LastTime::default();
        let mut at = |now| last.is_over(now, 1_000);
        assert_eq!([0, 999, 1_000, 1_001].map(&mut at), [true, false, true, false]);
        assert_eq!([3_600_000, 1_001, 2_000, 2_001].map(&mut at), [true, true, false, true]);
        assert!(at(i64::MAX) && !at(i64::MAX));
    }

    #[test]
    fn what_is_repeated_is_logged_once_a_minute_with_its_count() {
        let mut warned = OnceAMinute::default();
        let logged = [5, 6, 60_004, 60_005, 60_006].map(|now| warned.count(now));
        assert_eq!(logged, [Some(1), None, None, Some(4), None]);
    }

    /// A custom clock with wall-clock time only.
    struct SetBack(ManualClock);

    impl Clock for SetBack {
        fn now_ms(&self) -> Timestamp {
            self.0.now_ms()
        }
    }

    #[test]
    fn no_clock_tells_intervals_backwards() {
        let clock = SetBack(ManualClock::new(1_000_000));
        let before = Now::of(&clock);
        clock.0.set(0);
        let after = Now::of(&clock);
        assert_eq!((before.wall_ms, after.wall_ms), (1_000_000, 0));
        assert!(after.monotonic_ms >= before.monotonic_ms);
        let before_ms = clock.0.monotonic_ms();
        clock.0.set(-100);
        assert_eq!(clock.0.monotonic_ms(), before_ms);
        clock.0.set(0);
        clock.0.advance(Duration::from_millis(7));
        assert_eq!(clock.0.monotonic_ms(), before_ms + 107);
    }

    #[test]
    fn times_before_1970_and_without_end_are_times() {
        assert_eq!((UNIX_EPOCH - Duration::from_millis(2)).into_timestamp(), -2);
        assert_eq!((UNIX_EPOCH + Duration::from_micros(1_500)).into_timestamp(), 1);
    }

    #[cfg(feature = "chrono")]
    #[test]
    fn a_time_of_chrono_is_its_moment_in_any_zone() {
        let berlin = chrono::DateTime::parse_from_rfc3339("2024-03-31T03:00:00.250+02:00").unwrap();
        assert_eq!(berlin.into_timestamp(), 1_711_846_800_250);
        assert_eq!(berlin.to_utc().into_timestamp(), berlin.into_timestamp());
    }
}
