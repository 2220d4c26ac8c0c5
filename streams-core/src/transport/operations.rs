//! What tools ask of a cluster, and the runtime never does: groups, brokers and rights.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Result;
use crate::ids::TopicPartition;

/// A group of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupListing {
    /// Its name.
    pub group: String,
    /// Its state in Kafka's words, such as `Stable`.
    pub state: String,
    /// Its kind: `Classic`, `Consumer`, or `Unknown` for others.
    pub kind: String,
    /// Whether nothing has ever joined it: it only has offsets.
    pub is_simple: bool,
}

/// A group as its coordinator describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupState {
    /// Its state in Kafka's words, such as `Stable`.
    pub state: String,
    /// Its kind, as in [`GroupListing::kind`].
    pub kind: String,
    /// How it assigns partitions.
    pub assignor: String,
    /// The broker that coordinates it.
    pub coordinator: Option<BrokerInfo>,
    /// How many members it has.
    pub members: usize,
}

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BrokerInfo {
    /// Its id.
    pub id: i32,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// What a right is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AclResource {
    /// A topic.
    Topic,
    /// A group.
    Group,
    /// A transactional id.
    TransactionalId,
    /// The cluster, or something that is not known here.
    Other,
}

/// A right that is given, or denied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AclEntry {
    /// To whom, as `User:fraud`.
    pub principal: String,
    /// From which host; `*` is any.
    pub host: String,
    /// For what.
    pub resource: AclResource,
    /// Its name.
    pub name: String,
    /// Whether it counts for all names that begin so.
    pub is_prefix: bool,
    /// What may be done, as `READ`; `ALL` is everything.
    pub operation: String,
    /// Whether it is allowed; otherwise it is denied.
    pub is_allowed: bool,
}

/// Groups, brokers and rights. Every call waits at most `timeout`.
pub trait Operations: Send {
    /// All groups.
    fn groups(&mut self, timeout: Duration) -> Result<Vec<GroupListing>>;

    /// The state of a group; one that does not exist is `Dead`.
    fn group_state(&mut self, group: &str, timeout: Duration) -> Result<GroupState>;

    /// Deletes a group with its offsets. Refused while it has members.
    fn delete_group(&mut self, group: &str, timeout: Duration) -> Result<()>;

    /// Deletes the committed offsets of these partitions, each with its own result.
    fn delete_group_offsets(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<BTreeMap<TopicPartition, Result<()>>>;

    /// The brokers that are up.
    fn brokers(&mut self, timeout: Duration) -> Result<Vec<BrokerInfo>>;

    /// The effective settings of a broker.
    fn broker_configs(&mut self, broker: i32, timeout: Duration) -> Result<BTreeMap<String, String>>;

    /// All rights. Without an authorizer, or without the right to see them, there are none: librdkafka 2.12.1 drops the
    /// error.
    fn acls(&mut self, timeout: Duration) -> Result<Vec<AclEntry>>;
}
