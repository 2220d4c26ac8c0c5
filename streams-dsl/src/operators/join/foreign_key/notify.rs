//! The foreign side: tells all subscribers of each change of a foreign row (`ForeignTableJoinProcessorSupplier`).

use std::sync::Arc;

use streams_core::error::Result;
use streams_core::processor::{Data, DropReason, Processor, ProcessorContext};
use streams_core::record::{Change, Record};
use streams_core::serde::foreign_key::SubscriptionResponse;

use super::hash::unserializable;
use super::receive::{SubscriptionStore, Subscriptions};
use crate::operators::aggregate::opened;

/// Answers every subscription to a foreign key anew when its row changes, in the order of the primary keys' bytes.
///
/// 1. Answers have the time and headers of the change.
/// 2. An update of a versioned table that is not to the latest version of a row is dropped and counted.
pub(super) struct NotifyProcessor<K, KO> {
    shared: Arc<Subscriptions<K, KO>>,
    /// Whether the foreign table is a versioned one.
    versioned: bool,
    store: Option<SubscriptionStore<K>>,
    /// What the keys of all subscribers begin with.
    prefix: Vec<u8>,
}

impl<K: Data, KO: Data> NotifyProcessor<K, KO> {
    /// An instance for one task.
    pub(super) fn new(shared: Arc<Subscriptions<K, KO>>, versioned: bool) -> Self {
        NotifyProcessor { shared, versioned, store: None, prefix: Vec::new() }
    }
}

impl<K: Data, KO: Data, VO: Data> Processor<KO, Change<VO>, K, SubscriptionResponse<VO>>
    for NotifyProcessor<K, KO>
{
    fn init(&mut self, context: &mut ProcessorContext<'_, K, SubscriptionResponse<VO>>) -> Result<()> {
        self.shared.topics.resolve(context.application_id());
        self.store = Some(context.state_store(&self.shared.store)?);
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<KO, Change<VO>>,
        context: &mut ProcessorContext<'_, K, SubscriptionResponse<VO>>,
    ) -> Result<()> {
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
        // Answers go to a sink, which does not come back to this store.
        opened(&self.store)?.for_each_with_prefix(&self.prefix, |_, subscriber| {
            let subscription = subscriber.value;
            context.forward(Record {
                key: subscription.primary_key,
                value: SubscriptionResponse {
                    hash: subscription.hash,
                    foreign_value: change.new.clone(),
                    primary_partition: subscription.primary_partition,
                },
                timestamp,
                headers: headers.clone(),
            })
        })
    }
}
