//! Where the messages of a foreign-key join go.

use std::sync::Arc;

use streams_core::ids::PartitionId;
use streams_core::partitioner::{Partitions, StreamPartitioner};
use streams_core::serde::foreign_key::{Subscription, SubscriptionResponse};

/// A user's partitioner for a join has to choose one partition: both sides would otherwise hold parts of a row.
fn single(chosen: Partitions) -> Partitions {
    match chosen {
        Partitions::Default => Partitions::Default,
        Partitions::One(partition) => Partitions::One(partition),
        Partitions::Many(partitions) if partitions.len() == 1 => Partitions::Many(partitions),
        Partitions::Many(_) | Partitions::Drop => {
            Partitions::Refuse("a foreign-key join has each row in one partition; choose exactly one")
        }
        refused @ Partitions::Refuse(_) => refused,
    }
}

/// Sends subscriptions to where the other table has the foreign key.
pub(super) struct ToForeignSide<KO>(pub(super) Arc<dyn StreamPartitioner<KO, ()>>);

impl<KO, K> StreamPartitioner<Option<KO>, Subscription<K>> for ToForeignSide<KO> {
    fn partitions(
        &self,
        topic: &str,
        key: &Option<KO>,
        _value: &Subscription<K>,
        partitions: PartitionId,
    ) -> Partitions {
        match key {
            Some(key) => single(self.0.partitions(topic, key, &(), partitions)),
            None => Partitions::Default,
        }
    }
}

/// Sends answers to where the primary table has its key: to the partition that asked, unless the user says otherwise.
pub(super) struct ToPrimarySide<K>(pub(super) Option<Arc<dyn StreamPartitioner<K, ()>>>);

impl<K, VO> StreamPartitioner<K, SubscriptionResponse<VO>> for ToPrimarySide<K> {
    fn partitions(
        &self,
        topic: &str,
        key: &K,
        value: &SubscriptionResponse<VO>,
        partitions: PartitionId,
    ) -> Partitions {
        match (&self.0, value.primary_partition) {
            (Some(partitioner), _) => single(partitioner.partitions(topic, key, &(), partitions)),
            (None, Some(partition)) => Partitions::One(partition),
            (None, None) => Partitions::Default,
        }
    }
}
