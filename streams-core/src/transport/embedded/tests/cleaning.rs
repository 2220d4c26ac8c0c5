//! Compaction and retention, in memory and on disk.

use super::*;

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
    let value = "v".repeat(64 << 10);
    let mut plain = producer(broker);
    for round in 0..272 {
        send_at(&mut *plain, to, &format!("{}", round % 4), Some(&value), round).unwrap();
    }
    plain.flush(NOW).unwrap();
}

#[test]
fn much_new_data_starts_a_compaction() {
    let clock = Arc::new(ManualClock::new(1));
    let (_dir, brokers) = brokers(&clock);
    for broker in brokers {
        let to = TopicPartition::new("t", 0);
        create_with(&broker, "t", 1, &[("cleanup.policy", "compact")]);
        write_much(&broker, &to);
        let is_compacted = |broker: &Arc<EmbeddedBroker>| {
            let core = broker.lock();
            core.find(&to).unwrap().1.bytes < 4 << 20
        };
        // A durable broker compacts on a thread of its own.
        for _ in 0..1000 {
            if is_compacted(&broker) {
                break;
            }
            let _ = broker.wait_while(broker.lock(), Duration::from_millis(10), |_| true);
        }
        assert!(is_compacted(&broker));
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
