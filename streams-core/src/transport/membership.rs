//! The membership seam: who runs which task. It never touches the data plane.
//!
//! Rules, valid for every provider:
//! 1. A provider calls [`MembershipHandler::assigned`] with the whole set of tasks that this process should run; the newest
//!    call wins. Tasks that are missing in it have been released before, through [`MembershipHandler::revoked`].
//! 2. `revoked` returns only when no commit of a revoked task is running or can still start. Within a generation the
//!    broker does not check who owns a task, so the order is up to us.
//! 3. `lost` means the group has already given the tasks to others: no commit may follow.
//! 4. A commit takes the [`Fence`] at its start, from [`Group::fence`]; while there is none, no commit starts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{OffsetToCommit, Result};
use crate::ids::{PartitionId, TaskId, TopicName};

/// What a commit carries so that the group coordinator refuses it from a member that has been expelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The group (`application.id`).
    pub group: Arc<str>,
    /// The member's id.
    pub member: Arc<str>,
    /// The generation (or member epoch) in which the tasks are owned.
    pub generation: i32,
    /// `group.instance.id` of a static member.
    pub instance: Option<Arc<str>>,
}

/// The tasks of one sub-topology, as the group sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubtopologyTasks {
    /// The sub-topology's number.
    pub subtopology: u32,
    /// The topic whose partitions are the tokens by which the group assigns the tasks. It depends on the topology alone,
    /// and may have more partitions than there are tasks.
    pub token_topic: TopicName,
    /// How many tasks it has.
    pub tasks: PartitionId,
}

/// What a process tells the group about itself.
#[derive(Clone, Debug)]
pub struct GroupSpec {
    /// The group (`application.id`).
    pub group: Arc<str>,
    /// `client.id` of the member. Others read there what the group's members have to agree about ([`GroupMember`]).
    ///
    /// [`GroupMember`]: super::GroupMember
    pub client_id: String,
    /// All tasks that this process knows of. While a topic grows, other processes may know of more or fewer.
    pub subtopologies: Vec<SubtopologyTasks>,
    /// Kafka client properties that override the transport's own (`consumer.*`: `session.timeout.ms`, ...).
    pub properties: BTreeMap<String, String>,
}

/// The runtime's side: called from the control thread inside [`Membership::poll`].
pub trait MembershipHandler {
    /// Run exactly these tasks from now on.
    fn assigned(&mut self, tasks: &BTreeSet<TaskId>);

    /// Release these tasks: commit and close them, then return.
    fn revoked(&mut self, tasks: &BTreeSet<TaskId>);

    /// These tasks are lost already, for that reason: close them without a commit, then return.
    fn lost(&mut self, tasks: &BTreeSet<TaskId>, why: &str);
}

/// A process's place in the group, driven by one control thread.
pub trait Membership: Send {
    /// Serves the group for at most `wait`, calling the handler for every change. A fatal error ends the membership.
    fn poll(&mut self, wait: Duration, handler: &mut dyn MembershipHandler) -> Result<()>;

    /// The part of the membership that stream threads share for their commits.
    fn group(&self) -> Arc<dyn Group>;

    /// What last went wrong with the brokers, to explain why the group has not assigned tasks.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// Whether the member is in the group and its tasks can run.
    fn is_settled(&self) -> bool {
        true
    }

    /// Whether the group has assigned tasks that this process does not know, since the last call: the topics have
    /// grown.
    fn take_outgrown(&mut self) -> bool;

    /// Releases all tasks through `handler.revoked` and leaves the group. A static member keeps its place until its session
    /// times out.
    fn leave(&mut self, handler: &mut dyn MembershipHandler, timeout: Duration) -> Result<()>;

    /// Leaves like [`leave`](Self::leave), but a static member gives its place up, too: the group assigns all tasks again.
    fn resign(&mut self, handler: &mut dyn MembershipHandler, timeout: Duration) -> Result<()> {
        self.leave(handler, timeout)
    }
}

/// What stream threads need of the group at a commit.
pub trait Group: Send + Sync {
    /// The fence of the current generation; an error of kind `Retriable` while there is none.
    fn fence(&self) -> Result<Fence>;

    /// Commits offsets outside of a transaction (at-least-once).
    fn commit(&self, fence: &Fence, offsets: &[OffsetToCommit], timeout: Duration) -> Result<()>;
}
