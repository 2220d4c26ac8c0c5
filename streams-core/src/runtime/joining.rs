//! How the process joins the group, and when it must leave it (decision 0015).
//!
//! 1. It does not join while members are there whose topology divides the work in another way: both would process the same
//!    partitions, and the broker has no objection. It waits for them to go, says so, and gives up after `task.timeout.ms`.
//! 2. Two that join at the same time meet after it. So every assignment is compared again before its tasks are opened. The
//!    one with the greater fingerprint leaves, the other one waits for that.
//! 3. Work does not wait without end for the list of members: an assignment is opened uncompared after a few seconds without
//!    an answer, and compared with the first one.
//! 4. A topology with global tables only has no tasks and joins no group.
//! 5. A task that no member has for a while is said to have none, and one of the members joins again because of it (decision
//!    0036).
//!
//! Members publish their fingerprint in their `client.id`. After a [`Membership::leave`] the next poll joins again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::unassigned::{Checks, chosen, unassigned};
use super::waits::{Waiting, Waits};
use crate::ids::TaskId;
use crate::time::ClockRef;
use crate::transport::{
    Admin, Fence, Group, GroupMember, GroupSpec, Membership, MembershipHandler, OffsetToCommit, Result,
    Transport, TransportError, TransportErrorKind as Kind,
};

/// The time-out of one request for the group's members. It is made on the thread that also serves the group.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// The pause before the next request.
const ASK_AGAIN_MS: i64 = 500;

/// How long to ask without an answer before continuing all the same.
const UNANSWERED_MAX_MS: i64 = 5_000;

/// Pause between two questions after that. The group is not served during a question.
const ASK_LATER_MS: i64 = 5_000;

/// The least time to wait for a place, however short `task.timeout.ms` is: a member that was expelled joins again.
const LEFT_OUT_MS_MIN: i64 = 10_000;

/// Time to leave the group to those that may stay.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(30);

/// Separates a member's `client.id` from its fingerprint.
const MARK: &str = "-topology-";

/// The `client.id` of a member with that fingerprint.
pub(crate) fn member_id(client_id: &str, fingerprint: &str) -> String {
    format!("{client_id}{MARK}{fingerprint}")
}

/// The fingerprint in a member's `client.id`; none if an older release made it, or something else.
fn fingerprint_of(client_id: &str) -> Option<&str> {
    let (_, fingerprint) = client_id.rsplit_once(MARK)?;
    (fingerprint.len() == 16 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then_some(fingerprint)
}

/// The parts that joining needs.
#[derive(Clone)]
pub(crate) struct JoinParts {
    pub transport: Arc<dyn Transport>,
    pub spec: GroupSpec,
    /// The topology's own.
    pub fingerprint: String,
    pub clock: ClockRef,
    pub waits: Arc<Waits>,
    /// For how long members with another topology are waited for (`task.timeout.ms`).
    pub patience_ms: i64,
}

impl JoinParts {
    fn wait(&self) -> Waiting {
        self.waits.of(format!("the member of group {}", self.spec.group))
    }

    /// The wait for the answer to one call, until it is dropped.
    fn calling(&self, what: &str) -> Waiting {
        let mut calling = self.wait();
        calling.begin(|| what.to_owned());
        calling
    }
}

/// What is known of the other members.
enum Others {
    /// All have this topology.
    Agree,
    /// Some have another one: whether those must leave, and who they are.
    Differ { they_leave: bool, who: String },
    /// The broker did not answer.
    Unknown,
}

/// A membership that begins once nothing prevents it.
pub(crate) struct Joining {
    parts: JoinParts,
    admin: Box<dyn Admin>,
    group: Arc<LateGroup>,
    member: Option<Box<dyn Membership>>,
    /// The wait for the list of members.
    asking: Waiting,
    /// The wait for members with another topology.
    waiting: Waiting,
    /// Joined without knowing the members.
    is_blind: bool,
    /// Since when there is no answer.
    unanswered_since: Option<i64>,
    refusal_logged: bool,
    ask_at: i64,
    /// Assigned, but not compared yet.
    held: Option<BTreeSet<TaskId>>,
    /// Whether the group has changed, and nothing of that has been passed on.
    is_news: bool,
    /// Whether what was passed on has not been compared, for want of an answer.
    is_uncompared: bool,
    /// Whether it was logged that the topology has no tasks.
    reported_none: bool,
    /// The checks for tasks without a member, and the wait for one.
    checks: Checks,
    unassigned: Waiting,
    /// The wait for a place in a group at rest.
    left_out: Waiting,
}

impl Joining {
    /// A membership that has not begun.
    pub fn new(parts: JoinParts) -> Result<Self> {
        let admin = parts.transport.admin(&format!("{}-members-admin", parts.spec.client_id))?;
        let group = LateGroup { name: Arc::clone(&parts.spec.group), current: Mutex::new(None) };
        let [asking, waiting, unassigned, left_out] = [(); 4].map(|()| parts.wait());
        Ok(Joining {
            parts,
            admin,
            group: Arc::new(group),
            member: None,
            asking,
            waiting,
            is_blind: false,
            unanswered_since: None,
            refusal_logged: false,
            ask_at: 0,
            held: None,
            is_news: false,
            is_uncompared: false,
            reported_none: false,
            checks: Checks::default(),
            unassigned,
            left_out,
        })
    }

    fn now(&self) -> i64 {
        self.parts.clock.monotonic_ms()
    }

    /// Joins if nothing prevents it. False if it must be tried later.
    fn join(&mut self) -> Result<bool> {
        if self.parts.spec.subtopologies.is_empty() {
            return Ok(true);
        }
        if self.now() < self.ask_at {
            return Ok(false);
        }
        match self.others() {
            Others::Agree => self.is_blind = false,
            Others::Unknown if !self.is_unanswered_for_long() => return Ok(false),
            Others::Unknown => self.is_blind = true,
            Others::Differ { who, .. } => return self.wait_for(who).map(|()| false),
        }
        if !self.are_topics_known() {
            return Ok(false);
        }
        self.found_out();
        let member = self.parts.transport.membership(&self.parts.spec)?;
        self.group.set(Some(member.group()));
        self.member = Some(member);
        self.checks.begin(self.now());
        Ok(true)
    }

    /// Whether the broker tells the topics that stand for the tasks, which may have been created a moment ago. A member that
    /// subscribes before is assigned the tasks of the other topics only, until its next look at them minutes later.
    fn are_topics_known(&mut self) -> bool {
        let topics: Vec<_> =
            self.parts.spec.subtopologies.iter().map(|part| Arc::clone(&part.token_topic)).collect();
        // Without an answer, joining will show.
        let Ok(known) = self.admin.topics(&topics, ASK_TIMEOUT) else { return true };
        let Some(missing) = topics.iter().find(|topic| !known.contains_key(&**topic)) else { return true };
        let what = format!("the broker to know topic {missing}, which stands for tasks");
        self.waiting.update(self.now(), || what) >= self.parts.patience_ms
    }

    /// Who else is there.
    fn others(&mut self) -> Others {
        self.ask_at = self.now() + ASK_AGAIN_MS;
        match self.members() {
            Ok(members) => {
                self.asking.end();
                self.unanswered_since = None;
                let instance = self.parts.spec.properties.get("group.instance.id");
                self.compared(&members, instance.map(String::as_str))
            }
            Err(error) if error.kind() == Kind::Denied => {
                if !std::mem::replace(&mut self.refusal_logged, true) {
                    tracing::warn!(
                        group = %self.parts.spec.group, %error,
                        "cannot see whether other members have the same topology; grant DESCRIBE on the group"
                    );
                }
                Others::Agree
            }
            Err(error) => {
                tracing::debug!(%error, "the group's members are not known");
                let now = self.now();
                self.unanswered_since.get_or_insert(now);
                self.asking.update(now, || format!("the list of the group's members: {error}"));
                Others::Unknown
            }
        }
    }

    /// Asks for the group's members.
    fn members(&mut self) -> Result<Vec<GroupMember>> {
        let _calling = self.parts.calling("the list of the group's members");
        self.admin.members(&self.parts.spec.group, ASK_TIMEOUT)
    }

    /// Ends the wait.
    fn found_out(&mut self) {
        self.asking.end();
        self.waiting.end();
        self.unanswered_since = None;
    }

    fn is_unanswered_for_long(&self) -> bool {
        self.unanswered_since.is_some_and(|since| self.now() - since >= UNANSWERED_MAX_MS)
    }

    /// Compares fingerprints. An earlier life of this static member does not count: it is replaced by joining.
    fn compared(&self, members: &[GroupMember], instance: Option<&str>) -> Others {
        let own = self.parts.fingerprint.as_str();
        let is_other = |member: &&GroupMember| {
            let is_self = instance.is_some() && member.instance.as_deref() == instance;
            !is_self && fingerprint_of(&member.client_id) != Some(own)
        };
        let others: Vec<&GroupMember> = members.iter().filter(is_other).collect();
        if others.is_empty() {
            return Others::Agree;
        }
        // Older releases, without a fingerprint, know nothing of leaving.
        let they_leave =
            others.iter().all(|other| fingerprint_of(&other.client_id).is_some_and(|theirs| theirs > own));
        let one = |member: &&GroupMember| {
            let fingerprint = fingerprint_of(&member.client_id).unwrap_or("none, from an older release");
            format!("{} at {} (fingerprint {fingerprint})", member.client_id, member.host)
        };
        Others::Differ { they_leave, who: others.iter().map(one).collect::<Vec<_>>().join(", ") }
    }

    /// Continues to wait for members with another topology, up to the limit.
    fn wait_for(&mut self, who: String) -> Result<()> {
        let now = self.now();
        let own = &self.parts.fingerprint;
        let what = format!(
            "members with another topology to leave group {}: {who}; this one has fingerprint {own}. Stop all instances \
             that run the other topology, or use another application.id",
            self.parts.spec.group
        );
        let waited = self.waiting.update(now, || what.clone());
        if waited < self.parts.patience_ms {
            return Ok(());
        }
        let attempted = format!("joining group {}", self.parts.spec.group);
        let reason = format!("waited for {} ms (task.timeout.ms) for {what}", self.parts.patience_ms);
        Err(TransportError::new(Kind::Config, attempted, reason))
    }

    /// Passes an assignment on if all members agree. Otherwise waits for the others, or leaves.
    fn pass_on(&mut self, handler: &mut dyn MembershipHandler) -> Result<()> {
        if !(self.is_news || self.is_uncompared) || self.now() < self.ask_at {
            return Ok(());
        }
        match self.others() {
            Others::Unknown if self.is_news && !self.is_unanswered_for_long() => {}
            Others::Unknown => {
                if self.is_news {
                    let group = &self.parts.spec.group;
                    tracing::warn!(%group, "works without having compared topologies: no answer from the coordinator");
                }
                self.is_news = false;
                self.is_uncompared = true;
                self.ask_at = self.now() + ASK_LATER_MS;
                self.hand_over(handler);
            }
            Others::Agree => {
                self.found_out();
                self.is_blind = false;
                self.is_news = false;
                self.is_uncompared = false;
                self.hand_over(handler);
            }
            Others::Differ { they_leave: true, who } if !self.is_blind => return self.wait_for(who),
            Others::Differ { who, .. } => {
                let group = &self.parts.spec.group;
                tracing::warn!(%group, who, "members have another topology; leaves the group to them");
                self.resign(handler);
                return self.wait_for(who);
            }
        }
        Ok(())
    }

    /// Leaves the group with all it has, to join again at the next poll.
    fn resign(&mut self, handler: &mut dyn MembershipHandler) {
        let _calling = self.parts.calling("the group to let it go");
        if let Err(error) = self.part(|member| member.resign(handler, LEAVE_TIMEOUT)) {
            tracing::warn!(%error, "left the group without an answer");
        }
    }

    /// Parts from the group that way, and forgets what it knew of it.
    fn part(&mut self, leave: impl FnOnce(&mut dyn Membership) -> Result<()>) -> Result<()> {
        self.held = None;
        self.is_news = false;
        self.is_uncompared = false;
        self.unassigned.end();
        self.left_out.end();
        let left = self.member.take().map_or(Ok(()), |mut member| leave(&mut *member));
        self.group.set(None);
        left
    }

    /// Checks from time to time whether every task has a member. If one has none for too long, one member joins again.
    fn check_for_unassigned(&mut self, handler: &mut dyn MembershipHandler) -> Result<()> {
        let now_ms = self.now();
        if self.is_news || self.is_uncompared || !self.checks.is_due(now_ms) {
            return Ok(());
        }
        let members = self.members();
        if self.check_for_a_place(now_ms, members.as_deref())? {
            self.checks.begin(now_ms);
            return Ok(());
        }
        let members = members.unwrap_or_default();
        let is_known = !members.is_empty() && matches!(self.compared(&members, None), Others::Agree);
        let found = unassigned(&self.parts.spec.subtopologies, &members).filter(|_| is_known);
        let (Some(tasks), Some(chosen)) = (found, chosen(&members)) else {
            self.unassigned.end();
            if is_known {
                self.checks.begin(now_ms);
            } else {
                self.checks.unknown(now_ms);
            }
            return Ok(());
        };
        if tasks.is_empty() {
            self.unassigned.end();
            self.checks.all_assigned(now_ms);
            return Ok(());
        }
        let tasks = tasks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let is_self = self.group.fence().is_ok_and(|fence| *fence.member == *chosen.id);
        if self.checks.found(now_ms, is_self) {
            let group = &self.parts.spec.group;
            tracing::warn!(%group, tasks, "no member has these tasks; leaves the group and joins again, which assigns them");
            self.resign(handler);
            return Ok(());
        }
        let who = if is_self {
            "this member".to_owned()
        } else {
            format!("member {} at {}", chosen.client_id, chosen.host)
        };
        self.unassigned.update(now_ms, || {
            format!("a member of the group for tasks {tasks}; {who} leaves and joins again, so that they are assigned")
        });
        Ok(())
    }

    /// Whether the group is at rest without this member. A consumer that finds none of the topics that stand for tasks never
    /// asks to join, and reports nothing. After `task.timeout.ms` that is an error.
    fn check_for_a_place(
        &mut self,
        now_ms: i64,
        members: std::result::Result<&[GroupMember], &TransportError>,
    ) -> Result<bool> {
        let is_self = |member: &GroupMember| member.client_id == self.parts.spec.client_id;
        let is_left_out = members
            .is_ok_and(|members| members.iter().all(|member| member.assigned.is_some() && !is_self(member)));
        if !is_left_out || self.group.fence().is_ok() {
            self.left_out.end();
            return Ok(false);
        }
        let topics: Vec<&str> = self.parts.spec.subtopologies.iter().map(|part| &*part.token_topic).collect();
        let group = &self.parts.spec.group;
        let what = format!(
            "the consumer to ask group {group} for a place, which it does once it finds the topics {}; look at settings with \
             the prefix consumer. or main.consumer. that may keep it from that, and at the brokers' answers in the log",
            topics.join(", ")
        );
        let waited = self.left_out.update(now_ms, || what.clone());
        let patience_ms = self.parts.patience_ms.max(LEFT_OUT_MS_MIN);
        if waited < patience_ms {
            return Ok(true);
        }
        let reason = format!("waited for {patience_ms} ms (task.timeout.ms) for {what}");
        Err(TransportError::new(Kind::Config, format!("joining group {group}"), reason))
    }

    fn hand_over(&mut self, handler: &mut dyn MembershipHandler) {
        if let Some(tasks) = self.held.take() {
            handler.assigned(&tasks);
        }
    }
}

impl Membership for Joining {
    fn poll(&mut self, wait: Duration, handler: &mut dyn MembershipHandler) -> Result<()> {
        if self.member.is_none() && !self.join()? {
            pause(wait);
            return Ok(());
        }
        let Some(member) = &mut self.member else {
            if !std::mem::replace(&mut self.reported_none, true) {
                handler.assigned(&BTreeSet::new());
            }
            pause(wait);
            return Ok(());
        };
        let mut holding = Holding { held: &mut self.held, is_news: false, handler };
        member.poll(wait, &mut holding)?;
        if holding.is_news {
            self.is_news = true;
            self.ask_at = 0;
            self.checks.begin(self.now());
            self.unassigned.end();
            self.left_out.end();
        }
        self.pass_on(handler)?;
        self.check_for_unassigned(handler)
    }

    fn group(&self) -> Arc<dyn Group> {
        Arc::clone(&self.group) as Arc<dyn Group>
    }

    fn trouble(&self) -> Option<String> {
        self.member.as_ref().and_then(|member| member.trouble())
    }

    fn is_settled(&self) -> bool {
        self.reported_none || (self.member.is_some() && !self.is_news)
    }

    fn take_outgrown(&mut self) -> bool {
        self.member.as_mut().is_some_and(|member| member.take_outgrown())
    }

    fn leave(&mut self, handler: &mut dyn MembershipHandler, timeout: Duration) -> Result<()> {
        self.part(|member| member.leave(handler, timeout))
    }
}

fn pause(time: Duration) {
    #[allow(
        clippy::disallowed_methods,
        reason = "the control thread has nothing to poll yet, off the record path"
    )]
    std::thread::sleep(time);
}

/// Holds an assignment back until it has been compared.
struct Holding<'a> {
    held: &'a mut Option<BTreeSet<TaskId>>,
    is_news: bool,
    handler: &'a mut dyn MembershipHandler,
}

impl Holding<'_> {
    fn forget(&mut self, tasks: &BTreeSet<TaskId>) {
        self.is_news = true;
        if let Some(held) = self.held {
            held.retain(|task| !tasks.contains(task));
        }
    }
}

impl MembershipHandler for Holding<'_> {
    fn assigned(&mut self, tasks: &BTreeSet<TaskId>) {
        *self.held = Some(tasks.clone());
        self.is_news = true;
    }

    fn revoked(&mut self, tasks: &BTreeSet<TaskId>) {
        self.forget(tasks);
        self.handler.revoked(tasks);
    }

    fn lost(&mut self, tasks: &BTreeSet<TaskId>, why: &str) {
        self.forget(tasks);
        self.handler.lost(tasks, why);
    }
}

/// The group for commits, which may not have been joined yet.
struct LateGroup {
    name: Arc<str>,
    current: Mutex<Option<Arc<dyn Group>>>,
}

impl LateGroup {
    fn set(&self, group: Option<Arc<dyn Group>>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = group;
    }

    fn now(&self) -> Result<Arc<dyn Group>> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        current.ok_or_else(|| {
            let attempted = format!("fence of group {}", self.name);
            TransportError::new(Kind::Retriable, attempted, "not a member for now")
        })
    }
}

impl Group for LateGroup {
    fn fence(&self) -> Result<Fence> {
        self.now()?.fence()
    }

    fn commit(&self, fence: &Fence, offsets: &[OffsetToCommit], timeout: Duration) -> Result<()> {
        self.now()?.commit(fence, offsets, timeout)
    }
}

mod unassigned;

#[cfg(test)]
mod tests;
