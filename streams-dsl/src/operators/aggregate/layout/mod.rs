//! What differs between aggregations of all time, of windows, and of sessions: one file a kind.

mod session;
mod sliding;
mod sliding_plan;
mod time;
mod whole;

use std::sync::Arc;

use streams_core::processor::{Data, InitContext, Processor, ProcessorResult};
use streams_core::record::Change;
use streams_core::serde::SerdeRef;

use super::add::{Aggregation, AggregationDraft};
use super::fold::Fold;
use crate::error::Result;
use crate::graph::Writer;
use crate::rows::ValueGetterSupplier;
use crate::windows::{AnyWindows, EmitStrategy, SessionWindows, SlidingWindows, Whole, Windows, sealed};

/// What a grouped stream is aggregated over: [`Whole`], [`SlidingWindows`], [`SessionWindows`], and all [`Windows`] that can
/// be listed for a timestamp. Sealed: implement [`Windows`] for windows of your own.
pub trait Layout: sealed::Sealed + Clone + Send + Sync + 'static {
    /// The key of the table that an aggregation makes: the stream's, but
    /// [`Windowed`](streams_core::window::Windowed) where there are windows.
    type Key<K: Data>: Data;

    /// Whether `count_with` an unnamed store takes one more number.
    #[doc(hidden)]
    const COUNT_BURNS_A_NAME: bool = true;

    /// What is wrong with the definition, if anything.
    #[doc(hidden)]
    fn mistake(&self) -> std::result::Result<(), String>;

    /// How long windows take records, and how long they are kept for it.
    #[doc(hidden)]
    fn span(&self) -> Option<Span>;

    /// The serde of the table's keys.
    #[doc(hidden)]
    fn key_serde<K: Data>(&self, key: SerdeRef<K>) -> SerdeRef<Self::Key<K>>;

    /// What looks rows of that store up.
    #[doc(hidden)]
    fn getter<K: Data, A: Data>(&self, store: &str) -> ValueGetterSupplier<Self::Key<K>, A>;

    /// Adds the store and connects it to the node's processor.
    #[doc(hidden)]
    fn write_store<K: Data, A: Data>(
        &self,
        draft: &AggregationDraft<K, A>,
        emission: Emission,
        writer: &mut Writer<'_>,
    ) -> Result<()>;

    /// The processor of one task.
    #[doc(hidden)]
    fn processor<K: Data, V: Data, A: Data, F: Fold<K, V, A>>(
        &self,
        aggregation: Arc<Aggregation<K, V, A, F>>,
        emission: Emission,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<impl Processor<K, V, Self::Key<K>, Change<A>> + use<Self, K, V, A, F>>;

    /// The same where the type is not known.
    #[doc(hidden)]
    fn any_layout(&self) -> AnyLayout;
}

/// A [`Layout`] whose windows never become one: all but [`SessionWindows`].
pub trait Unmerged: Layout {}

impl Unmerged for Whole {}

impl Unmerged for SlidingWindows {}

impl<W: Windows> Unmerged for W {}

/// How long windows are needed, in ms.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// For how long after its end a window takes late records.
    pub(super) grace_ms: i64,
    /// For how long the store must keep a window after its start.
    pub(super) kept_ms: i64,
}

/// How results are emitted.
#[derive(Clone, Copy, Debug)]
pub struct Emission {
    pub(super) strategy: EmitStrategy,
    /// Whether updates carry old values.
    pub(super) old_values: bool,
}

/// A layout whose type is not known: cogrouped streams learn theirs last.
pub enum AnyLayout {
    /// See [`Whole`].
    Whole(Whole),
    /// See [`Windows`].
    Listed(AnyWindows),
    /// See [`SlidingWindows`].
    Sliding(SlidingWindows),
    /// See [`SessionWindows`].
    Session(SessionWindows),
}
