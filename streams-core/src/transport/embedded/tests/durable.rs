//! A broker in a directory: what is there after reopening, what stays in memory, and who may open it.

use super::*;
use crate::runtime::trial::{count_of, warnings};
use crate::transport::embedded::{Durability, EmbeddedTransport};

#[test]
fn everything_acknowledged_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let to = TopicPartition::new("t", 1);
    {
        let broker = EmbeddedBroker::open(dir.path()).unwrap();
        create_with(&broker, "t", 2, &[("retention.ms", "7")]);
        create(&broker, "deleted", 1);
        admin(&broker).delete_topics(&["deleted".into()], NOW).unwrap();
        let mut plain = producer(&broker);
        send(&mut *plain, &to, "k", "a").unwrap();
        plain.flush(NOW).unwrap();
        let mut writer = transactional(&broker, "x");
        writer.begin().unwrap();
        send(&mut *writer, &to, "k", "b").unwrap();
        writer.send_offsets(&[next_offset(&to, 4)], &nobody("g"), NOW).unwrap();
        writer.commit(NOW).unwrap();
        writer.begin().unwrap();
        send(&mut *writer, &to, "k", "aborted").unwrap();
        writer.flush(NOW).unwrap();
        writer.abort(NOW).unwrap();
        writer.begin().unwrap();
        send(&mut *writer, &to, "k", "open").unwrap();
        writer.flush(NOW).unwrap();
    }
    let broker = EmbeddedBroker::open(dir.path()).unwrap();
    let expected = vec![(0, "a".to_owned()), (1, "b".to_owned())];
    assert_eq!(read_all(&broker, &to, Isolation::ReadCommitted), (expected, 5));
    let (uncommitted, _) = read_all(&broker, &to, Isolation::ReadUncommitted);
    assert_eq!(uncommitted.last(), Some(&(3, "aborted".to_owned())));
    let committed = admin(&broker).committed("g", std::slice::from_ref(&to), NOW).unwrap();
    assert_eq!(committed[&to], next_offset(&to, 4));
    assert_eq!(broker.topic_configs("t").unwrap()["retention.ms"], "7");
    assert_eq!(kind(broker.topic_configs("deleted")), Some(TransportErrorKind::UnknownTopic));
    // A deleted topic's number is not used again.
    create(&broker, "deleted", 1);
    assert!(committed_values(&broker, &TopicPartition::new("deleted", 0)).is_empty());
}

#[test]
fn old_records_leave_memory_and_are_read_from_disk() {
    let dir = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions { tail_bytes: 100_000, ..EmbeddedOptions::default() };
    let broker = EmbeddedBroker::open_with(dir.path(), &options).unwrap();
    create(&broker, "t", 2);
    let mut writer = transactional(&broker, "x");
    let mut plain = producer(&broker);
    let value = "v".repeat(1_000);
    for round in 0..1_000 {
        let to = TopicPartition::new("t", round % 2);
        if round % 100 == 0 {
            writer.begin().unwrap();
        }
        send_at(&mut *writer, &to, "k", Some(&value), i64::from(round)).unwrap();
        send_at(&mut *plain, &to, "k", Some(&value), i64::from(round)).unwrap();
        plain.flush(NOW).unwrap();
        writer.flush(NOW).unwrap();
        if round % 100 == 99 {
            writer.commit(NOW).unwrap();
            assert!(broker.lock().tail_bytes() <= 100_000);
        }
    }
    for partition in 0..2 {
        let of = TopicPartition::new("t", partition);
        let (seen, end) = read_all(&broker, &of, Isolation::ReadCommitted);
        assert_eq!((seen.len(), end), (1_000, 1_010));
        assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(offset(&broker, &of, OffsetQuery::AtTime(500)), 505);

        // The log's start moves on disk as well, into the middle of what is only there.
        admin(&broker).delete_records(&[(of.clone(), 300)], NOW).unwrap();
        assert_eq!(
            read_all(&broker, &of, Isolation::ReadCommitted).0.first().map(|(offset, _)| *offset),
            Some(300)
        );
    }
    drop((writer, plain));
    drop(broker);
    let broker = EmbeddedBroker::open_with(dir.path(), &options).unwrap();
    let of = TopicPartition::new("t", 0);
    assert_eq!(offset(&broker, &of, OffsetQuery::Earliest), 300);
    assert_eq!(read_all(&broker, &of, Isolation::ReadCommitted).1, 1_010);
}

#[test]
fn an_emptied_log_keeps_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let to = TopicPartition::new("t", 0);
    let broker = EmbeddedBroker::open(dir.path()).unwrap();
    create(&broker, "t", 1);
    let mut plain = producer(&broker);
    send(&mut *plain, &to, "k", "a").unwrap();
    plain.flush(NOW).unwrap();
    admin(&broker).delete_records(&[(to.clone(), 1)], NOW).unwrap();
    drop(plain);
    drop(broker);
    let broker = EmbeddedBroker::open(dir.path()).unwrap();
    assert_eq!(read_all(&broker, &to, Isolation::ReadCommitted), (vec![], 1));
}

#[test]
fn a_directory_or_name_gives_everybody_in_the_process_the_same_broker() {
    let dir = tempfile::tempdir().unwrap();
    let servers = format!("embedded:{}", dir.path().display());
    let first = EmbeddedTransport::connect(&servers).unwrap();
    let second = EmbeddedBroker::open(dir.path()).unwrap();
    assert!(Arc::ptr_eq(first.broker(), &second));
    let name = "embedded:@a-name-of-this-test";
    let (one, two) = (EmbeddedBroker::of_servers(name).unwrap(), EmbeddedBroker::of_servers(name).unwrap());
    assert!(Arc::ptr_eq(&one, &two));
    create(&one, "t", 1);
    drop((one, two));
    // Nobody held it, so it is a new one.
    assert!(EmbeddedBroker::of_servers(name).unwrap().topic_configs("t").is_err());
    assert_eq!(kind(EmbeddedBroker::of_servers("localhost:9092")), Some(TransportErrorKind::Config));
}

#[test]
fn the_durable_broker_can_wait_for_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions { durability: Durability::Machine, ..EmbeddedOptions::default() };
    let broker = EmbeddedBroker::open_with(dir.path(), &options).unwrap();
    create(&broker, "t", 1);
    let to = TopicPartition::new("t", 0);
    commit_values(&mut *transactional(&broker, "x"), &to, &["a"]);
    assert_eq!(committed_values(&broker, &to), ["a"]);
}

#[test]
fn the_record_behind_a_deletion_stays_when_the_disk_space_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let to = TopicPartition::new("t", 0);
    let broker = EmbeddedBroker::open(dir.path()).unwrap();
    create(&broker, "t", 1);
    let mut plain = producer(&broker);
    for value in ["a", "b", "c"] {
        send(&mut *plain, &to, "k", value).unwrap();
        plain.flush(NOW).unwrap();
    }
    drop((plain, broker));
    // Closing waits for the first reclaiming, which leaves one file; the second one may take it if it is empty.
    for before in [1, 2] {
        let broker = EmbeddedBroker::open(dir.path()).unwrap();
        admin(&broker).delete_records(&[(to.clone(), before)], NOW).unwrap();
    }
    let broker = EmbeddedBroker::open(dir.path()).unwrap();
    assert_eq!(read_all(&broker, &to, Isolation::ReadCommitted), (vec![(2, "c".to_owned())], 3));
}

#[test]
fn what_is_no_directory_is_refused_with_what_to_do() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for place in [file.path().to_owned(), file.path().join("below")] {
        let said =
            EmbeddedBroker::of_servers(&format!("embedded:{}", place.display())).unwrap_err().to_string();
        for part in
            [&*place.display().to_string(), "after `embedded:` comes a directory that this process may"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

/// Before: everything was acknowledged, and gone.
#[test]
fn a_folder_that_is_deleted_takes_no_more_records() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("broker");
    let to = TopicPartition::new("t", 0);
    let broker = EmbeddedBroker::open(&dir).unwrap();
    create(&broker, "t", 1);
    let (mut plain, mut writer) = (producer(&broker), transactional(&broker, "x"));
    commit_values(&mut *writer, &to, &["a"]);
    std::fs::remove_dir_all(&dir).unwrap();
    writer.begin().unwrap();
    send(&mut *writer, &to, "k", "b").unwrap();
    let said = writer.flush(NOW).and_then(|()| writer.commit(NOW)).unwrap_err().to_string();
    for part in [&*dir.display().to_string(), "were deleted while it was open", "put a copy in its place"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let sent = send(&mut *plain, &to, "k", "c").and_then(|()| plain.flush(NOW));
    assert!(sent.is_err(), "the broker takes nothing");
}

/// Before: an error for each access to the broker, and for each clean-up that it tried again.
#[test]
fn a_transaction_that_cannot_be_aborted_is_logged_once_a_minute() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("broker");
    let to = TopicPartition::new("t", 0);
    let broker = EmbeddedBroker::open(&dir).unwrap();
    create(&broker, "t", 1);
    let mut writer = transactional(&broker, "x");
    writer.begin().unwrap();
    send(&mut *writer, &to, "k", "b").unwrap();
    writer.flush(NOW).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    let mut core = broker.lock();
    let later = broker.clock.monotonic_ms() + 10 * TIMEOUT_MS as i64;
    let ((), lines) = warnings(|| {
        for at in 0..100 {
            core.expire(later + at * 1_000);
        }
    });
    assert_eq!(count_of(&lines, "cannot abort a timed-out transaction"), 2, "{lines:#?}");
    assert_eq!(lines.len(), 2, "{lines:#?}");
}

/// Before: `i32::MAX` partitions ended the process for want of memory, and settings that do not exist had no effect.
#[test]
fn topics_that_kafka_does_not_create_are_refused() {
    let broker = EmbeddedBroker::in_memory();
    let refusal = |partitions, key: &str, value: &str| {
        let configs = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let topic = NewTopic { name: "t".into(), partitions, replication_factor: -1, configs };
        let error = admin(&broker).create_topics(&[topic], NOW).unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Config);
        error.to_string()
    };
    assert!(refusal(i32::MAX, "retention.ms", "1").contains("10000 that Kafka creates"));
    assert!(refusal(1, "retention.mss", "1").contains("no setting retention.mss"));
    assert!(refusal(1, "retention.ms", "a day").contains("retention.ms=a day is not possible"));
    assert!(refusal(1, "cleanup.policy", "compacted").contains("compact, delete, or both"));
    create_with(&broker, "t", 1, &[("cleanup.policy", "compact,delete"), ("retention.ms", "-1")]);
    let grown = admin(&broker).grow_topic(&"t".into(), i32::MAX, NOW);
    assert_eq!(kind(grown), Some(TransportErrorKind::Config));
}

#[test]
fn topics_have_the_names_that_kafka_takes() {
    let broker = EmbeddedBroker::in_memory();
    for name in ["", ".", "..", "a/b", "a\\b", "../a", "a b", "a\0b", "gr\u{fc}n", &"x".repeat(250)] {
        let topic =
            NewTopic { name: name.into(), partitions: 1, replication_factor: -1, configs: BTreeMap::new() };
        let refused = admin(&broker).create_topics(&[topic], NOW);
        assert_eq!(kind(refused), Some(TransportErrorKind::Config), "{name}");
    }
    for name in ["...", ".a", "a.b_c-9", &"x".repeat(249)] {
        create(&broker, name, 1);
    }
}
