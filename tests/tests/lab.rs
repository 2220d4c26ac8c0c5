//! The lab itself: a real broker starts, keeps its data over a kill, and leaves nothing behind.
#![expect(clippy::disallowed_methods, reason = "it waits for another process")]

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use tests::lab::{ClusterOptions, JavaLab, KafkaCluster, LabError, LabProcess, TestRecord, shared};

type Outcome = Result<(), LabError>;

#[test]
fn a_killed_broker_keeps_data_port_and_offsets() -> Outcome {
    let cluster = KafkaCluster::start(1)?;
    let client = cluster.client();
    client.create_topic("letters", 2, &[])?;
    let first = TestRecord::new("a", "1").at(1_000).to_partition(1).header("origin", "test");
    client.produce("letters", [first, TestRecord::tombstone("b").at(2_000).to_partition(0)])?;

    let pids = cluster.process_ids();
    cluster.kill_broker(0)?;
    assert!(cluster.process_ids().is_empty(), "the broker is down");
    cluster.start_broker(0)?;
    assert_ne!(cluster.process_ids(), pids, "a new process");
    client.produce("letters", [TestRecord::new("c", "3").without_key().at(3_000).to_partition(1)])?;

    let read = client.consume_all("letters", true)?;
    let seen: Vec<_> =
        read.iter().map(|r| (r.partition, r.offset, r.timestamp, r.key_text(), r.value_text())).collect();
    let expected = [(0, 0, 2_000, "b", ""), (1, 0, 1_000, "a", "1"), (1, 1, 3_000, "", "3")];
    assert_eq!(seen, expected.map(|(p, o, t, k, v)| (p, o, t, k.to_owned(), v.to_owned())));
    assert_eq!(read[0].value, None, "a tombstone is not an empty value");
    assert_eq!(read[1].headers, [("origin".to_owned(), Some(b"test".to_vec()))]);
    assert_eq!(read[2].key, None);
    assert_eq!(client.end_offsets("letters")?, [1, 2]);
    assert!(client.committed_offsets("nobody", &["letters"])?.is_empty());

    cluster.pause_broker(0)?;
    assert!(client.live_brokers(Duration::from_millis(500)).is_err(), "a paused broker answers nothing");
    cluster.resume_broker(0)?;
    assert_eq!(client.live_brokers(Duration::from_secs(60))?, 1);

    cluster.stop_broker(0)?;
    cluster.start_broker(0)?;
    assert_eq!(client.consume_all("letters", false)?.len(), 3, "an orderly stop keeps all of it, too");
    let folder = cluster.folder().map(std::path::Path::to_path_buf).unwrap_or_default();
    let [pid] = cluster.process_ids()[..] else { unreachable!("one broker is up") };
    drop(cluster);
    assert!(!folder.exists(), "the data is gone");
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "the process is gone");
    Ok(())
}

#[test]
fn aborted_and_open_transactions_are_hidden_from_read_committed() -> Outcome {
    let client = shared()?.client();
    client.create_topic("lab-transactions", 1, &[])?;
    let producer = client.transactional("lab", Duration::from_secs(60))?;
    for (value, commit) in [("first", true), ("aborted", false), ("second", true)] {
        producer.begin()?;
        producer.send("lab-transactions", [TestRecord::new("k", value)])?;
        if commit { producer.commit()? } else { producer.abort()? }
    }
    producer.begin()?;
    producer.send("lab-transactions", [TestRecord::new("k", "open")])?;

    let values = |committed| -> Result<Vec<String>, LabError> {
        Ok(client.consume_all("lab-transactions", committed)?.iter().map(|r| r.value_text()).collect())
    };
    assert_eq!(values(true)?, ["first", "second"]);
    assert_eq!(values(false)?, ["first", "aborted", "second", "open"]);
    producer.abort()
}

#[test]
fn topics_are_created_once_and_deleted() -> Outcome {
    let client = shared()?.client();
    client.create_topic("lab-topic", 3, &[("cleanup.policy", "compact")])?;
    assert_eq!(client.partitions("lab-topic")?, 3);
    let again = client.create_topic("lab-topic", 3, &[]).map_err(|error| error.to_string());
    assert!(again.is_err_and(|text| text.contains("lab-topic") && text.contains("exists")));
    client.delete_topics(&["lab-topic", "lab-no-such-topic"])?;
    assert_eq!(client.partitions("lab-topic")?, 0);
    Ok(())
}

#[test]
fn three_brokers_go_on_without_one() -> Outcome {
    let cluster = KafkaCluster::start(3)?;
    let client = cluster.client();
    client.create_topic("replicated", 3, &[])?;
    client.produce("replicated", (0..30).map(|n| TestRecord::new(format!("k{n}"), "before")))?;
    cluster.kill_broker(1)?;
    client.produce("replicated", (0..30).map(|n| TestRecord::new(format!("k{n}"), "during")))?;
    cluster.start_broker(1)?;
    assert_eq!(client.consume_all("replicated", true)?.len(), 60);
    Ok(())
}

#[test]
fn java_programs_are_built_once() -> Outcome {
    let mut command = JavaLab::prepare()?.command("lab.Bench", 64, true);
    let done = command.output().map_err(|source| LabError::Io { what: "running Bench".into(), source })?;
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).starts_with("usage: Bench"));
    Ok(())
}

#[test]
fn a_broker_dies_with_its_owner_even_if_that_is_killed() -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka"));
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut owner = LabProcess::spawn("kafka", command)?;
    let output = owner.take_stdout().map(BufReader::new);
    let mut lines = output.into_iter().flat_map(BufRead::lines).map_while(Result::ok);
    let address = lines.find_map(|line| Some(line.split_once("bootstrap.servers=")?.1.to_owned()));
    let address = address.unwrap_or_default();
    assert!(TcpStream::connect(&address).is_ok(), "{address} is open");
    owner.kill()?;
    let closed = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        TcpStream::connect(&address).is_err()
    });
    assert!(closed, "{address} is closed");
    Ok(())
}

#[test]
fn settings_of_a_broker_without_a_name_are_refused() {
    let nowhere = tests::lab::KafkaClient::new("127.0.0.1:1");
    let refused = nowhere.alter_broker("", &[("log.cleaner.backoff.ms", "100")]).expect_err("no name");
    assert!(matches!(refused, LabError::Refused { .. }), "{refused}");
}

#[test]
fn errors_say_what_to_do() {
    let settings = vec![("offsets.topic.num.partitions".to_owned(), "none".to_owned())];
    let broken = KafkaCluster::start_with(&ClusterOptions { settings, ..ClusterOptions::default() });
    let text = broken.map(|_cluster| ()).map_err(|error| error.to_string());
    let text = text.err().unwrap_or_default();
    assert!(text.contains("broker 0") && text.contains("offsets.topic.num.partitions"), "{text}");

    let elsewhere = KafkaCluster::external("127.0.0.1:1");
    let text = elsewhere.kill_broker(0).map_err(|error| error.to_string());
    assert!(text.is_err_and(|text| text.contains("KAFKA_BOOTSTRAP") && text.contains("kill")));
}
