//! What topics refuse: each refused result is decided once, by the handler or as an error that names it, and nothing else is
//! lost, repeated without end or skipped.
#![expect(clippy::disallowed_methods, reason = "it waits for brokers, by the clock of the machine")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use field::{Asked, LIMIT, committed, config, texts, turn, wait_committed};
use kstreams::prelude::*;
use lab::{ClusterOptions, KafkaClient, KafkaCluster, TestRecord, shared};
use tempfile::TempDir;

const GUARANTEES: [&str; 2] = ["exactly_once_v2", "at_least_once"];

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("a time")
}

/// An application whose handler continues and remembers.
struct World {
    client: KafkaClient,
    streams: KafkaStreams,
    asked: Asked,
    _folder: TempDir,
}

impl World {
    fn start(name: &str, guarantee: &str, topology: Topology, goes_on: bool) -> Self {
        let client = shared().expect("a broker").client();
        World::start_with(client, name, guarantee, topology, goes_on, &[])
    }

    fn start_with(
        client: KafkaClient,
        name: &str,
        guarantee: &str,
        topology: Topology,
        goes_on: bool,
        settings: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config =
            config(&client, name, folder.path()).with("processing.guarantee", guarantee).expect("set");
        for (key, value) in settings {
            config.set(key, *value).expect("a setting");
        }
        let asked = Asked::default();
        let mut builder = KafkaStreams::builder(topology, config);
        if goes_on {
            builder = builder.with_production_handler(asked.clone());
        }
        let streams = builder.build().expect("settings and topology are fine");
        streams.start().expect("it starts");
        World { client, streams, asked, _folder: folder }
    }

    /// Waits until everything that these topics hold is processed and committed.
    fn wait_done(&self, group: &str, topics: &[&str]) {
        wait_committed(&self.client, group, topics, LIMIT);
        assert_eq!(self.streams.state(), State::Running, "{:?}", self.streams.error());
    }

    /// Waits for the end in ERROR.
    fn error(&self) -> String {
        let ended = self.streams.wait_for(LIMIT, |state| state == State::Error);
        assert!(ended, "{} {:?} {:?}", self.streams.state(), self.streams.reasons(), self.streams.totals());
        self.streams.error().expect("the reason").to_string()
    }
}

fn names(of: &str, guarantee: &str) -> (String, String, String) {
    let app = format!("pro-{of}-{}", &guarantee[..2]);
    (format!("{app}-in"), format!("{app}-out"), app)
}

fn copy(from: &str, to: &str) -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<Option<String>, String>(from).to(to);
    builder.build().expect("a topology")
}

fn assert_names(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

/// Under at-least-once a repeated record is not a fault.
fn assert_arrived(client: &KafkaClient, topic: &str, guarantee: &str, expected: &[String]) {
    if guarantee == "exactly_once_v2" {
        assert_eq!(texts(&committed(client, topic, expected.len())), expected);
        return;
    }
    let mut found = texts(&client.consume_all(topic, true).expect("read"));
    found.sort();
    found.dedup();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(found, expected);
}

fn keyed(number: usize) -> String {
    format!("k{number}=v{number}")
}

/// Topics that brokers keep for themselves exist, and take nothing. Showed before: the work was repeated until
/// `task.timeout.ms` ended the application.
#[test]
fn a_result_for_a_topic_of_kafkas_own_goes_to_the_handler() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for guarantee in GUARANTEES {
        let (input, output, app) = names("own", guarantee);
        client.create_topic(&input, 1, &[]).expect("topic");
        client.create_topic(&output, 1, &[]).expect("topic");
        let topics = ["__consumer_offsets", "__transaction_state", "", "..", "a/b", &output];
        let records = topics.iter().map(|topic| TestRecord::new("k", *topic));
        client.produce(&input, records).expect("sent");
        let builder = StreamsBuilder::new();
        let by_value = |_: &Option<String>, value: &String, _: Option<&_>| value.as_str().into();
        builder.stream::<Option<String>, String>(&*input).to_dynamic(by_value);
        let topology = builder.build().expect("a topology");
        let world = World::start(&app, guarantee, topology, true);
        world.wait_done(&app, &[&input]);
        let asked = world.asked.sorted();
        assert_eq!(asked.len(), topics.len() - 1, "{guarantee}: {asked:?}");
        for topic in &topics[..topics.len() - 1] {
            let is_asked = asked.iter().any(|asked| asked.contains(&format!("-> {topic}: ")));
            assert!(is_asked, "{guarantee}: {topic}: {asked:?}");
        }
        assert_arrived(&client, &output, guarantee, &[format!("k={output}")]);
        assert!(world.streams.close(LIMIT));
    }
}

/// A null key for a compacted topic, as the client knows it before.
#[test]
fn a_null_key_for_a_compacted_topic_is_left_out_or_named() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for guarantee in GUARANTEES {
        let (input, output, app) = names("null", guarantee);
        client.create_topic(&input, 1, &[]).expect("topic");
        client.create_topic(&output, 1, &[("cleanup.policy", "compact")]).expect("topic");
        let mut records: Vec<_> =
            (1..=3).map(|n| TestRecord::new(format!("k{n}"), format!("v{n}"))).collect();
        records.insert(2, TestRecord::new("", "null").without_key());
        client.produce(&input, records).expect("sent");
        let world = World::start(&app, guarantee, copy(&input, &output), true);
        world.wait_done(&app, &[&input]);
        assert_eq!(
            world.asked.sorted(),
            [format!("0_0 KSTREAM-SINK-0000000001 {input}-0@2 -> {output}: null")]
        );
        assert_eq!(world.streams.totals().dropped_records, 1);
        assert_arrived(&client, &output, guarantee, &[keyed(1), keyed(2), keyed(3)]);
        drop(world);

        let world = World::start(&format!("{app}-fail"), guarantee, copy(&input, &output), false);
        let source = format!("{input}-0 offset 2");
        assert_names(&world.error(), &["0_0", &output, &source, "null keys", "production.exception.handler"]);
    }
}

/// A record without a key goes anywhere, at each repetition elsewhere; it is recognised all the same. The topic becomes a
/// compacted one while the application runs, so that the broker finds out.
#[test]
fn a_null_key_is_left_out_once_wherever_it_would_go() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for guarantee in GUARANTEES {
        let (input, output, app) = names("spread", guarantee);
        client.create_topic(&input, 2, &[]).expect("topic");
        client.create_topic(&output, 4, &[]).expect("topic");
        let world = World::start(&app, guarantee, copy(&input, &output), true);
        let record =
            |n: usize| TestRecord::new(format!("k{n}"), format!("v{n}")).to_partition((n % 2) as i32);
        let without = |n: usize| TestRecord { key: None, value: Some(format!("x{n}").into()), ..record(n) };
        client.produce(&input, (0..20).map(record).chain([without(20), without(21)])).expect("sent");
        world.wait_done(&app, &[&input]);
        assert_eq!(client.consume_all(&output, true).expect("read").len(), 22);
        client.alter_topic(&output, &[("cleanup.policy", "compact")]).expect("altered");
        let poison = [30, 31, 35, 44, 45];
        let of = |n: usize| if poison.contains(&n) { without(n) } else { record(n) };
        client.produce(&input, (22..60).map(of)).expect("sent");
        world.wait_done(&app, &[&input]);
        let of_value = |asked: &String| asked[asked.len() - 3..].to_owned();
        let mut asked: Vec<_> = world.asked.sorted().iter().map(of_value).collect();
        asked.sort();
        assert_eq!(asked, poison.map(|n| format!("x{n}")));
        assert_eq!(world.streams.totals().dropped_records, poison.len() as u64);
        let mut found = texts(&client.consume_all(&output, true).expect("read"));
        let all = found.len();
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 60 - poison.len(), "{found:?}");
        assert!(all == found.len() || guarantee == "at_least_once", "{all}");
        drop(world);

        let world = World::start(&format!("{app}-fail"), guarantee, copy(&input, &output), false);
        assert_names(&world.error(), &[&output, &format!("{input}-"), "null keys"]);
    }
}

/// A time that is so little too far ahead that only the broker knows: it refuses the batch, and names one record.
#[test]
fn a_record_that_the_broker_refuses_is_left_out_and_its_neighbours_arrive() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for guarantee in GUARANTEES {
        let (input, output, app) = names("time", guarantee);
        client.create_topic(&input, 1, &[]).expect("topic");
        client.create_topic(&output, 1, &[("message.timestamp.after.max.ms", "3600000")]).expect("topic");
        let now = now_ms();
        let at = |n: usize| if [50, 70, 110].contains(&n) { now + 3_600_000 + 120_000 } else { now };
        let record = |n| TestRecord::new(format!("k{n}"), format!("v{n}")).at(at(n));
        client.produce(&input, (0..100).map(record)).expect("sent");
        let world = World::start(&app, guarantee, copy(&input, &output), true);
        world.wait_done(&app, &[&input]);
        let asked = |n| format!("0_0 KSTREAM-SINK-0000000001 {input}-0@{n} -> {output}: v{n}");
        assert_eq!(world.asked.sorted(), [asked(50), asked(70)]);
        assert_eq!(world.streams.totals().dropped_records, 2);
        let expected: Vec<_> = (0..100).filter(|n| ![50, 70].contains(n)).map(keyed).collect();
        assert_arrived(&client, &output, guarantee, &expected);
        // It continues afterwards. Where one alone is refused, librdkafka gives its code to its neighbours, too.
        client.produce(&input, (100..120).map(record)).expect("sent");
        world.wait_done(&app, &[&input]);
        assert_eq!(world.asked.sorted(), [asked(110), asked(50), asked(70)]);
        let expected: Vec<_> = (0..120).filter(|n| ![50, 70, 110].contains(n)).map(keyed).collect();
        assert_arrived(&client, &output, guarantee, &expected);
        drop(world);

        let world = World::start(&format!("{app}-fail"), guarantee, copy(&input, &output), false);
        assert_names(
            &world.error(),
            &["0_0", &output, &format!("{input}-0 offset 50"), "INVALID_", "out of range"],
        );
    }
}

/// Microseconds for milliseconds, into a repartition topic and a changelog: never left out, named at once.
#[test]
fn microseconds_are_named_before_they_are_sent() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let (input, output, app) = names("micro", "exactly_once_v2");
    client.create_topic(&input, 1, &[]).expect("topic");
    client.create_topic(&output, 1, &[]).expect("topic");
    client.produce(&input, [TestRecord::new("k", "v").at(now_ms() * 1_000)]).expect("sent");
    let builder = StreamsBuilder::new();
    let words = builder.stream::<String, String>(&*input).group_by(|_, value| value.clone());
    words.count().to_stream().to(&output);
    let topology = builder.build().expect("a topology");
    let settings = [("topic.message.timestamp.after.max.ms", "3600000")];
    let world = World::start_with(client, &app, "exactly_once_v2", topology, true, &settings);
    let error = world.error();
    assert_names(&error, &["repartition", &format!("{input}-0 offset 0"), "microseconds", "after.max.ms"]);
    assert_eq!(world.asked.sorted(), [""; 0], "no handler may leave it out");
}

#[test]
fn one_record_that_is_too_large_costs_no_other() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for guarantee in GUARANTEES {
        let (input, output, app) = names("large", guarantee);
        client.create_topic(&input, 1, &[]).expect("topic");
        client.create_topic(&output, 1, &[("max.message.bytes", "2000")]).expect("topic");
        let value = |n: usize| if [20, 50].contains(&n) { format!("{n:3000}") } else { format!("v{n}") };
        client.produce(&input, (0..100).map(|n| TestRecord::new(format!("k{n}"), value(n)))).expect("sent");
        let world = World::start(&app, guarantee, copy(&input, &output), true);
        world.wait_done(&app, &[&input]);
        assert_eq!((world.asked.sorted().len(), world.streams.totals().dropped_records), (2, 2));
        let expected: Vec<_> = (0..100).filter(|n| ![20, 50].contains(n)).map(keyed).collect();
        assert_arrived(&client, &output, guarantee, &expected);
        drop(world);

        let world = World::start(&format!("{app}-fail"), guarantee, copy(&input, &output), false);
        assert_names(
            &world.error(),
            &[&format!("{input}-0 offset 20"), "max.message.bytes", "2000", "3073 bytes"],
        );
    }
}

/// No record is too large, but librdkafka's batches would be: for sinks, repartition topics and changelogs.
#[test]
fn batches_fit_into_their_topics() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for guarantee in GUARANTEES {
        let (input, output, app) = names("batch", guarantee);
        client.create_topic(&input, 1, &[]).expect("topic");
        client.create_topic(&output, 1, &[("max.message.bytes", "10000")]).expect("topic");
        let record = |n: usize| TestRecord::new(format!("k{n}"), format!("{n:100}"));
        client.produce(&input, (0..5_000).map(record)).expect("sent");
        let builder = StreamsBuilder::new();
        let lines = builder.stream::<String, String>(&*input);
        lines.to(&output);
        let counts = lines.group_by(|_, value| value.clone()).count_with(Materialized::named("counts"));
        counts.to_stream().map_values(|_| "1".to_owned()).to(&output);
        let topology = builder.build().expect("a topology");
        let settings = [("topic.max.message.bytes", "10000")];
        let world = World::start_with(client.clone(), &app, guarantee, topology, true, &settings);
        let repartition = format!("{app}-counts-repartition");
        world.wait_done(&app, &[&input]);
        world.wait_done(&app, &[&repartition]);
        let found = committed(&client, &output, 10_000);
        assert_eq!(found.len(), 10_000);
        assert_eq!(world.asked.sorted(), [""; 0]);
    }
}

/// The limit is lowered while the application runs, without notice.
#[test]
fn batches_become_smaller_when_a_topic_takes_less() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for guarantee in GUARANTEES {
        let (input, output, app) = names("lower", guarantee);
        client.create_topic(&input, 1, &[]).expect("topic");
        client.create_topic(&output, 1, &[]).expect("topic");
        let world = World::start(&app, guarantee, copy(&input, &output), true);
        client.produce(&input, [TestRecord::new("k0", "v0")]).expect("sent");
        committed(&client, &output, 1);
        client.alter_topic(&output, &[("max.message.bytes", "10000")]).expect("altered");
        let record = |n: usize| TestRecord::new(format!("k{n}"), format!("{n:100}"));
        client.produce(&input, (1..3_000).map(record)).expect("sent");
        world.wait_done(&app, &[&input]);
        let mut keys: Vec<_> =
            client.consume_all(&output, true).expect("read").iter().map(|record| record.key_text()).collect();
        let all = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 3_000);
        assert!(all == 3_000 || guarantee == "at_least_once", "{all} of 3000");
        assert_eq!(world.asked.sorted(), [""; 0]);
    }
}

/// A row of a store that has grown too large is never left out, whatever the handler says.
#[test]
fn a_change_that_its_changelog_does_not_take_names_the_row() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for guarantee in GUARANTEES {
        let (input, output, app) = names("row", guarantee);
        client.create_topic(&input, 1, &[]).expect("topic");
        client.create_topic(&output, 1, &[]).expect("topic");
        let record = |key: &str| TestRecord::new(key, "x".repeat(600_000));
        client.produce(&input, [TestRecord::new("small", "x"), record("big"), record("big")]).expect("sent");
        let builder = StreamsBuilder::new();
        let joined = builder
            .stream::<String, String>(&*input)
            .group_by_key()
            .reduce_with(|a: String, b: String| a + &b, Materialized::named("rows"));
        joined.to_stream().map_values(|_| "1".to_owned()).to(&output);
        let world = World::start(&app, guarantee, builder.build().expect("a topology"), true);
        let error = world.error();
        let parts = ["store rows", "0_0", "\"big\"", "1200", "max.message.bytes", "rows-changelog-0"];
        assert_names(&error, &parts);
        assert_eq!(world.asked.sorted(), [""; 0]);
    }
}

#[test]
fn a_topic_chosen_for_a_record_need_not_exist() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for guarantee in GUARANTEES {
        let (input, output, app) = names("chosen", guarantee);
        client.create_topic(&input, 1, &[]).expect("topic");
        let (a, c) = (format!("{output}-a"), format!("{output}-c"));
        client.create_topic(&a, 1, &[]).expect("topic");
        client.create_topic(&c, 1, &[]).expect("topic");
        let keys = ["a", "b", "c", "b", "an illegal name", "a"];
        client.produce(&input, keys.map(|key| TestRecord::new(key, key))).expect("sent");
        let builder = StreamsBuilder::new();
        let to = output.clone();
        builder.stream::<String, String>(&*input).to_dynamic(
            move |key: &String, _: &String, _: Option<&RecordMetadata>| format!("{to}-{key}").into(),
        );
        let begin = Instant::now();
        let world = World::start(&app, guarantee, builder.build().expect("a topology"), true);
        world.wait_done(&app, &[&input]);
        println!("{guarantee}: done after {:?}", begin.elapsed());
        assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
        let asked = world.asked.sorted();
        assert_eq!((asked.len(), world.streams.totals().dropped_records), (3, 3), "{asked:?}");
        assert!(asked[0].contains(&format!("{input}-0@1 -> {output}-b")), "{asked:?}");
        assert_arrived(&client, &a, "exactly_once_v2", &["a=a".to_owned(), "a=a".to_owned()]);
        assert_arrived(&client, &c, "exactly_once_v2", &["c=c".to_owned()]);
    }
}

#[test]
fn a_named_topic_that_does_not_exist_or_is_deleted_is_named() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for guarantee in GUARANTEES {
        let (input, output, app) = names("gone", guarantee);
        client.create_topic(&input, 1, &[]).expect("topic");
        client.produce(&input, [TestRecord::new("k", "v")]).expect("sent");
        let world = World::start(&app, guarantee, copy(&input, &output), true);
        let parts = ["KSTREAM-SINK-0000000001", &output, "does not exist", "0_0"];
        assert_names(&world.error(), &parts);
        drop(world);

        client.create_topic(&output, 1, &[]).expect("topic");
        let world = World::start(&app, guarantee, copy(&input, &output), true);
        world.wait_done(&app, &[&input]);
        client.delete_topics(&[&output]).expect("deleted");
        let record = |n| TestRecord::new(format!("k{n}"), "v");
        client.produce(&input, (0..10).map(record)).expect("sent");
        assert_names(&world.error(), &[&output, "UnknownTopic", "KSTREAM-SINK-0000000001"]);
    }
}

/// What a task commits with its offsets has a limit at the broker.
#[test]
fn too_much_beside_an_offset_is_named() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for guarantee in GUARANTEES {
        let (input, output, app) = names("next-to", guarantee);
        client.create_topic(&input, 1, &[]).expect("topic");
        client.create_topic(&output, 1, &[]).expect("topic");
        let builder = StreamsBuilder::new();
        let grouped = builder.stream::<String, String>(&*input).group_by_key();
        for number in 0..70 {
            let windows = TimeWindows::of_size_and_grace(seconds(1), seconds(0));
            grouped.windowed_by(windows).emit_strategy(EmitStrategy::OnWindowClose).count_with(
                Materialized::named(&format!("a-store-with-quite-a-long-name-of-its-own-{number:03}")),
            );
        }
        let now = now_ms();
        let records = (0..20).map(|n| TestRecord::new("k", "v").at(now + n * 1_000));
        client.produce(&input, records).expect("sent");
        let world = World::start(&app, guarantee, builder.build().expect("a topology"), true);
        assert_names(&world.error(), &["offset.metadata.max.bytes", "OFFSET_METADATA_TOO_LARGE"]);
    }
}

#[test]
fn a_transaction_time_out_that_the_broker_does_not_allow_is_named_at_once() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let (input, output, app) = names("timeout", "exactly_once_v2");
    client.create_topic(&input, 1, &[]).expect("topic");
    client.create_topic(&output, 1, &[]).expect("topic");
    let settings = [("producer.transaction.timeout.ms", "1000000")];
    let topology = copy(&input, &output);
    let world = World::start_with(client, &app, "exactly_once_v2", topology, true, &settings);
    assert_names(&world.error(), &["producer.transaction.timeout.ms", "transaction.max.timeout.ms"]);
}

/// A broker that cannot make the topic in which it keeps transactions.
#[test]
fn a_missing_transaction_coordinator_is_said_and_ends_in_an_error() {
    let _turn = turn();
    let settings = vec![("transaction.state.log.replication.factor".to_owned(), "3".to_owned())];
    let cluster =
        KafkaCluster::start_with(&ClusterOptions { settings, ..ClusterOptions::default() }).expect("runs");
    let client = cluster.client();
    client.create_topic("in", 1, &[]).expect("topic");
    client.create_topic("out", 1, &[]).expect("topic");
    let settings = [("task.timeout.ms", "12000")];
    let topology = copy("in", "out");
    let world = World::start_with(client, "pro-coordinator", "exactly_once_v2", topology, true, &settings);
    let ended = world.streams.wait_for(LIMIT, |state| state == State::Error);
    assert!(ended, "{} {:?}", world.streams.state(), world.streams.reasons());
    let error = world.streams.error().expect("the reason").to_string();
    assert_names(&error, &["transaction.state.log.replication.factor"]);
}
