//! A transactional producer that tests drive step by step, to leave aborted and open transactions behind.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaError};
use rdkafka::producer::Producer;

use crate::client::{KafkaClient, REQUEST};
use crate::error::LabError;
use crate::produce::{LabProducer, TestRecord};

/// A transactional producer with one transaction at a time. Dropped with an open one, it leaves it to the broker,
/// which aborts it after `transaction.timeout.ms`.
pub struct TestTransaction {
    producer: LabProducer,
    id: String,
}

impl KafkaClient {
    /// A producer with a transactional id, which fences any former one with the same id.
    pub fn transactional(
        &self,
        id: &str,
        transaction_timeout: Duration,
    ) -> Result<TestTransaction, LabError> {
        let mut config = self.config();
        let timeout = transaction_timeout.as_millis().to_string();
        config
            .set("transactional.id", id)
            .set("transaction.timeout.ms", timeout)
            .set("retry.backoff.ms", "10");
        let producer = LabProducer::create(&mut config)?;
        let what = format!("initialising transactional id {id}");
        producer.inner.init_transactions(REQUEST).map_err(LabError::kafka(what))?;
        Ok(TestTransaction { producer, id: id.to_owned() })
    }
}

impl TestTransaction {
    /// Begins a transaction.
    pub fn begin(&self) -> Result<(), LabError> {
        self.producer.inner.begin_transaction().map_err(LabError::kafka(self.what("beginning")))
    }

    /// Adds records to it and waits until the broker has them, still uncommitted.
    pub fn send(&self, topic: &str, records: impl IntoIterator<Item = TestRecord>) -> Result<(), LabError> {
        for record in records {
            self.producer.send(topic, &record)?;
        }
        self.producer.flush()
    }

    /// Commits it.
    pub fn commit(&self) -> Result<(), LabError> {
        self.resume("committing", || self.producer.inner.commit_transaction(Duration::from_secs(1)))
    }

    /// Aborts it.
    pub fn abort(&self) -> Result<(), LabError> {
        self.resume("aborting", || self.producer.inner.abort_transaction(Duration::from_millis(200)))
    }

    /// The library does not serve delivery reports while it blocks: call in slices and poll between them.
    fn resume(&self, verb: &str, act: impl Fn() -> Result<(), KafkaError>) -> Result<(), LabError> {
        let begin = Instant::now();
        loop {
            match act() {
                Err(KafkaError::Transaction(error)) if retriable(&error) && begin.elapsed() < REQUEST => {
                    self.producer.inner.poll(Duration::from_millis(1));
                }
                other => return other.map_err(LabError::kafka(self.what(verb))),
            }
        }
    }

    fn what(&self, verb: &str) -> String {
        format!("{verb} a transaction of {}", self.id)
    }
}

fn retriable(error: &RDKafkaError) -> bool {
    error.is_retriable() && !error.is_fatal()
}
