//! The partitions of the queue: how far they are read, and which of them this process has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use streams_core::ids::{Offset, TaskId, TopicPartition};
use streams_core::transport::{
    GroupSpec, Isolation, Membership, MembershipHandler, OffsetQuery, SubtopologyTasks, Transport,
};

use super::{Arguments, TIMEOUT};
use crate::error::CliError;

/// Time for the group to assign something.
const ASSIGNMENT: Duration = Duration::from_secs(60);

/// Where a partition is read from, and where it ended when the run began.
pub(super) type Ranges = BTreeMap<TopicPartition, (Offset, Offset)>;

/// All partitions of the queue.
pub(super) fn ranges(arguments: &Arguments, transport: &dyn Transport) -> Result<Ranges, CliError> {
    let mut admin = transport.admin("streams-redrive-admin")?;
    let name = arguments.from.as_str().into();
    let found = admin.topics(std::slice::from_ref(&name), TIMEOUT)?;
    let topic = found.get(&name).ok_or_else(|| CliError::NoTopic(arguments.from.clone()))?;
    let all: Vec<_> = (0..topic.partitions).map(|number| TopicPartition::new(name.clone(), number)).collect();
    let committed = admin.committed(&arguments.group(), &all, TIMEOUT)?;
    let begins = admin.offsets(&all, OffsetQuery::Earliest, TIMEOUT)?;
    let ends = admin.offsets(&all, OffsetQuery::Latest(Isolation::ReadCommitted), TIMEOUT)?;
    let begin = |at: &TopicPartition| {
        let first = begins.get(at).copied().unwrap_or(0);
        committed.get(at).map_or(first, |committed| committed.offset.max(first))
    };
    Ok(ends.into_iter().map(|(at, end)| (at.clone(), (begin(&at), end))).collect())
}

/// The process's place in the group.
pub(super) struct Place {
    pub membership: Box<dyn Membership>,
    pub tasks: Tasks,
}

/// The partitions that the group has given to this process.
#[derive(Default)]
pub(super) struct Tasks(BTreeSet<TaskId>);

impl MembershipHandler for Tasks {
    fn assigned(&mut self, tasks: &BTreeSet<TaskId>) {
        self.0 = tasks.clone();
    }

    // Between two transactions, which is where the group is served, there is nothing to commit.
    fn revoked(&mut self, tasks: &BTreeSet<TaskId>) {
        self.0.retain(|task| !tasks.contains(task));
    }

    fn lost(&mut self, tasks: &BTreeSet<TaskId>) {
        self.revoked(tasks);
    }
}

impl Tasks {
    /// Whether the partition is this process's.
    pub fn has(&self, partition: &TopicPartition) -> bool {
        self.0.contains(&TaskId::new(0, partition.partition))
    }
}

impl Place {
    /// Joins the group, and waits until it has given this process something.
    #[allow(clippy::disallowed_methods, reason = "a command waits by the clock of the machine")]
    pub fn take(arguments: &Arguments, transport: &dyn Transport, partitions: i32) -> Result<Self, CliError> {
        let token_topic = arguments.from.as_str().into();
        let membership = transport.membership(&GroupSpec {
            group: arguments.group().into(),
            client_id: "streams-redrive".to_owned(),
            subtopologies: vec![SubtopologyTasks { subtopology: 0, token_topic, tasks: partitions }],
            properties: BTreeMap::new(),
        })?;
        let mut place = Place { membership, tasks: Tasks::default() };
        let begin = Instant::now();
        while place.tasks.0.is_empty() || place.membership.group().fence().is_err() {
            if begin.elapsed() > ASSIGNMENT {
                return Err(CliError::NoAssignment(arguments.from.clone()));
            }
            place.serve(Duration::from_millis(100))?;
        }
        Ok(place)
    }

    /// Serves the group, in which partitions may come and go.
    pub fn serve(&mut self, wait: Duration) -> Result<(), CliError> {
        Ok(self.membership.poll(wait, &mut self.tasks)?)
    }

    /// Leaves the group, so that others need not wait for the session to time out.
    pub fn leave(mut self) -> Result<(), CliError> {
        Ok(self.membership.leave(&mut self.tasks, TIMEOUT)?)
    }
}
