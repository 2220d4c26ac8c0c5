//! Membership in the application's group through librdkafka's classic protocol, without reading any records.
//!
//! 1. The member subscribes to one token topic per sub-topology. Partition `p` of it stands for task `p`.
//! 2. Assignment is cooperative-sticky: only tokens that move are taken away, the others' tasks run on.
//! 3. Every rebalance is answered with an empty list, so the group considers it done and librdkafka fetches nothing.
//! 4. Rebalances arrive as events in [`Membership::poll`] on the control thread. A revocation is answered after
//!    `handler.revoked` has returned; until then the group assigns the tasks to no other member. Heartbeats continue.
//! 5. An assignment that was lost (session timed out, fenced, fatal error) goes to `handler.lost`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings::rd_kafka_resp_err_t as E;

use super::config::{Common, SESSION_TIMEOUT_MS};
use super::deadline::Deadline;
use super::error::{failed, shut_out, with_right};
use super::ffi::{AdminCall, Client, Code, Denial, Entry, KafkaError, Rebalance, bar_of};
use super::producer::offset_list;
use crate::ids::{PartitionId, TaskId, TopicName};
use crate::time::{Clock, SystemClock};
use crate::transport::{
    Fence, Group, GroupSpec, Membership, MembershipHandler, OffsetToCommit, Result, TransportError,
    TransportErrorKind as Kind,
};

/// One step of waiting for the group while leaving it.
const LEAVE_SLICE: Duration = Duration::from_millis(50);

/// How long a right may be missing that this process has never had.
const FIRST_PATIENCE_MS: i64 = 3_000;

/// The time-out of the request whether a right is still missing.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// A member that is still in the group this long after its heartbeat was due knows that its rights are back.
const ALLOWED_AFTER_MS: i64 = 5_000;

/// A member of the application's group.
pub(super) struct KafkaMembership {
    tokens: BTreeMap<TopicName, Token>,
    /// The tasks that this process should run.
    tasks: BTreeSet<TaskId>,
    /// Whether the group assigned partitions that are not tasks yet.
    outgrown: bool,
    /// Asks whether a right is still missing, and when it may ask again.
    asker: Asker,
    ask_at: i64,
    session_timeout_ms: i64,
    group: Arc<KafkaGroup>,
}

/// The sub-topology of a token topic.
#[derive(Clone, Copy, Debug)]
struct Token {
    subtopology: u32,
    tasks: PartitionId,
}

/// The part of a member that stream threads share.
pub(super) struct KafkaGroup {
    group: Arc<str>,
    instance: Option<Arc<str>>,
    client: Arc<Client>,
}

impl KafkaMembership {
    pub(super) fn new(common: &Common, spec: &GroupSpec) -> Result<Self> {
        let attempted = || format!("joining group {}", spec.group);
        let mut tokens = BTreeMap::new();
        for part in &spec.subtopologies {
            let token = Token { subtopology: part.subtopology, tasks: part.tasks };
            if tokens.insert(Arc::clone(&part.token_topic), token).is_some() {
                let reason = format!("topic '{}' is the token topic of two sub-topologies", part.token_topic);
                return Err(TransportError::new(Kind::Config, attempted(), reason));
            }
        }
        if tokens.is_empty() {
            return Err(TransportError::new(Kind::Config, attempted(), "there are no tasks"));
        }
        let client = common.member(spec)?;
        let topics: Vec<&str> = tokens.keys().map(|topic| &**topic).collect();
        client.subscribe(&topics).map_err(|error| failed(attempted(), &error))?;
        let key = "group.instance.id";
        let instance = spec.properties.get(key).or_else(|| common.properties.get(key));
        let instance = instance.map(|instance| Arc::from(instance.as_str()));
        let group = Arc::new(KafkaGroup { group: Arc::clone(&spec.group), instance, client });
        let set = spec.properties.get("session.timeout.ms").and_then(|set| set.parse().ok());
        let session_timeout_ms = set.unwrap_or(SESSION_TIMEOUT_MS);
        let asker = Asker { common: common.clone(), client_id: format!("{}-rights-admin", spec.client_id) };
        Ok(KafkaMembership {
            tokens,
            tasks: BTreeSet::new(),
            outgrown: false,
            asker,
            ask_at: i64::MIN,
            session_timeout_ms,
            group,
        })
    }

    /// Why it is useless to wait for the group: no broker lets this process in, or a right has been missing for too long.
    /// librdkafka itself would retry without end, and report it once.
    fn refused(&mut self) -> Option<TransportError> {
        let client = &self.group.client;
        let attempted = || format!("membership of group '{}'", self.group.group);
        if let Some(refusal) = client.shut_out() {
            return Some(shut_out(attempted(), &refusal));
        }
        let now_ms = SystemClock.monotonic_ms();
        if let Some(barred) = client.barred()
            && is_final(&barred, now_ms, client.patience_ms())
        {
            return Some(failed(attempted(), &with_way_in(barred.error, &self.group.group)));
        }
        let denial = client.denied()?;
        let of_topic = E::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED as Code == denial.error.code;
        let topics: Vec<&str> = self.tokens.keys().map(|topic| &**topic).collect();
        // As any member of this process, since a process that joins again has had the rights.
        if self.asker.common.has_joined(&self.group.group) {
            let silent_ms = now_ms - denial.last_ms;
            if silent_ms > self.session_timeout_ms + ALLOWED_AFTER_MS && self.group.fence().is_ok() {
                client.allowed();
                return None;
            }
            if now_ms - denial.first_ms < client.patience_ms() {
                return None;
            }
        } else {
            match before_joining(&denial, now_ms) {
                Denied::Perhaps => return None,
                Denied::Still => {}
                Denied::AskFirst if now_ms < self.ask_at => return None,
                Denied::AskFirst => match self.asker.is_denied(of_topic, &topics, &self.group.group) {
                    Some(true) => {}
                    Some(false) => {
                        client.allowed();
                        return None;
                    }
                    None => {
                        self.ask_at = now_ms + FIRST_PATIENCE_MS;
                        return None;
                    }
                },
            }
        }
        let (operation, resource) = if of_topic {
            ("DESCRIBE", format!("the topics {}", topics.join(", ")))
        } else {
            ("READ", format!("group '{}'", self.group.group))
        };
        Some(failed(attempted(), &with_right(denial.error, operation, &resource)))
    }

    /// The tasks of token partitions. A token topic that has grown has partitions without a task.
    fn tasks_of(&mut self, change: &Rebalance) -> BTreeSet<TaskId> {
        let mut tasks = BTreeSet::new();
        for Entry { partition, .. } in &change.partitions {
            let Some(token) = self.tokens.get(&partition.topic) else { continue };
            if partition.partition < token.tasks {
                tasks.insert(TaskId::new(token.subtopology, partition.partition));
            } else if change.assigns {
                tracing::info!(%partition, "belongs to no known task; checking whether topics have grown");
                self.outgrown = true;
            }
        }
        tasks
    }

    fn answer(&mut self, change: &Rebalance, handler: &mut dyn MembershipHandler) -> Result<()> {
        let moved = self.tasks_of(change);
        if change.assigns {
            self.asker.common.note_joined(&self.group.group);
            self.group.client.allowed();
            self.group.client.take_session_end();
            self.accept(true)?;
            self.tasks.extend(moved);
            handler.assigned(&self.tasks);
            return Ok(());
        }
        let mut given_up: BTreeSet<TaskId> = self.tasks.intersection(&moved).copied().collect();
        if change.lost {
            given_up = std::mem::take(&mut self.tasks);
        }
        self.tasks.retain(|task| !given_up.contains(task));
        if !given_up.is_empty() {
            if change.lost { handler.lost(&given_up, &self.why_lost()) } else { handler.revoked(&given_up) }
        }
        // Only now: after this answer the group may assign the tasks to others.
        self.accept(false)
    }

    /// Why the group no longer has this member, as far as librdkafka says.
    fn why_lost(&self) -> String {
        self.group.client.take_session_end().unwrap_or_else(|| {
            "the session with the group has ended, the group was rebalanced without this member, or a topic is gone"
                .to_owned()
        })
    }

    fn accept(&self, assigns: bool) -> Result<()> {
        self.group
            .client
            .accept(assigns)
            .map_err(|error| failed(format!("answering a rebalance of group {}", self.group.group), &error))
    }
}

/// What is known of a right that was missing when this process wanted to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Denied {
    /// It may be granted in a moment.
    Perhaps,
    /// Brokers have refused it again and again.
    Still,
    /// No refusal came for a while. Either the right is there, or librdkafka does not repeat itself, as when it may not look
    /// up the coordinator.
    AskFirst,
}

/// Judges a denial by the times of its reports. Joining takes seconds after the right is granted, so one report is not
/// enough.
fn before_joining(denial: &Denial, now_ms: i64) -> Denied {
    if denial.last_ms - denial.first_ms >= FIRST_PATIENCE_MS {
        Denied::Still
    } else if now_ms - denial.last_ms >= FIRST_PATIENCE_MS {
        Denied::AskFirst
    } else {
        Denied::Perhaps
    }
}

/// Whether it is useless to keep asking for a place in the group: at once if this member's settings are to blame, after a
/// while if other members are, which may leave.
fn is_final(barred: &Denial, now_ms: i64, patience_ms: i64) -> bool {
    let may_pass = bar_of(barred.error.code).is_some_and(|bar| bar.may_pass);
    !may_pass || now_ms - barred.first_ms >= patience_ms
}

/// Adds what to do about a group that does not take this member.
fn with_way_in(mut error: KafkaError, group: &str) -> KafkaError {
    if let Some(bar) = bar_of(error.code) {
        error.reason = format!("{}; {}", error.reason, bar.advice.replace("{group}", group));
    }
    error
}

/// Adds whose place another instance has taken, and what to do.
fn with_own_id(mut error: KafkaError, instance: Option<&str>) -> KafkaError {
    if let Some(id) = instance.filter(|_| error.code == E::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID as Code) {
        error.reason = format!(
            "{}; another instance has joined with group.instance.id={id}: each instance needs its own, so set another one \
             here or there",
            error.reason
        );
    }
    error
}

/// Asks the brokers which rights this process has.
struct Asker {
    common: Common,
    client_id: String,
}

impl Asker {
    /// Whether the brokers refuse to describe the topics, or the group; `None` without an answer.
    fn is_denied(&self, of_topic: bool, topics: &[&str], group: &str) -> Option<bool> {
        const CODES: [Code; 2] = [
            E::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED as Code,
            E::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED as Code,
        ];
        let client = self.common.admin(&self.client_id).ok()?;
        let call = AdminCall::new(&client, ASK_TIMEOUT);
        let asked = if of_topic {
            call.describe_topics(topics).and_then(|all| {
                let told: std::result::Result<Vec<_>, KafkaError> =
                    all.into_iter().map(|(_, told)| told).collect();
                told.map(|_| ())
            })
        } else {
            call.members(group).map(|_| ())
        };
        match asked {
            Ok(()) => Some(false),
            Err(error) => CODES.contains(&error.code).then_some(true),
        }
    }
}

impl Membership for KafkaMembership {
    fn poll(&mut self, wait: Duration, handler: &mut dyn MembershipHandler) -> Result<()> {
        let change = self.group.client.poll_consumer(wait).change();
        let answered = match &change {
            Some(change) => self.answer(change, handler),
            None => Ok(()),
        };
        // After a fatal error librdkafka releases everything without an event.
        if let Some(fatal) = self.group.client.fatal() {
            let lost = std::mem::take(&mut self.tasks);
            if !lost.is_empty() {
                handler.lost(&lost, &format!("the membership has failed ({fatal})"));
            }
            let fatal = with_own_id(fatal, self.group.instance.as_deref());
            return Err(failed(format!("membership of group {}", self.group.group), &fatal));
        }
        answered?;
        self.refused().map_or(Ok(()), Err)
    }

    fn group(&self) -> Arc<dyn Group> {
        Arc::clone(&self.group) as Arc<dyn Group>
    }

    fn trouble(&self) -> Option<String> {
        let client = &self.group.client;
        let barred = client.barred().map(|barred| with_way_in(barred.error, &self.group.group));
        barred.or_else(|| client.trouble()).map(|error| error.to_string())
    }

    fn take_outgrown(&mut self) -> bool {
        std::mem::take(&mut self.outgrown)
    }

    fn leave(&mut self, handler: &mut dyn MembershipHandler, timeout: Duration) -> Result<()> {
        let deadline = Deadline::after(timeout);
        self.release_all(handler);
        self.close(deadline)
    }

    fn resign(&mut self, handler: &mut dyn MembershipHandler, timeout: Duration) -> Result<()> {
        let deadline = Deadline::after(timeout);
        self.release_all(handler);
        let client = Arc::clone(&self.group.client);
        if let Err(error) = client.unsubscribe() {
            tracing::debug!(%error, "cannot give up the place in the group");
        }
        // The request to leave is sent when all that is assigned was released, and ends the member id.
        while self.group.fence().is_ok() && !deadline.left().is_zero() {
            if let Some(change) = client.poll_consumer(LEAVE_SLICE).change() {
                self.accept(change.assigns)?;
            }
        }
        // Without a subscription nobody waits for what is still queued: see `Place` of ffi/group.rs.
        client.settle();
        self.close(deadline)
    }
}

impl KafkaMembership {
    fn release_all(&mut self, handler: &mut dyn MembershipHandler) {
        let given_up = std::mem::take(&mut self.tasks);
        if !given_up.is_empty() {
            handler.revoked(&given_up);
        }
    }

    fn close(&self, deadline: Deadline) -> Result<()> {
        let attempted = || format!("leaving group {}", self.group.group);
        let client = Arc::clone(&self.group.client);
        client.close().map_err(|error| failed(attempted(), &error))?;
        while !client.closed() {
            if deadline.left().is_zero() {
                let reason = "the group has not answered; the session will time out";
                return Err(TransportError::new(Kind::TimedOut, attempted(), reason));
            }
            // Further rebalances are answered with an empty list: all tasks are released already.
            if let Some(change) = client.poll_consumer(LEAVE_SLICE).change() {
                self.accept(change.assigns)?;
            }
        }
        Ok(())
    }
}

impl KafkaGroup {
    fn attempted(&self) -> String {
        format!("commit of group {}", self.group)
    }
}

impl Group for KafkaGroup {
    fn fence(&self) -> Result<Fence> {
        let metadata = self.client.group_metadata();
        // The broker accepts unset fences without fencing anyone, so they never leave this function.
        match metadata.map(|metadata| (metadata.generation(), metadata.member())) {
            Some((generation, member)) if generation >= 0 && !member.is_empty() => Ok(Fence {
                group: Arc::clone(&self.group),
                member: member.into(),
                generation,
                instance: self.instance.clone(),
            }),
            _ => {
                let attempted = format!("fence of group {}", self.group);
                Err(TransportError::new(Kind::Retriable, attempted, "not a member for now"))
            }
        }
    }

    fn commit(&self, fence: &Fence, offsets: &[OffsetToCommit], timeout: Duration) -> Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        let current = self.fence()?;
        if current != *fence {
            let reason = format!("generation {} is over, it is {} now", fence.generation, current.generation);
            return Err(TransportError::new(Kind::Fenced, self.attempted(), reason));
        }
        match self.client.commit(&offset_list(offsets), timeout) {
            None => {
                let reason = format!("no answer within {timeout:?}");
                Err(TransportError::new(Kind::TimedOut, self.attempted(), reason))
            }
            Some(outcome) => outcome.map_err(|error| {
                let told = failed(self.attempted(), &error);
                // Unlike in a transaction, a commit that timed out may simply be made again.
                let again =
                    told.kind() == Kind::TimedOut || error.code == E::RD_KAFKA_RESP_ERR__NO_OFFSET as Code;
                if again { told.into_retriable() } else { told }
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::KafkaOptions;
    use super::super::ffi::{Role, mock};
    use super::*;
    use crate::transport::SubtopologyTasks;

    /// Before the fix, the application ended three seconds after the first refusal, although the right was back.
    #[test]
    fn a_right_that_is_granted_in_time_is_not_a_refusal() {
        let judged = |first_ms, last_ms, now_ms| {
            let error = KafkaError::from_code(E::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED as Code);
            before_joining(&Denial { error, first_ms, last_ms }, now_ms)
        };
        assert_eq!(judged(0, 0, 2_999), Denied::Perhaps);
        assert_eq!(judged(0, 2_000, 4_999), Denied::Perhaps, "not repeated for a while");
        assert_eq!(judged(0, 2_000, 5_000), Denied::AskFirst);
        assert_eq!(judged(0, 0, 3_000), Denied::AskFirst, "reported once");
        assert_eq!(judged(0, 3_000, 3_000), Denied::Still);
    }

    /// Before the fix, the application waited for the group without end and without a reason.
    #[test]
    fn a_place_in_the_group_is_asked_for_as_long_as_others_may_leave() {
        let barred = |code: E| Denial { error: KafkaError::from_code(code as Code), first_ms: 0, last_ms: 0 };
        assert!(is_final(&barred(E::RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT), 0, 10));
        assert!(is_final(&barred(E::RD_KAFKA_RESP_ERR_INVALID_GROUP_ID), 0, 10));
        for code in
            [E::RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, E::RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED]
        {
            assert!(!is_final(&barred(code), 9, 10));
            assert!(is_final(&barred(code), 10, 10));
        }
        let told = with_way_in(barred(E::RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL).error, "app");
        assert!(told.reason.contains("group 'app' is not an instance"), "{told}");
    }

    struct Nobody;

    impl MembershipHandler for Nobody {
        fn assigned(&mut self, _: &BTreeSet<TaskId>) {}
        fn revoked(&mut self, _: &BTreeSet<TaskId>) {}
        fn lost(&mut self, _: &BTreeSet<TaskId>, _: &str) {}
    }

    /// Before the fix, the group was said to have assigned the tasks to others.
    #[test]
    fn tasks_that_are_lost_as_no_broker_answers_are_not_said_to_be_others() {
        struct Why(Option<String>);
        impl MembershipHandler for Why {
            fn assigned(&mut self, _: &BTreeSet<TaskId>) {}
            fn revoked(&mut self, _: &BTreeSet<TaskId>) {}
            fn lost(&mut self, _: &BTreeSet<TaskId>, why: &str) {
                self.0 = Some(why.to_owned());
            }
        }
        const LIMIT: Duration = Duration::from_secs(120);
        let servers = mock::client(Role::Producer, &[("test.mock.num.brokers", "1")]).expect("a cluster");
        servers.mock_topic("tokens", 1);
        let common = Common::new(&servers.mock_servers(), KafkaOptions::default()).expect("are settings");
        // Longer than the cluster takes until it lets a member in.
        let quick = [("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "100")];
        let spec = GroupSpec {
            group: "app".into(),
            client_id: "member".to_owned(),
            subtopologies: vec![SubtopologyTasks { subtopology: 0, token_topic: "tokens".into(), tasks: 1 }],
            properties: quick.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        };
        let (mut member, mut why) = (KafkaMembership::new(&common, &spec).expect("a member"), Why(None));
        let deadline = Deadline::after(LIMIT);
        while member.tasks.is_empty() {
            assert!(!deadline.left().is_zero(), "never joined: {:?}", member.trouble());
            member.poll(Duration::from_millis(50), &mut why).expect("polled");
        }
        why.0 = None;
        servers.mock_round_trip(LIMIT);
        while why.0.is_none() {
            assert!(!deadline.left().is_zero(), "never lost");
            member.poll(Duration::from_millis(50), &mut why).expect("polled");
        }
        servers.mock_round_trip(Duration::ZERO);
        let why = why.0.expect("a reason");
        assert!(why.starts_with("no answer came from the group's coordinator for "), "{why}");
        assert!(why.contains(" ms, and the session with the group has ended"), "{why}");
    }

    /// Before: librdkafka's words alone, without the id.
    #[test]
    fn a_member_whose_instance_id_another_has_says_that_each_needs_its_own() {
        let id = BTreeMap::from([("group.instance.id".to_owned(), "one".to_owned())]);
        let spec = GroupSpec {
            group: "app".into(),
            client_id: "member".to_owned(),
            subtopologies: vec![SubtopologyTasks { subtopology: 0, token_topic: "tokens".into(), tasks: 1 }],
            properties: id,
        };
        let common = Common::new("localhost:1", KafkaOptions::default()).expect("are settings");
        let mut member = KafkaMembership::new(&common, &spec).expect("is made");
        member.group.client.mock_fatal(E::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
        // The client learns of it on another thread.
        let deadline = Deadline::after(Duration::from_secs(60));
        let error = loop {
            assert!(!deadline.left().is_zero(), "it is never out");
            if let Err(error) = member.poll(Duration::from_millis(20), &mut Nobody) {
                break error;
            }
        };
        assert_eq!(error.kind(), Kind::Fenced);
        let text = error.to_string();
        for part in ["group.instance.id=one", "each instance needs its own"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    /// Before the fix, each membership had the patience of the first: three seconds without the right ended an application
    /// that had been running, if it was joining again just then.
    #[test]
    fn a_process_that_has_been_in_the_group_is_patient_whenever_it_joins() {
        const LIMIT: Duration = Duration::from_secs(120);
        let servers = mock::client(Role::Producer, &[("test.mock.num.brokers", "1")]).expect("a cluster");
        servers.mock_topic("tokens", 1);
        let common = Common::new(&servers.mock_servers(), KafkaOptions::default()).expect("are settings");
        let spec = GroupSpec {
            group: "app".into(),
            client_id: "member".to_owned(),
            subtopologies: vec![SubtopologyTasks { subtopology: 0, token_topic: "tokens".into(), tasks: 1 }],
            properties: BTreeMap::new(),
        };
        let joined = |common: &Common| {
            let mut member = KafkaMembership::new(common, &spec)?;
            let deadline = Deadline::after(LIMIT);
            while member.tasks.is_empty() && !deadline.left().is_zero() {
                member.poll(Duration::from_millis(50), &mut Nobody)?;
            }
            assert!(!member.tasks.is_empty(), "never joined: {:?}", member.trouble());
            member.leave(&mut Nobody, LIMIT)
        };
        // It is asked for about once a second.
        let denied = [E::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED as Code; 7];
        joined(&common).expect("joins");
        servers.mock_refusals(mock::requests::JOIN, &denied);
        joined(&common).expect("joins when it may");
        servers.mock_refusals(mock::requests::JOIN, &denied);
        let new = Common::new(&servers.mock_servers(), KafkaOptions::default()).expect("are settings");
        assert_eq!(joined(&new).expect_err("it was never let in").kind(), Kind::Denied);
    }
}
