//! The partitions of the queue: how far they are read, and which of them this process has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use streams_core::ids::{Offset, TaskId, TopicPartition};
use streams_core::transport::{
    Admin, Fence, GroupSpec, Isolation, Membership, MembershipHandler, OffsetQuery, SubtopologyTasks,
    Transport, TransportErrorKind,
};

use super::{Arguments, TIMEOUT, TRANSACTION_TIMEOUT};
use crate::error::CliError;

/// Time for the group to assign something.
const ASSIGNMENT: Duration = Duration::from_secs(60);

/// Time for a transaction of another process to end that has read a partition; it may have died in the middle of it.
const DECIDED: Duration = TRANSACTION_TIMEOUT.saturating_add(TIMEOUT);

/// The queue as it was when the run began.
pub(super) struct Queue {
    /// How many partitions it has.
    pub partitions: i32,
    /// Where each one with letters ends; those that are read to their end are left out.
    pub left: BTreeMap<TopicPartition, Offset>,
    /// Partitions about which no broker answered, and why.
    pub silent: BTreeMap<TopicPartition, String>,
}

/// Asks for the partitions of the queue.
pub(super) fn queue(arguments: &Arguments, admin: &mut dyn Admin) -> Result<Queue, CliError> {
    let name = arguments.from.as_str().into();
    let found = admin.topics(std::slice::from_ref(&name), TIMEOUT)?;
    let topic = found.get(&name).ok_or_else(|| CliError::NoTopic(arguments.from.clone()))?;
    let all: Vec<_> = (0..topic.partitions).map(|number| TopicPartition::new(name.clone(), number)).collect();
    let committed = admin.group_offsets(&arguments.group(), &all, TIMEOUT)?.committed;
    let mut begins = admin.offsets_each(&all, OffsetQuery::Earliest, TIMEOUT)?;
    let ends = admin.offsets_each(&all, OffsetQuery::Latest(Isolation::ReadCommitted), TIMEOUT)?;
    let mut queue = Queue { partitions: topic.partitions, left: BTreeMap::new(), silent: BTreeMap::new() };
    for (at, end) in ends {
        let begin = begins.remove(&at).unwrap_or(Ok(0));
        match begin.and_then(|begin| Ok((begin, end?))) {
            Ok((begin, end)) => {
                if committed.get(&at).map_or(begin, |committed| committed.offset.max(begin)) != end {
                    queue.left.insert(at, end);
                }
            }
            Err(error) if is_passing(error.kind()) => {
                queue.silent.insert(at, error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(queue)
}

/// Whether a broker may answer later.
pub(super) fn is_passing(kind: TransportErrorKind) -> bool {
    matches!(kind, TransportErrorKind::TimedOut | TransportErrorKind::Retriable)
}

/// Where the group reads a partition next. Another process may have read it since the last time, so this is asked whenever
/// the partition comes to this process.
pub(super) fn next_offset(
    arguments: &Arguments,
    admin: &mut dyn Admin,
    partition: &TopicPartition,
) -> Result<Offset, CliError> {
    let one = std::slice::from_ref(partition);
    let committed = admin.committed(&arguments.group(), one, DECIDED)?;
    let mut ask =
        |query| Ok::<_, CliError>(admin.offsets(one, query, TIMEOUT)?.remove(partition).unwrap_or(0));
    let first = ask(OffsetQuery::Earliest)?;
    let Some(committed) = committed.get(partition).map(|committed| committed.offset) else {
        return Ok(first);
    };
    let end = ask(OffsetQuery::Latest(Isolation::ReadUncommitted))?;
    if committed > end {
        let group = arguments.group();
        return Err(CliError::Ahead { group, partition: partition.to_string(), committed, end });
    }
    Ok(committed.max(first))
}

/// The process's place in the group.
pub(super) struct Place {
    membership: Box<dyn Membership>,
    tasks: Tasks,
}

/// The partitions that the group has given to this process, each with the number of the assignment that it came with. One
/// that was taken away and came back has another number.
#[derive(Default)]
struct Tasks {
    held: BTreeMap<TaskId, u64>,
    assignments: u64,
}

impl MembershipHandler for Tasks {
    fn assigned(&mut self, tasks: &BTreeSet<TaskId>) {
        self.assignments += 1;
        self.held.retain(|task, _| tasks.contains(task));
        for task in tasks {
            self.held.entry(*task).or_insert(self.assignments);
        }
    }

    // Between two transactions, which is where the group is served, there is nothing to commit.
    fn revoked(&mut self, tasks: &BTreeSet<TaskId>) {
        self.held.retain(|task, _| !tasks.contains(task));
    }

    fn lost(&mut self, tasks: &BTreeSet<TaskId>, _: &str) {
        self.revoked(tasks);
    }
}

impl Place {
    /// Joins the group, which has not given this process anything yet.
    pub fn join(arguments: &Arguments, transport: &dyn Transport, partitions: i32) -> Result<Self, CliError> {
        let token_topic = arguments.from.as_str().into();
        let membership = transport.membership(&GroupSpec {
            group: arguments.group().into(),
            client_id: "streams-redrive".to_owned(),
            subtopologies: vec![SubtopologyTasks { subtopology: 0, token_topic, tasks: partitions }],
            properties: BTreeMap::new(),
        })?;
        Ok(Place { membership, tasks: Tasks::default() })
    }

    /// Waits until the group has given this process something.
    #[allow(clippy::disallowed_methods, reason = "a command waits by the clock of the machine")]
    pub fn wait(&mut self, arguments: &Arguments) -> Result<(), CliError> {
        let begin = Instant::now();
        while self.tasks.held.is_empty() || self.fence().is_none() {
            if begin.elapsed() > ASSIGNMENT {
                return Err(self.not_there(arguments));
            }
            self.serve(Duration::from_millis(100))?;
        }
        Ok(())
    }

    /// The error of a process to which the group gives nothing.
    pub fn not_there(&self, arguments: &Arguments) -> CliError {
        let trouble = self.membership.trouble().map(|trouble| format!(" ({trouble})")).unwrap_or_default();
        CliError::NoAssignment { queue: arguments.from.clone(), trouble }
    }

    /// Serves the group, in which partitions may come and go.
    pub fn serve(&mut self, wait: Duration) -> Result<(), CliError> {
        Ok(self.membership.poll(wait, &mut self.tasks)?)
    }

    /// The assignment with which the partition came, if it is this process's.
    pub fn assignment(&self, partition: &TopicPartition) -> Option<u64> {
        self.tasks.held.get(&TaskId::new(0, partition.partition)).copied()
    }

    /// What a commit carries; `None` while the process is not in the group.
    pub fn fence(&self) -> Option<Fence> {
        self.membership.group().fence().ok()
    }

    /// Leaves the group, so that others need not wait for the session to time out.
    pub fn leave(mut self) {
        if let Err(error) = self.membership.leave(&mut self.tasks, TIMEOUT) {
            tracing::debug!(%error, "cannot leave the group");
        }
    }
}
