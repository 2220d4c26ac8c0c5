//! Members of one group: who runs which task, hand-over, crashes, expulsion, and whose commits count.

use std::collections::BTreeSet;

use super::*;
use crate::ids::TaskId;
use crate::transport::embedded::{Fault, Operation};
use crate::transport::{Group, GroupSpec, Membership, MembershipHandler, SubtopologyTasks};

fn spec(tasks: PartitionId) -> GroupSpec {
    GroupSpec {
        group: "g".into(),
        client_id: "client".to_owned(),
        subtopologies: vec![SubtopologyTasks { subtopology: 0, token_topic: "t".into(), tasks }],
        properties: BTreeMap::new(),
    }
}

/// Does what it is asked and remembers it.
#[derive(Default)]
struct Runtime {
    runs: BTreeSet<TaskId>,
    log: Vec<String>,
    on_revoked: Option<Box<dyn FnMut()>>,
}

fn names(tasks: &BTreeSet<TaskId>) -> String {
    tasks.iter().map(TaskId::to_string).collect::<Vec<_>>().join(" ")
}

impl MembershipHandler for Runtime {
    fn assigned(&mut self, tasks: &BTreeSet<TaskId>) {
        assert!(self.runs.is_subset(tasks), "missing tasks have been released before");
        self.runs.clone_from(tasks);
        self.log.push(format!("assigned {}", names(tasks)));
    }

    fn revoked(&mut self, tasks: &BTreeSet<TaskId>) {
        self.runs.retain(|task| !tasks.contains(task));
        self.log.push(format!("revoked {}", names(tasks)));
        if let Some(action) = &mut self.on_revoked {
            action();
        }
    }

    fn lost(&mut self, tasks: &BTreeSet<TaskId>, _: &str) {
        self.runs.retain(|task| !tasks.contains(task));
        self.log.push(format!("lost {}", names(tasks)));
    }
}

struct Process {
    membership: Box<dyn Membership>,
    runtime: Runtime,
}

impl Process {
    fn start(broker: &Arc<EmbeddedBroker>, tasks: PartitionId) -> Self {
        let membership = broker.transport().membership(&spec(tasks)).unwrap();
        Process { membership, runtime: Runtime::default() }
    }

    fn poll(&mut self) -> Vec<String> {
        self.membership.poll(NOW, &mut self.runtime).unwrap();
        std::mem::take(&mut self.runtime.log)
    }

    fn group(&self) -> Arc<dyn Group> {
        self.membership.group()
    }
}

fn setting() -> (Arc<EmbeddedBroker>, TopicPartition) {
    let broker = EmbeddedBroker::in_memory();
    create(&broker, "t", 4);
    (broker, TopicPartition::new("t", 0))
}

#[test]
fn a_single_member_runs_all_tasks_at_once() {
    let (broker, to) = setting();
    let mut solo = Process::start(&broker, 4);
    assert_eq!(solo.poll(), ["assigned 0_0 0_1 0_2 0_3"]);
    assert!(solo.poll().is_empty());
    let fence = solo.group().fence().unwrap();
    solo.group().commit(&fence, &[next_offset(&to, 3)], NOW).unwrap();
    assert_eq!(group_offset(&broker, "g", &to).unwrap(), Some(3));
    solo.membership.leave(&mut solo.runtime, NOW).unwrap();
    assert_eq!(solo.runtime.log, ["revoked 0_0 0_1 0_2 0_3"]);
    assert_eq!(kind(solo.group().fence()), Some(TransportErrorKind::Retriable));
    assert_eq!(kind(solo.group().commit(&fence, &[], NOW)), Some(TransportErrorKind::Fenced));
}

#[test]
fn a_task_moves_only_after_its_old_owner_has_given_it_up() {
    let (broker, to) = setting();
    let mut first = Process::start(&broker, 4);
    first.poll();
    let stale = first.group().fence().unwrap();
    let mut second = Process::start(&broker, 4);
    // Nothing is free yet.
    assert_eq!(second.poll(), ["assigned "]);

    // The old owner's commits: with the fence of the past generation refused, with the current one fine, even while
    // it gives tasks up.
    let group = first.group();
    assert_eq!(kind(group.commit(&stale, &[], NOW)), Some(TransportErrorKind::Fenced));
    let committed = next_offset(&to, 8);
    first.runtime.on_revoked = Some(Box::new(move || {
        group.commit(&group.fence().unwrap(), std::slice::from_ref(&committed), NOW).unwrap();
    }));
    assert_eq!(first.poll(), ["revoked 0_2 0_3"]);
    assert_eq!(group_offset(&broker, "g", &to).unwrap(), Some(8));
    assert_eq!(second.poll(), ["assigned 0_2 0_3"]);
    assert!(first.poll().is_empty());
}

#[test]
fn a_leaver_s_tasks_go_to_those_who_stay() {
    let (broker, _) = setting();
    let mut processes: Vec<Process> = (0..3).map(|_| Process::start(&broker, 4)).collect();
    for _ in 0..3 {
        processes.iter_mut().for_each(|process| drop(process.poll()));
    }
    let loads = |processes: &[Process]| {
        let mut loads: Vec<usize> = processes.iter().map(|process| process.runtime.runs.len()).collect();
        loads.sort_unstable();
        loads
    };
    assert_eq!(loads(&processes), [1, 1, 2]);
    let mut leaver = processes.remove(0);
    leaver.membership.leave(&mut leaver.runtime, NOW).unwrap();
    processes.iter_mut().for_each(|process| drop(process.poll()));
    assert_eq!(loads(&processes), [2, 2]);
}

#[test]
fn a_crash_frees_the_tasks_and_voids_the_member_s_commits() {
    let (broker, to) = setting();
    let mut first = Process::start(&broker, 4);
    first.poll();
    let mut second = Process::start(&broker, 4);
    first.poll();
    second.poll();
    let (zombie, mut writer) = (first.group().fence().unwrap(), transactional(&broker, "x"));
    let zombie_group = first.group();
    drop(first);
    assert_eq!(second.poll(), ["assigned 0_0 0_1 0_2 0_3"]);
    assert_eq!(
        kind(zombie_group.commit(&zombie, &[next_offset(&to, 1)], NOW)),
        Some(TransportErrorKind::Fenced)
    );
    writer.begin().unwrap();
    let refused = writer.send_offsets(&[next_offset(&to, 1)], &zombie, NOW);
    assert_eq!(kind(refused), Some(TransportErrorKind::AbortTransaction));
    assert_eq!(kind(writer.commit(NOW)), Some(TransportErrorKind::AbortTransaction));
    writer.abort(NOW).unwrap();
    // A tool must not move the offsets of a group that runs.
    writer.begin().unwrap();
    let refused = writer.send_offsets(&[next_offset(&to, 1)], &nobody("g"), NOW);
    assert_eq!(kind(refused), Some(TransportErrorKind::AbortTransaction));
    assert_eq!(group_offset(&broker, "g", &to).unwrap(), None);
}

#[test]
fn an_expelled_member_loses_its_tasks_and_joins_again() {
    let (broker, _) = setting();
    let mut first = Process::start(&broker, 4);
    first.poll();
    let mut second = Process::start(&broker, 4);
    first.poll();
    second.poll();
    let expelled = first.group().fence().unwrap().member;
    assert!(broker.expel("g", &expelled));
    assert!(!broker.expel("g", &expelled));
    assert_eq!(kind(first.group().fence()), Some(TransportErrorKind::Retriable));
    assert_eq!(second.poll(), ["assigned 0_0 0_1 0_2 0_3"]);
    assert_eq!(first.poll(), ["lost 0_0 0_1", "assigned "]);
    assert_eq!(second.poll().len(), 1);
    assert_eq!(first.poll().len(), 1);
    assert_eq!(first.runtime.runs.len(), 2);
    assert_eq!(broker.members("g").len(), 2);
}

#[test]
fn members_with_other_sub_topologies_are_refused() {
    let (broker, _) = setting();
    let process = Process::start(&broker, 4);
    let mut other = spec(4);
    other.subtopologies[0].token_topic = "other".into();
    let refused = broker.transport().membership(&other).err().unwrap();
    assert_eq!(refused.kind(), TransportErrorKind::Config);
    assert!(refused.to_string().contains("4 tasks of t"), "{refused}");
    drop(process);
    // An empty group takes anything.
    drop(broker.transport().membership(&other).unwrap());
}

#[test]
fn members_may_know_of_different_numbers_of_tasks() {
    let (broker, _) = setting();
    let mut narrow = Process::start(&broker, 2);
    assert_eq!(narrow.poll(), ["assigned 0_0 0_1"]);
    let mut wide = Process::start(&broker, 4);
    assert_eq!(wide.poll(), ["assigned 0_2 0_3"]);
    // It is not assigned tasks that it does not know, but notices that there are more.
    narrow.membership.leave(&mut narrow.runtime, NOW).unwrap();
    wide.poll();
    let mut narrow = Process::start(&broker, 2);
    wide.poll();
    assert_eq!(narrow.poll(), ["assigned "]);
    assert!(narrow.membership.take_outgrown());
    assert_eq!(wide.runtime.runs.len(), 2);
}

#[test]
fn a_waiting_member_is_woken_by_its_group() {
    let (broker, _) = setting();
    let mut first = Process::start(&broker, 4);
    first.poll();
    let other = broker.clone();
    // It stays until the first has noticed.
    let thread = std::thread::spawn(move || other.transport().membership(&spec(4)).unwrap());
    while first.runtime.log.is_empty() {
        first.membership.poll(Duration::from_secs(60), &mut first.runtime).unwrap();
    }
    assert_eq!(first.runtime.log, ["revoked 0_2 0_3"]);
    drop(thread.join().unwrap());
}

#[test]
fn fences_and_commits_can_be_made_to_fail() {
    let (broker, to) = setting();
    let mut solo = Process::start(&broker, 4);
    solo.poll();
    broker.faults().inject(Fault::before(Operation::Fence, TransportErrorKind::Retriable));
    assert_eq!(kind(solo.group().fence()), Some(TransportErrorKind::Retriable));
    let fence = solo.group().fence().unwrap();
    broker.faults().inject(Fault::after(Operation::GroupCommit, TransportErrorKind::TimedOut));
    let lost = solo.group().commit(&fence, &[next_offset(&to, 2)], NOW);
    assert_eq!(kind(lost), Some(TransportErrorKind::TimedOut));
    assert_eq!(group_offset(&broker, "g", &to).unwrap(), Some(2));
}
