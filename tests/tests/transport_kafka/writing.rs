//! What is sent arrives as it was; transactions commit, abort and fence.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use streams_core::ids::TopicPartition;
use streams_core::record::Headers;
use streams_core::transport::{Isolation, OutRecord, TransportErrorKind as Kind};

use crate::{LIMIT, Outcome, client, consumer, producer, send};

#[test]
fn records_arrive_as_they_were_sent() -> Outcome {
    client()?.create_topic("kt-fidelity", 2, &[])?;
    let mut producer = producer(None)?;
    let topic = producer.topic("kt-fidelity")?;
    assert_eq!(producer.topic("kt-fidelity")?, topic, "one handle per topic");
    assert_eq!(producer.partition_count(topic, LIMIT)?, 2);
    let (none, mut headers) = (Headers::new(), Headers::new());
    headers.add("", Some("empty name"));
    headers.add("twice", Some(vec![0xff, 0x00]));
    headers.add("twice", None::<Vec<u8>>);
    headers.add("empty", Some(Vec::new()));
    headers.add("ü\u{202e}\n", Some("odd name"));
    headers.add("a\0b", Some("ends at NUL"));
    let sent: [(Option<&[u8]>, Option<&[u8]>, i64, &Headers); 4] = [
        (Some(b"k"), Some(b"v"), 5, &headers),
        (None, Some(b""), 0, &none),
        (Some(b""), None, 7, &none),
        (Some(b"k2"), Some(&[0xff]), 9_999_999_999_999, &none),
    ];
    for (key, value, timestamp, headers) in sent {
        producer.send(OutRecord { topic, partition: 1, key, value, timestamp, headers, tag: 0 })?;
    }
    producer.flush(LIMIT)?;

    let mut consumer = consumer(Isolation::ReadCommitted)?;
    let handle = consumer.assign(&TopicPartition::new("kt-fidelity", 1), 0)?;
    let (mut records, start) = (Vec::new(), Instant::now());
    while records.len() < 4 && start.elapsed() < LIMIT {
        consumer.wait(Duration::from_millis(100));
        consumer.fetch(handle, 10, &mut records)?;
    }
    // Records may outlive their consumer.
    drop(consumer);
    let seen: Vec<_> = records.iter().map(|r| (r.offset(), r.key(), r.value())).collect();
    let expected: Vec<_> = (0..).zip(sent).map(|(offset, (key, value, ..))| (offset, key, value)).collect();
    assert_eq!(seen, expected);
    let times: Vec<_> = records.iter().map(|record| record.timestamp()).collect();
    assert_eq!(times, [5, 1, 7, 9_999_999_999_999], "0 cannot be sent");
    let read = records[0].headers();
    let names: Vec<_> = read.iter().map(|header| &*header.key).collect();
    assert_eq!(names, ["", "twice", "twice", "empty", "ü\u{202e}\n", "a"]);
    let values =
        |headers: &Headers| -> Vec<_> { headers.iter().map(|header| header.value.clone()).collect() };
    assert_eq!(values(&read), values(&headers), "null and empty differ");
    assert!(records[1].headers().is_empty());
    Ok(())
}

#[test]
fn what_cannot_be_sent_says_why() -> Outcome {
    client()?.create_topic("kt-refused", 1, &[("max.message.bytes", "2000")])?;
    let mut producer = producer(None)?;
    let topic = producer.topic("kt-refused")?;
    let big = vec![7; 3_000];
    let headers = Headers::new();
    let record = OutRecord {
        topic,
        partition: 0,
        key: None,
        value: Some(&big),
        timestamp: 5,
        headers: &headers,
        tag: 0,
    };
    producer.send(record)?;
    let error = producer.flush(LIMIT).err().ok_or("larger than the topic takes")?;
    assert_eq!(error.kind(), Kind::MessageTooLarge, "{error}");
    assert!(error.to_string().contains("kt-refused-0"), "{error}");
    producer.flush(LIMIT)?;
    let refused = producer.send(OutRecord { partition: 9, value: None, ..record });
    let told = refused.and_then(|()| producer.flush(LIMIT)).err().ok_or("there is no partition 9")?;
    assert_eq!(told.kind(), Kind::UnknownTopic, "{told}");
    let missing = producer.topic("kt-refused-missing")?;
    let asked = producer.partition_count(missing, LIMIT).map_err(|error| error.kind());
    assert_eq!(asked, Err(Kind::UnknownTopic));
    assert!(!client()?.topics()?.contains(&"kt-refused-missing".to_owned()), "asking has not created it");
    Ok(())
}

/// The markers of a transaction that only touched a partition come, and no record does, aborted or not.
#[test]
fn touched_partitions_get_a_marker_and_no_record() -> Outcome {
    client()?.create_topic("kt-touched", 2, &[])?;
    let mut producer = producer(Some("kt-touched"))?;
    producer.init_transactions(LIMIT)?;
    let partitions = [TopicPartition::new("kt-touched", 0), TopicPartition::new("kt-touched", 1)];
    for turn in 1..=3_i64 {
        producer.begin()?;
        producer.touch(&partitions, LIMIT)?;
        producer.abort(LIMIT)?;
        let start = Instant::now();
        while client()?.end_offsets("kt-touched")? != [3 * turn - 2, turn] {
            assert!(start.elapsed() < LIMIT, "{:?}", client()?.end_offsets("kt-touched")?);
            std::thread::sleep(Duration::from_millis(20));
        }
        // The partitions take records again: one with its marker, except for the last time.
        if turn < 3 {
            producer.begin()?;
            send(&mut *producer, "kt-touched", &["kept"])?;
            producer.commit(LIMIT)?;
            while client()?.end_offsets("kt-touched")? != [3 * turn, turn] {
                assert!(start.elapsed() < LIMIT, "{:?}", client()?.end_offsets("kt-touched")?);
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
    let read = client()?.consume_all("kt-touched", false)?;
    assert_eq!(read.iter().map(|record| record.value_text()).collect::<Vec<_>>(), ["kept", "kept"]);
    Ok(())
}

#[test]
fn a_transaction_that_is_aborted_or_fenced_leaves_nothing() -> Outcome {
    client()?.create_topic("kt-fenced", 1, &[])?;
    let mut old = producer(Some("kt-fenced"))?;
    old.init_transactions(LIMIT)?;
    old.begin()?;
    send(&mut *old, "kt-fenced", &["aborted with records still queued"])?;
    let start = Instant::now();
    old.abort(LIMIT)?;
    println!("abort took {:?}", start.elapsed());
    let mut commits = Duration::ZERO;
    for _ in 0..20 {
        old.begin()?;
        send(&mut *old, "kt-fenced", &["kept"])?;
        let start = Instant::now();
        old.commit(LIMIT)?;
        commits += start.elapsed();
    }
    println!("a commit took {:?} on average", commits / 20);
    old.begin()?;
    send(&mut *old, "kt-fenced", &["fenced"])?;
    old.flush(LIMIT)?;
    let mut new = producer(Some("kt-fenced"))?;
    new.init_transactions(LIMIT)?;
    let error = old.commit(LIMIT).err().ok_or("a fenced producer cannot commit")?;
    assert_eq!(error.kind(), Kind::Fenced, "{error}");
    assert_eq!(old.begin().map_err(|error| error.kind()), Err(Kind::Fenced));
    assert!(send(&mut *old, "kt-fenced", &["late"]).is_err());
    new.begin()?;
    send(&mut *new, "kt-fenced", &["new"])?;
    new.commit(LIMIT)?;
    let read = client()?.consume_all("kt-fenced", true)?;
    let values: BTreeSet<_> = read.iter().map(|record| record.value_text()).collect();
    assert_eq!(values, BTreeSet::from(["kept".to_owned(), "new".to_owned()]));
    Ok(())
}
