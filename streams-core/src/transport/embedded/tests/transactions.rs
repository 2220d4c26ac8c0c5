//! Fencing, time-outs, offsets in transactions, and injected faults.

use super::*;
use crate::transport::embedded::{Fault, Operation};

fn setting() -> (Arc<ManualClock>, Arc<EmbeddedBroker>, TopicPartition) {
    let clock = Arc::new(ManualClock::new(1_000));
    let broker = EmbeddedBroker::in_memory_at(clock.clone());
    create(&broker, "t", 1);
    (clock, broker, TopicPartition::new("t", 0))
}

#[test]
fn a_newer_producer_fences_the_older_one_and_aborts_its_transaction() {
    let (_, broker, to) = setting();
    let mut old = transactional(&broker, "x");
    old.begin().unwrap();
    send(&mut *old, &to, "k", "old").unwrap();
    old.flush(NOW).unwrap();
    old.send_offsets(&[next_offset(&to, 9)], &nobody("g"), NOW).unwrap();

    let mut new = transactional(&broker, "x");
    let fenced = Some(TransportErrorKind::Fenced);
    assert_eq!(kind(send(&mut *old, &to, "k", "late")), fenced);
    assert_eq!(kind(old.send_offsets(&[], &nobody("g"), NOW)), fenced);
    assert_eq!(kind(old.commit(NOW)), fenced);
    assert_eq!(kind(old.abort(NOW)), fenced);
    assert_eq!(kind(old.begin()), fenced);

    commit_values(&mut *new, &to, &["new"]);
    assert_eq!(read_all(&broker, &to, Isolation::ReadCommitted), (vec![(2, "new".to_owned())], 4));
    assert_eq!(group_offset(&broker, "g", &to).unwrap(), None);
}

#[test]
fn a_transaction_that_is_open_for_too_long_is_aborted_and_its_producer_fenced() {
    let (clock, broker, to) = setting();
    let mut slow = transactional(&broker, "x");
    slow.begin().unwrap();
    send(&mut *slow, &to, "k", "slow").unwrap();
    slow.flush(NOW).unwrap();
    let mut plain = producer(&broker);
    send(&mut *plain, &to, "k", "plain").unwrap();
    plain.flush(NOW).unwrap();

    clock.advance_ms(TIMEOUT_MS as i64 - 1);
    assert!(committed_values(&broker, &to).is_empty());
    clock.advance_ms(1);
    assert_eq!(committed_values(&broker, &to), ["plain"]);
    assert_eq!(kind(slow.commit(NOW)), Some(TransportErrorKind::Fenced));

    // Also when the producer itself is the first to look.
    let mut slow = transactional(&broker, "y");
    slow.begin().unwrap();
    send(&mut *slow, &to, "k", "slow").unwrap();
    slow.flush(NOW).unwrap();
    clock.advance_ms(TIMEOUT_MS as i64);
    assert_eq!(kind(slow.commit(NOW)), Some(TransportErrorKind::Fenced));
    assert_eq!(committed_values(&broker, &to), ["plain"]);
}

/// Showed before: others were held back until the clock had come round to where it was.
#[test]
fn a_transaction_lasts_no_longer_when_the_clock_is_set_back() {
    let (clock, broker, to) = setting();
    clock.set(100_000_000);
    let mut slow = transactional(&broker, "x");
    slow.begin().unwrap();
    send(&mut *slow, &to, "k", "slow").unwrap();
    slow.flush(NOW).unwrap();
    let mut plain = producer(&broker);
    send(&mut *plain, &to, "k", "plain").unwrap();
    plain.flush(NOW).unwrap();
    clock.set(1_000);
    clock.advance_ms(TIMEOUT_MS as i64 - 1);
    assert!(committed_values(&broker, &to).is_empty());
    clock.advance_ms(1);
    assert_eq!(committed_values(&broker, &to), ["plain"]);
    assert_eq!(kind(slow.commit(NOW)), Some(TransportErrorKind::Fenced));
}

#[test]
fn a_producer_that_dies_leaves_its_transaction_to_the_next_one() {
    let (_, broker, to) = setting();
    let mut dying = transactional(&broker, "x");
    dying.begin().unwrap();
    send(&mut *dying, &to, "k", "lost").unwrap();
    dying.flush(NOW).unwrap();
    drop(dying);
    assert_eq!(offset(&broker, &to, OffsetQuery::Latest(Isolation::ReadCommitted)), 0);
    drop(transactional(&broker, "x"));
    assert_eq!(offset(&broker, &to, OffsetQuery::Latest(Isolation::ReadCommitted)), 2);
}

#[test]
fn offsets_of_a_transaction_count_once_it_commits() {
    let (_, broker, to) = setting();
    let mut writer = transactional(&broker, "x");
    writer.begin().unwrap();
    writer.send_offsets(&[next_offset(&to, 5)], &nobody("g"), NOW).unwrap();
    // Pending offsets are waited for, as the next owner of the task must see them.
    assert_eq!(kind(group_offset(&broker, "g", &to)), Some(TransportErrorKind::TimedOut));
    assert_eq!(group_offset(&broker, "other", &to).unwrap(), None);
    let reader = broker.clone();
    let waiting = std::thread::spawn(move || {
        let of = TopicPartition::new("t", 0);
        admin(&reader).committed("g", &[of], Duration::from_secs(60)).unwrap()
    });
    writer.commit(NOW).unwrap();
    assert_eq!(waiting.join().unwrap().into_values().collect::<Vec<_>>(), [next_offset(&to, 5)]);

    writer.begin().unwrap();
    writer.send_offsets(&[next_offset(&to, 7)], &nobody("g"), NOW).unwrap();
    writer.abort(NOW).unwrap();
    assert_eq!(group_offset(&broker, "g", &to).unwrap(), Some(5));
}

#[test]
fn a_transaction_in_which_nothing_happened_leaves_no_trace() {
    let (_, broker, to) = setting();
    let mut writer = transactional(&broker, "x");
    for end in [Producer::commit, Producer::abort] {
        writer.begin().unwrap();
        end(&mut *writer, NOW).unwrap();
    }
    writer.begin().unwrap();
    // Collected here, never sent there.
    send(&mut *writer, &to, "k", "dropped").unwrap();
    writer.abort(NOW).unwrap();
    assert_eq!(read_all(&broker, &to, Isolation::ReadUncommitted), (vec![], 0));
}

#[test]
fn calls_in_the_wrong_order_are_refused() {
    let (_, broker, to) = setting();
    let fatal = Some(TransportErrorKind::Fatal);
    let mut fresh = producer_of(&broker, Some("x".to_owned()));
    assert_eq!(kind(fresh.begin()), fatal);
    assert_eq!(kind(send(&mut *fresh, &to, "k", "v")), fatal);
    fresh.init_transactions(NOW).unwrap();
    assert_eq!(kind(send(&mut *fresh, &to, "k", "v")), fatal);
    assert_eq!(kind(fresh.commit(NOW)), fatal);
    assert_eq!(kind(fresh.abort(NOW)), fatal);
    fresh.begin().unwrap();
    assert_eq!(kind(fresh.begin()), fatal);
    assert_eq!(kind(producer(&broker).init_transactions(NOW)), fatal);
}

#[test]
fn a_failed_delivery_makes_the_transaction_abort() {
    let (_, broker, to) = setting();
    create(&broker, "doomed", 1);
    let mut writer = transactional(&broker, "x");
    writer.begin().unwrap();
    send(&mut *writer, &to, "k", "gone").unwrap();
    send(&mut *writer, &TopicPartition::new("doomed", 0), "k", "v").unwrap();
    admin(&broker).delete_topics(&["doomed".into()], NOW).unwrap();
    assert_eq!(kind(writer.flush(NOW)), Some(TransportErrorKind::UnknownTopic));
    assert_eq!(kind(writer.commit(NOW)), Some(TransportErrorKind::AbortTransaction));
    writer.abort(NOW).unwrap();
    commit_values(&mut *writer, &to, &["kept"]);
    assert_eq!(committed_values(&broker, &to), ["kept"]);
}

#[test]
fn a_fault_before_the_effect_leaves_nothing_and_one_after_it_everything() {
    let (_, broker, to) = setting();
    let mut writer = transactional(&broker, "x");
    writer.begin().unwrap();
    send(&mut *writer, &to, "k", "a").unwrap();
    broker.faults().inject(Fault::before(Operation::Commit, TransportErrorKind::Retriable).times(2));
    for _ in 0..2 {
        assert_eq!(kind(writer.commit(NOW)), Some(TransportErrorKind::Retriable));
        assert!(committed_values(&broker, &to).is_empty());
    }
    writer.commit(NOW).unwrap();

    broker.faults().inject(Fault::after(Operation::Commit, TransportErrorKind::TimedOut).skipping(1));
    commit_values(&mut *writer, &to, &["b"]);
    writer.begin().unwrap();
    send(&mut *writer, &to, "k", "c").unwrap();
    assert_eq!(kind(writer.commit(NOW)), Some(TransportErrorKind::TimedOut));
    assert_eq!(committed_values(&broker, &to), ["a", "b", "c"]);
    assert_eq!(broker.faults().left(), 0);
}

#[test]
fn every_operation_can_be_made_to_fail() {
    let (_, broker, to) = setting();
    let mut writer = transactional(&broker, "x");
    let mut reader = consumer(&broker, Isolation::ReadCommitted);
    let handle = reader.assign(&to, 0).unwrap();
    let retriable = Some(TransportErrorKind::Retriable);
    let inject = |operation| broker.faults().inject(Fault::before(operation, TransportErrorKind::Retriable));
    writer.begin().unwrap();
    inject(Operation::Send);
    assert_eq!(kind(send(&mut *writer, &to, "k", "v")), retriable);
    inject(Operation::Flush);
    assert_eq!(kind(writer.flush(NOW)), retriable);
    inject(Operation::SendOffsets);
    assert_eq!(kind(writer.send_offsets(&[], &nobody("g"), NOW)), retriable);
    inject(Operation::Abort);
    assert_eq!(kind(writer.abort(NOW)), retriable);
    inject(Operation::InitTransactions);
    assert_eq!(kind(writer.init_transactions(NOW)), retriable);
    inject(Operation::Fetch);
    assert_eq!(kind(reader.fetch(handle, 1, &mut Vec::new())), retriable);
    inject(Operation::Commit);
    broker.faults().clear();
    writer.commit(NOW).unwrap();
}
