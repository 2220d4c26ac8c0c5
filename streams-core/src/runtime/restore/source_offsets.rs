//! Offsets of source topics: where a task reads on, and how far its stores go that have one as their changelog.

use std::collections::{BTreeMap, BTreeSet};

use super::{ADMIN_TIMEOUT, Opening, Restorer, SourceStart};
use crate::config::AutoOffsetReset;
use crate::error::{Error, Result, TopicsError};
use crate::ids::{Offset, TaskId, TopicPartition};
use crate::serde::TopicPartitionMetadata;
use crate::topology::SubtopologyStore;
use crate::transport::{self, GroupOffsets, Isolation, OffsetQuery, TransportError, TransportErrorKind};

type Answers = BTreeMap<TopicPartition, transport::Result<Offset>>;

/// The bounds of a topic.
const FIRST: OffsetQuery = OffsetQuery::Earliest;
const END: OffsetQuery = OffsetQuery::Latest(Isolation::ReadUncommitted);

/// What the broker says about sources, each partition with an answer of its own.
#[derive(Default)]
pub(super) struct SourceOffsets(Vec<(OffsetQuery, transport::Result<Answers>)>);

impl SourceOffsets {
    fn of(&self, partition: &TopicPartition, query: OffsetQuery) -> Result<Offset> {
        let answers = self.0.iter().find(|(asked, _)| *asked == query).map(|(_, answers)| answers);
        let answer = match answers {
            Some(Ok(answers)) => answers.get(partition),
            Some(Err(error)) => return Err(of_question(partition, error)),
            None => None,
        };
        match answer {
            Some(Ok(offset)) => Ok(*offset),
            Some(Err(error)) => Err(of_question(partition, error)),
            None => {
                let attempted = format!("asking for offsets of {partition}");
                let reason = "the broker gave no answer";
                Err(TransportError::new(TransportErrorKind::Retriable, attempted, reason).into())
            }
        }
    }
}

/// The answer to a question for many, as one of them gets it.
fn of_question(partition: &TopicPartition, error: &TransportError) -> Error {
    let attempted = format!("asking where to read {partition}");
    TransportError::new(error.kind(), attempted, error.to_string()).into()
}

impl Restorer {
    /// Asks where the sources of all these tasks are read of which nothing is committed, or nothing that exists: once
    /// for all of them.
    pub(super) fn ask_sources(&mut self, tasks: &[Opening], offsets: &GroupOffsets) -> Result<SourceOffsets> {
        let mut questions: Vec<(OffsetQuery, Vec<TopicPartition>)> = Vec::new();
        let mut ask =
            |query, partition: &TopicPartition| match questions.iter_mut().find(|one| one.0 == query) {
                Some((_, partitions)) => partitions.push(partition.clone()),
                None => questions.push((query, vec![partition.clone()])),
            };
        for opening in tasks {
            let task = opening.request.task;
            for partition in self.plan.subtopology(task)?.partitions_of(task) {
                let is_committed = offsets.committed.contains_key(&partition);
                if is_committed && !opening.request.unreadable.contains(&partition) {
                    continue;
                }
                if is_committed {
                    ask(FIRST, &partition);
                    ask(END, &partition);
                }
                // Without a policy, that is said when it is needed.
                if let Ok(query) = self.reset_query(&partition) {
                    ask(query, &partition);
                }
            }
        }
        let admin = &mut self.admin;
        let asked = questions.into_iter().map(|(query, mut partitions)| {
            partitions.dedup();
            (query, admin.offsets_each(&partitions, query, ADMIN_TIMEOUT))
        });
        Ok(SourceOffsets(asked.collect()))
    }

    /// What the group has committed of those changelogs that are source topics, of all these tasks.
    pub(super) fn ask_read<'a>(
        &mut self,
        logged: impl Iterator<Item = &'a (&'a SubtopologyStore, TopicPartition)>,
    ) -> transport::Result<GroupOffsets> {
        let sources = logged.filter(|(store, _)| store.is_source);
        let sources: Vec<_> = sources.map(|(_, partition)| partition.clone()).collect();
        if sources.is_empty() {
            Ok(GroupOffsets::default())
        } else {
            self.admin.group_offsets(&self.plan.application_id, &sources, ADMIN_TIMEOUT)
        }
    }

    /// Where a task reads on: at the committed offsets, and where there is none, or none that the topic still has, as its
    /// source says.
    pub(super) fn sources(
        &mut self,
        partitions: Vec<TopicPartition>,
        offsets: &GroupOffsets,
        unreadable: &BTreeSet<TopicPartition>,
        found: &SourceOffsets,
    ) -> Result<Vec<SourceStart>> {
        let mut starts = Vec::with_capacity(partitions.len());
        for partition in partitions {
            starts.push(match offsets.committed.get(&partition) {
                Some(known) => {
                    let offset = if unreadable.contains(&partition) {
                        self.existing(&partition, known.offset, found)?
                    } else {
                        known.offset
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
                    offset: found.of(&partition, self.reset_query(&partition)?)?,
                    committed: None,
                    metadata: TopicPartitionMetadata::default(),
                    partition,
                },
            });
        }
        Ok(starts)
    }

    /// The committed offset if the topic has it, else where its source says (`StreamThread.resetOffsets`).
    fn existing(
        &mut self,
        partition: &TopicPartition,
        committed: Offset,
        found: &SourceOffsets,
    ) -> Result<Offset> {
        let (first, end) = (found.of(partition, FIRST)?, found.of(partition, END)?);
        if (first..=end).contains(&committed) {
            return Ok(committed);
        }
        let offset = found.of(partition, self.reset_query(partition)?)?;
        // Each time that work is repeated finds it again, until there is another commit.
        if self.not_there.insert(partition.clone(), committed) != Some(committed) {
            tracing::warn!(
                %partition, committed, first, end, offset,
                "the committed offset no longer exists; records may have been lost to the topic's retention, or with the \
                 topic, if it was created again. Reads on as the reset policy says"
            );
        }
        Ok(offset)
    }

    fn reset_query(&self, partition: &TopicPartition) -> Result<OffsetQuery> {
        let of_source = self.plan.reset_of(&partition.topic);
        Ok(match of_source.unwrap_or_else(|| self.config.auto_offset_reset()) {
            AutoOffsetReset::Earliest => OffsetQuery::Earliest,
            AutoOffsetReset::Latest => OffsetQuery::Latest(Isolation::ReadCommitted),
            AutoOffsetReset::ByDuration(age) => {
                let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
                OffsetQuery::AtTime(self.now.saturating_sub(age_ms))
            }
            AutoOffsetReset::None => {
                return Err(TopicsError::NoOffset { partition: partition.clone() }.into());
            }
        })
    }
}

/// How far the application has come with those of a task's changelogs that are source topics.
pub(super) fn read_of_sources(
    task: TaskId,
    logged: &[(&SubtopologyStore, TopicPartition)],
    asked: &transport::Result<GroupOffsets>,
) -> Result<BTreeMap<TopicPartition, Offset>> {
    let mut read = BTreeMap::new();
    for (_, partition) in logged.iter().filter(|(store, _)| store.is_source) {
        let offsets = asked.as_ref().map_err(|error| of_question(partition, error))?;
        if offsets.undecided.contains(partition) {
            let attempted = format!("read the committed offset of {partition} to open task {task}");
            let kind = TransportErrorKind::Retriable;
            return Err(TransportError::new(kind, attempted, "a transaction is committing it").into());
        }
        if let Some(known) = offsets.committed.get(partition) {
            read.insert(partition.clone(), known.offset);
        }
    }
    Ok(read)
}
