//! Letters about thousands of refused results cost one consumer and a few seconds.
#![allow(clippy::disallowed_methods, reason = "a consumer that waits, by the clock of the machine")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::runtime::trial::{Trial, count_of, send, warnings};
use crate::transport::embedded::{Fault, Operation};
use crate::transport::{
    Admin, Fetched, GroupSpec, Isolation, Membership, Producer, ProducerSpec, Result as TransportResult,
};

/// A broker in memory, which counts its consumers. They may be silent: then nothing ever comes.
struct Counted {
    broker: Arc<dyn Transport>,
    consumers: AtomicUsize,
    waits: Arc<AtomicUsize>,
    is_silent: bool,
}

struct Silent(Box<dyn Consumer>, Arc<AtomicUsize>);

impl Consumer for Silent {
    fn assign(&mut self, partition: &TopicPartition, offset: Offset) -> TransportResult<PartitionHandle> {
        self.0.assign(partition, offset)
    }

    fn unassign(&mut self, handle: PartitionHandle) -> TransportResult<()> {
        self.0.unassign(handle)
    }

    fn fetch(&mut self, _: PartitionHandle, _: usize, _: &mut Vec<RawRecord>) -> TransportResult<Fetched> {
        Ok(Fetched { records: 0, at_end: false })
    }

    fn position(&self, handle: PartitionHandle) -> TransportResult<Offset> {
        self.0.position(handle)
    }

    fn wait(&mut self, timeout: Duration) {
        self.1.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(timeout);
    }

    fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        self.0.waker()
    }
}

impl Transport for Counted {
    fn consumer(&self, spec: &ConsumerSpec) -> TransportResult<Box<dyn Consumer>> {
        self.consumers.fetch_add(1, Ordering::Relaxed);
        let consumer = self.broker.consumer(spec)?;
        Ok(if self.is_silent { Box::new(Silent(consumer, Arc::clone(&self.waits))) } else { consumer })
    }

    fn producer(&self, spec: &ProducerSpec) -> TransportResult<Box<dyn Producer>> {
        self.broker.producer(spec)
    }

    fn admin(&self, client_id: &str) -> TransportResult<Box<dyn Admin>> {
        self.broker.admin(client_id)
    }

    fn membership(&self, spec: &GroupSpec) -> TransportResult<Box<dyn Membership>> {
        self.broker.membership(spec)
    }
}

const RECORDS: i64 = 500;

fn world(is_silent: bool) -> Result<(Counted, Reader)> {
    let trial = Trial::new(0, 2, &["in"])?;
    let mut producer = trial.producer()?;
    for number in 0..RECORDS {
        for partition in 0..2 {
            send(&mut *producer, "in", partition, &format!("{partition}-{number}"), "value")?;
        }
    }
    let spec = ConsumerSpec {
        client_id: "letters".to_owned(),
        isolation: Isolation::ReadUncommitted,
        properties: Default::default(),
    };
    let (consumers, waits) = (AtomicUsize::new(0), Arc::default());
    Ok((Counted { broker: trial.transport, consumers, waits, is_silent }, Reader::new(spec)))
}

/// The key of a letter about that record.
fn key(reader: &mut Reader, transport: &Counted, partition: i32, offset: Offset) -> Option<Bytes> {
    let mut letters = [DeadLetter {
        topic: "letters".into(),
        key: None,
        value: None,
        timestamp: -1,
        headers: Default::default(),
    }];
    reader.complete(transport, &TopicPartition::new("in", partition), offset, &mut letters);
    letters[0].key.clone()
}

/// Showed before: a consumer for each record.
#[test]
fn one_consumer_reads_all_records_of_a_round_again() -> Result<()> {
    let (transport, mut reader) = world(false)?;
    for partition in 0..2 {
        // Two results of each record, and one that is met again later.
        for offset in (0..RECORDS).flat_map(|offset| [offset, offset]).chain([3]) {
            let expected = Some(Bytes::from(format!("{partition}-{offset}")));
            assert_eq!(key(&mut reader, &transport, partition, offset), expected);
        }
    }
    assert_eq!(key(&mut reader, &transport, 1, RECORDS + 5), None, "it is gone");
    assert_eq!(transport.consumers.load(Ordering::Relaxed), 1);
    Ok(())
}

/// Showed before: five seconds for each record.
#[test]
fn the_letters_of_a_round_share_one_time_out() -> Result<()> {
    let (transport, mut reader) = world(true)?;
    reader.left = READ_SLICE * 2;
    for offset in 0..RECORDS {
        assert_eq!(key(&mut reader, &transport, 0, offset), None);
    }
    assert!(transport.waits.load(Ordering::Relaxed) <= 3, "{:?}", transport.waits);
    reader.begin_round();
    assert_eq!(reader.left, READ_TIMEOUT);
    Ok(())
}

/// Showed before: a warning for each of them.
#[test]
fn letters_whose_records_cannot_be_read_are_logged_once_a_minute() -> Result<()> {
    let trial = Trial::new(0, 1, &["in"])?;
    let transport = Arc::clone(&trial.transport);
    let faults = trial.broker.faults();
    faults.inject(Fault::before(Operation::Fetch, TransportErrorKind::Denied).times(usize::MAX));
    let spec = ConsumerSpec {
        client_id: "letters".to_owned(),
        isolation: Isolation::ReadUncommitted,
        properties: Default::default(),
    };
    let mut reader = Reader::new(spec);
    let ((), lines) = warnings(|| {
        for offset in 0..100 {
            reader.begin_round();
            reader.complete(&*transport, &TopicPartition::new("in", 0), offset, &mut []);
        }
    });
    assert_eq!(count_of(&lines, "cannot be read again"), 1, "{lines:#?}");
    assert!(lines[0].contains("partition=in-0 offset=0"), "{lines:?}");
    Ok(())
}

/// Before: a letter about a result of a punctuation, or of a record that was gone, had the time -1.
#[test]
fn a_letter_without_a_time_gets_that_of_the_result() {
    let mut letter = DeadLetter {
        topic: "letters".into(),
        key: None,
        value: None,
        timestamp: -1,
        headers: Default::default(),
    };
    date(&mut letter, 7);
    assert_eq!(letter.timestamp, 7);
    date(&mut letter, 8);
    assert_eq!(letter.timestamp, 7, "it has one");
}
