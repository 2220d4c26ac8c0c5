//! What transactions that were given up may have left at the broker, and whether all of it is gone (decision 0008).
//!
//! The coordinator says that a transaction has ended; that its markers were written has to be seen in the partitions:
//! 1. no offset of the group waits for a transaction any more;
//! 2. the last stable offset of each partition has reached the high watermark of the first look. Other producers write
//!    there too: what they had open at that moment ends within their commit interval or time-out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::plan::Plan;
use crate::ids::{Offset, PartitionId, TopicName, TopicPartition};
use crate::time::Timestamp;
use crate::transport::{Admin, Isolation, OffsetQuery, OffsetToCommit, Result, TransportErrorKind};

/// Time for one question.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);

/// Partitions named in a message.
const NAMED_MAX: usize = 8;

/// Where an application reads and writes: what an earlier life of a thread may have left something in.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    group: String,
    topics: BTreeSet<TopicName>,
    sources: BTreeSet<TopicPartition>,
}

impl Scope {
    /// That of an application: changelogs, repartition topics and fixed sinks. What sinks choose by record is unknown.
    pub fn of(plan: &Plan) -> Self {
        let graph = plan.topology.graph();
        let sinks = graph.fixed_sink_topics().into_iter();
        let mut scope = Scope {
            group: plan.application_id.to_string(),
            topics: sinks.map(|topic| graph.decorate(&plan.application_id, &topic)).collect(),
            sources: BTreeSet::new(),
        };
        for part in plan.subtopologies.values() {
            // A source topic that serves as a changelog is only read.
            let is_read = |topic: &TopicName| part.sources.iter().any(|(source, _)| source == topic);
            let changelogs = part.stores.iter().filter_map(|store| store.changelog.clone());
            scope.topics.extend(changelogs.filter(|topic| !is_read(topic)));
            for (topic, partitions) in &part.sources {
                let all = (0..*partitions).map(|number| TopicPartition::new(Arc::clone(topic), number));
                scope.sources.extend(all);
            }
        }
        scope
    }
}

/// Where a producer wrote to since it was last known that all its transactions had ended: a flag for each partition.
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

    /// A record goes to that partition.
    #[inline]
    pub fn mark(&mut self, topic: u32, partition: PartitionId) {
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

    /// Nothing was.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty() && !self.topics.iter().any(|(_, marks)| marks.contains(&true))
    }

    /// These offsets are sent.
    pub fn mark_sources(&mut self, offsets: &[OffsetToCommit]) {
        for offset in offsets {
            if !self.sources.contains(&offset.partition) {
                self.sources.insert(offset.partition.clone());
            }
        }
    }
}

/// What is not known to have ended.
#[derive(Debug, Default)]
pub(crate) struct LeftOver {
    group: String,
    /// Topics of which it is not known yet which partitions they have.
    topics: BTreeSet<TopicName>,
    /// By partition: the high watermark that its last stable offset has to reach, once it has been asked for.
    pub partitions: BTreeMap<TopicPartition, Option<Offset>>,
    pub sources: BTreeSet<TopicPartition>,
    /// When the broker first answered.
    pub since: Option<Timestamp>,
    pub next_look: Timestamp,
    /// How often it was swept.
    pub sweeps: u32,
}

impl LeftOver {
    /// That of an earlier life: everything that it could write to.
    pub fn of_earlier_life(scope: Scope) -> Self {
        let Scope { group, topics, sources } = scope;
        LeftOver { group, topics, sources, ..LeftOver::default() }
    }

    /// Adds what was written since.
    pub fn add(&mut self, written: &mut Written) {
        for (topic, marks) in &mut written.topics {
            for (partition, mark) in (0..).zip(marks) {
                if std::mem::take(mark) {
                    self.partitions.insert(TopicPartition::new(Arc::clone(topic), partition), None);
                }
            }
        }
        self.sources.append(&mut written.sources);
        (self.since, self.next_look, self.sweeps) = (None, 0, 0);
        self.look_anew();
    }

    /// Everything written until the next look has to be seen to end.
    pub fn look_anew(&mut self) {
        self.partitions.values_mut().for_each(|end| *end = None);
    }

    /// It has ended, or is not waited for any more.
    pub fn forget(&mut self) {
        *self = LeftOver { group: std::mem::take(&mut self.group), ..LeftOver::default() };
    }

    /// Nothing of it is left.
    pub fn is_gone(&self) -> bool {
        self.topics.is_empty() && self.partitions.is_empty() && self.sources.is_empty()
    }

    /// Asks the broker, and forgets what has ended.
    pub fn look(&mut self, admin: &mut dyn Admin) -> Result<()> {
        if !self.topics.is_empty() {
            let names: Vec<_> = self.topics.iter().cloned().collect();
            for info in admin.topics(&names, ASK_TIMEOUT)?.into_values() {
                let all = (0..info.partitions).map(|number| TopicPartition::new(info.name.clone(), number));
                self.partitions.extend(all.map(|partition| (partition, None)));
            }
            self.topics.clear();
        }
        let looked = self.look_at_partitions(admin);
        if looked.as_ref().is_err_and(|error| error.kind() == TransportErrorKind::UnknownTopic) {
            self.forget_deleted(admin)?;
        }
        looked?;
        if !self.sources.is_empty() {
            let asked: Vec<_> = self.sources.iter().cloned().collect();
            self.sources = admin.group_offsets(&self.group, &asked, ASK_TIMEOUT)?.undecided;
        }
        Ok(())
    }

    fn look_at_partitions(&mut self, admin: &mut dyn Admin) -> Result<()> {
        let unasked: Vec<_> =
            self.partitions.iter().filter(|(_, end)| end.is_none()).map(|(at, _)| at.clone()).collect();
        if !unasked.is_empty() {
            let latest = OffsetQuery::Latest(Isolation::ReadUncommitted);
            for (partition, end) in admin.offsets(&unasked, latest, ASK_TIMEOUT)? {
                self.partitions.insert(partition, Some(end));
            }
        }
        let all: Vec<_> = self.partitions.keys().cloned().collect();
        if !all.is_empty() {
            let latest = OffsetQuery::Latest(Isolation::ReadCommitted);
            let stable = admin.offsets(&all, latest, ASK_TIMEOUT)?;
            let has_ended = |at: &TopicPartition, end: &Option<Offset>| {
                stable.get(at).zip(*end).is_some_and(|(stable, end)| *stable >= end)
            };
            self.partitions.retain(|at, end| !has_ended(at, end));
        }
        Ok(())
    }

    fn forget_deleted(&mut self, admin: &mut dyn Admin) -> Result<()> {
        let names: BTreeSet<_> = self.partitions.keys().map(|at| Arc::clone(&at.topic)).collect();
        let names: Vec<_> = names.into_iter().collect();
        let known = admin.topics(&names, ASK_TIMEOUT)?;
        let exists =
            |at: &TopicPartition| known.get(&at.topic).is_some_and(|topic| at.partition < topic.partitions);
        self.partitions.retain(|at, _| exists(at));
        Ok(())
    }
}

impl std::fmt::Display for LeftOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let records = self.partitions.keys().map(|at| format!("records in {at}"));
        let offsets = self.sources.iter().map(|at| format!("offset of {at}"));
        let all: Vec<_> = records.chain(offsets).collect();
        write!(f, "{}", all.get(..NAMED_MAX).unwrap_or(&all).join(", "))?;
        match all.len().saturating_sub(NAMED_MAX) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
