//! Windows that can be listed for a timestamp: those of this crate, and of users.

use std::sync::Arc;

use super::{TimeWindows, check_span};
use streams_core::time::Timestamp;
use streams_core::window::Window;

/// Windows that can be listed for a timestamp (`org.apache.kafka.streams.kstream.Windows`): [`TimeWindows`],
/// [`UnlimitedWindows`](super::UnlimitedWindows), `CalendarWindows`, and those of your own.
///
/// # Rules
///
/// Stores and topics keep only the start of a window, and closed windows are found by it. So
///
/// 1. a window holds the timestamp that it is listed for: `start <= timestamp < end`;
/// 2. windows are listed in the order of their starts, which differ; and one that starts later ends no earlier;
/// 3. a window is listed for each timestamp in it, always with the same end;
/// 4. none starts before 1970 or is longer than [`size_ms`](Self::size_ms).
///
/// A timestamp may be in no window; its record is then left out, uncounted. `build` tries the rules on a few timestamps, and
/// an aggregation checks 1, 2 and 4 for each record: a violation is an error of user code and goes to the processing
/// exception handler. Rule 3 cannot be checked: a definition that changes under an existing store gives old windows new ends.
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::prelude::*;
///
/// /// The hours from nine to five, UTC.
/// #[derive(Clone)]
/// struct OfficeHours;
///
/// const HOUR_MS: i64 = 3_600_000;
///
/// impl Windows for OfficeHours {
///     fn windows_for(&self, timestamp: Timestamp) -> impl Iterator<Item = Window> {
///         let midnight = timestamp - timestamp % (24 * HOUR_MS);
///         let open = Window::new(midnight + 9 * HOUR_MS, midnight + 17 * HOUR_MS);
///         Some(open).filter(|open| open.start_ms <= timestamp && timestamp < open.end_ms).into_iter()
///     }
///
///     fn size_ms(&self) -> i64 {
///         8 * HOUR_MS
///     }
///
///     fn grace_ms(&self) -> i64 {
///         0
///     }
/// }
///
/// let builder = StreamsBuilder::new();
/// let calls = builder.stream::<String, String>("calls").group_by_key();
/// calls.windowed_by(OfficeHours).count().to_stream().map(|window, calls| (window.to_string(), calls)).to("calls-per-day");
///
/// let driver = TopologyTestDriver::of(builder.build()?)?;
/// let calls = driver.create_input_topic::<String, String>("calls");
/// for hour in [8, 9, 16, 17] {
///     calls.pipe("ann".into(), "hello".into(), hour * HOUR_MS)?;
/// }
/// let counts = driver.create_output_topic::<String, i64>("calls-per-day").read_key_values()?;
/// let day = || "[ann@32400000/61200000]".to_owned();
/// assert_eq!(counts, [(day(), 1), (day(), 2)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not define windows",
    label = "not windows",
    note = "give `TimeWindows`, `UnlimitedWindows`, `CalendarWindows` or an `impl Windows`; sliding and session windows have \
            operators of their own, and `JoinWindows` are for joins of streams"
)]
pub trait Windows: Clone + Send + Sync + 'static {
    /// The windows that hold that timestamp, which is not negative, in the order of their starts.
    fn windows_for(&self, timestamp: Timestamp) -> impl Iterator<Item = Window>;

    /// How long the longest window is, in ms; `i64::MAX` where windows never end. Stores keep windows for that and the grace
    /// period.
    fn size_ms(&self) -> i64;

    /// For how long after its end a window still takes late records, in ms.
    fn grace_ms(&self) -> i64;

    /// What is wrong with the definition, if anything; building reports it.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// The window that starts at that time, which may come from a store or a topic. Where the definition has none, because it
    /// was another one then, it is as long as the longest.
    fn window_at(&self, start_ms: Timestamp) -> Window {
        let listed = self.windows_for(start_ms.max(0)).find(|window| window.start_ms == start_ms);
        listed.unwrap_or(Window::of_size(start_ms, self.size_ms()))
    }

    /// The same windows where their type is not known.
    #[doc(hidden)]
    fn any(&self) -> AnyWindows {
        AnyWindows::Other(Arc::new(self.clone()))
    }
}

/// The windows of a timestamp, or what is wrong with them.
pub(crate) fn listed<W: Windows>(
    windows: &W,
    timestamp: Timestamp,
) -> impl Iterator<Item = Result<Window, String>> {
    let size_ms = windows.size_ms();
    let mut last = Window::new(-1, -1);
    windows.windows_for(timestamp).map(move |window| {
        let Window { start_ms, end_ms } = window;
        // The last millisecond of all time is in the windows that end with it.
        let holds = start_ms <= timestamp && (timestamp < end_ms || end_ms == Timestamp::MAX);
        let in_order = last.start_ms < start_ms && last.end_ms <= end_ms;
        last = window;
        if holds && in_order && end_ms - start_ms <= size_ms {
            Ok(window)
        } else {
            Err(broken::<W>(timestamp, window, size_ms))
        }
    })
}

#[cold]
fn broken<W>(timestamp: Timestamp, Window { start_ms, end_ms }: Window, size_ms: i64) -> String {
    format!(
        "{} lists the window from {start_ms} to {end_ms} for the timestamp {timestamp}; windows must hold the timestamp, be \
         listed in the order of their starts and ends, start at 0 or later, and be at most {size_ms} ms long",
        std::any::type_name::<W>()
    )
}

/// What is wrong with a definition by its own account, or by that of the rules on some timestamps.
pub(crate) fn check_listed<W: Windows>(windows: &W) -> Result<(), String> {
    /// The beginning of time, and some of our days.
    const TRIED: [Timestamp; 5] = [0, 1, 86_400_000, 1_000_000_000_000, 1_700_000_000_000];

    windows.check()?;
    if windows.size_ms() != i64::MAX {
        check_span("the longest window", windows.size_ms())?;
    }
    check_span("the grace period", windows.grace_ms())?;
    for timestamp in TRIED {
        for window in listed(windows, timestamp) {
            let window = window?;
            if windows.window_at(window.start_ms) != window {
                return Err(format!(
                    "{} lists the window from {} to {} for the timestamp {timestamp}, but not for its start",
                    std::any::type_name::<W>(),
                    window.start_ms,
                    window.end_ms
                ));
            }
        }
    }
    Ok(())
}

/// Between which starts the windows are that have closed by `close`, but had not by `until`.
pub(crate) fn closed_between<W: Windows>(
    windows: &W,
    until: Option<Timestamp>,
    close: Timestamp,
) -> Option<(Timestamp, Timestamp)> {
    if close < 0 {
        return None;
    }
    // Of the windows that start by a time, those are open then that hold it, and they start last.
    let first_open = |time| windows.windows_for(time).next().map(|window| window.start_ms);
    let from = until.map_or(0, |until| first_open(until).unwrap_or(until.saturating_add(1)));
    let to = first_open(close).unwrap_or(close) - 1;
    (from <= to).then_some((from, to))
}

/// Windows whose type is not known: cogrouped streams learn theirs last.
#[derive(Clone)]
pub enum AnyWindows {
    /// The most frequent ones.
    Time(TimeWindows),
    /// Any others.
    Other(Arc<dyn DynWindows>),
}

/// [`Windows`] as an object.
pub trait DynWindows: Send + Sync {
    /// As [`Windows::windows_for`]; nothing is allocated for a single one.
    fn list(&self, timestamp: Timestamp) -> List;

    /// As [`Windows::size_ms`].
    fn longest_ms(&self) -> i64;

    /// As [`Windows::grace_ms`].
    fn late_ms(&self) -> i64;

    /// As [`Windows::window_at`].
    fn at(&self, start_ms: Timestamp) -> Window;
}

type List = std::iter::Chain<std::option::IntoIter<Window>, std::vec::IntoIter<Window>>;

impl<W: Windows> DynWindows for W {
    fn list(&self, timestamp: Timestamp) -> List {
        let mut windows = self.windows_for(timestamp);
        windows.next().into_iter().chain(windows.collect::<Vec<_>>())
    }

    fn longest_ms(&self) -> i64 {
        self.size_ms()
    }

    fn late_ms(&self) -> i64 {
        self.grace_ms()
    }

    fn at(&self, start_ms: Timestamp) -> Window {
        self.window_at(start_ms)
    }
}

enum AnyFor<T> {
    Time(T),
    Other(List),
}

impl<T: Iterator<Item = Window>> Iterator for AnyFor<T> {
    type Item = Window;

    #[inline]
    fn next(&mut self) -> Option<Window> {
        match self {
            AnyFor::Time(windows) => windows.next(),
            AnyFor::Other(windows) => windows.next(),
        }
    }
}

impl Windows for AnyWindows {
    fn windows_for(&self, timestamp: Timestamp) -> impl Iterator<Item = Window> {
        match self {
            AnyWindows::Time(windows) => AnyFor::Time(windows.windows_for(timestamp)),
            AnyWindows::Other(windows) => AnyFor::Other(windows.list(timestamp)),
        }
    }

    fn size_ms(&self) -> i64 {
        match self {
            AnyWindows::Time(windows) => windows.size_ms(),
            AnyWindows::Other(windows) => windows.longest_ms(),
        }
    }

    fn grace_ms(&self) -> i64 {
        match self {
            AnyWindows::Time(windows) => windows.grace_ms(),
            AnyWindows::Other(windows) => windows.late_ms(),
        }
    }

    fn window_at(&self, start_ms: Timestamp) -> Window {
        match self {
            AnyWindows::Time(windows) => windows.window_at(start_ms),
            AnyWindows::Other(windows) => windows.at(start_ms),
        }
    }

    fn any(&self) -> AnyWindows {
        self.clone()
    }
}
