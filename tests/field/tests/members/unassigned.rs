//! A task that no member of the group has.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use field::{App, LIMIT, config, logged, turn};
use kstreams::prelude::StreamsBuilder;
use lab::shared;
use streams_core::ids::TaskId;
use streams_core::runtime::{KafkaStreams, State};
use streams_core::topology::Topology;
use streams_core::transport::kafka::KafkaTransport;
use streams_core::transport::{GroupSpec, Membership, MembershipHandler, SubtopologyTasks, Transport};

const TASKS: i32 = 8;

/// A member that runs nothing.
#[derive(Default)]
struct Assignment {
    has: BTreeSet<TaskId>,
    revoked: usize,
}

impl MembershipHandler for Assignment {
    fn assigned(&mut self, tasks: &BTreeSet<TaskId>) {
        self.has.clone_from(tasks);
    }

    fn revoked(&mut self, tasks: &BTreeSet<TaskId>) {
        self.has.retain(|task| !tasks.contains(task));
        self.revoked += tasks.len();
    }

    fn lost(&mut self, tasks: &BTreeSet<TaskId>, _: &str) {
        self.revoked(tasks);
    }
}

fn pass_through(name: &str) -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>(&format!("{name}-in")).to(&format!("{name}-out"));
    builder.build().expect("a topology")
}

/// Polls until the condition holds.
fn serve(
    member: &mut dyn Membership,
    assignment: &mut Assignment,
    what: &str,
    until: impl Fn(&Assignment) -> bool,
) {
    let begin = Instant::now();
    while !until(assignment) {
        assert!(
            begin.elapsed() < 4 * LIMIT,
            "{what}: has {:?}, {} revoked",
            assignment.has,
            assignment.revoked
        );
        member.poll(Duration::from_millis(20), assignment).expect("it serves its group");
    }
}

/// Before: the second member waited for its half of the tasks until the next rebalance, with state RUNNING and no word.
#[test]
fn tasks_that_a_static_member_gave_up_before_it_restarted_are_assigned() {
    let _turn = turn();
    let name = "unassigned";
    let client = shared().expect("a broker").client();
    let [input, output] = ["in", "out"].map(|topic| format!("{name}-{topic}"));
    client.create_topic(&input, TASKS, &[]).expect("created");
    client.create_topic(&output, 1, &[]).expect("created");
    let folder = tempfile::tempdir().expect("a folder");
    let transport = KafkaTransport::new(client.bootstrap(), BTreeMap::new()).expect("a transport");
    let group_members =
        || transport.admin("admin").expect("an admin").members(name, LIMIT).expect("an answer");

    // What a member of this topology calls itself.
    let app = App::run(pass_through(name), config(&client, name, folder.path()));
    let client_id = group_members().first().expect("it is there").client_id.clone();
    app.close();

    let properties = [("group.instance.id", "one"), ("session.timeout.ms", "300000")];
    let spec = GroupSpec {
        group: name.into(),
        client_id,
        subtopologies: vec![SubtopologyTasks {
            subtopology: 0,
            token_topic: input.as_str().into(),
            tasks: TASKS,
        }],
        properties: properties.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    };
    let (mut first, mut assignment) = (transport.membership(&spec).expect("a member"), Assignment::default());
    serve(&mut *first, &mut assignment, "alone", |assignment| assignment.has.len() == TASKS as usize);
    let second = KafkaStreams::new(pass_through(name), config(&client, name, folder.path()));
    let second = App { streams: second.expect("settings and topology are fine") };
    second.streams.start().expect("it starts");
    serve(&mut *first, &mut assignment, "with another", |assignment| assignment.revoked > 0);
    // It has agreed to the first rebalance, and is gone before it joins the second one.
    first.leave(&mut assignment, LIMIT).expect("it ends");
    let (mut first, mut assignment) = (transport.membership(&spec).expect("a member"), Assignment::default());
    serve(&mut *first, &mut assignment, "again", |assignment| !assignment.has.is_empty());
    assert_eq!(assignment.has.len(), TASKS as usize / 2, "what it had after the first rebalance");
    let assigned: usize =
        group_members().iter().filter_map(|member| member.assigned.as_ref()).map(Vec::len).sum();
    assert_eq!(assigned, TASKS as usize / 2, "nobody has the others");

    let has_half = |_: &Assignment| second.streams.totals().running_tasks == TASKS as usize / 2;
    serve(&mut *first, &mut assignment, "until the second one has its half", has_half);
    second.wait(State::Running);
    assert_eq!(assignment.has.len(), TASKS as usize / 2, "the first one has its own");
    let warned = logged("no member has these tasks");
    assert!(warned.iter().any(|line| line.contains(&format!("group={name} "))), "{warned:?}");
    assert_eq!(second.streams.reasons(), [], "nothing is waited for any longer");
    second.close();
    first.resign(&mut assignment, LIMIT).expect("it leaves");
    assert_eq!(group_members(), [], "and its place is free");
}
