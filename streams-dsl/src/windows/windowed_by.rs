//! What a grouped stream can be windowed by.

use super::{SessionWindows, SlidingWindows, Whole, Windows, sealed};

/// A definition of windows for grouped streams: [`SlidingWindows`], [`SessionWindows`], and all [`Windows`] that can be
/// listed for a timestamp. Sealed: implement [`Windows`] for windows of your own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not define windows of a grouped stream",
    note = "use `TimeWindows`, `SlidingWindows`, `SessionWindows`, `UnlimitedWindows` or `CalendarWindows`, or implement \
            `Windows`; `JoinWindows` are for `join_stream`"
)]
pub trait WindowedBy: sealed::Sealed + Clone + Send + Sync + 'static {
    /// Whether windows ever close.
    #[doc(hidden)]
    fn closes(&self) -> bool {
        true
    }
}

impl<W: Windows> WindowedBy for W {
    fn closes(&self) -> bool {
        self.size_ms() < i64::MAX
    }
}

impl WindowedBy for SlidingWindows {}

impl WindowedBy for SessionWindows {}

impl<W: Windows> sealed::Sealed for W {}

impl sealed::Sealed for SlidingWindows {}

impl sealed::Sealed for SessionWindows {}

impl sealed::Sealed for Whole {}
