//! What a processor can ask of its task while it runs (`ProcessorContext`, `ProcessingContext`).

use std::fmt::Display;
use std::time::Duration;

use super::node::NodeIndex;
use super::{Children, Data, DropReason, ProcessorResult, Punctuation, PunctuationType, TaskContext};
use crate::config::StreamsConfig;
use crate::error::{Error, Result};
use crate::ids::{Offset, TaskId, TopicPartition};
use crate::record::{Record, RecordMetadata};
use crate::store::{NamedStore, RecordContext};
use crate::time::{IntoTimestamp, Timestamp};
use crate::user_code::guarded;

/// The stores of one node, without the types that it forwards: for code that looks up stores on behalf of any
/// processor.
#[derive(Clone, Copy)]
pub struct StoreAccess<'a> {
    node: NodeIndex,
    task: &'a TaskContext,
}

impl<'a> StoreAccess<'a> {
    pub(super) fn new(node: NodeIndex, task: &'a TaskContext) -> Self {
        StoreAccess { node, task }
    }

    /// As [`InitContext::state_store`](super::InitContext::state_store).
    pub fn get<S: Clone + 'static>(&self, store: impl NamedStore<S>) -> Result<S> {
        self.task.store(self.node, store.store_name())
    }

    /// The store of that name if it has that type, for code that serves several types of stores.
    #[doc(hidden)]
    pub fn find<S: Clone + 'static>(&self, name: &str) -> Option<S> {
        self.task.any_store(name)
    }
}

/// A processor's view of its task: forwards records of type `K`, `V`, gives stores, time and punctuations
/// (`org.apache.kafka.streams.processor.api.ProcessorContext`).
pub struct ProcessorContext<'a, K: Data, V: Data> {
    pub(super) node: NodeIndex,
    pub(super) children: &'a Children<K, V>,
    pub(super) task: &'a mut TaskContext,
}

impl<K: Data, V: Data> ProcessorContext<'_, K, V> {
    /// Hands a record to every child, depth first, in the order in which the children were added. Time and headers are
    /// those of the record that is given.
    #[inline]
    pub fn forward(&mut self, record: Record<K, V>) -> ProcessorResult {
        Ok(self.children.forward(record, self.task)?)
    }

    /// Hands a record to the child of that name (`forward(record, childName)`); an error if there is none.
    pub fn forward_to(&mut self, child: &str, record: Record<K, V>) -> ProcessorResult {
        Ok(self.children.forward_to(child, record, self.task)?)
    }

    /// Hands a record to every child as the one that was kept under `kept`: its origin and the context that stores log
    /// are those of the kept record.
    #[doc(hidden)]
    pub fn forward_kept(&mut self, kept: &RecordContext, record: Record<K, V>) -> ProcessorResult {
        let children = self.children;
        Ok(self.task.at_record(kept, |task| children.forward(record, task))?)
    }

    /// Does one independent part of the node's work, such as one of several results. If it fails, the processing exception
    /// handler is asked at once. If that resumes, the node continues with the rest of its work.
    #[doc(hidden)]
    pub fn attempt(&mut self, part: impl FnOnce(&mut Self) -> ProcessorResult) -> ProcessorResult {
        match guarded(|| part(self)) {
            Ok(()) => Ok(()),
            Err(error) => {
                let node = self.task.node_name(self.node);
                Ok(self.task.on_processing_error(&node, Error::of_user_code(error))?)
            }
        }
    }

    /// As [`attempt`](Self::attempt), with the record that was kept under `kept` as the current one, as for
    /// [`forward_kept`](Self::forward_kept).
    #[doc(hidden)]
    pub fn attempt_kept(
        &mut self,
        kept: &RecordContext,
        part: impl FnOnce(&mut ProcessorContext<'_, K, V>) -> ProcessorResult,
    ) -> ProcessorResult {
        let (node, children) = (self.node, self.children);
        self.task.at_record(kept, |task| ProcessorContext { node, children, task }.attempt(part))
    }

    /// A row that another record has left in a store. If it cannot be read back, the processing exception handler is asked
    /// about the row; if that resumes, the row is counted as left out, `delete` gets its key, and there is none.
    #[doc(hidden)]
    #[inline]
    pub fn readable<R>(
        &mut self,
        row: Result<R>,
        delete: impl FnOnce(&[u8]) -> Result<()>,
    ) -> ProcessorResult<Option<R>> {
        match row {
            Ok(row) => Ok(Some(row)),
            Err(error) => {
                delete(&self.skip_unreadable(None, error)?)?;
                Ok(None)
            }
        }
    }

    /// Asks the processing exception handler about such a row. If that resumes, the row is counted as left out, and is to be
    /// deleted; this is its key. `kept` says where it came from, if that is known. Errors about anything else are returned.
    #[doc(hidden)]
    #[cold]
    pub fn skip_unreadable(
        &mut self,
        kept: Option<&RecordContext>,
        error: Error,
    ) -> ProcessorResult<Box<[u8]>> {
        let node = self.task.node_name(self.node);
        Ok(self.task.on_unreadable_row(&node, kept, error)?)
    }

    /// The same context for a shorter time.
    pub(super) fn reborrow(&mut self) -> ProcessorContext<'_, K, V> {
        ProcessorContext { node: self.node, children: self.children, task: self.task }
    }

    /// As [`InitContext::state_store`](super::InitContext::state_store).
    pub fn state_store<S: Clone + 'static>(&self, store: impl NamedStore<S>) -> Result<S> {
        self.task.store(self.node, store.store_name())
    }

    /// The stores that are connected to this node.
    pub fn stores(&self) -> StoreAccess<'_> {
        StoreAccess::new(self.node, self.task)
    }

    /// Asks for [`Processor::punctuate`](super::Processor::punctuate) every `interval`, of which whole milliseconds
    /// count (at least 1).
    ///
    /// Stream-time punctuations first fire at the first stream time, wall-clock ones `interval` from now; intervals
    /// that were missed are made up by one call (KIP-138).
    pub fn schedule(&mut self, interval: Duration, kind: PunctuationType) -> Result<Punctuation> {
        self.task.schedule(self.node, None, interval, kind)
    }

    /// As [`schedule`](Self::schedule), aligned to `start`: fires at `start + n * interval` (KIP-1146).
    pub fn schedule_at(
        &mut self,
        start: impl IntoTimestamp,
        interval: Duration,
        kind: PunctuationType,
    ) -> Result<Punctuation> {
        self.task.schedule(self.node, Some(start.into_timestamp()), interval, kind)
    }

    /// Ends a punctuation (`Cancellable.cancel`).
    pub fn cancel(&mut self, punctuation: Punctuation) {
        self.task.punctuations.cancel(punctuation);
    }

    /// Asks for a commit as soon as the current record is done.
    pub fn commit(&mut self) {
        self.task.request_commit();
    }

    /// Where the current record was read; `None` during a punctuation.
    pub fn record_metadata(&self) -> Option<RecordMetadata> {
        self.task.record_metadata()
    }

    /// The same as errors have it.
    #[doc(hidden)]
    pub fn position(&self) -> Option<(TopicPartition, Offset)> {
        self.task.position()
    }

    /// The task.
    pub fn task_id(&self) -> TaskId {
        self.task.task_id()
    }

    /// `application.id`.
    pub fn application_id(&self) -> &str {
        self.task.application_id()
    }

    /// The application's settings (`appConfigs`).
    pub fn config(&self) -> &StreamsConfig {
        self.task.config()
    }

    /// The number that a processor of this task committed under that name, together with the offsets.
    #[doc(hidden)]
    pub fn processor_metadata(&self, name: &str) -> Option<i64> {
        self.task.metadata().get(name)
    }

    /// Sets a number that is committed with the offsets of all partitions that this task reads.
    #[doc(hidden)]
    pub fn set_processor_metadata(&mut self, name: &str, value: i64) {
        self.task.metadata_mut().set(name, value);
    }

    /// The largest record timestamp that this task has seen, -1 before the first.
    pub fn current_stream_time_ms(&self) -> Timestamp {
        self.task.stream_time()
    }

    /// The wall clock as of this step of the thread.
    pub fn current_system_time_ms(&self) -> Timestamp {
        self.task.wall_clock_ms()
    }

    /// Counts a record that is dropped on purpose (`dropped-records`), as [`DropReason::User`]. The first one, and then at
    /// most one a minute, is logged as a warning with the record's origin, key and time, and `why`.
    pub fn drop_record(&mut self, why: &str) {
        self.drop_record_as(DropReason::User, format_args!("{why}"));
    }

    /// As [`drop_record`](Self::drop_record), with another reason. `detail` is what the record was judged by. It becomes
    /// text only when it is logged, so `format_args!` costs nothing.
    #[inline]
    pub fn drop_record_as(&mut self, reason: DropReason, detail: impl Display) {
        self.task.drop_record(self.node, reason, &detail);
    }

    /// The task itself, for code that forwards through [`Children`].
    #[doc(hidden)]
    pub fn task(&mut self) -> &mut TaskContext {
        self.task
    }
}
