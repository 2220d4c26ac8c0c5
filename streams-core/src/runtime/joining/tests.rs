//! Members with one topology and with two, on the embedded broker.

use super::*;
use crate::time::ManualClock;
use crate::transport::embedded::{EmbeddedBroker, Fault, Operation};
use crate::transport::{Consumer, ConsumerSpec, NewTopic, Producer, ProducerSpec, SubtopologyTasks};

const SMALL: &str = "00000000000000aa";
const GREAT: &str = "00000000000000bb";

/// The assignments of the application.
#[derive(Debug, Default)]
struct Told {
    runs: BTreeSet<TaskId>,
    calls: usize,
}

impl MembershipHandler for Told {
    fn assigned(&mut self, tasks: &BTreeSet<TaskId>) {
        self.runs.clone_from(tasks);
        self.calls += 1;
    }

    fn revoked(&mut self, tasks: &BTreeSet<TaskId>) {
        self.runs.retain(|task| !tasks.contains(task));
    }

    fn lost(&mut self, tasks: &BTreeSet<TaskId>, _: &str) {
        self.runs.retain(|task| !tasks.contains(task));
    }
}

struct World {
    broker: Arc<EmbeddedBroker>,
    clock: Arc<ManualClock>,
    transport: Arc<dyn Transport>,
    waits: Arc<Waits>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(0));
        let broker = EmbeddedBroker::in_memory_at(Arc::clone(&clock) as _);
        let transport = Arc::new(broker.transport());
        let world = World { broker, clock, transport, waits: Arc::default() };
        world.create("t");
        world
    }

    fn create(&self, topic: &str) {
        let topic = NewTopic {
            name: topic.into(),
            partitions: 2,
            replication_factor: 1,
            configs: Default::default(),
        };
        self.transport.admin("admin").unwrap().create_topics(&[topic], ASK_TIMEOUT).unwrap();
    }

    fn spec(client: &str, tasks: i32) -> GroupSpec {
        let part = SubtopologyTasks { subtopology: 0, token_topic: "t".into(), tasks };
        GroupSpec {
            group: "g".into(),
            client_id: client.to_owned(),
            subtopologies: if tasks == 0 { Vec::new() } else { vec![part] },
            properties: Default::default(),
        }
    }

    fn joining(&self, fingerprint: &str, tasks: i32) -> Joining {
        Joining::new(JoinParts {
            transport: Arc::clone(&self.transport),
            spec: Self::spec(&member_id("app", fingerprint), tasks),
            fingerprint: fingerprint.to_owned(),
            clock: Arc::clone(&self.clock) as _,
            waits: Arc::clone(&self.waits),
            patience_ms: 10_000,
        })
        .unwrap()
    }

    /// A member that did not look who is there.
    fn careless(&self, client: &str) -> Box<dyn Membership> {
        self.transport.membership(&Self::spec(client, 2)).unwrap()
    }

    fn poll(&self, member: &mut dyn Membership, told: &mut Told) -> Result<()> {
        self.clock.advance_ms(ASK_AGAIN_MS);
        member.poll(Duration::ZERO, told)
    }

    fn reasons(&self) -> Vec<String> {
        self.waits.reasons().iter().map(ToString::to_string).collect()
    }
}

#[test]
fn members_with_one_topology_share_the_tasks() {
    let world = World::new();
    let (mut one, mut other) = (world.joining(SMALL, 2), world.joining(SMALL, 2));
    let (mut told, mut told_other) = (Told::default(), Told::default());
    world.poll(&mut one, &mut told).unwrap();
    assert_eq!((told.runs.len(), one.is_settled()), (2, true));
    assert!(one.group().fence().is_ok());
    for _ in 0..3 {
        world.poll(&mut other, &mut told_other).unwrap();
        world.poll(&mut one, &mut told).unwrap();
    }
    assert_eq!((told.runs.len(), told_other.runs.len()), (1, 1));
    assert!(world.reasons().is_empty());
    one.leave(&mut told, LEAVE_TIMEOUT).unwrap();
    assert!(!one.is_settled() && one.group().fence().is_err());
    // The next poll joins again.
    for _ in 0..3 {
        world.poll(&mut one, &mut told).unwrap();
        world.poll(&mut other, &mut told_other).unwrap();
    }
    assert_eq!((told.runs.len(), told_other.runs.len()), (1, 1));
}

#[test]
fn whoever_has_another_topology_waits_and_gives_up_in_the_end() {
    let world = World::new();
    let (mut one, mut other) = (world.joining(GREAT, 2), world.joining(SMALL, 2));
    let (mut told, mut told_other) = (Told::default(), Told::default());
    world.poll(&mut one, &mut told).unwrap();
    for _ in 0..5 {
        world.poll(&mut other, &mut told_other).unwrap();
        world.poll(&mut one, &mut told).unwrap();
    }
    assert_eq!((told.runs.len(), told_other.calls, other.is_settled()), (2, 0, false));
    let reason = &world.reasons()[0];
    assert!(reason.contains(SMALL) && reason.contains("app-topology-00000000000000bb at"), "{reason}");
    let error = loop {
        if let Err(error) = world.poll(&mut other, &mut told_other) {
            break error.to_string();
        }
    };
    assert!(error.contains("task.timeout.ms") && error.contains("another topology"), "{error}");
    // Another try, after the others have gone.
    let mut other = world.joining(SMALL, 2);
    world.poll(&mut other, &mut told_other).unwrap();
    one.leave(&mut told, LEAVE_TIMEOUT).unwrap();
    world.poll(&mut other, &mut told_other).unwrap();
    assert_eq!(told_other.runs.len(), 2);
}

#[test]
fn of_two_that_join_at_the_same_time_the_greater_leaves_and_the_smaller_waits_for_that() {
    let world = World::new();
    // This one leaves: it finds a member with a smaller fingerprint, and one of an older release.
    for winner in [&member_id("app", SMALL), "app-of-an-older-release"] {
        let (mut one, mut told) = (world.joining(GREAT, 2), Told::default());
        world.poll(&mut one, &mut told).unwrap();
        assert_eq!(told.runs.len(), 2);
        let (mut winner, mut told_winner) = (world.careless(winner), Told::default());
        for _ in 0..4 {
            world.poll(&mut *winner, &mut told_winner).unwrap();
            world.poll(&mut one, &mut told).unwrap();
        }
        assert_eq!((told.runs.len(), told_winner.runs.len(), one.is_settled()), (0, 2, false));
        winner.leave(&mut told_winner, LEAVE_TIMEOUT).unwrap();
        world.poll(&mut one, &mut told).unwrap();
        assert_eq!(told.runs.len(), 2, "it comes back");
        one.leave(&mut told, LEAVE_TIMEOUT).unwrap();
    }
    // This one stays, but opens nothing new before the other one has left.
    let (mut one, mut told) = (world.joining(SMALL, 2), Told::default());
    world.poll(&mut one, &mut told).unwrap();
    let calls = told.calls;
    let (mut loser, mut told_loser) = (world.careless(&member_id("app", GREAT)), Told::default());
    for _ in 0..4 {
        world.poll(&mut one, &mut told).unwrap();
        world.poll(&mut *loser, &mut told_loser).unwrap();
    }
    assert_eq!((told.calls, one.is_settled()), (calls, false));
    assert!(world.reasons()[0].contains("another topology"));
    loser.leave(&mut told_loser, LEAVE_TIMEOUT).unwrap();
    world.poll(&mut one, &mut told).unwrap();
    assert_eq!((told.runs.len(), one.is_settled(), world.reasons().len()), (2, true, 0));
}

/// Showed before: two topologies processed the same partitions from then on.
#[test]
fn what_was_opened_without_an_answer_is_compared_when_there_is_one() {
    let world = World::new();
    let (mut one, mut told) = (world.joining(GREAT, 2), Told::default());
    let silence = Fault::before(Operation::Members, Kind::TimedOut).skipping(1).times(usize::MAX);
    world.broker.faults().inject(silence);
    for _ in 0..2 * UNANSWERED_MAX_MS / ASK_AGAIN_MS {
        world.poll(&mut one, &mut told).unwrap();
    }
    assert_eq!((told.runs.len(), one.is_settled()), (2, true));
    assert!(world.reasons()[0].contains("the list of the group's members"), "{:?}", world.reasons());
    // In the silence, one with another topology comes.
    let (mut other, mut told_other) = (world.careless(&member_id("app", SMALL)), Told::default());
    for _ in 0..2 * UNANSWERED_MAX_MS / ASK_AGAIN_MS {
        world.poll(&mut *other, &mut told_other).unwrap();
        world.poll(&mut one, &mut told).unwrap();
    }
    assert_eq!((told.runs.len(), told_other.runs.len(), one.is_settled()), (1, 1, true));
    world.broker.faults().clear();
    // Two polls a round.
    for _ in 0..ASK_LATER_MS / (2 * ASK_AGAIN_MS) + 2 {
        world.poll(&mut one, &mut told).unwrap();
        world.poll(&mut *other, &mut told_other).unwrap();
    }
    assert_eq!((told.runs.len(), told_other.runs.len(), one.is_settled()), (0, 2, false));
    other.leave(&mut told_other, LEAVE_TIMEOUT).unwrap();
    world.poll(&mut one, &mut told).unwrap();
    world.poll(&mut one, &mut told).unwrap();
    assert_eq!((told.runs.len(), world.reasons().len()), (2, 0));
}

#[test]
fn a_topology_without_tasks_joins_no_group() {
    let world = World::new();
    let (mut one, mut told) = (world.joining(SMALL, 0), Told::default());
    world.poll(&mut one, &mut told).unwrap();
    world.poll(&mut one, &mut told).unwrap();
    assert_eq!((told.calls, told.runs.len(), one.is_settled()), (1, 0, true));
    let mut admin = world.transport.admin("a").unwrap();
    assert_eq!(admin.members("g", ASK_TIMEOUT).unwrap(), []);
}

#[test]
fn tasks_that_others_know_of_are_not_run_but_told() {
    let world = World::new();
    let (mut wide, mut told_wide) = (world.joining(SMALL, 4), Told::default());
    world.poll(&mut wide, &mut told_wide).unwrap();
    let (mut narrow, mut told) = (world.joining(SMALL, 2), Told::default());
    for _ in 0..3 {
        world.poll(&mut narrow, &mut told).unwrap();
        world.poll(&mut wide, &mut told_wide).unwrap();
    }
    // The first two tasks stay where they are.
    assert_eq!((told_wide.runs.len(), told.runs.len()), (2, 0));
    assert!(narrow.take_outgrown() && !narrow.take_outgrown(), "said once");
    assert!(!wide.take_outgrown());
}

/// Showed before, with static members: RUNNING, and nobody had the task until the next rebalance.
#[test]
fn a_task_that_no_member_has_is_named_and_one_member_joins_again() {
    let world = World::new();
    // One that the only task is meant for, and that never takes it.
    let mut idle = world.transport.membership(&World::spec(&member_id("z", SMALL), 1)).unwrap();
    let (mut one, mut told) = (world.joining(SMALL, 1), Told::default());
    let id = |world: &World| {
        let members = world.broker.members("g");
        members.into_iter().find(|id| id.starts_with("app")).map(|id| id.to_string())
    };
    world.poll(&mut one, &mut told).unwrap();
    let first = id(&world);
    let poll_for = |one: &mut Joining, told: &mut Told, seconds: i64| {
        for _ in 0..seconds * 1_000 / ASK_AGAIN_MS {
            world.poll(one, told).unwrap();
        }
    };
    poll_for(&mut one, &mut told, 11);
    let reason = &world.reasons()[0];
    assert!(reason.contains("for tasks 0_0; this member leaves and joins again"), "{reason}");
    assert_eq!(id(&world), first, "its former member may still be closing it");
    poll_for(&mut one, &mut told, 6);
    let second = id(&world);
    assert!(second.is_some() && second != first, "it has left and joined");
    poll_for(&mut one, &mut told, 20);
    assert_eq!(id(&world), second, "the next attempt comes later");
    poll_for(&mut one, &mut told, 10);
    let third = id(&world);
    assert!(third.is_some() && third != second);
    assert_eq!(told.runs.len(), 0);
    idle.leave(&mut Told::default(), LEAVE_TIMEOUT).unwrap();
    poll_for(&mut one, &mut told, 20);
    assert_eq!((told.runs.len(), world.reasons().len(), id(&world)), (1, 0, third));
    // The group is asked once a minute, also while there is no answer.
    let silence = || Fault::before(Operation::Members, Kind::TimedOut);
    (0..100).for_each(|_| world.broker.faults().inject(silence()));
    poll_for(&mut one, &mut told, 600);
    let asked = 100 - world.broker.faults().left();
    assert!((9..=12).contains(&asked), "{asked} times in ten minutes");
    assert_eq!(told.runs.len(), 1);
}

/// A consumer to which settings hide the topics that stand for tasks: it never asks to join.
struct Blind(Arc<dyn Transport>);

struct NeverJoins(Arc<dyn Group>);

impl Membership for NeverJoins {
    fn poll(&mut self, _: Duration, _: &mut dyn MembershipHandler) -> Result<()> {
        Ok(())
    }

    fn group(&self) -> Arc<dyn Group> {
        Arc::clone(&self.0)
    }

    fn take_outgrown(&mut self) -> bool {
        false
    }

    fn leave(&mut self, _: &mut dyn MembershipHandler, _: Duration) -> Result<()> {
        Ok(())
    }
}

impl Transport for Blind {
    fn consumer(&self, spec: &ConsumerSpec) -> Result<Box<dyn Consumer>> {
        self.0.consumer(spec)
    }

    fn producer(&self, spec: &ProducerSpec) -> Result<Box<dyn Producer>> {
        self.0.producer(spec)
    }

    fn admin(&self, client_id: &str) -> Result<Box<dyn Admin>> {
        self.0.admin(client_id)
    }

    fn membership(&self, _: &GroupSpec) -> Result<Box<dyn Membership>> {
        Ok(Box::new(NeverJoins(Arc::new(LateGroup { name: "g".into(), current: Mutex::new(None) }))))
    }
}

/// Showed before: REBALANCING without end and without a cause.
#[test]
fn a_member_that_never_gets_into_a_group_at_rest_says_why_and_gives_up() {
    let mut world = World::new();
    world.transport = Arc::new(Blind(Arc::clone(&world.transport)));
    let (mut member, mut told) = (world.joining(SMALL, 2), Told::default());
    let mut poll = |seconds: i64| {
        (0..seconds * 1_000 / ASK_AGAIN_MS).try_for_each(|_| world.poll(&mut member, &mut told))
    };
    poll(11).unwrap();
    let reasons = world.reasons();
    assert!(reasons.iter().any(|text| text.contains("to ask group g for a place")), "{reasons:?}");
    // Nothing can be said while the brokers do not answer.
    (0..10).for_each(|_| world.broker.faults().inject(Fault::before(Operation::Members, Kind::TimedOut)));
    poll(6).unwrap();
    while world.broker.faults().left() > 0 {
        poll(1).unwrap();
    }
    let error = poll(120).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    let text = error.to_string();
    for part in ["for 10000 ms (task.timeout.ms)", "the topics t;", "consumer. or main.consumer."] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// Showed before, on a broker just started: RUNNING with the tasks of the other topics only.
#[test]
fn a_topic_that_the_broker_does_not_know_yet_is_waited_for() {
    let world = World::new();
    let mut member = world.joining(SMALL, 2);
    member.parts.spec.subtopologies[0].token_topic = "new".into();
    let mut told = Told::default();
    world.poll(&mut member, &mut told).unwrap();
    assert_eq!((told.calls, member.member.is_some()), (0, false));
    assert!(world.waits.reasons()[0].what.contains("topic new"), "{:?}", world.waits.reasons());
    world.create("new");
    world.poll(&mut member, &mut told).unwrap();
    world.poll(&mut member, &mut told).unwrap();
    assert_eq!((told.runs.len(), world.waits.reasons().len()), (2, 0));
}
