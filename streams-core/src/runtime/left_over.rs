//! What abandoned transactions may have left at the broker, and whether all of it has ended (decision 0008).
//!
//! The coordinator reports that a transaction has ended. Whether its markers were written shows only in the partitions:
//! 1. no offset of the group still waits for a transaction;
//! 2. the last stable offset of each partition has reached the high watermark of the first probe.
//!
//! Each partition is probed separately. One that cannot be probed, because it has no leader, is skipped after a while: it
//! becomes *unseen*, and a transaction that wrote to it is not committed before it was probed (decision 0024).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::application_plan::ApplicationPlan;
use crate::ids::{Offset, PartitionId, TopicName, TopicPartition};
use crate::time::OnceAMinute;
use crate::transport::{Admin, Isolation, OffsetQuery, OffsetToCommit, Result, TransportErrorKind};

/// The time-out of one request.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);

/// How many partitions a message names.
const NAMED_MAX: usize = 8;

/// Where an application reads and writes: where an earlier run of a thread may have left something.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    group: String,
    topics: BTreeSet<TopicName>,
    sources: BTreeSet<TopicPartition>,
    /// The topics that no other program writes to: changelogs and repartition topics.
    internal: BTreeSet<TopicName>,
}

impl Scope {
    /// The topics of an application: changelogs, repartition topics and fixed sinks. Topics chosen by record are unknown.
    pub fn of(plan: &ApplicationPlan) -> Self {
        let graph = plan.topology.graph();
        let sinks = graph.fixed_sink_topics().into_iter();
        let mut scope = Scope {
            group: plan.application_id.to_string(),
            topics: sinks.map(|topic| graph.decorate(&plan.application_id, &topic)).collect(),
            internal: plan.internal_topics.values().cloned().collect(),
            sources: BTreeSet::new(),
        };
        for part in plan.subtopologies.values() {
            // A source topic that serves as a changelog is only read.
            let is_read = |topic: &TopicName| part.sources.iter().any(|(source, _)| source == topic);
            let changelogs = part.stores.iter().filter_map(|store| store.changelog.clone());
            for changelog in changelogs.filter(|topic| !is_read(topic)) {
                scope.internal.insert(Arc::clone(&changelog));
                scope.topics.insert(changelog);
            }
            for (topic, partitions) in &part.sources {
                let all = (0..*partitions).map(|number| TopicPartition::new(Arc::clone(topic), number));
                scope.sources.extend(all);
            }
        }
        scope
    }

    /// Takes the names of the topics that no other program writes to.
    pub fn take_internal(&mut self) -> BTreeSet<TopicName> {
        std::mem::take(&mut self.internal)
    }

    /// The topics that are written to, if known.
    pub fn topics(&self) -> impl Iterator<Item = &TopicName> {
        self.topics.iter()
    }
}

/// Where a producer has written since all its transactions were last known to have ended: a flag for each partition.
#[derive(Debug, Default)]
pub(crate) struct Written {
    topics: Vec<(TopicName, Vec<bool>)>,
    sources: BTreeSet<TopicPartition>,
}

impl Written {
    /// Numbers a topic: 0, 1, and so on.
    pub fn add_topic(&mut self, name: TopicName) {
        self.topics.push((name, Vec::new()));
    }

    /// Marks a partition that a record is sent to.
    #[inline]
    pub fn mark(&mut self, topic: u32, partition: PartitionId) {
        debug_assert!((topic as usize) < self.topics.len(), "topic number {topic} was not added");
        let Some((_, marks)) = self.topics.get_mut(topic as usize) else { return };
        let at = partition as usize;
        match marks.get_mut(at) {
            Some(mark) => *mark = true,
            None => {
                marks.resize(at.saturating_add(1), false);
                marks[at] = true;
            }
        }
    }

    /// Whether a record went to that partition.
    pub fn has(&self, partition: &TopicPartition) -> bool {
        let at = partition.partition as usize;
        let of_topic = self.topics.iter().find(|(topic, _)| *topic == partition.topic);
        of_topic.is_some_and(|(_, marks)| marks.get(at).copied().unwrap_or(false))
    }

    /// Marks that these offsets are sent.
    pub fn mark_sources(&mut self, offsets: &[OffsetToCommit]) {
        for offset in offsets {
            if !self.sources.contains(&offset.partition) {
                self.sources.insert(offset.partition.clone());
            }
        }
    }

    /// Takes the marks of some topics.
    fn take(&mut self, is_asked: impl Fn(&TopicName) -> bool) -> BTreeSet<TopicPartition> {
        let mut taken = BTreeSet::new();
        for (topic, marks) in &mut self.topics {
            if !is_asked(topic) {
                continue;
            }
            for (partition, mark) in (0..).zip(marks) {
                if std::mem::take(mark) {
                    taken.insert(TopicPartition::new(Arc::clone(topic), partition));
                }
            }
        }
        taken
    }
}

/// What is known of a partition in question.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// The high watermark that its last stable offset must reach, once it is known.
    end: Option<Offset>,
    /// The last stable offset, if the last probe found it before `end`.
    stable: Option<Offset>,
}

/// What is not yet known to have ended.
#[derive(Debug, Default)]
pub(crate) struct LeftOver {
    group: String,
    /// Topics whose partitions are not known yet.
    topics: BTreeSet<TopicName>,
    partitions: BTreeMap<TopicPartition, Seen>,
    pub sources: BTreeSet<TopicPartition>,
    /// Partitions that were skipped without a probe.
    unseen: BTreeSet<TopicPartition>,
    /// Last stable offsets held by a transaction that is not ours, or that we cannot end.
    foreign: BTreeMap<TopicPartition, Offset>,
    /// When the broker first answered, or when the last sweep was.
    pub since: Option<i64>,
    /// When the first probe was tried.
    pub begun: Option<i64>,
    pub next_probe: i64,
    /// The number of sweeps.
    pub sweeps: u32,
    /// The ends of the partitions before the last sweep: its markers come after them.
    swept: BTreeMap<TopicPartition, Offset>,
    /// Partitions that may not be probed.
    refused: OnceAMinute,
}

impl LeftOver {
    /// The leftovers of an earlier run: everything that it could write to.
    pub fn of_earlier_life(scope: Scope) -> Self {
        let Scope { group, topics, sources, .. } = scope;
        LeftOver { group, topics, sources, ..LeftOver::default() }
    }

    /// Adds what was written since the last call.
    pub fn add(&mut self, written: &mut Written) {
        self.add_some(written, |_| true);
        (self.since, self.begun, self.next_probe, self.sweeps) = (None, None, 0, 0);
        self.swept.clear();
        self.reset_probes();
    }

    /// Adds what was written to some topics since the last call, and all offsets; returns whether there was anything.
    pub fn add_some(&mut self, written: &mut Written, is_asked: impl Fn(&TopicName) -> bool) -> bool {
        let taken = written.take(is_asked);
        let any = !taken.is_empty() || !written.sources.is_empty();
        for partition in taken {
            self.unseen.remove(&partition);
            self.partitions.insert(partition, Seen::default());
        }
        self.sources.append(&mut written.sources);
        any
    }

    /// Everything written until the next probe must be seen to end.
    pub fn reset_probes(&mut self) {
        self.partitions.values_mut().for_each(|seen| *seen = Seen::default());
    }

    /// Records an answered sweep: everything written until the next probe must be seen to end.
    pub fn was_swept(&mut self) {
        self.sweeps += 1;
        let open = self.partitions.iter().filter(|(_, seen)| seen.stable.is_some());
        self.swept = open.filter_map(|(at, seen)| Some((at.clone(), seen.end?))).collect();
        self.reset_probes();
    }

    /// Whether the markers of the last sweep have arrived in all partitions that are still in question.
    pub fn has_markers(&self) -> bool {
        let has_come = |seen: &Seen, before: Offset| seen.end.is_some_and(|end| end > before);
        self.swept
            .iter()
            .all(|(at, before)| self.partitions.get(at).is_none_or(|seen| has_come(seen, *before)))
    }

    /// Whether everything has ended, or is no longer waited for.
    pub fn forget(&mut self) {
        *self = LeftOver {
            group: std::mem::take(&mut self.group),
            unseen: std::mem::take(&mut self.unseen),
            foreign: std::mem::take(&mut self.foreign),
            refused: self.refused,
            ..LeftOver::default()
        };
    }

    /// Whether nothing is left.
    pub fn is_gone(&self) -> bool {
        self.topics.is_empty() && self.partitions.is_empty() && self.sources.is_empty()
    }

    /// The partitions in which the last probe found something open.
    pub fn open(&self) -> Vec<TopicPartition> {
        let open = self.partitions.iter().filter(|(_, seen)| seen.stable.is_some());
        open.map(|(partition, _)| partition.clone()).collect()
    }

    /// Whether one of them was not known to hold a foreign transaction.
    pub fn has_new_open(&self) -> bool {
        let known = |at: &TopicPartition| self.foreign.get(at).copied();
        self.partitions.iter().any(|(at, seen)| seen.stable.is_some() && known(at) != seen.stable)
    }

    /// Skips what was found open and is not ours to end; returns how much of it is new.
    pub fn pass_foreign(&mut self) -> BTreeSet<TopicPartition> {
        let mut passed = BTreeSet::new();
        for (partition, seen) in &self.partitions {
            let Some(stable) = seen.stable else { continue };
            if self.foreign.insert(partition.clone(), stable) != Some(stable) {
                passed.insert(partition.clone());
            }
        }
        self.partitions.retain(|_, seen| seen.stable.is_none());
        self.sources.clear();
        passed
    }

    /// Skips the partitions without an answer.
    pub fn pass_unseen(&mut self) -> BTreeSet<TopicPartition> {
        let unseen = self.partitions.iter().filter(|(_, seen)| seen.stable.is_none());
        let passed: BTreeSet<_> = unseen.map(|(at, _)| at.clone()).collect();
        self.partitions.retain(|at, _| !passed.contains(at));
        self.unseen.extend(passed.iter().cloned());
        passed
    }

    /// A partition that was skipped without a probe and has been written to since.
    pub fn unseen_in(&self, written: &Written) -> Option<&TopicPartition> {
        self.unseen.iter().find(|partition| written.has(partition))
    }

    /// Probes the broker, and forgets what has ended. An error means that there was no answer at all.
    pub fn probe(&mut self, admin: &mut dyn Admin, now: i64) -> Result<()> {
        if !self.topics.is_empty() {
            let names: Vec<_> = self.topics.iter().cloned().collect();
            for info in admin.topics(&names, ASK_TIMEOUT)?.into_values() {
                let all = (0..info.partitions).map(|number| TopicPartition::new(info.name.clone(), number));
                self.partitions.extend(all.map(|partition| (partition, Seen::default())));
            }
            self.topics.clear();
        }
        let is_before_marker = |at: &TopicPartition, seen: &Seen| {
            seen.end.is_none_or(|end| self.swept.get(at).is_some_and(|before| end <= *before))
        };
        let unasked = self.partitions.iter().filter(|(at, seen)| is_before_marker(at, seen));
        let unasked: Vec<_> = unasked.map(|(at, _)| at.clone()).collect();
        self.ask(admin, now, &unasked, Isolation::ReadUncommitted, |seen, end| {
            seen.end = Some(end);
            true
        })?;
        let asked = self.partitions.iter_mut().filter(|(_, seen)| seen.end.is_some());
        let asked: Vec<_> = asked
            .map(|(at, seen)| {
                seen.stable = None;
                at.clone()
            })
            .collect();
        let still_open = |seen: &mut Seen, stable: Offset| {
            seen.stable = Some(stable);
            seen.end.is_some_and(|end| stable < end)
        };
        self.ask(admin, now, &asked, Isolation::ReadCommitted, still_open)?;
        if !self.sources.is_empty() {
            let asked: Vec<_> = self.sources.iter().cloned().collect();
            self.sources = admin.group_offsets(&self.group, &asked, ASK_TIMEOUT)?.undecided;
        }
        Ok(())
    }

    /// Requests the ends of partitions. Forgets those that `keep` rejects, and those that can never be probed.
    fn ask(
        &mut self,
        admin: &mut dyn Admin,
        now: i64,
        partitions: &[TopicPartition],
        isolation: Isolation,
        keep: impl Fn(&mut Seen, Offset) -> bool,
    ) -> Result<()> {
        if partitions.is_empty() {
            return Ok(());
        }
        for (partition, answer) in
            admin.offsets_each(partitions, OffsetQuery::Latest(isolation), ASK_TIMEOUT)?
        {
            let Some(seen) = self.partitions.get_mut(&partition) else { continue };
            let is_kept = match answer {
                Ok(offset) => keep(seen, offset),
                Err(error) => match error.kind() {
                    // It has been deleted.
                    TransportErrorKind::UnknownTopic => false,
                    TransportErrorKind::Retriable | TransportErrorKind::TimedOut => true,
                    _ => {
                        if let Some(so_far) = self.refused.count(now) {
                            tracing::warn!(
                                %partition, %error, so_far,
                                "it cannot be seen whether former transactions have ended there"
                            );
                        }
                        false
                    }
                },
            };
            if !is_kept {
                self.partitions.remove(&partition);
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for LeftOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let records = self.partitions.keys().map(|at| format!("records in {at}"));
        let offsets = self.sources.iter().map(|at| format!("offset of {at}"));
        let topics = self.topics.iter().map(|topic| format!("records in {topic}"));
        f.write_str(&some(records.chain(offsets).chain(topics).collect()))
    }
}

/// The first few of them, and how many more there are.
fn some(all: Vec<String>) -> String {
    let named = all.get(..NAMED_MAX).unwrap_or(&all).join(", ");
    match all.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// Partitions in a message.
pub(crate) fn named(partitions: &BTreeSet<TopicPartition>) -> String {
    some(partitions.iter().map(ToString::to_string).collect())
}
