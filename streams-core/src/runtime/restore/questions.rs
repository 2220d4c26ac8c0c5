//! What the broker is asked about the changelogs of opening tasks: once for all of them, with an answer for each.
//!
//! A question holds up the restores of other tasks while it is not answered, so its time is short, and grows with each
//! one that came to nothing; the pause until the next one grows with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::identity::LogIdentity;
use super::{Opening, Phase, Restorer};
use crate::error::{Error, Result};
use crate::ids::{Offset, TaskId, TopicName, TopicPartition};
use crate::runtime::application_plan::ApplicationPlan;
use crate::topology::SubtopologyStore;
use crate::transport::{Isolation, OffsetQuery, TransportError, TransportErrorKind};

/// Time for a question, at first and at most.
const TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT_MAX: Duration = Duration::from_secs(30);

/// How the questions have gone so far.
#[derive(Debug, Default)]
pub(super) struct Questions {
    /// Asked once; the client knows it from its first answer on.
    cluster_id: Option<String>,
    /// Questions in a row that nobody answered.
    unanswered: u32,
}

impl Questions {
    fn timeout(&self) -> Duration {
        TIMEOUT.saturating_mul(1 << self.unanswered.min(8)).min(TIMEOUT_MAX)
    }
}

/// What the broker says about a changelog partition.
pub(super) struct Answer {
    pub start: Offset,
    pub end: Offset,
    pub identity: LogIdentity,
}

/// What it says about all that were asked for.
pub(super) type Answers = BTreeMap<TopicPartition, crate::transport::Result<Answer>>;

/// A task's stores that have a changelog, with its partition.
pub(super) fn logged(
    plan: &ApplicationPlan,
    task: TaskId,
) -> Result<Vec<(&SubtopologyStore, TopicPartition)>> {
    let of = |store: &'_ SubtopologyStore| -> Option<TopicPartition> {
        Some(TopicPartition::new(Arc::clone(store.changelog.as_ref()?), task.partition))
    };
    Ok(plan.subtopology(task)?.stores.iter().filter_map(|store| Some((store, of(store)?))).collect())
}

impl Restorer {
    /// Asks for all tasks whose databases are open, and continues with those that got their answers.
    pub(super) fn ask(&mut self) {
        let due =
            |opening: &Opening| opening.phase == Phase::Asking && self.monotonic_ms >= opening.not_before;
        let tasks: Vec<TaskId> =
            self.tasks.iter().filter(|opening| due(opening)).map(|opening| opening.request.task).collect();
        if tasks.is_empty() {
            return;
        }
        let plan = Arc::clone(&self.plan);
        let logged: Vec<_> = tasks.iter().filter_map(|task| logged(&plan, *task).ok()).flatten().collect();
        let partitions: BTreeSet<_> = logged.iter().map(|(_, partition)| partition.clone()).collect();
        let timeout = self.questions.timeout();
        let mut answers = self.answers(&partitions.into_iter().collect::<Vec<_>>(), timeout);
        let is_late = |answer: &crate::transport::Result<Answer>| {
            answer.as_ref().is_err_and(|error| error.kind() == TransportErrorKind::TimedOut)
        };
        if answers.values().any(is_late) {
            self.questions.unanswered += 1;
        } else {
            self.questions.unanswered = 0;
        }
        let read = self.ask_read(logged.iter());
        self.each_in(Phase::Asking, |restorer, opening| restorer.judge_stores(opening, &mut answers, &read));
    }

    fn answers(&mut self, partitions: &[TopicPartition], timeout: Duration) -> Answers {
        if partitions.is_empty() {
            return Answers::new();
        }
        match self.try_answers(partitions, timeout) {
            Ok(answers) => answers,
            Err(error) => {
                let (kind, reason) = (error.kind(), error.to_string());
                let of = |partition: &TopicPartition| {
                    let attempted = format!("asking about {partition}");
                    (partition.clone(), Err(TransportError::new(kind, attempted, reason.clone())))
                };
                partitions.iter().map(of).collect()
            }
        }
    }

    fn try_answers(
        &mut self,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> crate::transport::Result<Answers> {
        let topics: BTreeSet<TopicName> = partitions.iter().map(|at| Arc::clone(&at.topic)).collect();
        let topics = self.admin.topics(&topics.into_iter().collect::<Vec<_>>(), timeout)?;
        if self.questions.cluster_id.is_none() {
            self.questions.cluster_id = self.admin.cluster_id(timeout);
        }
        let latest = OffsetQuery::Latest(Isolation::ReadUncommitted);
        let mut ends = self.admin.offsets_each(partitions, latest, timeout)?;
        // The beginnings of those alone that have an end: nobody is waited for twice.
        let known: Vec<_> =
            ends.iter().filter(|(_, end)| end.is_ok()).map(|(partition, _)| partition.clone()).collect();
        let mut starts = self.admin.offsets_each(&known, OffsetQuery::Earliest, timeout)?;
        let mut answers = Answers::new();
        for partition in partitions {
            let missing = || {
                let attempted = format!("asking about {partition}");
                Err(TransportError::new(
                    TransportErrorKind::Retriable,
                    attempted,
                    "the broker gave no answer",
                ))
            };
            let end = ends.remove(partition).unwrap_or_else(missing);
            let answer = end.and_then(|end| {
                let start = starts.remove(partition).unwrap_or_else(missing)?;
                let topic_id = topics.get(&partition.topic).and_then(|topic| topic.id.clone());
                let identity = LogIdentity { topic_id, cluster_id: self.questions.cluster_id.clone() };
                Ok(Answer { start, end, identity })
            });
            answers.insert(partition.clone(), answer);
        }
        Ok(answers)
    }
}

/// The answers for a task, or the first error among them.
pub(super) fn of_task(
    answers: &mut Answers,
    logged: &[(&SubtopologyStore, TopicPartition)],
) -> Result<BTreeMap<TopicPartition, Answer>> {
    let mut found = BTreeMap::new();
    for (_, partition) in logged {
        // A source topic may be the changelog of several stores.
        if found.contains_key(partition) {
            continue;
        }
        let answer = answers
            .remove(partition)
            .ok_or_else(|| Error::Internal(format!("nobody asked about changelog {partition}")))?;
        found.insert(partition.clone(), answer?);
    }
    Ok(found)
}
