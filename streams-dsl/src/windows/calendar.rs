//! Days, weeks, months and years of the calendar of a time zone.

use std::time::Duration;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeZone, Weekday};

use super::{Windows, check_span, to_ms};
use streams_core::time::Timestamp;
use streams_core::window::Window;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How much longer than its days a period may be, because clocks are put back in it: as far as in any zone since 1970
/// (Vostok's, in 1994; elsewhere it was three hours at most).
const PUT_BACK_MAX_MS: i64 = 7 * 60 * 60 * 1000;

/// The days, weeks, months or years of a time zone, as long as its calendar has them: a day lasts 23 or 25 hours when the
/// clocks change. Kafka Streams has no such windows; its users implement `Windows` for them.
///
/// A period begins with the first midnight of its first day, or, where the clocks skip midnight, right after the gap (as
/// Java's `LocalDate.atStartOfDay`). It ends where the next one begins. No window starts before 1970, and records after the
/// year 261999 belong to none.
///
/// Stores and topics keep only the start of a window; its end comes from this definition. So do not change zone or period
/// under an existing store, and read windowed keys from a topic with the same definition: see
/// [`WindowsSerde`](super::WindowsSerde). Stores keep a day for 31 hours plus the grace period, because the clocks of one
/// zone once went back by seven hours, and longer periods for seven hours more than their days as well.
///
/// Any [`TimeZone`] works; the crate `chrono-tz` has all of them.
///
/// ```
/// # use streams_dsl as kstreams;
/// use chrono::{FixedOffset, TimeZone, Utc};
/// use kstreams::prelude::*;
///
/// let tokyo = FixedOffset::east_opt(9 * 3600).ok_or("no such offset")?;
/// let days = CalendarWindows::days(tokyo).with_grace(minutes(5));
/// let noon = Utc.with_ymd_and_hms(2024, 3, 31, 3, 0, 0).unwrap().timestamp_millis();
/// let midnight = Utc.with_ymd_and_hms(2024, 3, 30, 15, 0, 0).unwrap().timestamp_millis();
/// let windows: Vec<Window> = days.windows_for(noon).collect();
/// assert_eq!(windows, [Window::of_size(midnight, 24 * 3_600_000)]);
///
/// let builder = StreamsBuilder::new();
/// builder.stream::<String, i64>("payments").group_by_key().windowed_by(days).reduce(|a, b| a + b);
/// builder.build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarWindows<Z> {
    zone: Z,
    period: Period,
    grace_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Period {
    Day,
    /// From that day of the week on.
    Week(Weekday),
    Month,
    Year,
}

impl<Z: TimeZone> CalendarWindows<Z> {
    /// Days, which take no record after their end.
    pub fn days(zone: Z) -> Self {
        Self::of(zone, Period::Day)
    }

    /// Weeks from that day of the week on, which take no record after their end.
    pub fn weeks(zone: Z, first: Weekday) -> Self {
        Self::of(zone, Period::Week(first))
    }

    /// Months, which take no record after their end.
    pub fn months(zone: Z) -> Self {
        Self::of(zone, Period::Month)
    }

    /// Years, which take no record after their end.
    pub fn years(zone: Z) -> Self {
        Self::of(zone, Period::Year)
    }

    fn of(zone: Z, period: Period) -> Self {
        CalendarWindows { zone, period, grace_ms: 0 }
    }

    /// The same windows, which take records for `grace` after their end.
    #[must_use]
    pub fn with_grace(self, grace: Duration) -> Self {
        CalendarWindows { grace_ms: to_ms(grace), ..self }
    }

    /// The first day of the period that a day is in.
    fn first_day(&self, day: NaiveDate) -> Option<NaiveDate> {
        match self.period {
            Period::Day => Some(day),
            Period::Week(first) => day.checked_sub_days(Days::new(day.weekday().days_since(first).into())),
            Period::Month => day.with_day(1),
            Period::Year => day.with_ordinal(1),
        }
    }

    /// The first day of the period after the one that begins with a day.
    fn next_first_day(&self, first: NaiveDate) -> Option<NaiveDate> {
        match self.period {
            Period::Day => first.checked_add_days(Days::new(1)),
            Period::Week(_) => first.checked_add_days(Days::new(7)),
            Period::Month => first.checked_add_months(Months::new(1)),
            Period::Year => first.checked_add_months(Months::new(12)),
        }
    }

    /// When a day begins.
    fn start_of(&self, day: NaiveDate) -> Option<Timestamp> {
        let midnight = day.and_time(NaiveTime::MIN);
        match self.zone.from_local_datetime(&midnight).earliest() {
            Some(start) => Some(start.timestamp_millis()),
            None => self.first_after(midnight.and_utc().timestamp_millis()),
        }
    }

    /// The first moment after a local time that the clocks have skipped. Offsets are less than a day, so it is less than a
    /// day from the same time in UTC.
    fn first_after(&self, local_ms: i64) -> Option<Timestamp> {
        let (mut before, mut after) = (local_ms - DAY_MS, local_ms + DAY_MS);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            let reached = self.local(middle)?.and_utc().timestamp_millis() >= local_ms;
            if reached { after = middle } else { before = middle }
        }
        Some(after)
    }

    /// The local time; `None` beyond what `chrono` can calculate with.
    fn local(&self, timestamp: Timestamp) -> Option<chrono::NaiveDateTime> {
        let utc = DateTime::from_timestamp_millis(timestamp).filter(|utc| utc.year() < 262_000)?;
        Some(self.zone.from_utc_datetime(&utc.naive_utc()).naive_local())
    }

    fn window_of(&self, timestamp: Timestamp) -> Option<Window> {
        let mut first = self.first_day(self.local(timestamp)?.date())?;
        let mut start_ms = self.start_of(first)?;
        loop {
            let next = self.next_first_day(first)?;
            let end_ms = self.start_of(next)?;
            // Clocks that go back over midnight show the previous day again.
            if timestamp < end_ms {
                return Some(Window::new(start_ms.max(0), end_ms));
            }
            first = next;
            start_ms = end_ms;
        }
    }
}

impl<Z: TimeZone + Send + Sync + 'static> Windows for CalendarWindows<Z> {
    fn windows_for(&self, timestamp: Timestamp) -> impl Iterator<Item = Window> {
        self.window_of(timestamp).into_iter()
    }

    fn size_ms(&self) -> i64 {
        let days = match self.period {
            Period::Day => 1,
            Period::Week(_) => 7,
            Period::Month => 31,
            Period::Year => 366,
        };
        days * DAY_MS + PUT_BACK_MAX_MS
    }

    fn grace_ms(&self) -> i64 {
        self.grace_ms
    }

    fn check(&self) -> Result<(), String> {
        check_span("the grace period", self.grace_ms)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{FixedOffset, Utc};
    use chrono_tz::Tz;
    use proptest::prelude::*;

    use super::*;
    use crate::windows::check_listed;

    const HOUR_MS: i64 = 3_600_000;

    /// A time of a zone's clocks.
    fn at(zone: Tz, (year, month, day): (i32, u32, u32), hour: u32) -> Timestamp {
        zone.with_ymd_and_hms(year, month, day, hour, 0, 0).earliest().expect("a time").timestamp_millis()
    }

    fn window<Z: TimeZone + Send + Sync + 'static>(
        windows: &CalendarWindows<Z>,
        timestamp: Timestamp,
    ) -> Window {
        windows.windows_for(timestamp).next().expect("a window")
    }

    fn hours(window: Window) -> i64 {
        (window.end_ms - window.start_ms) / HOUR_MS
    }

    #[test]
    fn days_of_berlin_have_23_and_25_hours_when_clocks_change() {
        let (zone, days) = (Tz::Europe__Berlin, CalendarWindows::days(Tz::Europe__Berlin));
        let lengths = |days_of_month: [(i32, u32, u32); 3]| {
            days_of_month.map(|day| {
                let window = window(&days, at(zone, day, 12));
                assert_eq!(window.start_ms, at(zone, day, 0));
                hours(window)
            })
        };
        assert_eq!(lengths([(2024, 3, 30), (2024, 3, 31), (2024, 4, 1)]), [24, 23, 24]);
        assert_eq!(lengths([(2024, 10, 26), (2024, 10, 27), (2024, 10, 28)]), [24, 25, 24]);
        // Both hours from two to three of the day on which clocks are put back are in it.
        let twice = zone.with_ymd_and_hms(2024, 10, 27, 2, 30, 0);
        let (one, two) = (twice.earliest().expect("a time"), twice.latest().expect("a time"));
        assert_eq!(two.timestamp_millis() - one.timestamp_millis(), HOUR_MS);
        assert_eq!(window(&days, one.timestamp_millis()), window(&days, two.timestamp_millis()));
        // Its last millisecond, and the first one after it.
        let end = at(zone, (2024, 10, 28), 0);
        assert_eq!(window(&days, end - 1).end_ms, end);
        assert_eq!(window(&days, end).start_ms, end);
    }

    #[test]
    fn weeks_months_and_years_have_the_hours_of_their_days() {
        let (zone, sunday) = (Tz::Europe__Berlin, at(Tz::Europe__Berlin, (2024, 3, 31), 12));
        let monday_first = CalendarWindows::weeks(zone, Weekday::Mon);
        assert_eq!(window(&monday_first, sunday).start_ms, at(zone, (2024, 3, 25), 0));
        assert_eq!(hours(window(&monday_first, sunday)), 7 * 24 - 1);
        let sunday_first = CalendarWindows::weeks(zone, Weekday::Sun);
        assert_eq!(window(&sunday_first, sunday).start_ms, at(zone, (2024, 3, 31), 0));
        let months = CalendarWindows::months(zone);
        assert_eq!(hours(window(&months, sunday)), 31 * 24 - 1);
        assert_eq!(hours(window(&months, at(zone, (2024, 2, 29), 23))), 29 * 24);
        assert_eq!(hours(window(&months, at(zone, (2024, 10, 1), 0))), 31 * 24 + 1);
        assert_eq!(hours(window(&CalendarWindows::years(zone), sunday)), 366 * 24);
    }

    #[test]
    fn a_day_whose_midnight_was_passed_over_begins_after_it() {
        // Clocks of Beirut went from 0 to 1 o'clock.
        let (zone, days) = (Tz::Asia__Beirut, CalendarWindows::days(Tz::Asia__Beirut));
        let day = window(&days, at(zone, (2024, 3, 31), 12));
        assert_eq!((day.start_ms, hours(day)), (at(zone, (2024, 3, 31), 1), 23));
        assert_eq!(window(&days, day.start_ms - 1).end_ms, day.start_ms);
        // Samoa went from the end of the 29th of December to the 31st.
        let (zone, days) = (Tz::Pacific__Apia, CalendarWindows::days(Tz::Pacific__Apia));
        let day = window(&days, at(zone, (2011, 12, 31), 12));
        assert_eq!(day, Window::new(at(zone, (2011, 12, 31), 0), at(zone, (2012, 1, 1), 0)));
        assert_eq!(window(&days, day.start_ms - 1).start_ms, at(zone, (2011, 12, 29), 0));
    }

    #[test]
    fn the_longest_day_keeps_the_rules() {
        let (zone, days) = (Tz::Antarctica__Vostok, CalendarWindows::days(Tz::Antarctica__Vostok));
        let noon = at(zone, (1994, 1, 31), 12);
        let longest =
            (-2..3).map(|day| window(&days, noon + day * DAY_MS)).map(|day| day.end_ms - day.start_ms);
        assert_eq!(longest.max(), Some(days.size_ms()));
    }

    #[test]
    fn a_midnight_that_comes_twice_begins_the_day_at_once() {
        // At 0:01, clocks of St John's went back to 23:01 of the day before.
        let (zone, days) = (Tz::America__St_Johns, CalendarWindows::days(Tz::America__St_Johns));
        let start = at(zone, (2010, 11, 7), 0);
        let day = window(&days, start + 30 * 60_000);
        assert_eq!((day.start_ms, hours(day)), (start, 25));
        assert_eq!(window(&days, start - 1).end_ms, start);
    }

    #[test]
    fn time_begins_in_1970_and_ends_with_calendars() {
        let east = CalendarWindows::days(FixedOffset::east_opt(HOUR_MS as i32 / 1000).expect("an offset"));
        assert_eq!(window(&east, 0), Window::new(0, 23 * HOUR_MS));
        let west = CalendarWindows::months(FixedOffset::west_opt(HOUR_MS as i32 / 1000).expect("an offset"));
        assert_eq!(window(&west, 0), Window::new(0, HOUR_MS));
        assert_eq!(east.windows_for(i64::MAX).count(), 0);
        assert_eq!(east.windows_for(i64::MAX / 1_000_000).count(), 1);
        assert_eq!(check_listed(&east), Ok(()));
        assert!(check_listed(&CalendarWindows::days(Utc).with_grace(Duration::MAX)).is_err());
    }

    proptest! {
        #[test]
        fn windows_of_all_zones_keep_the_rules(
            zone in prop::sample::select(&chrono_tz::TZ_VARIANTS[..]),
            period in prop::sample::select(&[Period::Day, Period::Week(Weekday::Thu), Period::Month, Period::Year][..]),
            timestamp in 0_i64..4_000_000_000_000,
        ) {
            let windows = CalendarWindows::of(zone, period);
            let own = window(&windows, timestamp);
            prop_assert!(own.start_ms <= timestamp && timestamp < own.end_ms);
            prop_assert!(own.end_ms - own.start_ms <= windows.size_ms());
            prop_assert_eq!(windows.window_at(own.start_ms), own);
            prop_assert_eq!(window(&windows, own.end_ms - 1), own);
            prop_assert_eq!(window(&windows, own.end_ms).start_ms, own.end_ms);
        }
    }
}
