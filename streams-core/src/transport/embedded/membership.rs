//! A process's place in a group of the embedded broker.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::broker::EmbeddedBroker;
use super::faults::Operation;
use super::groups::GroupStep;
use crate::ids::TaskId;
use crate::transport::{
    Fence, Group, GroupSpec, Membership, MembershipHandler, OffsetToCommit, Result, TransportError,
    TransportErrorKind,
};

/// Why tasks are lost.
const EXPELLED: &str = "the group has expelled this member";

/// The part that stream threads share.
struct EmbeddedGroup {
    broker: Arc<EmbeddedBroker>,
    group: Arc<str>,
    /// The member's id; `None` from the moment it notices its expulsion until it has joined again.
    member: Mutex<Option<Arc<str>>>,
}

impl EmbeddedGroup {
    fn member(&self) -> Option<Arc<str>> {
        self.member.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_member(&self, member: Option<Arc<str>>) {
        *self.member.lock().unwrap_or_else(PoisonError::into_inner) = member;
    }
}

impl Group for EmbeddedGroup {
    fn fence(&self) -> Result<Fence> {
        self.broker.faults().around(Operation::Fence, &self.group, || {
            let member = self.member();
            let fence = member.and_then(|member| {
                let generation = self.broker.lock().groups.generation(&self.group, &member)?;
                Some(Fence { group: self.group.clone(), member, generation, instance: None })
            });
            fence.ok_or_else(|| {
                let reason = "this process is not in the group now; it joins at the next poll";
                let attempted = format!("fence of group {}", self.group);
                TransportError::new(TransportErrorKind::Retriable, attempted, reason)
            })
        })
    }

    fn commit(&self, fence: &Fence, offsets: &[OffsetToCommit], _timeout: Duration) -> Result<()> {
        self.broker
            .faults()
            .around(Operation::GroupCommit, &self.group, || self.broker.commit_offsets(fence, offsets))
    }
}

/// A member of a group. Dropping it without leaving is a crash: its tasks are free at once.
pub(super) struct EmbeddedMembership {
    spec: GroupSpec,
    shared: Arc<EmbeddedGroup>,
    /// The tasks that the handler was last assigned; `None` before the first assignment since joining.
    assigned: Option<BTreeSet<TaskId>>,
    /// Whether the group assigned tasks that are not in `spec`.
    outgrown: bool,
}

impl EmbeddedMembership {
    /// Joins.
    pub(super) fn join(broker: &Arc<EmbeddedBroker>, spec: &GroupSpec) -> Result<Self> {
        let member = broker.join(spec)?;
        let shared = EmbeddedGroup {
            broker: broker.clone(),
            group: spec.group.clone(),
            member: Mutex::new(Some(member)),
        };
        Ok(EmbeddedMembership {
            spec: spec.clone(),
            shared: Arc::new(shared),
            assigned: None,
            outgrown: false,
        })
    }

    /// Does all that can be done now; returns whether the handler was called.
    fn catch_up(&mut self, handler: &mut dyn MembershipHandler) -> Result<bool> {
        let broker = self.shared.broker.clone();
        let mut called = false;
        loop {
            let member = match self.shared.member() {
                Some(member) => member,
                None => {
                    let member = broker.join(&self.spec)?;
                    self.shared.set_member(Some(member.clone()));
                    member
                }
            };
            let step = broker.change(|core| core.groups.step(&self.spec.group, &member));
            match step {
                GroupStep::Lost => {
                    self.shared.set_member(None);
                    let lost = self.assigned.take().unwrap_or_default();
                    if !lost.is_empty() {
                        called = true;
                        handler.lost(&self.known(&lost), EXPELLED);
                    }
                }
                GroupStep::Revoke(tasks) => {
                    called = true;
                    handler.revoked(&self.known(&tasks));
                    if let Some(assigned) = &mut self.assigned {
                        assigned.retain(|task| !tasks.contains(task));
                    }
                    broker.change(|core| core.groups.released(&self.spec.group, &member, &tasks));
                }
                GroupStep::Holds(tasks) => {
                    let is_news = self.assigned.as_ref() != Some(&tasks);
                    if is_news {
                        handler.assigned(&self.known(&tasks));
                        self.assigned = Some(tasks);
                    }
                    return Ok(called || is_news);
                }
            }
        }
    }

    /// The tasks that this process knows. The group may have others when a topic has grown.
    fn known(&mut self, tasks: &BTreeSet<TaskId>) -> BTreeSet<TaskId> {
        let parts = &self.spec.subtopologies;
        let is_known = |task: &&TaskId| {
            parts.iter().any(|part| part.subtopology == task.subtopology && task.partition < part.tasks)
        };
        let known: BTreeSet<TaskId> = tasks.iter().filter(is_known).copied().collect();
        self.outgrown |= known.len() < tasks.len();
        known
    }

    /// Whether the group has something new for this member.
    fn has_news(&self, core: &mut super::core::Core) -> bool {
        let Some(member) = self.shared.member() else { return true };
        match core.groups.step(&self.spec.group, &member) {
            GroupStep::Holds(tasks) => self.assigned.as_ref() != Some(&tasks),
            GroupStep::Lost | GroupStep::Revoke(_) => true,
        }
    }
}

impl Membership for EmbeddedMembership {
    fn poll(&mut self, wait: Duration, handler: &mut dyn MembershipHandler) -> Result<()> {
        if self.catch_up(handler)? || wait.is_zero() {
            return Ok(());
        }
        let broker = self.shared.broker.clone();
        let waited = broker.wait_while(broker.lock(), wait, |core| !self.has_news(core));
        drop(waited);
        self.catch_up(handler).map(drop)
    }

    fn group(&self) -> Arc<dyn Group> {
        self.shared.clone()
    }

    fn take_outgrown(&mut self) -> bool {
        std::mem::take(&mut self.outgrown)
    }

    fn leave(&mut self, handler: &mut dyn MembershipHandler, _timeout: Duration) -> Result<()> {
        let Some(member) = self.shared.member() else { return Ok(()) };
        let group = Arc::clone(&self.spec.group);
        let is_present = self.shared.broker.lock().groups.generation(&group, &member).is_some();
        let tasks = self.assigned.take().unwrap_or_default();
        match (is_present, tasks.is_empty()) {
            (_, true) => {}
            (true, false) => handler.revoked(&self.known(&tasks)),
            (false, false) => handler.lost(&self.known(&tasks), EXPELLED),
        }
        self.shared.set_member(None);
        self.shared.broker.expel(&group, &member);
        Ok(())
    }
}

impl Drop for EmbeddedMembership {
    fn drop(&mut self) {
        if let Some(member) = self.shared.member() {
            self.shared.set_member(None);
            self.shared.broker.expel(&self.spec.group, &member);
        }
    }
}
