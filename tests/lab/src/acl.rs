//! Rights: what principals may do on a cluster with an authorizer.

use rdkafka::bindings as rd;

use crate::client::KafkaClient;
use crate::error::LabError;
use crate::raw::{self, Rights};

/// What a right is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// One topic.
    Topic(&'a str),
    /// All topics whose names begin so.
    Topics(&'a str),
    /// One consumer group.
    Group(&'a str),
    /// One transactional id.
    TransactionalId(&'a str),
    /// All transactional ids that begin so.
    TransactionalIds(&'a str),
    /// The cluster.
    Cluster,
}

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Everything.
    All,
    /// Fetching; for a group: joining and committing.
    Read,
    /// Producing; for a transactional id: using it.
    Write,
    /// Creating topics.
    Create,
    /// Deleting; for topics, their records too.
    Delete,
    /// Asking what it is.
    Describe,
    /// Asking for its settings.
    DescribeConfigs,
}

/// An entry of the access control list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acl<'a> {
    /// Whose right: `User:name`.
    pub principal: &'a str,
    /// On what.
    pub resource: Resource<'a>,
    /// To do what.
    pub operation: Operation,
    /// Allowed or denied; what is denied is denied whatever else is allowed.
    pub allow: bool,
}

impl<'a> Acl<'a> {
    /// The right to do something.
    pub fn allow(principal: &'a str, resource: Resource<'a>, operation: Operation) -> Self {
        Self { principal, resource, operation, allow: true }
    }

    /// That something may not be done, whoever else allows it.
    pub fn deny(principal: &'a str, resource: Resource<'a>, operation: Operation) -> Self {
        Self { principal, resource, operation, allow: false }
    }

    pub(crate) fn resource_type(&self) -> rd::rd_kafka_ResourceType_t {
        use rd::rd_kafka_ResourceType_t as T;
        match self.resource {
            Resource::Topic(_) | Resource::Topics(_) => T::RD_KAFKA_RESOURCE_TOPIC,
            Resource::Group(_) => T::RD_KAFKA_RESOURCE_GROUP,
            Resource::TransactionalId(_) | Resource::TransactionalIds(_) => {
                T::RD_KAFKA_RESOURCE_TRANSACTIONAL_ID
            }
            // In access control lists this number is the cluster.
            Resource::Cluster => T::RD_KAFKA_RESOURCE_BROKER,
        }
    }

    pub(crate) fn name(&self) -> &'a str {
        match self.resource {
            Resource::Topic(name)
            | Resource::Topics(name)
            | Resource::Group(name)
            | Resource::TransactionalId(name)
            | Resource::TransactionalIds(name) => name,
            Resource::Cluster => "kafka-cluster",
        }
    }

    pub(crate) fn pattern(&self) -> rd::rd_kafka_ResourcePatternType_t {
        use rd::rd_kafka_ResourcePatternType_t as T;
        match self.resource {
            Resource::Topics(_) | Resource::TransactionalIds(_) => T::RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
            _ => T::RD_KAFKA_RESOURCE_PATTERN_LITERAL,
        }
    }

    pub(crate) fn operation(&self) -> rd::rd_kafka_AclOperation_t {
        use rd::rd_kafka_AclOperation_t as T;
        match self.operation {
            Operation::All => T::RD_KAFKA_ACL_OPERATION_ALL,
            Operation::Read => T::RD_KAFKA_ACL_OPERATION_READ,
            Operation::Write => T::RD_KAFKA_ACL_OPERATION_WRITE,
            Operation::Create => T::RD_KAFKA_ACL_OPERATION_CREATE,
            Operation::Delete => T::RD_KAFKA_ACL_OPERATION_DELETE,
            Operation::Describe => T::RD_KAFKA_ACL_OPERATION_DESCRIBE,
            Operation::DescribeConfigs => T::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS,
        }
    }

    pub(crate) fn permission(&self) -> rd::rd_kafka_AclPermissionType_t {
        use rd::rd_kafka_AclPermissionType_t as T;
        if self.allow { T::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW } else { T::RD_KAFKA_ACL_PERMISSION_TYPE_DENY }
    }
}

impl KafkaClient {
    /// Adds entries to the cluster's access control list. The brokers know of them a moment later.
    pub fn create_acls(&self, acls: &[Acl<'_>]) -> Result<(), LabError> {
        let what = || format!("creating {acls:?}");
        self.persist(what, || raw::change_acls(&self.asker()?, acls, Rights::Created))
    }

    /// Takes entries off the cluster's access control list; those that are not on it are passed over.
    pub fn delete_acls(&self, acls: &[Acl<'_>]) -> Result<(), LabError> {
        let what = || format!("deleting {acls:?}");
        self.persist(what, || raw::change_acls(&self.asker()?, acls, Rights::Deleted))
    }
}
