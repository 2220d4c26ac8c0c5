//! Dead letters on a real broker, counted, filtered, redriven and quarantined, and the group that did it.

use std::process::Command;

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
