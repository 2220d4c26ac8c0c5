//! Where a reader is: behind markers, aborted and compacted tails, and at offsets that do not exist.

use std::time::{Duration, Instant};

use streams_core::ids::TopicPartition;
use streams_core::transport::{Consumer, Isolation};
use tests::lab::TestRecord;

use crate::{LIMIT, Outcome, admin, client, consumer, end_of, producer, read_all, read_to, send};

#[test]
fn a_restore_ends_behind_aborted_records_and_markers() -> Outcome {
    client()?.create_topic("kt-tail", 1, &[])?;
    let mut producer = producer(Some("kt-tail"))?;
    producer.init_transactions(LIMIT)?;
    for (values, commit) in
        [(&["a", "b"][..], true), (&["x", "y", "z"][..], false), (&["c"][..], true), (&["u"; 50][..], false)]
    {
        producer.begin()?;
        send(&mut *producer, "kt-tail", values)?;
        producer.flush(LIMIT)?;
        if commit { producer.commit(LIMIT)? } else { producer.abort(LIMIT)? }
    }
    let partition = TopicPartition::new("kt-tail", 0);
    let end = end_of(&partition, Isolation::ReadCommitted)?;
    assert_eq!(end, 2 + 1 + 3 + 1 + 1 + 1 + 50 + 1);

    let mut consumer = consumer(Isolation::ReadCommitted)?;
    let handle = consumer.assign(&partition, 0)?;
    assert_eq!(consumer.position(handle)?, 0);
    let read = read_to(&mut *consumer, handle, end)?;
    assert_eq!((read.values.join(""), read.position), ("abc".to_owned(), end));
    println!("restore over an aborted tail took {:?}", read.took);
    let again = read_all(&mut *consumer, handle)?;
    assert_eq!((again.values.len(), again.position), (0, end), "the end is the end");
    // From the middle of the aborted tail, and from the end itself.
    for start in [end - 20, end - 1, end] {
        consumer.unassign(handle)?;
        assert_eq!(consumer.assign(&partition, start)?, handle, "the handle is given out again");
        assert_eq!(consumer.position(handle)?, start);
        let read = read_all(&mut *consumer, handle)?;
        assert_eq!((read.values.len(), read.position), (0, end), "from {start}");
        println!("end from {start} known after {:?}", read.took);
    }
    // Continues where it is.
    producer.begin()?;
    send(&mut *producer, "kt-tail", &["d"])?;
    producer.commit(LIMIT)?;
    let read = read_to(&mut *consumer, handle, end + 2)?;
    assert_eq!((read.values.join(""), read.position), ("d".to_owned(), end + 2));
    Ok(())
}

#[test]
fn an_open_transaction_holds_read_committed_back() -> Outcome {
    client()?.create_topic("kt-open", 1, &[])?;
    let partition = TopicPartition::new("kt-open", 0);
    let mut producer = producer(Some("kt-open"))?;
    producer.init_transactions(LIMIT)?;
    producer.begin()?;
    send(&mut *producer, "kt-open", &["a"])?;
    producer.commit(LIMIT)?;
    producer.begin()?;
    send(&mut *producer, "kt-open", &["b", "c"])?;
    producer.flush(LIMIT)?;
    assert_eq!(end_of(&partition, Isolation::ReadCommitted)?, 2);
    assert_eq!(end_of(&partition, Isolation::ReadUncommitted)?, 4);

    let mut committed = consumer(Isolation::ReadCommitted)?;
    let handle = committed.assign(&partition, 0)?;
    let read = read_all(&mut *committed, handle)?;
    assert_eq!((read.values.join(""), read.position), ("a".to_owned(), 2), "the end is the stable one");
    let mut uncommitted = consumer(Isolation::ReadUncommitted)?;
    let other = uncommitted.assign(&partition, 0)?;
    let read = read_all(&mut *uncommitted, other)?;
    assert_eq!((read.values.join(""), read.position), ("abc".to_owned(), 4));
    producer.commit(LIMIT)?;
    let read = read_to(&mut *committed, handle, 5)?;
    assert_eq!((read.values.join(""), read.position), ("bc".to_owned(), 5));
    Ok(())
}

#[test]
fn a_compacted_topic_has_an_end() -> Outcome {
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "50"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("delete.retention.ms", "1"),
        ("max.compaction.lag.ms", "100"),
    ];
    client()?.create_topic("kt-compacted", 1, &settings)?;
    let partition = TopicPartition::new("kt-compacted", 0);
    for value in ["a", "b", "c", "d"] {
        client()?.produce("kt-compacted", [TestRecord::new("k", value), TestRecord::tombstone("gone")])?;
    }
    let end = end_of(&partition, Isolation::ReadCommitted)?;
    assert_eq!(end, 8);
    let mut consumer = consumer(Isolation::ReadCommitted)?;
    let handle = consumer.assign(&partition, 0)?;
    let read = read_to(&mut *consumer, handle, end)?;
    assert!(read.values.contains(&"d".to_owned()));
    assert_eq!(read_all(&mut *consumer, handle)?.position, end);
    Ok(())
}

#[test]
fn an_offset_that_does_not_exist_is_an_error() -> Outcome {
    client()?.create_topic("kt-range", 1, &[])?;
    client()?.produce("kt-range", (0..10).map(|n| TestRecord::new("k", n.to_string())))?;
    let partition = TopicPartition::new("kt-range", 0);
    admin()?.delete_records(&[(partition.clone(), 4)], LIMIT)?;
    let mut consumer = consumer(Isolation::ReadCommitted)?;
    for start in [0, 11] {
        let handle = consumer.assign(&partition, start)?;
        let error = read_all(&mut *consumer, handle).err().ok_or("there is nothing at that offset")?;
        assert!(error.to_string().contains("OffsetOutOfRange"), "{start}: {error}");
        assert!(consumer.fetch(handle, 1, &mut Vec::new()).is_err(), "it stays an error");
        consumer.unassign(handle)?;
    }
    let handle = consumer.assign(&partition, 4)?;
    assert_eq!(read_all(&mut *consumer, handle)?.values, ["4", "5", "6", "7", "8", "9"]);
    assert!(consumer.assign(&partition, -1).is_err(), "no query codes here");
    Ok(())
}

#[test]
fn a_topic_that_does_not_exist_is_an_error() -> Outcome {
    let mut consumer = consumer(Isolation::ReadCommitted)?;
    let handle = consumer.assign(&TopicPartition::new("kt-missing", 0), 0)?;
    let error = read_all(&mut *consumer, handle).err().ok_or("the topic does not exist")?;
    assert!(error.to_string().contains("UnknownTopic"), "{error}");
    assert!(!client()?.topics()?.contains(&"kt-missing".to_owned()), "reading has not created it");
    Ok(())
}

#[test]
fn a_wait_ends_with_records_a_call_or_the_time() -> Outcome {
    client()?.create_topic("kt-wait", 1, &[])?;
    let mut consumer = consumer(Isolation::ReadCommitted)?;
    let handle = consumer.assign(&TopicPartition::new("kt-wait", 0), 0)?;
    read_all(&mut *consumer, handle)?;
    let lasts = |consumer: &mut dyn Consumer, time: Duration| {
        let start = Instant::now();
        consumer.wait(time);
        start.elapsed() >= time
    };
    let second = Duration::from_secs(1);
    assert!(lasts(&mut *consumer, second), "nothing to tell");
    let waker = consumer.waker();
    std::thread::scope(|scope| scope.spawn(|| waker()).join()).map_err(|_| "the waker panicked")?;
    assert!(!lasts(&mut *consumer, LIMIT), "was called");
    client()?.produce("kt-wait", [TestRecord::new("k", "v")])?;
    assert!(!lasts(&mut *consumer, LIMIT), "has a record");
    // Reported once: a caller with no room for more must be able to wait for other things.
    assert!(lasts(&mut *consumer, second), "no news");
    assert_eq!(read_all(&mut *consumer, handle)?.values, ["v"]);
    drop(consumer);
    waker();
    Ok(())
}
