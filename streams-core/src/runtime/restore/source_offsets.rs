//! Offsets of source topics: where a task reads on, and how far its stores go that have one as their changelog.

use std::collections::{BTreeMap, BTreeSet};

use super::{ADMIN_TIMEOUT, Restorer, SourceStart};
use crate::config::AutoOffsetReset as DefaultReset;
use crate::error::{Error, Result};
use crate::ids::{Offset, TaskId, TopicPartition};
use crate::runtime::plan::StorePlan;
use crate::serde::TopicPartitionMetadata;
use crate::topology::AutoOffsetReset;
use crate::transport::{GroupOffsets, Isolation, OffsetQuery, TransportError, TransportErrorKind};

impl Restorer {
    /// How far the application has come with those of the changelogs that are source topics.
    pub(super) fn read_of_sources(
        &mut self,
        task: TaskId,
        logged: &[(&StorePlan, TopicPartition)],
    ) -> Result<BTreeMap<TopicPartition, Offset>> {
        let sources = logged.iter().filter(|(store, _)| store.is_source);
        let sources: Vec<_> = sources.map(|(_, partition)| partition.clone()).collect();
        if sources.is_empty() {
            return Ok(BTreeMap::new());
        }
        let offsets = self.admin.group_offsets(&self.plan.application_id, &sources, ADMIN_TIMEOUT)?;
        if let Some(partition) = sources.iter().find(|source| offsets.undecided.contains(source)) {
            let attempted = format!("read the committed offset of {partition} to open task {task}");
            let kind = TransportErrorKind::Retriable;
            return Err(TransportError::new(kind, attempted, "a transaction is committing it").into());
        }
        Ok(offsets.committed.into_iter().map(|(partition, known)| (partition, known.offset)).collect())
    }

    /// Where a task reads on: at the committed offsets, and where there is none, or none that the topic still has, as its
    /// source says.
    pub(super) fn sources(
        &mut self,
        partitions: Vec<TopicPartition>,
        offsets: &GroupOffsets,
        unreadable: &BTreeSet<TopicPartition>,
    ) -> Result<Vec<SourceStart>> {
        let mut starts = Vec::with_capacity(partitions.len());
        for partition in partitions {
            starts.push(match offsets.committed.get(&partition) {
                Some(known) => {
                    let offset = match unreadable.contains(&partition) {
                        true => self.existing(&partition, known.offset)?,
                        false => known.offset,
                    };
                    // A committed offset that does not exist is not where the task is: the next commit replaces it, be it
                    // by a lower one.
                    SourceStart {
                        offset,
                        committed: (offset == known.offset).then_some(offset),
                        metadata: TopicPartitionMetadata::decode(&known.metadata),
                        partition,
                    }
                }
                None => SourceStart {
                    offset: self.reset(&partition)?,
                    committed: None,
                    metadata: TopicPartitionMetadata::default(),
                    partition,
                },
            });
        }
        Ok(starts)
    }

    /// The committed offset if the topic has it, else where its source says (`StreamThread.resetOffsets`).
    fn existing(&mut self, partition: &TopicPartition, committed: Offset) -> Result<Offset> {
        let mut bounds = [0, 0];
        let queries = [OffsetQuery::Earliest, OffsetQuery::Latest(Isolation::ReadUncommitted)];
        for (bound, query) in bounds.iter_mut().zip(queries) {
            let found = self.admin.offsets(std::slice::from_ref(partition), query, ADMIN_TIMEOUT)?;
            *bound = found.get(partition).copied().unwrap_or_default();
        }
        let [first, end] = bounds;
        if (first..=end).contains(&committed) {
            return Ok(committed);
        }
        let offset = self.reset(partition)?;
        tracing::warn!(
            %partition, committed, first, end, offset,
            "the committed offset does not exist any more; records may have been lost to the topic's retention. Reads on as \
             the reset policy says"
        );
        Ok(offset)
    }

    fn reset(&mut self, partition: &TopicPartition) -> Result<Offset> {
        let latest = OffsetQuery::Latest(Isolation::ReadCommitted);
        let query = match (self.plan.reset_of(&partition.topic), self.config.auto_offset_reset()) {
            (Some(AutoOffsetReset::Earliest), _) | (None, DefaultReset::Earliest) => OffsetQuery::Earliest,
            (Some(AutoOffsetReset::Latest), _) | (None, DefaultReset::Latest) => latest,
            (Some(AutoOffsetReset::ByDuration(ms)), _) => OffsetQuery::AtTime(self.now - ms),
            (Some(AutoOffsetReset::None), _) | (None, DefaultReset::None) => {
                return Err(Error::Topics(format!(
                    "no offset that exists is committed for {partition} and its reset policy is 'none'; commit one, or \
                     set the policy to earliest or latest"
                )));
            }
        };
        let offsets = self.admin.offsets(std::slice::from_ref(partition), query, ADMIN_TIMEOUT)?;
        Ok(offsets.get(partition).copied().unwrap_or(0))
    }
}
