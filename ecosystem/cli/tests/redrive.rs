//! Dead letters on a real broker, counted, filtered, redriven and quarantined, and the group that did it.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lab::{ConsumedRecord, KafkaClient, TestRecord, shared};

/// Runs the program; its standard output, or what it said when it failed.
fn streams(client: &KafkaClient, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_streams"))
        .args(arguments)
        .args(["--bootstrap-servers", client.bootstrap()])
        .output()
        .expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// A letter about a record of `topic` that failed for that reason.
fn letter(topic: &str, number: usize, exception: &str, count: Option<&str>) -> TestRecord {
    let mut record = TestRecord::new(format!("k{number}"), format!("v{number}"));
    let header = |name: &str, value: &str| (name.to_owned(), Some(value.as_bytes().to_vec()));
    record.headers = vec![
        header("trace", "7"),
        header("__streams.errors.exception", exception),
        header("__streams.errors.message", &format!("{exception} of {number}")),
        header("__streams.errors.topic", topic),
        header("__streams.errors.partition", &(number % 2).to_string()),
        header("__streams.errors.node", "KSTREAM-MAPVALUES-0000000001"),
    ];
    record.headers.extend(count.map(|count| header("__streams.redrive.count", count)));
    record
}

/// What committed readers see, key, partition and headers, in the order of keys.
fn read(client: &KafkaClient, topic: &str) -> Vec<ConsumedRecord> {
    let mut found = client.consume_all(topic, true).expect("read");
    found.sort_by_key(ConsumedRecord::key_text);
    found
}

fn keys(records: &[ConsumedRecord]) -> Vec<String> {
    records.iter().map(ConsumedRecord::key_text).collect()
}

#[test]
fn letters_are_counted_chosen_written_back_once_and_quarantined() {
    let client = shared().expect("a broker").client();
    for (topic, partitions) in [("rd-in", 2), ("rd-letters", 2), ("rd-quarantine", 1)] {
        client.create_topic(topic, partitions, &[]).expect("topic");
    }
    let serde = (0..4).map(|number| letter("rd-in", number, "SerdeError", None));
    let others = (4..7).map(|number| letter("rd-in", number, "UserError", None));
    let stale = [letter("rd-in", 7, "SerdeError", Some("3"))];
    client.produce("rd-letters", serde.chain(others).chain(stale)).expect("sent");
    let from = ["redrive", "--from", "rd-letters", "--json", "--exception", "SerdeError"];
    let with = |more: &[&str]| streams(&client, &[&from[..], more].concat());

    let dry = with(&["--dry-run"]).expect("counted");
    assert!(dry.contains(r#""letters":5"#) && dry.contains(r#""letters":3"#), "{dry}");
    assert!(dry.contains(r#""redriven":4"#) && dry.contains(r#""quarantined":1"#), "{dry}");
    assert!(read(&client, "rd-in").is_empty(), "a dry run writes nothing");

    let done = with(&["--quarantine", "rd-quarantine"]).expect("redriven");
    assert!(done.contains(r#""redriven":4"#) && done.contains(r#""kept":3"#), "{done}");
    let back = read(&client, "rd-in");
    assert_eq!(keys(&back), ["k0", "k1", "k2", "k3"]);
    for (number, record) in back.iter().enumerate() {
        assert_eq!(record.partition, i32::try_from(number % 2).expect("0 or 1"), "where it was");
        let headers: Vec<_> = record.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(headers, ["trace", "__streams.redrive.count"]);
    }
    assert_eq!(keys(&read(&client, "rd-quarantine")), ["k7"]);

    let again = with(&["--quarantine", "rd-quarantine"]).expect("nothing is left of that kind");
    assert!(again.contains(r#""redriven":0"#) && again.contains(r#""kept":3"#), "{again}");
    assert_eq!(read(&client, "rd-in").len(), 4, "nothing twice");

    let rest = streams(&client, &["redrive", "--from", "rd-letters", "--json", "--max", "2", "--rate", "50"]);
    let rest = rest.expect("some of the rest");
    assert!(rest.contains(r#""redriven":2"#), "{rest}");
    let rest = streams(&client, &["redrive", "--from", "rd-letters", "--json"]).expect("the rest");
    assert!(rest.contains(r#""redriven":1"#), "{rest}");
    assert_eq!(keys(&read(&client, "rd-in")), ["k0", "k1", "k2", "k3", "k4", "k5", "k6"]);

    let group = streams(&client, &["group", "--group", "redrive-rd-letters", "--json"]).expect("a group");
    assert!(group.contains(r#""members":[]"#) && group.contains(r#""topic":"rd-letters""#), "{group}");
    assert!(!group.contains(r#""lag":null"#), "{group}");
}

#[test]
fn a_letter_that_has_nowhere_to_go_ends_the_run_and_stays() {
    let client = shared().expect("a broker").client();
    client.create_topic("rs-in", 1, &[]).expect("topic");
    client.create_topic("rs-letters", 1, &[]).expect("topic");
    let letters = [letter("rs-in", 0, "SerdeError", None), letter("", 2, "SerdeError", None)];
    client.produce("rs-letters", letters).expect("sent");
    let failed = streams(&client, &["redrive", "--from", "rs-letters"]).expect_err("one is stuck");
    assert!(failed.contains("rs-letters-0 offset 1") && failed.contains("--quarantine"), "{failed}");
    assert_eq!(keys(&read(&client, "rs-in")), ["k0"]);
    let failed = streams(&client, &["redrive", "--from", "rs-letters"]).expect_err("it still is");
    assert!(failed.contains("rs-letters-0 offset 1"), "{failed}");
    assert_eq!(keys(&read(&client, "rs-in")), ["k0"], "nothing twice");
}

/// What was too large for the queue is not in the letter: an empty record must not take its place.
#[test]
fn a_letter_without_its_record_goes_to_the_quarantine() {
    let client = shared().expect("a broker").client();
    for topic in ["rw-in", "rw-letters", "rw-quarantine"] {
        client.create_topic(topic, 1, &[]).expect("topic");
    }
    let lacks = |number, parts: &str| {
        let mut cut = letter("rw-in", number, "TransportError", None);
        cut.headers.push(("__streams.errors.left.out".to_owned(), Some(parts.as_bytes().to_vec())));
        cut
    };
    let letters = [lacks(0, "result.value"), lacks(1, "value,headers,result.key,result.value")];
    client.produce("rw-letters", letters).expect("sent");
    let failed = streams(&client, &["redrive", "--from", "rw-letters"]).expect_err("one is stuck");
    assert!(failed.contains("rw-letters-0 offset 1") && failed.contains("its record"), "{failed}");
    streams(&client, &["redrive", "--from", "rw-letters", "--quarantine", "rw-quarantine"])
        .expect("redriven");
    assert_eq!(keys(&read(&client, "rw-in")), ["k0"]);
    assert_eq!(keys(&read(&client, "rw-quarantine")), ["k1"]);
}

#[test]
fn a_queue_that_does_not_exist_is_named() {
    let client = shared().expect("a broker").client();
    let failed = streams(&client, &["redrive", "--from", "rn-letters"]).expect_err("there is none");
    assert!(failed.contains("topic rn-letters does not exist"), "{failed}");
}

/// Starts the program on a queue, slowly.
fn start(client: &KafkaClient, queue: &str, rate: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_streams"))
        .args(["redrive", "--from", queue, "--rate", rate, "--bootstrap-servers", client.bootstrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// Waits until a topic has some of the letters' records.
#[expect(clippy::disallowed_methods, reason = "it waits for another process")]
fn wait_for_some(client: &KafkaClient, topic: &str) {
    while read(client, topic).is_empty() {
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn processes_that_share_a_queue_write_each_letter_once() {
    let client = shared().expect("a broker").client();
    client.create_topic("rt-in", 1, &[]).expect("topic");
    client.create_topic("rt-letters", 6, &[]).expect("topic");
    client
        .produce("rt-letters", (0..120).map(|number| letter("rt-in", number, "SerdeError", None)))
        .expect("sent");
    let one = start(&client, "rt-letters", "10");
    wait_for_some(&client, "rt-in");
    let two = start(&client, "rt-letters", "20");
    for process in [one, two] {
        let output = process.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut expected: Vec<_> = (0..120).map(|number| format!("k{number}")).collect();
    expected.sort();
    assert_eq!(keys(&read(&client, "rt-in")), expected);
}

/// Before: the process died at once; its transaction held up the readers of the source topic for a minute, and its place in
/// the group the next run.
#[test]
fn a_process_that_is_interrupted_ends_in_order_and_says_what_it_has_left() {
    let client = shared().expect("a broker").client();
    client.create_topic("ri-in", 1, &[]).expect("topic");
    client.create_topic("ri-letters", 2, &[]).expect("topic");
    client
        .produce("ri-letters", (0..40).map(|number| letter("ri-in", number, "SerdeError", None)))
        .expect("sent");
    let process = start(&client, "ri-letters", "1");
    wait_for_some(&client, "ri-in");
    let killed = Command::new("kill").args(["-INT", &process.id().to_string()]).status().expect("sent");
    assert!(killed.success());
    let output = process.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    let (said, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("not read to its end: ri-letters-"), "{said}");
    assert!(why.contains("were not read to their end"), "{why}");
    let group = streams(&client, &["group", "--group", "redrive-ri-letters", "--json"]).expect("a group");
    assert!(group.contains(r#""members":[]"#), "{group}");
    streams(&client, &["redrive", "--from", "ri-letters"]).expect("the rest");
    assert_eq!(read(&client, "ri-in").len(), 40);
}
