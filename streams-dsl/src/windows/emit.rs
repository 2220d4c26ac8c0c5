//! When windowed results are emitted.

/// When the result of a window is emitted (`org.apache.kafka.streams.kstream.EmitStrategy`).
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::windows::EmitStrategy;
///
/// assert_eq!(EmitStrategy::default(), EmitStrategy::OnWindowUpdate);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EmitStrategy {
    /// Each update of a window, or the last of several between two flushes of the record cache
    /// (`EmitStrategy.onWindowUpdate`).
    #[default]
    OnWindowUpdate,
    /// Once, when the window is closed (`EmitStrategy.onWindowClose`): when the time that the operator has seen has
    /// reached the window's end and grace period; of sliding windows, whose end is inclusive, passed it; of sessions,
    /// passed end, gap and grace period. [`emit_strategy`](crate::TimeWindowedKStream::emit_strategy) has an example.
    ///
    /// Closed windows are searched for when a record comes, at most once a second of the wall clock, and emitted in the
    /// order of time with the headers of that record. How far emission has come is committed with the offsets, so that
    /// a restart emits no window again. The stores of sliding windows and sessions have no record cache then; with that
    /// of other windows, those that a jump of time has expired are emitted, too, as long as the cache has them.
    OnWindowClose,
}
