//! Processors that cannot change the key, so that no repartitioning follows (KIP-820).

use std::fmt::Display;
use std::marker::PhantomData;
use std::time::Duration;

use super::{
    Data, DropReason, Processor, ProcessorContext, ProcessorResult, Punctuation, PunctuationType, StoreAccess,
};
use crate::config::StreamsConfig;
use crate::error::Result;
use crate::ids::TaskId;
use crate::record::{Headers, Record, RecordMetadata};
use crate::store::NamedStore;
use crate::time::{IntoTimestamp, Timestamp};

/// A record whose key can be read but not replaced
/// (`org.apache.kafka.streams.processor.api.FixedKeyRecord`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedKeyRecord<K, V>(Record<K, V>);

impl<K, V> FixedKeyRecord<K, V> {
    /// The key.
    pub fn key(&self) -> &K {
        &self.0.key
    }

    /// The value.
    pub fn value(&self) -> &V {
        &self.0.value
    }

    /// Event time in milliseconds.
    pub fn timestamp(&self) -> Timestamp {
        self.0.timestamp
    }

    /// The headers.
    pub fn headers(&self) -> &Headers {
        &self.0.headers
    }

    /// The same record with another value.
    pub fn with_value<V2>(self, value: V2) -> FixedKeyRecord<K, V2> {
        FixedKeyRecord(self.0.with_value(value))
    }

    /// The same record at another time.
    pub fn with_timestamp(self, timestamp: impl IntoTimestamp) -> Self {
        FixedKeyRecord(self.0.with_timestamp(timestamp))
    }

    /// The same record with other headers.
    pub fn with_headers(self, headers: Headers) -> Self {
        FixedKeyRecord(self.0.with_headers(headers))
    }
}

/// The context of a fixed-key processor (`FixedKeyProcessorContext`).
pub struct FixedKeyContext<'a, K: Data, V: Data>(ProcessorContext<'a, K, V>);

impl<K: Data, V: Data> FixedKeyContext<'_, K, V> {
    /// Hands a record to every child.
    pub fn forward(&mut self, record: FixedKeyRecord<K, V>) -> ProcessorResult {
        self.0.forward(record.0)
    }

    /// Hands a record to the child of that name; an error if there is none.
    pub fn forward_to(&mut self, child: &str, record: FixedKeyRecord<K, V>) -> ProcessorResult {
        self.0.forward_to(child, record.0)
    }

    /// As [`InitContext::state_store`](super::InitContext::state_store).
    pub fn state_store<S: Clone + 'static>(&self, store: impl NamedStore<S>) -> Result<S> {
        self.0.state_store(store)
    }

    /// The stores that are connected to this node.
    pub fn stores(&self) -> StoreAccess<'_> {
        self.0.stores()
    }

    /// As [`ProcessorContext::schedule`].
    pub fn schedule(&mut self, interval: Duration, kind: PunctuationType) -> Result<Punctuation> {
        self.0.schedule(interval, kind)
    }

    /// Ends a punctuation.
    pub fn cancel(&mut self, punctuation: Punctuation) {
        self.0.cancel(punctuation);
    }

    /// Asks for a commit.
    pub fn commit(&mut self) {
        self.0.commit();
    }

    /// As [`ProcessorContext::schedule_at`].
    pub fn schedule_at(
        &mut self,
        start: impl IntoTimestamp,
        interval: Duration,
        kind: PunctuationType,
    ) -> Result<Punctuation> {
        self.0.schedule_at(start, interval, kind)
    }

    /// As [`ProcessorContext::drop_record`].
    pub fn drop_record(&mut self, why: &str) {
        self.0.drop_record(why);
    }

    /// As [`ProcessorContext::drop_record_as`].
    pub fn drop_record_as(&mut self, reason: DropReason, detail: impl Display) {
        self.0.drop_record_as(reason, detail);
    }

    /// As [`ProcessorContext::processor_metadata`].
    #[doc(hidden)]
    pub fn processor_metadata(&self, name: &str) -> Option<i64> {
        self.0.processor_metadata(name)
    }

    /// As [`ProcessorContext::set_processor_metadata`].
    #[doc(hidden)]
    pub fn set_processor_metadata(&mut self, name: &str, value: i64) {
        self.0.set_processor_metadata(name, value);
    }

    /// Where the current record was read; `None` during a punctuation.
    pub fn record_metadata(&self) -> Option<RecordMetadata> {
        self.0.record_metadata()
    }

    /// `application.id`.
    pub fn application_id(&self) -> &str {
        self.0.application_id()
    }

    /// The application's settings (`appConfigs`).
    pub fn config(&self) -> &StreamsConfig {
        self.0.config()
    }

    /// The task.
    pub fn task_id(&self) -> TaskId {
        self.0.task_id()
    }

    /// The largest record timestamp so far.
    pub fn current_stream_time_ms(&self) -> Timestamp {
        self.0.current_stream_time_ms()
    }

    /// The wall clock as of this step.
    pub fn current_system_time_ms(&self) -> Timestamp {
        self.0.current_system_time_ms()
    }
}

/// A processor that keeps each record's key (`org.apache.kafka.streams.processor.api.FixedKeyProcessor`). The DSL takes
/// it in `process_values`; in a [`Topology`](crate::topology::Topology) it is a [`FixedKey`].
///
/// ```
/// # use streams_core as kstreams;
/// use kstreams::processor::{FixedKeyContext, FixedKeyProcessor, FixedKeyRecord, ProcessorResult};
///
/// struct Length;
///
/// impl FixedKeyProcessor<String, String, i64> for Length {
///     fn process(
///         &mut self,
///         record: FixedKeyRecord<String, String>,
///         context: &mut FixedKeyContext<'_, String, i64>,
///     ) -> ProcessorResult {
///         let length = i64::try_from(record.value().len()).unwrap_or(i64::MAX);
///         context.forward(record.with_value(length))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a fixed-key processor of records with key `{K}` and value `{VIn}` that forwards values \
               `{VOut}`",
    label = "not a fixed-key processor of these records",
    note = "the types of `impl FixedKeyProcessor<K, VIn, VOut>` are the stream's key and value, and the value that it \
            forwards; a `Processor`, which may change the key, is for `process`"
)]
pub trait FixedKeyProcessor<K: Data, VIn: Data, VOut: Data>: 'static {
    /// Called for each record.
    fn process(
        &mut self,
        record: FixedKeyRecord<K, VIn>,
        context: &mut FixedKeyContext<'_, K, VOut>,
    ) -> ProcessorResult;

    /// Called when a punctuation is due. There is no record and so no key: it can change stores, but can only forward
    /// records that it has kept.
    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        timestamp: Timestamp,
        context: &mut FixedKeyContext<'_, K, VOut>,
    ) -> ProcessorResult {
        let _ = (punctuation, timestamp, context);
        Ok(())
    }

    /// Called once when the task closes.
    fn close(&mut self) {}
}

/// A fixed-key processor as a [`Processor`].
#[doc(hidden)]
pub struct FixedKey<P, VIn> {
    processor: P,
    types: PhantomData<fn(VIn)>,
}

impl<P, VIn> FixedKey<P, VIn> {
    /// Wraps `processor`.
    pub fn new(processor: P) -> Self {
        FixedKey { processor, types: PhantomData }
    }
}

impl<P, K, VIn, VOut> Processor<K, VIn, K, VOut> for FixedKey<P, VIn>
where
    P: FixedKeyProcessor<K, VIn, VOut>,
    K: Data,
    VIn: Data,
    VOut: Data,
{
    fn process(
        &mut self,
        record: Record<K, VIn>,
        context: &mut ProcessorContext<'_, K, VOut>,
    ) -> ProcessorResult {
        self.processor.process(FixedKeyRecord(record), &mut FixedKeyContext(context.reborrow()))
    }

    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        timestamp: Timestamp,
        context: &mut ProcessorContext<'_, K, VOut>,
    ) -> ProcessorResult {
        self.processor.punctuate(punctuation, timestamp, &mut FixedKeyContext(context.reborrow()))
    }

    fn close(&mut self) {
        self.processor.close();
    }
}
