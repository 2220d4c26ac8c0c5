//! The foreign side: tells all subscribers of each change of a foreign row (`ForeignTableJoinProcessorSupplier`).

use std::sync::Arc;

use streams_core::processor::{Data, DropReason, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Record};
use streams_core::serde::foreign_key::SubscriptionResponse;

use super::hash::unserializable;
use super::receive::{SubscriptionStore, Subscriptions};

/// Answers every subscription to a foreign key again when its row changes, in the order of the primary keys' bytes.
///
/// 1. Answers have the time and headers of the change.
/// 2. An update of a versioned table that is not to the latest version of a row is dropped and counted.
pub(super) struct NotifyProcessor<K, KO> {
    shared: Arc<Subscriptions<K, KO>>,
    /// Whether the foreign table is a versioned one.
    versioned: bool,
    store: SubscriptionStore<K>,
    /// What the keys of all subscribers begin with.
    prefix: Vec<u8>,
}

impl<K: Data, KO: Data> NotifyProcessor<K, KO> {
    /// The instance of one task.
    pub(super) fn open(
        shared: &Arc<Subscriptions<K, KO>>,
        versioned: bool,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        let store = shared.open(context)?;
        Ok(NotifyProcessor { shared: Arc::clone(shared), versioned, store, prefix: Vec::new() })
    }
}

impl<K: Data, KO: Data, VO: Data> Processor<KO, Change<VO>, K, SubscriptionResponse<VO>>
    for NotifyProcessor<K, KO>
{
    fn process(
        &mut self,
        record: Record<KO, Change<VO>>,
        context: &mut ProcessorContext<'_, K, SubscriptionResponse<VO>>,
    ) -> ProcessorResult {
        let Record { key: foreign_key, value: change, timestamp, headers } = record;
        if self.versioned && !change.is_latest {
            context
                .drop_record_as(DropReason::OutOfOrder, "a foreign-key join takes the latest versions only");
            return Ok(());
        }
        let Subscriptions { schema, topics, .. } = &*self.shared;
        self.prefix.clear();
        schema
            .encode_prefix(&foreign_key, &headers, &mut self.prefix)
            .map_err(|source| unserializable("foreign key", topics.foreign_key(), source))?;
        for subscriber in self.store.prefix_scan(&self.prefix)? {
            let delete = |row: &[u8]| self.store.delete_row(row);
            let Some((_, subscription)) = context.readable(subscriber, delete)? else { continue };
            let subscription = subscription.value;
            let answer = Record {
                key: subscription.primary_key,
                value: SubscriptionResponse {
                    hash: subscription.hash,
                    foreign_value: change.new.clone(),
                    primary_partition: subscription.primary_partition,
                },
                timestamp,
                headers: headers.clone(),
            };
            context.forward(answer)?;
        }
        Ok(())
    }
}
