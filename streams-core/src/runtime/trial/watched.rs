//! A broker whose producers show each call to a test, which may refuse it.

use std::sync::Arc;
use std::time::Duration;

use crate::ids::{PartitionId, TopicName, TopicPartition};
use crate::transport::{
    Admin, Consumer, ConsumerSpec, Fence, GroupSpec, Membership, OffsetToCommit, OutRecord, Producer,
    ProducerSpec, Result, TopicHandle, Transport, TransportError,
};

/// A call of a producer that waits for a broker: its name and its time-out.
type Watch = Arc<dyn Fn(&'static str, Duration) -> Result<()> + Send + Sync>;

/// See the module.
pub(in crate::runtime) struct Watched {
    broker: Arc<dyn Transport>,
    watch: Watch,
}

impl Watched {
    /// Each call is shown to `watch` before it is made; an error is its outcome.
    pub fn around(
        broker: &Arc<dyn Transport>,
        watch: impl Fn(&'static str, Duration) -> Result<()> + Send + Sync + 'static,
    ) -> Arc<dyn Transport> {
        Arc::new(Watched { broker: Arc::clone(broker), watch: Arc::new(watch) })
    }
}

impl Transport for Watched {
    fn consumer(&self, spec: &ConsumerSpec) -> Result<Box<dyn Consumer>> {
        self.broker.consumer(spec)
    }

    fn producer(&self, spec: &ProducerSpec) -> Result<Box<dyn Producer>> {
        Ok(Box::new(WatchedProducer { inner: self.broker.producer(spec)?, watch: Arc::clone(&self.watch) }))
    }

    fn admin(&self, client_id: &str) -> Result<Box<dyn Admin>> {
        self.broker.admin(client_id)
    }

    fn membership(&self, spec: &GroupSpec) -> Result<Box<dyn Membership>> {
        self.broker.membership(spec)
    }
}

struct WatchedProducer {
    inner: Box<dyn Producer>,
    watch: Watch,
}

impl Producer for WatchedProducer {
    fn topic(&mut self, name: &str) -> Result<TopicHandle> {
        self.inner.topic(name)
    }

    fn partition_count(&mut self, topic: TopicHandle, timeout: Duration) -> Result<PartitionId> {
        (self.watch)("partition_count", timeout)?;
        self.inner.partition_count(topic, timeout)
    }

    fn partition_counts(&mut self, topics: &[TopicHandle], timeout: Duration) -> Vec<Result<PartitionId>> {
        match (self.watch)("partition_counts", timeout) {
            Ok(()) => self.inner.partition_counts(topics, timeout),
            Err(error) => {
                let refused = |_| Err(TransportError::new(error.kind(), "asking", error.reason()));
                topics.iter().map(refused).collect()
            }
        }
    }

    fn prepare(&mut self, topics: &[TopicName], timeout: Duration) -> Result<()> {
        (self.watch)("prepare", timeout)?;
        self.inner.prepare(topics, timeout)
    }

    fn is_worn_out(&self) -> bool {
        self.inner.is_worn_out()
    }

    fn send(&mut self, record: OutRecord<'_>) -> Result<()> {
        self.inner.send(record)
    }

    fn poll(&mut self, timeout: Duration) -> Result<()> {
        self.inner.poll(timeout)
    }

    fn flush(&mut self, timeout: Duration) -> Result<()> {
        (self.watch)("flush", timeout)?;
        self.inner.flush(timeout)
    }

    fn init_transactions(&mut self, timeout: Duration) -> Result<()> {
        (self.watch)("init_transactions", timeout)?;
        self.inner.init_transactions(timeout)
    }

    fn begin(&mut self) -> Result<()> {
        self.inner.begin()
    }

    fn touch(&mut self, partitions: &[TopicPartition], timeout: Duration) -> Result<()> {
        (self.watch)("touch", timeout)?;
        self.inner.touch(partitions, timeout)
    }

    fn send_offsets(&mut self, offsets: &[OffsetToCommit], fence: &Fence, timeout: Duration) -> Result<()> {
        (self.watch)("send_offsets", timeout)?;
        self.inner.send_offsets(offsets, fence, timeout)
    }

    fn commit(&mut self, timeout: Duration) -> Result<()> {
        (self.watch)("commit", timeout)?;
        self.inner.commit(timeout)
    }

    fn abort(&mut self, timeout: Duration) -> Result<()> {
        (self.watch)("abort", timeout)?;
        self.inner.abort(timeout)
    }
}
