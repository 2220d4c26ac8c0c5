//! What readers see of open, committed and aborted transactions, and where the log starts and ends.

use super::*;
use crate::transport::Fetched;

#[test]
fn an_open_transaction_hides_everything_behind_it_from_read_committed() {
    let (broker, to) = (EmbeddedBroker::in_memory(), TopicPartition::new("t", 0));
    create(&broker, "t", 1);
    let (mut plain, mut open) = (producer(&broker), transactional(&broker, "x"));
    send(&mut *plain, &to, "k", "before").unwrap();
    plain.flush(NOW).unwrap();
    open.begin().unwrap();
    send(&mut *open, &to, "k", "inside").unwrap();
    open.flush(NOW).unwrap();
    send(&mut *plain, &to, "k", "behind").unwrap();
    plain.flush(NOW).unwrap();

    assert_eq!(committed_values(&broker, &to), ["before"]);
    let (seen, position) = read_all(&broker, &to, Isolation::ReadUncommitted);
    assert_eq!((seen.len(), position), (3, 3));
    assert_eq!(offset(&broker, &to, OffsetQuery::Latest(Isolation::ReadCommitted)), 1);
    assert_eq!(offset(&broker, &to, OffsetQuery::Latest(Isolation::ReadUncommitted)), 3);

    open.commit(NOW).unwrap();
    assert_eq!(committed_values(&broker, &to), ["before", "inside", "behind"]);
    assert_eq!(offset(&broker, &to, OffsetQuery::Latest(Isolation::ReadCommitted)), 4);
}

#[test]
fn the_oldest_of_several_open_transactions_holds_readers_back() {
    let (broker, to) = (EmbeddedBroker::in_memory(), TopicPartition::new("t", 0));
    create(&broker, "t", 1);
    let (mut first, mut second) = (transactional(&broker, "a"), transactional(&broker, "b"));
    for (producer, value) in [(&mut first, "a0"), (&mut second, "b1")] {
        producer.begin().unwrap();
        send(&mut **producer, &to, "k", value).unwrap();
        producer.flush(NOW).unwrap();
    }
    second.commit(NOW).unwrap();
    assert!(committed_values(&broker, &to).is_empty());
    first.abort(NOW).unwrap();
    assert_eq!(read_all(&broker, &to, Isolation::ReadCommitted), (vec![(1, "b1".to_owned())], 4));
}

#[test]
fn markers_and_aborted_records_take_up_offsets_and_position_passes_over_them() {
    let (broker, to) = (EmbeddedBroker::in_memory(), TopicPartition::new("t", 0));
    create(&broker, "t", 1);
    let mut writer = transactional(&broker, "x");
    let mut reader = consumer(&broker, Isolation::ReadCommitted);
    let handle = reader.assign(&to, 0).unwrap();

    commit_values(&mut *writer, &to, &["a", "b"]);
    assert_eq!(drain(&mut *reader, handle).len(), 2);
    assert_eq!(reader.position(handle).unwrap(), 3);

    writer.begin().unwrap();
    send(&mut *writer, &to, "k", "gone").unwrap();
    writer.flush(NOW).unwrap();
    writer.abort(NOW).unwrap();
    assert!(drain(&mut *reader, handle).is_empty());
    assert_eq!(reader.position(handle).unwrap(), 5);

    commit_values(&mut *writer, &to, &["c"]);
    let records = drain(&mut *reader, handle);
    assert_eq!(
        records.iter().map(|record| (record.offset(), text(record))).collect::<Vec<_>>(),
        [(5, "c".into())]
    );
    assert_eq!(reader.position(handle).unwrap(), 7);
    let (uncommitted, _) = read_all(&broker, &to, Isolation::ReadUncommitted);
    assert_eq!(uncommitted.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [0, 1, 3, 5]);
}

#[test]
fn a_limit_is_kept_and_the_end_is_told() {
    let (broker, to) = (EmbeddedBroker::in_memory(), TopicPartition::new("t", 0));
    create(&broker, "t", 1);
    let mut writer = transactional(&broker, "x");
    commit_values(&mut *writer, &to, &["a", "b", "c"]);
    let mut reader = consumer(&broker, Isolation::ReadCommitted);
    let handle = reader.assign(&to, 1).unwrap();
    let mut records = Vec::new();
    assert_eq!(reader.position(handle).unwrap(), 1);
    assert_eq!(reader.fetch(handle, 1, &mut records).unwrap(), Fetched { records: 1, at_end: false });
    assert_eq!(reader.position(handle).unwrap(), 2);
    // The last record is handed out, so only the marker is left, over which the position goes.
    assert_eq!(reader.fetch(handle, 1, &mut records).unwrap(), Fetched { records: 1, at_end: true });
    assert_eq!(reader.position(handle).unwrap(), 4);
    assert_eq!(reader.fetch(handle, 1, &mut records).unwrap(), Fetched { records: 0, at_end: true });
    assert_eq!(records.len(), 2);
}

#[test]
fn what_was_deleted_or_never_written_is_out_of_range() {
    let (broker, to) = (EmbeddedBroker::in_memory(), TopicPartition::new("t", 0));
    create(&broker, "t", 1);
    let mut plain = producer(&broker);
    for value in ["a", "b", "c", "d"] {
        send(&mut *plain, &to, "k", value).unwrap();
    }
    plain.flush(NOW).unwrap();
    admin(&broker).delete_records(&[(to.clone(), 2)], NOW).unwrap();
    assert_eq!(offset(&broker, &to, OffsetQuery::Earliest), 2);
    assert_eq!(committed_values(&broker, &to), ["c", "d"]);
    for wrong in [1, 5] {
        let mut reader = consumer(&broker, Isolation::ReadCommitted);
        let handle = reader.assign(&to, wrong).unwrap();
        let fetched = reader.fetch(handle, 1, &mut Vec::new());
        assert_eq!(kind(fetched), Some(TransportErrorKind::OffsetOutOfRange));
    }
    let beyond = admin(&broker).delete_records(&[(to.clone(), 5)], NOW);
    assert_eq!(kind(beyond), Some(TransportErrorKind::OffsetOutOfRange));
    admin(&broker).delete_records(&[(to.clone(), 4)], NOW).unwrap();
    assert_eq!(read_all(&broker, &to, Isolation::ReadCommitted), (vec![], 4));
}

#[test]
fn offsets_are_found_by_time() {
    let (broker, to) = (EmbeddedBroker::in_memory(), TopicPartition::new("t", 0));
    create(&broker, "t", 1);
    let mut plain = producer(&broker);
    for timestamp in [10, 30, 20, 40] {
        send_at(&mut *plain, &to, "k", None, timestamp).unwrap();
        plain.flush(NOW).unwrap();
    }
    let found = |at| offset(&broker, &to, OffsetQuery::AtTime(at));
    assert_eq!([0, 11, 30, 31, 41].map(found), [0, 1, 1, 3, 4]);
}

#[test]
fn topics_are_described_deleted_and_made_anew() {
    let (broker, to) = (EmbeddedBroker::in_memory(), TopicPartition::new("t", 1));
    create_with(&broker, "t", 2, &[("cleanup.policy", "compact"), ("retention.ms", "5")]);
    create(&broker, "t", 7);
    let topics = admin(&broker).topics(&["t".into(), "missing".into()], NOW).unwrap();
    assert_eq!(topics.values().map(|topic| topic.partitions).collect::<Vec<_>>(), [2]);
    assert_eq!(broker.topic_configs("t").unwrap()["retention.ms"], "5");

    let mut plain = producer(&broker);
    send(&mut *plain, &to, "k", "old").unwrap();
    plain.flush(NOW).unwrap();
    let mut reader = consumer(&broker, Isolation::ReadCommitted);
    let handle = reader.assign(&to, 0).unwrap();
    admin(&broker).delete_topics(&["t".into(), "missing".into()], NOW).unwrap();
    assert_eq!(kind(reader.fetch(handle, 1, &mut Vec::new())), Some(TransportErrorKind::UnknownTopic));
    send(&mut *plain, &to, "k", "lost").unwrap();
    assert_eq!(kind(plain.flush(NOW)), Some(TransportErrorKind::UnknownTopic));
    assert_eq!(kind(send(&mut *plain, &to, "k", "refused")), Some(TransportErrorKind::UnknownTopic));

    create(&broker, "t", 3);
    send(&mut *plain, &TopicPartition::new("t", 2), "k", "new").unwrap();
    plain.flush(NOW).unwrap();
    assert!(committed_values(&broker, &to).is_empty());
    assert_eq!(committed_values(&broker, &TopicPartition::new("t", 2)), ["new"]);
    let bad = NewTopic { name: "a b".into(), partitions: 1, replication_factor: 1, configs: BTreeMap::new() };
    assert_eq!(kind(admin(&broker).create_topics(&[bad], NOW)), Some(TransportErrorKind::Config));
}

#[test]
fn a_record_larger_than_the_topic_takes_is_refused() {
    let (broker, to) = (EmbeddedBroker::in_memory(), TopicPartition::new("t", 0));
    create_with(&broker, "t", 1, &[("max.message.bytes", "10")]);
    let mut plain = producer(&broker);
    send(&mut *plain, &to, "k", "123456789").unwrap();
    let refused = send(&mut *plain, &to, "k", "1234567890");
    assert_eq!(kind(refused), Some(TransportErrorKind::MessageTooLarge));
}

#[test]
fn waiting_ends_with_an_append_a_commit_or_the_waker() {
    let (broker, to) = (EmbeddedBroker::in_memory(), TopicPartition::new("t", 0));
    create(&broker, "t", 1);
    let long = Duration::from_secs(60);
    let mut reader = consumer(&broker, Isolation::ReadCommitted);
    let handle = reader.assign(&to, 0).unwrap();
    assert!(drain(&mut *reader, handle).is_empty());
    reader.waker()();
    reader.wait(long);

    let mut writer = transactional(&broker, "x");
    let writer_to = to.clone();
    let thread = std::thread::spawn(move || commit_values(&mut *writer, &writer_to, &["a"]));
    // An appended but uncommitted record does not end it, the commit does.
    reader.wait(long);
    assert_eq!(drain(&mut *reader, handle).len(), 1);
    thread.join().unwrap();
    reader.wait(Duration::from_millis(1));
    reader.unassign(handle).unwrap();
    assert_eq!(kind(reader.position(handle)), Some(TransportErrorKind::Config));
}
