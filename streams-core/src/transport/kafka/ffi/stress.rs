//! Answers that arrive after the caller has stopped waiting, or after the client is gone. Memory errors then show as a
//! crash, and under `make sanitize` even where they would go unnoticed.

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::mock::client;
use super::{
    AdminCall, Batch, Client, Outgoing, PartitionList, PartitionQueue, Rebalance, Role, Topic, TopicToCreate,
};
use crate::ids::TopicPartition;
use crate::record::Headers;
use crate::transport::kafka::deadline::Deadline;

const TOPIC: &str = "t";
const PARTITIONS: i32 = 4;

/// Too short for any answer.
const AT_ONCE: Duration = Duration::from_millis(1);

const LIMIT: Duration = Duration::from_secs(60);

fn cluster() -> Arc<Client> {
    let cluster = client(Role::Producer, &[("test.mock.num.brokers", "1")]).expect("is made");
    cluster.mock_topic(TOPIC, PARTITIONS);
    cluster.mock_round_trip(Duration::from_millis(10));
    cluster
}

fn partitions(offset: i64) -> PartitionList {
    let mut list = PartitionList::new();
    for partition in 0..PARTITIONS {
        list.add(TOPIC, partition, offset, b"metadata");
    }
    list
}

fn leaders_are_known(client: &Client) {
    let found = AdminCall::new(client, LIMIT).leaders(&[TOPIC]).expect("is answered");
    let [(name, led)] = found.try_into().expect("one topic");
    let led = led.expect("is there");
    assert_eq!((name.as_str(), led.partitions, led.without_leader.len()), (TOPIC, PARTITIONS, 0));
}

/// Makes every kind of request, and waits only for the leaders.
fn ask_and_go(servers: &str, round: usize) {
    let group = format!("g{}", round % 3);
    // A dropped client waits this long for a commit whose coordinator is still being looked up.
    let session = [("session.timeout.ms", "100"), ("heartbeat.interval.ms", "50")];
    let settings = [("bootstrap.servers", servers), ("group.id", &group), ("log_level", "0")];
    let client = client(Role::Admin, &[&settings[..], &session].concat()).expect("is made");
    if round.is_multiple_of(2) {
        leaders_are_known(&client);
        let call = AdminCall::new(&client, AT_ONCE);
        let _late = call.list_offsets(&partitions(-1), round.is_multiple_of(4));
        let _late = call.delete_records(&partitions(1));
    }
    let call = AdminCall::new(&client, AT_ONCE);
    let configs = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    let topic = TopicToCreate { name: "u", partitions: 1, replication_factor: 1, configs: &configs };
    let _late = call.members(&group);
    let _late = call.describe_topics(&[TOPIC]);
    let _late = call.describe_configs(&[TOPIC]);
    let _late = call.create_topics(&[topic]);
    let _late = call.create_partitions(TOPIC, 5);
    let _late = call.delete_topics(&["u"]);
    let _late = client.committed(&partitions(0), AT_ONCE);
    let _late = client.commit(&partitions(1), AT_ONCE);
}

/// Sends and reads, and is dropped while records, answers and messages are still on their way or in use.
fn write_and_read_and_go(servers: &str) {
    let settings = [("bootstrap.servers", servers), ("log_level", "0")];
    let producer = client(Role::Producer, &settings).expect("is made");
    let topic = Topic::new(&producer, TOPIC).expect("is made");
    let mut headers = Headers::new();
    headers.add("name", Some(b"value".to_vec()));
    for partition in 0..=PARTITIONS {
        let record = Outgoing {
            // The last one does not exist and is refused, at once or later.
            partition,
            key: Some(b"key"),
            value: None,
            timestamp: 1,
            headers: &headers,
            tag: 1,
        };
        let _refused = producer.produce(&topic, &record);
    }
    producer.flush(Duration::from_millis(25));
    producer.poll(Duration::ZERO);
    let _failed = producer.take_failed();

    let settings = [("bootstrap.servers", servers), ("group.id", "g"), ("log_level", "0")];
    let consumer = client(Role::Consumer, &settings).expect("is made");
    let partition = TopicPartition::new(TOPIC, 0);
    let mut queue = PartitionQueue::new(&consumer, &partition).expect("has a queue");
    consumer.start(&partition, 0).expect("starts");
    consumer.wait(Duration::from_millis(100));
    let mut kept = Vec::new();
    queue.take(&mut Batch::new(), 100, |entry| kept.push(entry));
    drop((queue, consumer));
}

#[test]
fn answers_that_come_too_late_do_no_harm() {
    let cluster = cluster();
    let servers = cluster.mock_servers();
    thread::scope(|scope| {
        for thread in 0..4 {
            let servers = &servers;
            scope.spawn(move || {
                for round in 0..10 {
                    ask_and_go(servers, thread + round);
                    write_and_read_and_go(servers);
                }
            });
        }
    });
    let settings = [("bootstrap.servers", servers.as_str())];
    leaders_are_known(&client(Role::Admin, &settings).expect("is made"));
}

/// librdkafka frees what is added to settings when it refuses them late.
#[test]
fn settings_that_are_refused_late_are_an_error() {
    let settings = [("security.protocol", "sasl_plaintext"), ("sasl.mechanisms", "PLAIN")];
    let reason = client(Role::Consumer, &settings).err().expect("is refused");
    assert!(reason.contains("sasl.username"), "{reason}");
}

/// Hung before: the error ended the search for what was to be answered, and librdkafka waited for the answer without end.
#[test]
#[allow(clippy::disallowed_methods, reason = "events come by the clock of the machine")]
fn a_member_goes_although_an_error_is_queued_in_front_of_its_assignment() {
    let cluster = cluster();
    let servers = cluster.mock_servers();
    let settings = [
        ("bootstrap.servers", servers.as_str()),
        ("group.id", "g"),
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("log_level", "0"),
    ];
    let member = client(Role::Member, &settings).expect("is made");
    member.subscribe(&["missing", TOPIC]).expect("subscribes");
    let began = Instant::now();
    while member.queued() < 2 && began.elapsed() < LIMIT {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(member.queued(), 2, "an error and an assignment");
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        drop(member);
        done.send(())
    });
    is_done.recv_timeout(LIMIT).expect("the member goes");
}

fn member_of(servers: &str, group: &str) -> Arc<Client> {
    let settings = [
        ("bootstrap.servers", servers),
        ("group.id", group),
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("heartbeat.interval.ms", "100"),
        ("session.timeout.ms", "6000"),
        ("log_level", "0"),
    ];
    let member = client(Role::Member, &settings).expect("is made");
    member.subscribe(&[TOPIC]).expect("subscribes");
    member
}

/// Serves a member until it has answered a change of that kind.
fn answer(member: &Client, others: &[&Client], assigns: bool) {
    let deadline = Deadline::after(LIMIT);
    loop {
        others.iter().for_each(|other| other.settle());
        if let Some(change) = member.poll_consumer(AT_ONCE).change() {
            member.accept(change.assigns).expect("is answered");
            if change.assigns == assigns {
                return;
            }
        }
        assert!(!deadline.left().is_zero(), "no change: assigns={assigns}");
    }
}

/// Begins a call, and tells when it has ended.
fn begins(call: impl FnOnce() + Send + 'static) -> mpsc::Receiver<()> {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        call();
        done.send(())
    });
    is_done
}

fn next_change(member: &Client) -> Rebalance {
    let deadline = Deadline::after(LIMIT);
    loop {
        if let Some(change) = member.poll_consumer(AT_ONCE).change() {
            return change;
        }
        assert!(!deadline.left().is_zero(), "no change");
    }
}

fn has_left(member: &Client) {
    let deadline = Deadline::after(LIMIT);
    while !member.closed() {
        assert!(!deadline.left().is_zero(), "does not leave");
        member.settle();
    }
}

/// Hung before, without end: what comes with the answer to a rebalance, and what the end revokes, are both queued, and
/// librdkafka answers nothing of a member that has left with the first.
#[test]
fn a_member_leaves_although_two_changes_are_queued() {
    let cluster = cluster();
    let servers = cluster.mock_servers();
    let first = member_of(&servers, "two-changes");
    answer(&first, &[], true);
    let second = member_of(&servers, "two-changes");
    answer(&first, &[&second], false);
    first.close().expect("leaves");
    let changes = [next_change(&first), next_change(&first)];
    assert_eq!(changes.map(|change| change.assigns), [true, false]);
    first.accept(true).expect("is answered");
    // Several at once, as the moment is short.
    let answers = [(); 4].map(|()| {
        let first = Arc::clone(&first);
        begins(move || {
            while !first.closed() {
                first.accept(false).expect("nobody waits for it");
            }
        })
    });
    for answer in answers {
        answer.recv_timeout(LIMIT).expect("is answered");
    }
}

/// Hung before: nobody answers who asks for the place of a member that has left.
#[test]
fn whoever_asks_for_a_place_in_the_group_while_it_is_given_up_is_answered() {
    let cluster = cluster();
    let member = member_of(&cluster.mock_servers(), "asked");
    answer(&member, &[], true);
    let answers = [(); 4].map(|()| {
        let member = Arc::clone(&member);
        begins(move || while member.group_metadata().is_some() {})
    });
    member.close().expect("leaves");
    has_left(&member);
    assert_eq!(member.group_metadata().map(|place| place.member()), None);
    for answer in answers {
        answer.recv_timeout(LIMIT).expect("is answered");
    }
}
