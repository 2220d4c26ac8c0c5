//! Runs on the embedded broker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Parser;
use streams_core::ids::{Offset, TopicPartition};
use streams_core::record::Headers;
use streams_core::transport::embedded::{EmbeddedBroker, Fault, Operation};
use streams_core::transport::{
    Isolation, NewTopic, OffsetQuery, OutRecord, ProducerSpec, RawRecord, Transport, TransportErrorKind,
};

use super::run::{Run, dry, run};
use super::{Arguments, COUNT, Report, consumer};
use crate::error::CliError;

const NOW: Duration = Duration::ZERO;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    of: Arguments,
}

fn parse(more: &[&str]) -> Result<Arguments, clap::Error> {
    let from = ["redrive", "--bootstrap-servers", "embedded:", "--from", "letters"];
    Command::try_parse_from(from.iter().chain(more)).map(|command| command.of)
}

/// Arguments for the queue `letters`.
pub(super) fn arguments(more: &[&str]) -> Arguments {
    parse(more).expect("arguments")
}

/// A broker with these topics.
fn broker(topics: &[(&str, i32)]) -> Arc<EmbeddedBroker> {
    let broker = EmbeddedBroker::in_memory();
    topics.iter().for_each(|(name, partitions)| create(&broker, name, *partitions, &[]));
    broker
}

fn create(broker: &Arc<EmbeddedBroker>, name: &str, partitions: i32, configs: &[(&str, &str)]) {
    let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let topic = NewTopic { name: name.into(), partitions, replication_factor: -1, configs };
    broker.transport().admin("test").and_then(|mut admin| admin.create_topics(&[topic], NOW)).expect("topic");
}

/// What is written into a queue.
struct Sent<'a> {
    at: (&'a str, i32),
    key: Option<&'a str>,
    value: Option<&'a str>,
    timestamp: i64,
    headers: Vec<(&'a str, &'a str)>,
}

/// A letter about a record of `in`.
fn letter(partition: i32, key: &str) -> Sent<'_> {
    let headers = vec![("trace", "7"), ("__streams.errors.topic", "in"), ("__streams.errors.partition", "0")];
    Sent { at: ("letters", partition), key: Some(key), value: Some("v"), timestamp: 5, headers }
}

fn send(broker: &Arc<EmbeddedBroker>, all: &[Sent<'_>]) {
    let spec = ProducerSpec {
        client_id: "test".to_owned(),
        transactional_id: None,
        transaction_timeout_ms: 1_000,
        properties: BTreeMap::new(),
    };
    let mut producer = broker.transport().producer(&spec).expect("a producer");
    for sent in all {
        let mut headers = Headers::new();
        sent.headers.iter().for_each(|(name, value)| headers.add(*name, Some((*value).to_owned())));
        let topic = producer.topic(sent.at.0).expect("a topic");
        let (key, value) = (sent.key.map(str::as_bytes), sent.value.map(str::as_bytes));
        let (partition, timestamp) = (sent.at.1, sent.timestamp);
        let out = OutRecord { topic, partition, key, value, timestamp, headers: &headers, tag: 0 };
        producer.send(out).expect("sent");
    }
    producer.flush(NOW).expect("written");
}

/// All committed records of a topic.
fn read(broker: &Arc<EmbeddedBroker>, topic: &str) -> Vec<RawRecord> {
    let transport = broker.transport();
    let mut admin = transport.admin("test").expect("an admin");
    let partitions = admin.topics(&[topic.into()], NOW).expect("topics").remove(topic).expect("it is there");
    let mut consumer = consumer(&transport, "test").expect("a consumer");
    let mut found = Vec::new();
    for number in 0..partitions.partitions {
        let handle = consumer.assign(&TopicPartition::new(topic, number), 0).expect("assigned");
        while !consumer.fetch(handle, 100, &mut found).expect("fetched").at_end {}
    }
    found
}

fn keys(records: &[RawRecord]) -> Vec<String> {
    let key = |record: &RawRecord| record.key().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
    let mut keys: Vec<_> = records.iter().map(key).collect();
    keys.sort();
    keys
}

/// Where each partition of the queue ends, and what the group has committed of it.
fn progress(broker: &Arc<EmbeddedBroker>, partitions: i32) -> Vec<(Offset, Option<Offset>)> {
    let mut admin = broker.transport().admin("test").expect("an admin");
    let all: Vec<_> = (0..partitions).map(|number| TopicPartition::new("letters", number)).collect();
    let ends = admin.offsets(&all, OffsetQuery::Latest(Isolation::ReadCommitted), NOW).expect("ends");
    let committed = admin.committed("redrive-letters", &all, NOW).expect("offsets");
    ends.iter().map(|(at, end)| (*end, committed.get(at).map(|one| one.offset))).collect()
}

fn redrive(broker: &Arc<EmbeddedBroker>, more: &[&str]) -> Result<Report, CliError> {
    run(&arguments(more), &broker.transport(), &AtomicBool::new(false))
}

fn steps(run: &mut Run<'_>, until: impl Fn(&Run<'_>) -> bool) {
    let mut left = 1_000;
    while !until(run) {
        assert!(!run.step().expect("a step"), "it is over too early");
        left -= 1;
        assert!(left > 0, "it does not get there");
    }
}

/// Before: where a partition was begun was asked once, when the run began, so what another run had read was written again,
/// and its offset was set back.
#[test]
fn a_partition_that_another_run_had_is_read_where_that_run_left_it() {
    let broker = broker(&[("letters", 6), ("in", 1)]);
    let names: Vec<_> = (0..18).map(|number| (number / 3, format!("{number:02}"))).collect();
    send(&broker, &names.iter().map(|(partition, key)| letter(*partition, key)).collect::<Vec<_>>());
    let (given, transport) = (arguments(&[]), broker.transport());

    let mut one = Run::begin(&given, &transport).expect("begun").expect("letters");
    steps(&mut one, |one| one.writer.report.redriven > 0);
    let mut two = Run::begin(&given, &transport).expect("begun").expect("letters");
    // The first one gives some of its partitions to the second one, which reads them and leaves.
    one.step().expect("a step");
    steps(&mut two, |two| two.writer.report.redriven == 9);
    assert!(one.writer.report.redriven < 9, "it does not have all");
    two.place.leave();
    let before = progress(&broker, 6);

    while !one.step().expect("a step") {}
    assert_eq!(one.writer.report.redriven, 9);
    assert_eq!(keys(&read(&broker, "in")), names.into_iter().map(|(_, key)| key).collect::<Vec<_>>());
    for ((end, after), (_, before)) in progress(&broker, 6).into_iter().zip(before) {
        assert_eq!(after, Some(end));
        assert!(before <= after, "no offset is set back");
    }
}

#[test]
fn a_run_that_is_done_waits_for_the_other_one() {
    let broker = broker(&[("letters", 2), ("in", 1)]);
    send(&broker, &[letter(0, "a"), letter(1, "b")]);
    let (given, transport) = (arguments(&[]), broker.transport());
    let mut one = Run::begin(&given, &transport).expect("begun").expect("letters");
    let mut two = Run::begin(&given, &transport).expect("begun").expect("letters");
    steps(&mut one, |one| one.writer.report.redriven == 1);
    for _ in 0..3 {
        assert!(!one.step().expect("a step"), "the other partition is not read");
    }
    steps(&mut two, |two| two.writer.report.redriven == 1);
    while !two.step().expect("a step") {}
    while !one.step().expect("a step") {}
    assert_eq!(keys(&read(&broker, "in")), ["a", "b"]);
}

/// Before: it was written into the source topic as a record with neither key nor value, and with the time -1.
#[test]
fn a_letter_without_its_record_is_completed_from_the_source_or_quarantined() {
    let broker = broker(&[("letters", 1), ("in", 1), ("stuck", 1)]);
    let source =
        Sent { at: ("in", 0), key: Some("a"), value: Some("x"), timestamp: 9, headers: vec![("own", "1")] };
    send(&broker, &[source]);
    let lacking = |offset: &'static str| {
        let mut lacking = Sent { key: None, value: None, timestamp: -1, ..letter(0, "") };
        lacking.headers.push(("__streams.errors.offset", offset));
        lacking
    };
    let untimely = Sent { timestamp: -1, ..letter(0, "untimely") };
    send(&broker, &[lacking("0"), lacking("8"), lacking("-1"), untimely, letter(0, "b")]);

    let counted = dry(&arguments(&[]), &broker.transport()).expect("counted");
    assert_eq!((counted.redriven, counted.quarantined), (2, 3));
    let done = redrive(&broker, &["--quarantine", "stuck"]).expect("redriven");
    assert_eq!((done.redriven, done.quarantined), (2, 3));
    let back = read(&broker, "in");
    assert_eq!(keys(&back), ["a", "a", "b"]);
    let again = &back[1];
    assert_eq!((again.value(), again.timestamp()), (Some(&b"x"[..]), 9));
    let names: Vec<_> = again.headers().iter().map(|header| header.key.to_string()).collect();
    assert_eq!(names, ["own", COUNT]);
    assert!(read(&broker, "stuck").iter().all(|letter| letter.timestamp() >= 0));
}

/// Before: such letters were left behind, and the command ended with success.
#[test]
fn partitions_that_are_not_read_to_their_end_are_reported() {
    let broker = broker(&[("letters", 3), ("in", 1)]);
    send(&broker, &[letter(0, "a"), letter(1, "b"), letter(2, "c")]);
    let mute = Fault::before(Operation::Fetch, TransportErrorKind::Retriable).times(usize::MAX);
    broker.faults().inject(mute.on("letters-1"));
    broker.faults().inject(Fault::before(Operation::Offsets, TransportErrorKind::TimedOut).on("letters-2"));
    let done = redrive(&broker, &[]).expect("redriven");
    let unread: Vec<_> = done.unread.keys().map(TopicPartition::to_string).collect();
    assert_eq!(unread, ["letters-1", "letters-2"]);
    assert_eq!(keys(&read(&broker, "in")), ["a"]);
    assert!(done.to_string().contains("not read to its end: letters-1, gave nothing"), "{done}");

    broker.faults().clear();
    let rest = redrive(&broker, &[]).expect("redriven");
    assert_eq!((rest.redriven, rest.unread.len()), (2, 0));
    assert_eq!(keys(&read(&broker, "in")), ["a", "b", "c"]);
}

#[test]
fn a_command_that_is_stopped_says_what_it_has_left() {
    let broker = broker(&[("letters", 2), ("in", 1)]);
    send(&broker, &[letter(0, "a"), letter(1, "b")]);
    let stopped = run(&arguments(&[]), &broker.transport(), &AtomicBool::new(true)).expect("stopped");
    assert_eq!((stopped.redriven, stopped.unread.len()), (0, 2));
    assert!(broker.members("redrive-letters").is_empty(), "it has left the group");
}

/// Before: each of them ended every run, and `--quarantine` did not help; a broker may have created the topic.
#[test]
fn letters_that_no_topic_takes_go_to_the_quarantine() {
    let broker = broker(&[("letters", 1), ("in", 1), ("stuck", 1)]);
    create(&broker, "small", 1, &[("max.message.bytes", "200")]);
    let large = "x".repeat(500);
    let of = |topic: &'static str, key: &'static str| {
        let mut letter = letter(0, key);
        letter.headers[1].1 = topic;
        letter
    };
    let too_large = Sent { value: Some(&large), ..of("small", "large") };
    let mut many = letter(0, "many");
    many.headers.push((COUNT, "99999999999999"));
    let all = [of("nowhere", "nowhere"), of("letters", "circle"), of("a/b", "name"), too_large, many];
    send(&broker, &all);
    send(&broker, &[letter(0, "good")]);
    let done = redrive(&broker, &["--quarantine", "stuck"]).expect("redriven");
    assert_eq!((done.redriven, done.quarantined), (1, 5));
    assert_eq!(keys(&read(&broker, "in")), ["good"]);
    assert_eq!(keys(&read(&broker, "stuck")), ["circle", "large", "many", "name", "nowhere"]);
    let topics =
        broker.transport().admin("test").and_then(|mut admin| admin.topic_names(NOW)).expect("topics");
    assert!(!topics.iter().any(|topic| &**topic == "nowhere"), "{topics:?}");
}

/// Before: all letters without a key went to partition 0, those that stay in the queue, too.
#[test]
fn letters_that_are_not_chosen_stay_in_their_partition() {
    let broker = broker(&[("letters", 3), ("in", 1)]);
    send(&broker, &[Sent { key: None, ..letter(2, "") }, letter(1, "b")]);
    let done = redrive(&broker, &["--exception", "Other"]).expect("kept");
    assert_eq!((done.kept, done.redriven), (2, 0));
    let ends: Vec<_> = progress(&broker, 3).into_iter().map(|(end, _)| end).collect();
    assert_eq!(ends[0], 0);
    assert!(ends[1] > 1 && ends[2] > 1, "{ends:?}");
}

/// Before: one transaction for each letter that was not chosen.
#[test]
fn a_maximum_ends_the_run_at_its_letter() {
    let broker = broker(&[("letters", 1), ("in", 1)]);
    send(&broker, &["a", "b", "c"].map(|key| letter(0, key)));
    let done = redrive(&broker, &["--max", "2"]).expect("some");
    assert_eq!((done.redriven, done.unread.len()), (2, 0));
    assert_eq!(keys(&read(&broker, "in")), ["a", "b"]);
    assert_eq!(redrive(&broker, &["--max", "2"]).expect("the rest").redriven, 1);
    assert_eq!(keys(&read(&broker, "in")), ["a", "b", "c"]);
}

/// Before: the run failed, and its transaction held up readers until it timed out.
#[test]
fn a_transaction_that_a_rebalance_fences_is_repeated() {
    let broker = broker(&[("letters", 1), ("in", 1)]);
    send(&broker, &[letter(0, "a"), letter(0, "b")]);
    broker.faults().inject(Fault::before(Operation::SendOffsets, TransportErrorKind::Fenced));
    broker.faults().inject(Fault::before(Operation::Commit, TransportErrorKind::AbortTransaction));
    assert_eq!(redrive(&broker, &[]).expect("redriven").redriven, 2);
    assert_eq!(keys(&read(&broker, "in")), ["a", "b"]);
}

/// Before: it was taken for a queue that had been read.
#[test]
fn a_queue_that_was_created_again_is_not_taken_for_read() {
    let broker = broker(&[("letters", 1), ("in", 1)]);
    send(&broker, &[letter(0, "a")]);
    let offset = streams_core::transport::OffsetToCommit {
        partition: TopicPartition::new("letters", 0),
        offset: 40,
        metadata: String::new(),
    };
    let mut admin = broker.transport().admin("test").expect("an admin");
    admin.commit_for("redrive-letters", &[offset], NOW).expect("committed");
    let done = redrive(&broker, &[]).expect("reported");
    let why = done.unread.values().next().expect("unread");
    assert!(why.contains("created again") && why.contains("--group"), "{why}");
}

#[test]
fn arguments_that_cannot_be_meant_are_refused() {
    for more in [["--max", "0"], ["--rate", "0"], ["--attempts", "0"]] {
        assert!(parse(&more).is_err(), "{more:?}");
    }
    let broker = broker(&[("letters", 1)]);
    for (more, said) in [
        (["--quarantine", "letters"], "is the queue itself"),
        (["--to", "letters"], "is the queue itself"),
        (["--quarantine", "nowhere"], "topic nowhere does not exist"),
    ] {
        let refused = redrive(&broker, &more).expect_err("refused").to_string();
        assert!(refused.contains(said), "{refused}");
    }
}
