//! Members of a group share its tasks; commits of those that are out of date are refused.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use streams_core::ids::{Offset, TaskId, TopicPartition};
use streams_core::transport::{
    Fence, GroupSpec, Membership, MembershipHandler, OffsetToCommit, Producer, SubtopologyTasks, Transport,
    TransportErrorKind as Kind,
};

use crate::{LIMIT, Outcome, admin, client, producer, transport};

/// A member that records its assignments.
#[derive(Debug, Default)]
struct Told {
    owned: BTreeSet<TaskId>,
    revoked: usize,
    lost: usize,
}

impl MembershipHandler for Told {
    fn assigned(&mut self, tasks: &BTreeSet<TaskId>) {
        self.owned = tasks.clone();
    }

    fn revoked(&mut self, tasks: &BTreeSet<TaskId>) {
        assert!(tasks.is_subset(&self.owned), "only what it has");
        self.owned.retain(|task| !tasks.contains(task));
        self.revoked += tasks.len();
    }

    fn lost(&mut self, tasks: &BTreeSet<TaskId>, _: &str) {
        self.owned.retain(|task| !tasks.contains(task));
        self.lost += tasks.len();
    }
}

/// A member of a group of 4 and 2 tasks.
fn member(group: &str, properties: &[(&str, &str)]) -> Outcome<Box<dyn Membership>> {
    let part = |subtopology, topic: String, tasks| SubtopologyTasks {
        subtopology,
        token_topic: topic.into(),
        tasks,
    };
    let spec = GroupSpec {
        group: group.into(),
        client_id: format!("{group}-member"),
        subtopologies: vec![part(0, format!("{group}-a"), 4), part(1, format!("{group}-b"), 2)],
        properties: properties.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect(),
    };
    Ok(transport()?.membership(&spec)?)
}

fn group_topics(group: &str) -> Outcome {
    client()?.create_topic(&format!("{group}-a"), 4, &[])?;
    client()?.create_topic(&format!("{group}-b"), 2, &[])?;
    Ok(())
}

type Member<'a> = (&'a mut dyn Membership, &'a mut Told);

/// Polls members in turn until the condition holds; tasks never overlap meanwhile.
fn serve(members: &mut [Member<'_>], until: impl Fn(&[Member<'_>]) -> bool) -> Outcome {
    let start = Instant::now();
    while !until(members) {
        if start.elapsed() > LIMIT {
            let told: Vec<_> = members.iter().map(|(_, told)| &**told).collect();
            return Err(format!("the group does not settle: {told:?}").into());
        }
        for (member, told) in members.iter_mut() {
            member.poll(Duration::from_millis(20), *told)?;
        }
        let all: usize = members.iter().map(|(_, told)| told.owned.len()).sum();
        let distinct: BTreeSet<_> = members.iter().flat_map(|(_, told)| told.owned.iter()).collect();
        assert_eq!(all, distinct.len(), "a task has two owners");
    }
    Ok(())
}

fn commit_of(topic: &str, offset: Offset, metadata: &str) -> OffsetToCommit {
    OffsetToCommit { partition: TopicPartition::new(topic, 0), offset, metadata: metadata.to_owned() }
}

#[test]
fn members_share_the_tasks_and_commit_under_their_fence() -> Outcome {
    let (group, topic) = ("kt-group", "kt-group-a");
    group_topics(group)?;
    let (mut first, mut told) = (member(group, &[])?, Told::default());
    let early = first.group().fence().map_err(|error| error.kind());
    assert_eq!(early, Err(Kind::Retriable), "none before joining");
    serve(&mut [(&mut *first, &mut told)], |m| m[0].1.owned.len() == 6)?;
    let alone = first.group().fence()?;
    assert!(alone.generation > 0 && !alone.member.is_empty());
    first.group().commit(&alone, &[commit_of(topic, 7, "AgAA=")], LIMIT)?;
    let mut admin = admin()?;
    let asked = [TopicPartition::new(topic, 0), TopicPartition::new(topic, 1)];
    let found = admin.committed(group, &asked, LIMIT)?;
    assert_eq!(found.into_values().collect::<Vec<_>>(), [commit_of(topic, 7, "AgAA=")]);

    let (mut second, mut other) = (member(group, &[])?, Told::default());
    let start = Instant::now();
    let settled = |m: &[Member<'_>]| m[0].1.owned.len() == 3 && m[1].1.owned.len() == 3;
    serve(&mut [(&mut *first, &mut told), (&mut *second, &mut other)], settled)?;
    println!("the second member had its tasks after {:?}", start.elapsed());
    assert_eq!((told.revoked, told.lost), (3, 0), "half of them moved, the rest was kept");
    let stale = first.group().commit(&alone, &[commit_of(topic, 8, "")], LIMIT);
    assert_eq!(stale.map_err(|error| error.kind()), Err(Kind::Fenced), "an old generation");
    let now = first.group().fence()?;
    first.group().commit(&now, &[commit_of(topic, 8, "")], LIMIT)?;
    transactions_are_fenced(&mut *producer(Some(group))?, &alone, &now, topic)?;
    let found = admin.committed(group, &asked, LIMIT)?;
    assert_eq!(found.into_values().collect::<Vec<_>>(), [commit_of(topic, 9, "meta")]);

    let start = Instant::now();
    first.leave(&mut told, LIMIT)?;
    assert!(told.owned.is_empty());
    println!("leaving took {:?}", start.elapsed());
    serve(&mut [(&mut *second, &mut other)], |m| m[0].1.owned.len() == 6)?;
    assert_eq!((other.revoked, other.lost), (0, 0));
    second.leave(&mut other, LIMIT)?;
    Ok(())
}

fn transactions_are_fenced(
    producer: &mut dyn Producer,
    stale: &Fence,
    current: &Fence,
    topic: &str,
) -> Outcome {
    producer.init_transactions(LIMIT)?;
    producer.begin()?;
    let outcome = producer.send_offsets(&[commit_of(topic, 100, "")], stale, LIMIT);
    assert_eq!(outcome.map_err(|error| error.kind()), Err(Kind::AbortTransaction), "an old generation");
    producer.abort(LIMIT)?;
    producer.begin()?;
    producer.send_offsets(&[commit_of(topic, 9, "meta")], current, LIMIT)?;
    producer.commit(LIMIT)?;
    let unset = Fence { generation: -1, ..current.clone() };
    producer.begin()?;
    assert!(producer.send_offsets(&[commit_of(topic, 9, "")], &unset, LIMIT).is_err());
    producer.abort(LIMIT)?;
    Ok(())
}

#[test]
fn a_member_that_is_not_polled_loses_its_tasks() -> Outcome {
    let group = "kt-silent";
    group_topics(group)?;
    // Polling stops, heartbeats continue: librdkafka itself leaves after max.poll.interval.ms.
    let limits = [("session.timeout.ms", "6000"), ("max.poll.interval.ms", "6000")];
    let (mut silent, mut told) = (member(group, &limits)?, Told::default());
    serve(&mut [(&mut *silent, &mut told)], |m| m[0].1.owned.len() == 6)?;
    let fence = silent.group().fence()?;
    let (mut other, mut heir) = (member(group, &[])?, Told::default());
    serve(&mut [(&mut *other, &mut heir)], |m| m[0].1.owned.len() == 6)?;
    let late = silent.group().commit(&fence, &[commit_of("kt-silent-a", 1, "")], LIMIT);
    let kind = late.map_err(|error| error.kind());
    assert!(matches!(kind, Err(Kind::Fenced | Kind::Retriable)), "{kind:?}");
    // It learns of it at its next polls. What had been asked back before comes first, and as a revocation when the client
    // has not noticed yet that it is out; the broker then refuses the commit.
    let start = Instant::now();
    while told.lost + told.revoked < 6 && start.elapsed() < LIMIT {
        silent.poll(Duration::from_millis(20), &mut told)?;
        other.poll(Duration::from_millis(1), &mut heir)?;
    }
    assert_eq!(told.lost + told.revoked, 6);
    let stopped = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stopped.load(Ordering::Relaxed) {
                let _errors_do_not_matter = silent.poll(Duration::from_millis(20), &mut told);
            }
        });
        let outcome = other.leave(&mut heir, LIMIT);
        stopped.store(true, Ordering::Relaxed);
        outcome
    })?;
    Ok(())
}

#[test]
fn a_member_may_go_in_any_state() -> Outcome {
    let group = "kt-dropped";
    group_topics(group)?;
    let start = Instant::now();
    // Not joined yet; with an assignment unanswered; in the middle of a rebalance.
    drop(member(group, &[])?);
    let unanswered = member(group, &[])?;
    std::thread::sleep(Duration::from_secs(4));
    drop(unanswered);
    for leaves in [false, true] {
        let (mut first, mut told) = (member(group, &[("session.timeout.ms", "6000")])?, Told::default());
        serve(&mut [(&mut *first, &mut told)], |m| !m[0].1.owned.is_empty())?;
        let mut second = member(group, &[("session.timeout.ms", "6000")])?;
        second.poll(Duration::from_millis(1500), &mut Told::default())?;
        if leaves {
            first.leave(&mut told, LIMIT)?;
            second.leave(&mut Told::default(), LIMIT)?;
        }
        drop((first, second));
    }
    println!("took {:?}", start.elapsed());
    Ok(())
}
