//! The primary side: joins an answer with the row that it is for (`ResponseJoinProcessorSupplier`).

use std::sync::Arc;

use streams_core::error::Result;
use streams_core::processor::{Data, DropReason, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;
use streams_core::serde::SerdeRef;
use streams_core::serde::foreign_key::{PseudoTopics, SubscriptionResponse, murmur3_128};

use super::hash::row_hash;
use crate::operators::nulls::Nulls;
use crate::rows::{ValueGetter, ValueGetterSupplier};

/// Joins a row with the foreign row, if there is one; `None` means no result.
pub(super) type Joiner<V, VO, VR> = Arc<dyn Fn(V, Option<VO>) -> Result<Option<VR>> + Send + Sync>;

/// What all instances share.
pub(super) struct Resolve<V, VO, VR> {
    pub(super) value: SerdeRef<V>,
    pub(super) topics: Arc<PseudoTopics>,
    pub(super) joiner: Joiner<V, VO, VR>,
    /// A result that is null deletes the row.
    pub(super) results: Nulls<VR>,
}

/// Joins each answer with the row as it is now.
///
/// 1. If neither that row's hash nor that of its bytes in the database is the answer's, the row has changed since it
///    subscribed, and another answer is on its way: this one is dropped and counted.
/// 2. A row that is gone, or for inner joins a foreign row that is, deletes the result, whether there was one or not.
/// 3. Results have the time and headers of the answer.
pub(super) struct ResolveProcessor<K, V, VO, VR> {
    shared: Arc<Resolve<V, VO, VR>>,
    rows: Box<dyn ValueGetter<K, V>>,
    /// The row, serialized.
    scratch: Vec<u8>,
}

impl<K: Data, V: Data, VO: Data, VR: Data> ResolveProcessor<K, V, VO, VR> {
    /// The instance of one task.
    pub(super) fn open(
        shared: &Arc<Resolve<V, VO, VR>>,
        rows: &ValueGetterSupplier<K, V>,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        shared.topics.resolve(context.application_id());
        let rows = rows.open(&context.stores())?;
        Ok(ResolveProcessor { shared: Arc::clone(shared), rows, scratch: Vec::new() })
    }

    /// Whether the row's bytes in the database have that hash. They are those with which the row has subscribed; one that was
    /// read back may have others when it is serialized again, such as a map in another order.
    fn is_stored_as(&self, key: &K, hash: Option<u128>) -> ProcessorResult<bool> {
        let Some(hash) = hash else { return Ok(false) };
        Ok(self.rows.stored_bytes(key)?.is_some_and(|bytes| murmur3_128(&bytes) == hash))
    }
}

impl<K: Data, V: Data, VO: Data, VR: Data> Processor<K, SubscriptionResponse<VO>, K, Option<VR>>
    for ResolveProcessor<K, V, VO, VR>
{
    fn process(
        &mut self,
        record: Record<K, SubscriptionResponse<VO>>,
        context: &mut ProcessorContext<'_, K, Option<VR>>,
    ) -> ProcessorResult {
        let Record { key, value: response, timestamp, headers } = record;
        let Resolve { value, topics, joiner, results } = &*self.shared;
        let row = self.rows.get(&key)?.map(|row| row.value);
        let hash = row.as_ref().map(|row| row_hash(value, topics, row, &headers, &mut self.scratch));
        let is_same = hash.transpose()? == response.hash;
        if !is_same && (row.is_none() || !self.is_stored_as(&key, response.hash)?) {
            context.drop_record_as(
                DropReason::StaleAnswer,
                "the row's hash is another one: the change has an answer of its own, unless the serde writes equal rows \
                 differently",
            );
            return Ok(());
        }
        let result = match row {
            Some(row) => joiner(row, response.foreign_value)?,
            None => None,
        };
        let value = result.and_then(|result| results.reject(result));
        context.forward(Record { key, value, timestamp, headers })
    }
}
