//! The seam to the broker: what the runtime needs of a log, in one page. What programs need of it is in
//! [`embedded`](crate::embedded), [`error`](crate::error) and [`runtime`](crate::runtime).
//!
//! Two implementations exist, chosen by `bootstrap.servers`: [`kafka`] (librdkafka) and [`embedded`] (a broker inside
//! this process). The traits are object safe and synchronous; nothing here knows a topology or a store.
//!
//! Rules for every implementation:
//! 1. A consumer is only ever assigned by hand, at absolute offsets; it never joins a group.
//! 2. No call blocks longer than the time-out it is given; a call without one never waits for a broker.
//! 3. An error says whether the outcome is known ([`TransportErrorKind`]); unknown is never reported as failed.

pub mod embedded;
mod error;
#[doc(hidden)]
#[cfg(feature = "kafka")]
pub mod kafka;
mod membership;
mod oauth;
mod operations;
mod raw;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

#[doc(hidden)]
pub use error::FailedRecord;
pub use error::{ErrorCode, FailedDelivery, TransportError, TransportErrorKind};
#[doc(hidden)]
pub use membership::{Fence, Group, GroupSpec, Membership, MembershipHandler, SubtopologyTasks};
pub use oauth::{OAuthToken, TokenProvider};
#[doc(hidden)]
pub use operations::{AclEntry, AclResource, BrokerInfo, GroupListing, GroupState, Operations};
#[doc(hidden)]
pub use raw::{EmbeddedRecord, RawRecord};

use crate::ids::{Offset, PartitionId, TopicName, TopicPartition};
use crate::record::Headers;
use crate::time::Timestamp;

/// A transport call's result.
pub type Result<T> = std::result::Result<T, TransportError>;

/// What a consumer may see of open and aborted transactions.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Committed records only, up to the first open transaction.
    ReadCommitted,
    /// Everything, aborted records included.
    ReadUncommitted,
}

/// A broker's clients. One per `KafkaStreams`; shared by its threads.
#[doc(hidden)]
pub trait Transport: Send + Sync {
    /// A consumer for one thread.
    fn consumer(&self, spec: &ConsumerSpec) -> Result<Box<dyn Consumer>>;

    /// A producer for one thread.
    fn producer(&self, spec: &ProducerSpec) -> Result<Box<dyn Producer>>;

    /// Topics, offsets and their settings.
    fn admin(&self, client_id: &str) -> Result<Box<dyn Admin>>;

    /// What tools ask of a cluster; only a cluster of Kafka has it.
    fn operations(&self, client_id: &str) -> Result<Box<dyn Operations>> {
        let attempted = format!("making {client_id}");
        let reason = "the embedded broker has neither settings nor rights; name brokers of Kafka";
        Err(TransportError::new(TransportErrorKind::Refused, attempted, reason))
    }

    /// Identifies a broker that forgets everything when it ends, so that local state of an earlier one is not
    /// mistaken for this one's. `None` for durable brokers.
    fn incarnation(&self) -> Option<String> {
        None
    }

    /// A member of the application's group: one per process. Dropping it without
    /// [`Membership::leave`] lets the session time out.
    fn membership(&self, spec: &GroupSpec) -> Result<Box<dyn Membership>>;

    /// The application ends: from now on, pending requests of [`Admin`] are given up at once, as if they had timed
    /// out.
    fn close(&self) {}
}

/// Options of a consumer.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct ConsumerSpec {
    /// `client.id`, seen in the broker's logs.
    pub client_id: String,
    /// What it may see of transactions.
    pub isolation: Isolation,
    /// Kafka client properties that overrule the transport's own (from `consumer.*`, `restore.consumer.*`).
    pub properties: BTreeMap<String, String>,
}

/// Options of a producer.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct ProducerSpec {
    /// `client.id`, seen in the broker's logs.
    pub client_id: String,
    /// `transactional.id` under exactly-once; a new producer with the same one fences the old one.
    pub transactional_id: Option<String>,
    /// How long the broker keeps an idle transaction open, in milliseconds.
    pub transaction_timeout_ms: u64,
    /// Kafka client properties that overrule the transport's own (from `producer.*`).
    pub properties: BTreeMap<String, String>,
}

/// A consumer's number for one of its assigned partitions.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionHandle(pub u32);

/// What [`Consumer::fetch`] found besides records.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Records appended to the caller's buffer.
    pub records: usize,
    /// Whether everything that was visible when the broker last answered has been returned. With an empty result,
    /// the partition has nothing more for now.
    pub at_end: bool,
}

/// Reads assigned partitions, each from a queue of its own, so that one full partition holds up no other.
#[doc(hidden)]
pub trait Consumer: Send {
    /// Starts fetching a partition at an absolute offset.
    fn assign(&mut self, partition: &TopicPartition, offset: Offset) -> Result<PartitionHandle>;

    /// Stops fetching a partition and drops what was fetched of it. The handle may be reused.
    fn unassign(&mut self, handle: PartitionHandle) -> Result<()>;

    /// Appends up to `limit` fetched records of one partition in offset order. Never waits.
    ///
    /// An offset that no longer exists is [`TransportErrorKind::OffsetOutOfRange`].
    fn fetch(&mut self, handle: PartitionHandle, limit: usize, into: &mut Vec<RawRecord>) -> Result<Fetched>;

    /// The offset after everything that [`Consumer::fetch`] has returned, and after the transaction markers and aborted
    /// records that the client has skipped since. The assigned offset before the first fetch.
    fn position(&self, handle: PartitionHandle) -> Result<Offset>;

    /// Waits until a partition may have something to fetch, or [`Consumer::waker`] is called, at most `timeout`.
    fn wait(&mut self, timeout: Duration);

    /// Ends a [`Consumer::wait`] from another thread.
    fn waker(&self) -> Arc<dyn Fn() + Send + Sync>;
}

/// A producer's number for a topic.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicHandle(pub u32);

/// A record to send. Bytes are copied by the producer.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct OutRecord<'a> {
    /// The topic.
    pub topic: TopicHandle,
    /// The partition; always chosen by the caller.
    pub partition: PartitionId,
    /// Key bytes, or null.
    pub key: Option<&'a [u8]>,
    /// Value bytes, or null.
    pub value: Option<&'a [u8]>,
    /// Event time in milliseconds.
    pub timestamp: Timestamp,
    /// Headers.
    pub headers: &'a Headers,
    /// Given back with a failed delivery ([`FailedDelivery::tag`]); not sent.
    pub tag: u64,
}

/// An offset to commit with its metadata text.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetToCommit {
    /// The partition.
    pub partition: TopicPartition,
    /// The next offset to read.
    pub offset: Offset,
    /// Kafka Streams' base64 metadata (partition time); may be empty.
    pub metadata: String,
}

/// Writes records, in transactions when it was made with a transactional id.
///
/// State machine of a transactional producer: `init_transactions` once; then `begin`, any number of `send`,
/// `send_offsets`, and `commit` or `abort`. Which error leads where is decided in `runtime/commit.rs` alone.
#[doc(hidden)]
pub trait Producer: Send {
    /// The handle of a topic, made on first use.
    fn topic(&mut self, name: &str) -> Result<TopicHandle>;

    /// How many partitions a topic has now; asks the broker, at most `timeout`.
    fn partition_count(&mut self, topic: TopicHandle, timeout: Duration) -> Result<PartitionId>;

    /// The same for topics that were counted before, in their order, and in one time for all: what is known of them (their
    /// limits, too) is old. Without an answer the known limits stay.
    fn partition_counts(&mut self, topics: &[TopicHandle], timeout: Duration) -> Vec<Result<PartitionId>> {
        topics.iter().map(|topic| self.partition_count(*topic, timeout)).collect()
    }

    /// Asks for the limits of these topics (sizes, times, keys) before anything is sent; takes at most `timeout`. Then
    /// [`Producer::send`] refuses a record that a topic can never take, and batches fit all of them. Limits that cannot be
    /// found out are left to the broker.
    fn prepare(&mut self, topics: &[TopicName], timeout: Duration) -> Result<()> {
        let _ = (topics, timeout);
        Ok(())
    }

    /// Whether a new producer would fit the topics better than this one, whose settings are fixed. It should be replaced
    /// as soon as it has no work outstanding.
    fn is_worn_out(&self) -> bool {
        false
    }

    /// Queues a record. [`TransportErrorKind::QueueFull`] means: call [`Producer::poll`] and try again. An error that
    /// [blames the record](TransportErrorKind::blames_the_record) leaves the producer and its transaction as they were.
    fn send(&mut self, record: OutRecord<'_>) -> Result<()>;

    /// Serves delivery reports, waiting at most `timeout` for one. The error has all failed deliveries
    /// ([`TransportError::failed`]) since the last call of `poll`, [`flush`](Producer::flush) or
    /// [`commit`](Producer::commit).
    fn poll(&mut self, timeout: Duration) -> Result<()>;

    /// Waits until everything queued is acknowledged. If something is left at the time-out, the error is
    /// [`TransportErrorKind::TimedOut`]; it stays queued, and the call may be repeated.
    fn flush(&mut self, timeout: Duration) -> Result<()>;

    /// Registers the transactional id, fencing older producers of it and aborting what they left open.
    fn init_transactions(&mut self, timeout: Duration) -> Result<()>;

    /// Opens a transaction; local, sends nothing.
    fn begin(&mut self) -> Result<()>;

    /// Adds partitions to the open transaction without writing a record. When it is aborted, each gets a marker, which
    /// ends whatever an earlier transaction of this id has left open there. Only [`Producer::send_offsets`] and
    /// [`Producer::abort`] may follow. Each partition must have a leader: until it has one, the broker neither completes
    /// the transaction nor begins the next one of this id.
    fn touch(&mut self, partitions: &[TopicPartition], timeout: Duration) -> Result<()>;

    /// Adds consumed offsets to the open transaction, guarded by the group's fence.
    fn send_offsets(&mut self, offsets: &[OffsetToCommit], fence: &Fence, timeout: Duration) -> Result<()>;

    /// Flushes and commits. After [`TransportErrorKind::TimedOut`] or any unknown outcome the producer must be dropped.
    fn commit(&mut self, timeout: Duration) -> Result<()>;

    /// Drops what is queued and aborts.
    fn abort(&mut self, timeout: Duration) -> Result<()>;
}

/// A topic as the broker knows it.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: TopicName,
    /// How many partitions it has.
    pub partitions: PartitionId,
    /// Tells apart topics that had this name one after the other; `None` if the broker gives topics no ids.
    pub id: Option<String>,
}

/// A topic to create.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions.
    pub partitions: PartitionId,
    /// Copies of each; -1 is the broker's default.
    pub replication_factor: i16,
    /// Topic settings (`cleanup.policy` and so on).
    pub configs: BTreeMap<String, String>,
}

/// Which offset of a partition to look up.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetQuery {
    /// The first that still exists.
    Earliest,
    /// The next to be written, or for read-committed the first of an open transaction if there is one.
    Latest(Isolation),
    /// The first whose timestamp is at or after this one; the end when there is none.
    AtTime(Timestamp),
}

/// The committed offsets of a group.
#[doc(hidden)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupOffsets {
    /// The offsets with their metadata; partitions without one are left out.
    pub committed: BTreeMap<TopicPartition, OffsetToCommit>,
    /// Partitions whose offset a transaction may be about to change; they are not in `committed`.
    pub undecided: BTreeSet<TopicPartition>,
}

/// A member of a group, as the broker describes it.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupMember {
    /// Its id in the group.
    pub id: String,
    /// Its `client.id`.
    pub client_id: String,
    /// `group.instance.id` of a static member.
    pub instance: Option<String>,
    /// Its host.
    pub host: String,
    /// The partitions that it was assigned; `None` while the group assigns them.
    pub assigned: Option<Vec<TopicPartition>>,
}

/// Topics, offsets and groups. Every call waits at most `timeout`.
#[doc(hidden)]
pub trait Admin: Send {
    /// Describes the topics that exist among `names`; missing ones are left out.
    fn topics(&mut self, names: &[TopicName], timeout: Duration) -> Result<BTreeMap<TopicName, TopicInfo>>;

    /// The names of all topics there are.
    fn topic_names(&mut self, timeout: Duration) -> Result<Vec<TopicName>>;

    /// Creates topics; an existing one is not an error.
    fn create_topics(&mut self, topics: &[NewTopic], timeout: Duration) -> Result<()>;

    /// Grows a topic to this many partitions; does nothing if it has as many or more already.
    fn grow_topic(&mut self, topic: &TopicName, partitions: PartitionId, timeout: Duration) -> Result<()>;

    /// Deletes topics; a missing one is not an error.
    fn delete_topics(&mut self, names: &[TopicName], timeout: Duration) -> Result<()>;

    /// The effective settings of those of these topics that exist and may be described; others are left out.
    fn topic_configs(
        &mut self,
        names: &[TopicName],
        timeout: Duration,
    ) -> Result<BTreeMap<TopicName, BTreeMap<String, String>>>;

    /// The cluster's id; `None` if there is none, or if no broker has returned it within `timeout`.
    fn cluster_id(&mut self, timeout: Duration) -> Option<String>;

    /// Offsets of partitions, each with its own result: one without a leader holds up no other.
    fn offsets_each(
        &mut self,
        partitions: &[TopicPartition],
        query: OffsetQuery,
        timeout: Duration,
    ) -> Result<BTreeMap<TopicPartition, Result<Offset>>>;

    /// Offsets of partitions, all of them or the first error.
    fn offsets(
        &mut self,
        partitions: &[TopicPartition],
        query: OffsetQuery,
        timeout: Duration,
    ) -> Result<BTreeMap<TopicPartition, Offset>> {
        let each = self.offsets_each(partitions, query, timeout)?;
        each.into_iter().map(|(partition, offset)| Ok((partition, offset?))).collect()
    }

    /// The group's committed offsets with their metadata; partitions without one are left out. Waits for transactions
    /// that are committing offsets.
    fn committed(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<BTreeMap<TopicPartition, OffsetToCommit>>;

    /// The group's committed offsets as they are now; transactions that are committing offsets are not waited for.
    fn group_offsets(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<GroupOffsets>;

    /// Commits offsets for a group without members, as tools do. Refused while the group has members.
    fn commit_for(&mut self, group: &str, offsets: &[OffsetToCommit], timeout: Duration) -> Result<()>;

    /// The names of all groups there are, with members or without.
    fn group_names(&mut self, timeout: Duration) -> Result<Vec<String>>;

    /// Who is in a group now, in the order of their ids. A group that does not exist has no members.
    fn members(&mut self, group: &str, timeout: Duration) -> Result<Vec<GroupMember>>;

    /// Makes the broker delete records before these offsets (of repartition topics). Refused for topics whose cleanup.policy
    /// lacks `delete`.
    fn delete_records(&mut self, before: &[(TopicPartition, Offset)], timeout: Duration) -> Result<()>;
}
