//! The foreign side: keeps subscriptions (`SubscriptionReceiveProcessorSupplier`).

use std::sync::Arc;

use streams_core::processor::{Data, DropReason, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;
use streams_core::serde::foreign_key::{CombinedKeySchema, Instruction, PseudoTopics, Subscription};
use streams_core::store::{Declaration, TimestampedKeyValueStore, ValueAndTimestamp};

use super::hash::unserializable;

/// The store of subscriptions by combined key.
pub(super) type SubscriptionStore<K> = TimestampedKeyValueStore<Vec<u8>, Subscription<K>>;

/// What the two processors on the store of subscriptions share.
pub(super) struct Subscriptions<K, KO> {
    pub(super) store: Arc<str>,
    pub(super) declaration: Declaration,
    pub(super) schema: CombinedKeySchema<KO, K>,
    pub(super) topics: Arc<PseudoTopics>,
}

impl<K: Data, KO> Subscriptions<K, KO> {
    /// The store, in a task that is made.
    pub(super) fn open(&self, context: &InitContext<'_>) -> ProcessorResult<SubscriptionStore<K>> {
        self.topics.resolve(context.application_id());
        Ok(context.state_store(&self.store)?)
    }
}

/// Stores or deletes each subscription and passes it on.
///
/// 1. A message without a foreign key is not stored. It only comes from left joins, where it needs an answer; any other is
///    dropped and counted.
/// 2. Time and headers of the changelog's record are those of the message.
pub(super) struct ReceiveProcessor<K, KO> {
    shared: Arc<Subscriptions<K, KO>>,
    store: SubscriptionStore<K>,
    /// The combined key.
    key: Vec<u8>,
}

impl<K: Data, KO: Data> ReceiveProcessor<K, KO> {
    /// The instance of one task.
    pub(super) fn open(
        shared: &Arc<Subscriptions<K, KO>>,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        let store = shared.open(context)?;
        Ok(ReceiveProcessor { shared: Arc::clone(shared), store, key: Vec::new() })
    }
}

impl<K: Data, KO: Data> Processor<Option<KO>, Subscription<K>, Option<KO>, Subscription<K>>
    for ReceiveProcessor<K, KO>
{
    fn process(
        &mut self,
        record: Record<Option<KO>, Subscription<K>>,
        context: &mut ProcessorContext<'_, Option<KO>, Subscription<K>>,
    ) -> ProcessorResult {
        let subscription = &record.value;
        let Some(foreign_key) = &record.key else {
            if subscription.instruction != Instruction::PropagateNullIfNoForeignValue {
                context.drop_record_as(DropReason::NullJoinKey, "a subscription needs a foreign key");
                return Ok(());
            }
            return context.forward(record);
        };
        let Subscriptions { schema, topics, .. } = &*self.shared;
        self.key.clear();
        schema
            .encode(foreign_key, &subscription.primary_key, &record.headers, &mut self.key)
            .map_err(|source| unserializable("combined key", topics.foreign_key(), source))?;
        let stored = match subscription.instruction {
            Instruction::DeleteKeyAndPropagate | Instruction::DeleteKeyNoPropagate => None,
            Instruction::PropagateNullIfNoForeignValue | Instruction::PropagateOnlyIfForeignValue => {
                Some(ValueAndTimestamp { value: subscription.clone(), timestamp: record.timestamp })
            }
        };
        self.store.put(&self.key, stored)?;
        context.forward(record)
    }
}
