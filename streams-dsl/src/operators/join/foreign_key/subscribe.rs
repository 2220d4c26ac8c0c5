//! The primary side: tells the foreign side of each change of a row (`SubscriptionSendProcessorSupplier`).

use std::sync::Arc;

use streams_core::error::Result;
use streams_core::processor::{Data, DropReason, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Headers, Record};
use streams_core::serde::SerdeRef;
use streams_core::serde::foreign_key::{Instruction, PseudoTopics, Subscription};

use super::hash::{append, row_hash};
use crate::operators::nulls::Nulls;

/// Takes the foreign key out of a row.
pub(super) type Extractor<K, V, KO> = Arc<dyn Fn(&K, &V) -> Option<KO> + Send + Sync>;

/// What all instances share.
pub(super) struct Subscribe<K, V, KO> {
    pub(super) extractor: Extractor<K, V, KO>,
    pub(super) foreign_key: SerdeRef<KO>,
    pub(super) value: SerdeRef<V>,
    pub(super) topics: Arc<PseudoTopics>,
    pub(super) left: bool,
}

/// Subscribes each row to its foreign key.
///
/// 1. If the foreign key changes, the old subscription is ended first, as the new one may go to another partition.
/// 2. Inner: a row that has a foreign key and had none, or the same one, wants an answer only if there is a foreign row;
///    after a change of the key also one that there is none, to delete the old result. A row that loses its foreign key,
///    or is deleted, has its old subscription answer with none; a new row without one is dropped and counted.
/// 3. Left: each change wants an answer; without a foreign key the message has no key either.
/// 4. An update of a versioned table that is not to the latest version of a row is dropped and counted.
pub(super) struct SubscribeProcessor<K, V, KO> {
    shared: Arc<Subscribe<K, V, KO>>,
    /// Whether the table is a versioned one.
    versioned: bool,
    foreign_nulls: Nulls<KO>,
    /// Foreign keys or a row, serialized.
    scratch: Vec<u8>,
}

/// Sends subscriptions of one change, which have the same hash.
struct Sender<'a, 'b, K: Data, KO: Data> {
    record: Record<K, Option<u128>>,
    context: &'a mut ProcessorContext<'b, Option<KO>, Subscription<K>>,
}

impl<K: Data, KO: Data> Sender<'_, '_, K, KO> {
    fn send(&mut self, foreign_key: Option<KO>, instruction: Instruction) -> ProcessorResult {
        let subscription = Subscription {
            hash: self.record.value,
            instruction,
            primary_key: self.record.key.clone(),
            primary_partition: Some(self.context.task_id().partition),
        };
        self.context.forward(Record {
            key: foreign_key,
            value: subscription,
            timestamp: self.record.timestamp,
            headers: self.record.headers.clone(),
        })
    }
}

impl<K: Data, V: Data, KO: Data> SubscribeProcessor<K, V, KO> {
    /// The instance of one task.
    pub(super) fn open(
        shared: &Arc<Subscribe<K, V, KO>>,
        versioned: bool,
        context: &InitContext<'_>,
    ) -> Self {
        shared.topics.resolve(context.application_id());
        let foreign_nulls = Nulls::of(Some(&shared.foreign_key));
        SubscribeProcessor { shared: Arc::clone(shared), versioned, foreign_nulls, scratch: Vec::new() }
    }

    fn foreign_key(&self, key: &K, row: Option<&V>) -> Option<KO> {
        let foreign_key = (self.shared.extractor)(key, row?)?;
        self.foreign_nulls.reject(foreign_key)
    }

    /// Whether the bytes of two foreign keys differ; their type need not be comparable.
    fn differ(&mut self, new: &KO, old: &KO, headers: &Headers) -> Result<bool> {
        let Subscribe { foreign_key, topics, .. } = &*self.shared;
        self.scratch.clear();
        append(foreign_key, topics.foreign_key(), "foreign key", new, headers, &mut self.scratch)?;
        let middle = self.scratch.len();
        append(foreign_key, topics.foreign_key(), "foreign key", old, headers, &mut self.scratch)?;
        let (new, old) = self.scratch.split_at(middle);
        Ok(new != old)
    }

    fn hash(&mut self, row: Option<&V>, headers: &Headers) -> Result<Option<u128>> {
        let Subscribe { value, topics, .. } = &*self.shared;
        row.map(|row| row_hash(value, topics, row, headers, &mut self.scratch)).transpose()
    }
}

impl<K: Data, V: Data, KO: Data> Processor<K, Change<V>, Option<KO>, Subscription<K>>
    for SubscribeProcessor<K, V, KO>
{
    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        context: &mut ProcessorContext<'_, Option<KO>, Subscription<K>>,
    ) -> ProcessorResult {
        use Instruction::{
            DeleteKeyAndPropagate, DeleteKeyNoPropagate, PropagateNullIfNoForeignValue,
            PropagateOnlyIfForeignValue,
        };
        let Record { key, value: Change { new, old, is_latest }, timestamp, headers } = record;
        if self.versioned && !is_latest {
            context
                .drop_record_as(DropReason::OutOfOrder, "a foreign-key join takes the latest versions only");
            return Ok(());
        }
        if new.is_none() && old.is_none() {
            return Ok(());
        }
        let old_key = self.foreign_key(&key, old.as_ref());
        let new_key = self.foreign_key(&key, new.as_ref());
        let had_key = old_key.is_some();
        let changed = match (&new_key, &old_key) {
            (Some(new), Some(old)) => self.differ(new, old, &headers)?,
            (new, old) => new.is_some() != old.is_some(),
        };
        let left = self.shared.left;
        let no_key = new.is_some() && new_key.is_none();
        if !left && no_key {
            context.drop_record_as(DropReason::NullJoinKey, "the row has no foreign key");
        }
        if !left && new_key.is_none() && !had_key {
            return Ok(());
        }
        let hash = self.hash(new.as_ref(), &headers)?;
        let mut sender = Sender { record: Record { key, value: hash, timestamp, headers }, context };
        if let Some(old_key) = old_key.filter(|_| changed) {
            // An inner join's row without a foreign key sends nothing else, so that the old one has to answer.
            let answers = !left && new_key.is_none();
            sender.send(Some(old_key), if answers { DeleteKeyAndPropagate } else { DeleteKeyNoPropagate })?;
        }
        match new_key {
            None if !left => Ok(()),
            new_key if left || (had_key && changed) => sender.send(new_key, PropagateNullIfNoForeignValue),
            new_key => sender.send(new_key, PropagateOnlyIfForeignValue),
        }
    }
}
