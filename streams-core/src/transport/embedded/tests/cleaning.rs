//! Compaction and retention, in memory and on disk.

use super::*;
use crate::transport::embedded::cleaning::Rule;

fn brokers(clock: &Arc<ManualClock>) -> (tempfile::TempDir, [Arc<EmbeddedBroker>; 3]) {
    let dir = tempfile::tempdir().unwrap();
    let in_memory = EmbeddedBroker::in_memory_at(clock.clone());
    let warm = EmbeddedBroker::open_with(&dir.path().join("warm"), &options(clock)).unwrap();
    let nothing_in_memory = EmbeddedOptions { tail_bytes: 0, ..options(clock) };
    let cold = EmbeddedBroker::open_with(&dir.path().join("cold"), &nothing_in_memory).unwrap();
    (dir, [in_memory, warm, cold])
}

fn write(broker: &Arc<EmbeddedBroker>, to: &TopicPartition, records: &[(&str, Option<&str>)]) {
    let mut plain = producer(broker);
    for (key, value) in records {
        send_at(&mut *plain, to, key, *value, 0).unwrap();
        plain.flush(NOW).unwrap();
    }
}

#[test]
fn compaction_keeps_the_last_record_of_each_key_at_its_offset() {
    let clock = Arc::new(ManualClock::new(1));
    let (_dir, brokers) = brokers(&clock);
    for broker in brokers {
        let to = TopicPartition::new("t", 0);
        create_with(&broker, "t", 1, &[("cleanup.policy", "compact")]);
        write(&broker, &to, &[("a", Some("a0")), ("b", Some("b1")), ("a", Some("a2")), ("c", Some("c3"))]);
        let mut writer = transactional(&broker, "x");
        writer.begin().unwrap();
        send(&mut *writer, &to, "b", "aborted").unwrap();
        writer.flush(NOW).unwrap();
        writer.abort(NOW).unwrap();
        broker.compact_now("t").unwrap();
        let expected = vec![(1, "b1".to_owned()), (2, "a2".to_owned()), (3, "c3".to_owned())];
        assert_eq!(read_all(&broker, &to, Isolation::ReadCommitted), (expected.clone(), 6));
        assert_eq!(read_all(&broker, &to, Isolation::ReadUncommitted), (expected, 6));

        // A reader may begin in a hole; what follows is compacted as well.
        write(&broker, &to, &[("b", Some("b6"))]);
        broker.compact_now("t").unwrap();
        let mut reader = consumer(&broker, Isolation::ReadCommitted);
        let handle = reader.assign(&to, 1).unwrap();
        let offsets: Vec<_> = drain(&mut *reader, handle).iter().map(RawRecord::offset).collect();
        assert_eq!(offsets, [2, 3, 6]);
    }
}

#[test]
fn compaction_does_not_touch_what_an_open_transaction_holds_back() {
    let clock = Arc::new(ManualClock::new(1));
    let (_dir, brokers) = brokers(&clock);
    for broker in brokers {
        let to = TopicPartition::new("t", 0);
        create(&broker, "t", 1);
        write(&broker, &to, &[("a", Some("a0")), ("a", Some("a1"))]);
        let mut writer = transactional(&broker, "x");
        writer.begin().unwrap();
        send(&mut *writer, &to, "a", "a2").unwrap();
        writer.flush(NOW).unwrap();
        write(&broker, &to, &[("a", Some("a3"))]);
        broker.compact_now("t").unwrap();
        let (seen, _) = read_all(&broker, &to, Isolation::ReadUncommitted);
        assert_eq!(seen.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [1, 2, 3]);
        writer.abort(NOW).unwrap();
        broker.compact_now("t").unwrap();
        assert_eq!(committed_values(&broker, &to), ["a3"]);
    }
}

#[test]
fn a_tombstone_outlives_its_key_by_its_retention() {
    let clock = Arc::new(ManualClock::new(1));
    let (_dir, brokers) = brokers(&clock);
    for broker in brokers {
        let to = TopicPartition::new("t", 0);
        create_with(&broker, "t", 1, &[("delete.retention.ms", "100")]);
        write(&broker, &to, &[("a", Some("a0")), ("b", Some("b1")), ("a", None)]);
        broker.compact_now("t").unwrap();
        assert_eq!(committed_values(&broker, &to), ["b1", "null"]);
        clock.advance_ms(99);
        broker.compact_now("t").unwrap();
        assert_eq!(committed_values(&broker, &to), ["b1", "null"]);
        clock.advance_ms(1);
        broker.compact_now("t").unwrap();
        assert_eq!(read_all(&broker, &to, Isolation::ReadCommitted), (vec![(1, "b1".to_owned())], 3));
    }
}

#[test]
fn a_compacted_log_is_there_after_reopening_with_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let to = TopicPartition::new("t", 0);
    let broker = EmbeddedBroker::open(dir.path()).unwrap();
    create(&broker, "t", 1);
    let mut writer = transactional(&broker, "x");
    commit_values(&mut *writer, &to, &["a", "b"]);
    // The last offset is a marker, which goes.
    broker.compact_now("t").unwrap();
    drop(writer);
    drop(broker);
    let broker = EmbeddedBroker::open(dir.path()).unwrap();
    assert_eq!(read_all(&broker, &to, Isolation::ReadCommitted), (vec![(1, "b".to_owned())], 3));
    write(&broker, &to, &[("k", Some("c"))]);
    assert_eq!(read_all(&broker, &to, Isolation::ReadCommitted).0[1], (3, "c".to_owned()));
}

/// Writes 17 MiB under few keys, which is enough to start a clean-up.
fn write_much(broker: &Arc<EmbeddedBroker>, to: &TopicPartition) {
    write_rounds(broker, to, 0..272);
}

fn write_rounds(broker: &Arc<EmbeddedBroker>, to: &TopicPartition, rounds: std::ops::Range<i64>) {
    let value = "v".repeat(64 << 10);
    let mut plain = producer(broker);
    for round in rounds {
        send_at(&mut *plain, to, &format!("{}", round % 4), Some(&value), round).unwrap();
    }
    plain.flush(NOW).unwrap();
}

/// A durable broker cleans up on a thread of its own.
fn until_cleaned(broker: &Arc<EmbeddedBroker>, to: &TopicPartition) {
    let is_cleaned = || broker.lock().find(to).unwrap().1.bytes < 4 << 20;
    for _ in 0..1000 {
        if is_cleaned() {
            return;
        }
        let _ = broker.wait_while(broker.lock(), Duration::from_millis(10), |_| true);
    }
    panic!("it is not cleaned up: {} bytes", broker.lock().find(to).unwrap().1.bytes);
}

#[test]
fn much_new_data_starts_a_compaction() {
    let clock = Arc::new(ManualClock::new(1));
    let (_dir, brokers) = brokers(&clock);
    for broker in brokers {
        let to = TopicPartition::new("t", 0);
        create_with(&broker, "t", 1, &[("cleanup.policy", "compact")]);
        write_much(&broker, &to);
        until_cleaned(&broker, &to);
        let (seen, end) = read_all(&broker, &to, Isolation::ReadCommitted);
        assert_eq!(end, 272);
        assert_eq!(
            seen.iter().rev().take(4).map(|(offset, _)| *offset).collect::<Vec<_>>(),
            [271, 270, 269, 268]
        );
    }
}

#[test]
fn records_past_their_retention_are_dropped() {
    let clock = Arc::new(ManualClock::new(1_000));
    let broker = EmbeddedBroker::in_memory_at(clock);
    let to = TopicPartition::new("t", 0);
    create_with(&broker, "t", 1, &[("cleanup.policy", "delete"), ("retention.ms", "800")]);
    write_much(&broker, &to);
    let start = offset(&broker, &to, OffsetQuery::Earliest);
    assert!((190..=200).contains(&start), "whole chunks before timestamp 200 go, not {start}");

    create_with(&broker, "kept", 1, &[("cleanup.policy", "delete"), ("retention.ms", "-1")]);
    let kept = TopicPartition::new("kept", 0);
    write_much(&broker, &kept);
    assert_eq!(offset(&broker, &kept, OffsetQuery::Earliest), 0);
}

/// Before: what a run had written was forgotten at its end, so a program that is started again each day never cleaned up.
#[test]
fn data_of_several_runs_starts_a_clean_up() {
    for (policy, value) in [("cleanup.policy", "compact"), ("retention.ms", "800")] {
        let clock = Arc::new(ManualClock::new(1_000_000));
        let dir = tempfile::tempdir().unwrap();
        let to = TopicPartition::new("t", 0);
        let open = || EmbeddedBroker::open_with(dir.path(), &options(&clock)).unwrap();
        create_with(&open(), "t", 1, &[(policy, value)]);
        for run in 0..3 {
            write_rounds(&open(), &to, run * 80..(run + 1) * 80);
        }
        let broker = open();
        assert!(broker.lock().find(&to).unwrap().1.bytes > 14 << 20, "{policy}: nothing is due before");
        write_rounds(&broker, &to, 240..272);
        until_cleaned(&broker, &to);
    }
}

/// Before: sizes of the log were not known after opening. They are exact for what is not stored with its size, too.
#[test]
fn sizes_are_known_after_opening() {
    let dir = tempfile::tempdir().unwrap();
    let to = TopicPartition::new("t", 0);
    let sizes = |broker: &Arc<EmbeddedBroker>| {
        let core = broker.lock();
        let log = core.find(&to).unwrap().1;
        (log.bytes, log.dirty_bytes)
    };
    let broker = EmbeddedBroker::open(dir.path()).unwrap();
    create(&broker, "t", 1);
    let mut writer = transactional(&broker, "x");
    for round in 0..9 {
        write_rounds(&broker, &to, 0..round % 3);
        commit_values(&mut *writer, &to, &["a", "b"]);
        write(&broker, &to, &[("k", Some("c"))]);
    }
    let before = sizes(&broker);
    drop((writer, broker));
    let broker = EmbeddedBroker::open(dir.path()).unwrap();
    assert_eq!(sizes(&broker), before);
    broker.compact_now("t").unwrap();
    write(&broker, &to, &[("k", Some("d"))]);
    let before = sizes(&broker);
    assert!(before.1 < 1_000, "{before:?}");
    drop(broker);
    assert_eq!(sizes(&EmbeddedBroker::open(dir.path()).unwrap()), before);
}

/// Before: a compacted chunk could be written into a range of the disk that was being given back, and was lost with it.
#[test]
fn records_that_are_deleted_during_a_compaction_take_no_others_with_them() {
    let dir = tempfile::tempdir().unwrap();
    let to = TopicPartition::new("t", 0);
    let broker = EmbeddedBroker::open(dir.path()).unwrap();
    create_with(&broker, "t", 1, &[("cleanup.policy", "compact,delete")]);
    write(&broker, &to, &["a", "b", "c", "d"].map(|key| (key, Some("v"))));
    let (id, database) = {
        let core = broker.lock();
        (core.find(&to).unwrap().0, core.storage.database().unwrap().clone())
    };
    let mut window = std::collections::VecDeque::new();
    broker.read(id, 0, Isolation::ReadCommitted, 1 << 20, &mut window).unwrap();
    let rule = Rule {
        last: ["a", "b", "c", "d"].iter().zip(0..).map(|(key, at)| (key.as_bytes().into(), at)).collect(),
        now_ms: 1,
        delete_retention_ms: 1,
    };
    admin(&broker).delete_records(&[(to.clone(), 2)], NOW).unwrap();
    broker.compact_window(id, &window, 4, 0, &rule).unwrap();
    assert!(database.floor(id, 1).unwrap().is_none(), "nothing begins in the range that was given back");
    let left = |broker: &Arc<EmbeddedBroker>| {
        let found = read_all(broker, &to, Isolation::ReadCommitted).0;
        found.into_iter().map(|(at, _)| at).collect::<Vec<_>>()
    };
    assert_eq!(left(&broker), [2, 3]);
    drop((database, broker));
    let broker = EmbeddedBroker::open(dir.path()).unwrap();
    assert_eq!(left(&broker), [2, 3]);
    // A whole compaction passes what is deleted before it begins.
    admin(&broker).delete_records(&[(to.clone(), 3)], NOW).unwrap();
    broker.compact_now("t").unwrap();
    assert_eq!(left(&broker), [3]);
}

/// As in Kafka. Before: the embedded broker deleted rows of changelogs.
#[test]
fn records_of_a_topic_that_is_compacted_only_are_not_deleted() {
    let broker = EmbeddedBroker::in_memory();
    let to = TopicPartition::new("t", 0);
    create_with(&broker, "t", 1, &[("cleanup.policy", "compact")]);
    write(&broker, &to, &[("a", Some("a0"))]);
    let refused = admin(&broker).delete_records(&[(to.clone(), 1)], NOW).unwrap_err();
    assert_eq!(refused.code().map(|code| code.number), Some(44), "{refused}");
    assert!(refused.to_string().contains("add delete to its cleanup.policy"), "{refused}");
    assert_eq!(committed_values(&broker, &to), ["a0"]);
}
