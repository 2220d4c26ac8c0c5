//! Java and this library side by side: Java's own deserializers read what is written here, and a Java application goes
//! on where this one stopped, with its offsets and its state, and the other way round.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use kstreams::prelude::*;
use streams_core::config::StreamsConfig;
use streams_core::topology::Topology;
use tests::lab::{JavaLab, KafkaClient, LabProcess, TestRecord, shared};

use crate::support::{App, HEAP_MB, committed, config, read_by_java, rows, turn, wait_committed};

const LIMIT: Duration = Duration::from_secs(180);

/// Results and changelogs of plain, windowed and session stores.
#[test]
fn java_reads_results_and_changelogs() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    for topic in ["read-in", "read-counts", "read-windows", "read-sessions"] {
        client.create_topic(topic, 1, &[]).expect("topic");
    }
    let builder = StreamsBuilder::new();
    let words = builder.stream::<String, String>("read-in").group_by_key();
    words.count_with(Materialized::named("plain")).to_stream().to("read-counts");
    let windows = TimeWindows::of_size_and_grace(millis(10), millis(100));
    let windowed = words.windowed_by(windows).count_with(Materialized::named("windows"));
    windowed.to_stream().to("read-windows");
    let gap = SessionWindows::of_inactivity_gap_and_grace(millis(5), millis(100));
    words.windowed_by(gap).count_with(Materialized::named("sessions")).to_stream().to("read-sessions");
    let app = App::run(builder.build().expect("a topology"), config(&client, "read", folder.path()));
    for (key, value, time) in [("a", "x", 1_000), ("a", "y", 1_004), ("b", "z", 1_013), ("a", "w", 1_020)] {
        client.produce("read-in", [TestRecord::new(key, value).at(time)]).expect("sent");
        app.wait_processed(u64::try_from(client.end_offsets("read-in").expect("ends")[0]).expect("small"));
    }
    committed(&client, "read-sessions", 5);
    app.close();

    let found = read_by_java(
        &client,
        &[
            "read-counts/text/long",
            "read-windows/time:10/long",
            "read-sessions/session/long",
            "read-plain-changelog/text/long",
            "read-windows-changelog/time-changelog:10/long",
            "read-sessions-changelog/session/long",
        ],
    );
    assert_eq!(found["read-counts"], ["a=1@1000", "a=2@1004", "b=1@1013", "a=3@1020"]);
    assert_eq!(
        found["read-windows"],
        ["[a@1000/1010]=1@1000", "[a@1000/1010]=2@1004", "[b@1010/1020]=1@1013", "[a@1020/1030]=1@1020",]
    );
    assert_eq!(
        found["read-sessions"],
        [
            "[a@1000/1000]=1@1000",
            "[a@1000/1000]=null@1000",
            "[a@1000/1004]=2@1004",
            "[b@1013/1013]=1@1013",
            "[a@1020/1020]=1@1020",
        ]
    );
    assert_eq!(rows(&found["read-plain-changelog"]), ["a=3@1020", "b=1@1013"]);
    assert_eq!(
        rows(&found["read-windows-changelog"]),
        ["[a@1000/1010]=2@1004", "[a@1020/1030]=1@1020", "[b@1010/1020]=1@1013"]
    );
    assert_eq!(
        rows(&found["read-sessions-changelog"]),
        ["[a@1000/1004]=2@1004", "[a@1020/1020]=1@1020", "[b@1013/1013]=1@1013"]
    );
}

/// The workloads of `lab.Bench`, here.
fn workload(name: &str, input: &str, output: &str) -> Topology {
    let builder = StreamsBuilder::new();
    let words = builder.stream::<String, String>(input).group_by_key();
    match name {
        "count" => words.count().to_stream().to(output),
        _ => {
            let windows = TimeWindows::of_size_and_grace(Duration::from_secs(60), Duration::from_secs(3_600));
            words.windowed_by(windows).count().to_stream().to(output);
        }
    }
    builder.build().expect("a topology")
}

struct Relay<'a> {
    client: &'a KafkaClient,
    workload: &'a str,
    app: String,
    input: String,
    output: String,
    written: u32,
}

impl Relay<'_> {
    const PART: u32 = 3_000;
    const KEYS: u32 = 50;

    fn feed(&mut self) {
        let from = self.written;
        let records = (from..from + Self::PART).map(|n| {
            TestRecord::new(format!("k{}", n % Self::KEYS), "v").at(1_900_000_000_000 + i64::from(n) * 100)
        });
        self.client.produce(&self.input, records).expect("sent");
        self.written += Self::PART;
    }

    fn ours(&mut self, folder: &Path) {
        let settings: StreamsConfig = config(self.client, &self.app, folder);
        let app = App::run(workload(self.workload, &self.input, &self.output), settings);
        self.feed();
        wait_committed(self.client, &self.app, &[&self.input], LIMIT);
        app.close();
    }

    fn java(&mut self, folder: &Path) {
        let java = JavaLab::prepare().expect("Java");
        let mut command = java.command("lab.Bench", HEAP_MB, true);
        command
            .args([self.client.bootstrap(), self.workload, "exactly_once_v2"])
            .args([&self.app, &self.input, &self.output])
            .arg(folder)
            // It does not leave its group, which must have forgotten it before others can join.
            .args(["session.timeout.ms=1500", "heartbeat.interval.ms=500"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut process = LabProcess::spawn("Kafka Streams", command).expect("it starts");
        let said = process.take_stdout().expect("its output");
        let running = BufReader::new(said).lines().map_while(Result::ok).any(|line| line.trim() == "RUNNING");
        assert!(running, "Kafka Streams never said that it runs");
        self.feed();
        wait_committed(self.client, &self.app, &[&self.input], LIMIT);
        process.terminate(LIMIT).expect("it stops");
    }
}

fn take_over(name: &str) {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let (ours, java) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let topic = |part: &str| format!("relay-{name}-{part}");
    for topic in [topic("in"), topic("out")] {
        client.create_topic(&topic, 2, &[]).expect("topic");
    }
    let mut relay = Relay {
        client: &client,
        workload: name,
        app: format!("relay-{name}"),
        input: topic("in"),
        output: topic("out"),
        written: 0,
    };
    relay.ours(ours.path());
    relay.java(java.path());
    // The state of the first turn is still there, behind that of the changelog.
    relay.ours(ours.path());

    let mut expected: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    for n in 0..relay.written {
        let mut key = format!("k{}", n % Relay::KEYS).into_bytes();
        if name == "tumbling" {
            let time = 1_900_000_000_000 + i64::from(n) * 100;
            key.extend((time - time % 60_000).to_be_bytes());
        }
        *expected.entry(key).or_default() += 1;
    }
    let mut found: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    for record in client.consume_all(&relay.output, true).expect("read") {
        let count = i64::from_be_bytes(record.value.expect("a count").try_into().expect("eight bytes"));
        let before = found.insert(record.key.expect("a key"), count).unwrap_or(0);
        assert!(count > before, "{name}: {count} after {before}");
    }
    assert_eq!(found, expected, "{name}");
}

#[test]
fn java_takes_over_a_count_and_gives_it_back() {
    take_over("count");
}

#[test]
fn java_takes_over_windows_and_gives_them_back() {
    take_over("tumbling");
}
