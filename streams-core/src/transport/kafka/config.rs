//! The settings of each kind of client: ours, overruled by the user's where that is safe.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ffi::{Client, Conf, Role};
use super::limits::Limits;
use crate::transport::{
    ConsumerSpec, GroupSpec, Isolation, ProducerSpec, Result, TransportError, TransportErrorKind,
};

/// Kafka client properties.
pub(super) type Properties = BTreeMap<String, String>;

/// What all clients of a transport have in common.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) bootstrap_servers: String,
    pub(super) properties: Properties,
    /// What is known of the topics that are written to.
    pub(super) limits: Arc<Limits>,
}

/// Ours for every client.
const CLIENT: &[(&str, &str)] = &[
    // Client telemetry would only cost a request.
    ("enable.metrics.push", "false"),
];

/// Ours for data consumers.
const CONSUMER: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // The runtime resets offsets itself, and has to hear of it to do so.
    ("auto.offset.reset", "error"),
    // The only way to learn that a partition ends in aborted or compacted records.
    ("enable.partition.eof", "true"),
    // 1000 by default: a full queue would then leave the fetcher asleep for a second.
    ("fetch.queue.backoff.ms", "2"),
    // 500 by default. A partition assigned during a fetch, and the news that an idle one is at its end, wait for it.
    ("fetch.wait.max.ms", "100"),
    // How long a topic that was just created may be unknown before that is an error; 30 s by default.
    ("topic.metadata.propagation.max.ms", "10000"),
    // Per partition, as each has a queue of its own.
    ("queued.min.messages", "50000"),
    ("queued.max.messages.kbytes", "8192"),
];

/// Ours for all producers.
const PRODUCER: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("delivery.report.only.error", "true"),
    // Kafka Streams' own default; a flush does not wait for it.
    ("linger.ms", "100"),
    ("batch.num.messages", "100000"),
    ("queue.buffering.max.messages", "1000000"),
    ("queue.buffering.max.kbytes", "262144"),
    // A misspelt sink is an error and no new topic.
    ("allow.auto.create.topics", "false"),
];

/// Ours for transactional producers.
const TRANSACTIONAL: &[(&str, &str)] = &[
    // The next transaction's first requests are refused while the last one's markers are still being written; 100 ms
    // between attempts would be most of a commit.
    ("retry.backoff.ms", "20"),
    // Sending offsets waits for the group's coordinator without regard to its time-out (librdkafka#5456). Its search
    // ends after two refusals, as a broker gives them that has just started, and begins again only when a connection
    // comes or goes: one that is idle meanwhile has to go.
    ("connections.max.idle.ms", "5000"),
];

/// Ours for the member of a group.
const MEMBER: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("session.timeout.ms", "10000"),
    // How long others take to notice a rebalance.
    ("heartbeat.interval.ms", "1000"),
];

/// Nobody's to overrule, with the reason given to whoever tries.
const FIXED: &[(&str, &str)] = &[
    ("bootstrap.servers", "it is given to the transport itself"),
    ("metadata.broker.list", "it is given to the transport itself"),
    ("client.id", "it is given by the runtime"),
    ("group.id", "it is the application.id"),
    ("group.protocol", "tasks are assigned by the classic protocol"),
    ("group.remote.assignor", "tasks are assigned by the classic protocol"),
    ("partition.assignment.strategy", "tasks are assigned by cooperative-sticky"),
    ("isolation.level", "it follows from processing.guarantee"),
    ("transactional.id", "it follows from processing.guarantee and application.id"),
    ("transaction.timeout.ms", "it is a setting of its own"),
    ("enable.idempotence", "producers are always idempotent"),
    ("enable.gapless.guarantee", "producers are always idempotent"),
    ("delivery.report.only.error", "the transport depends on it"),
    ("enable.auto.commit", "the runtime commits"),
    ("enable.auto.offset.store", "the runtime commits"),
    ("enable.partition.eof", "the transport depends on it"),
    ("auto.offset.reset", "the runtime resets offsets"),
    ("log.queue", "the transport depends on it"),
];

/// Settings of a group's member that reach data consumers because users set them for both.
const MEMBER_ONLY: &[&str] =
    &["session.timeout.ms", "heartbeat.interval.ms", "max.poll.interval.ms", "group.instance.id"];

impl Common {
    /// Checks what all clients share.
    pub(super) fn check(&self) -> Result<()> {
        if self.bootstrap_servers.trim().is_empty() {
            let reason = "names no server; it looks like 'host:9092,other:9092'";
            return Err(refused("bootstrap.servers", reason));
        }
        refuse_fixed(&self.properties)
    }

    /// A consumer of partitions.
    pub(super) fn consumer(&self, spec: &ConsumerSpec) -> Result<Arc<Client>> {
        let mut own = owned(CONSUMER);
        // librdkafka assigns nothing without a group id; the group is never joined.
        own.insert("group.id".to_string(), spec.client_id.clone());
        own.insert("isolation.level".to_string(), isolation_level(spec.isolation).to_string());
        let users = spec
            .properties
            .iter()
            .filter(|(key, _)| !MEMBER_ONLY.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        self.client(Role::Consumer, &spec.client_id, own, &users)
    }

    /// A producer whose batches grow to that size at most.
    pub(super) fn producer(&self, spec: &ProducerSpec, batch_bytes: usize) -> Result<Arc<Client>> {
        let mut own = owned(PRODUCER);
        if let Some(id) = &spec.transactional_id {
            own.extend(owned(TRANSACTIONAL));
            own.insert("transactional.id".to_string(), id.clone());
            own.insert("transaction.timeout.ms".to_string(), spec.transaction_timeout_ms.to_string());
        }
        let mut users = spec.properties.clone();
        if self.batch_bytes_wanted(spec).is_none_or(|wanted| batch_bytes < wanted) {
            users.insert("batch.size".to_string(), batch_bytes.to_string());
        }
        if batch_bytes <= 1 {
            users.insert("batch.num.messages".to_string(), "1".to_string());
        }
        self.client(Role::Producer, &spec.client_id, own, &users)
    }

    fn producer_setting<'a>(&'a self, spec: &'a ProducerSpec, keys: &[&str]) -> Option<&'a String> {
        keys.iter().find_map(|key| spec.properties.get(*key).or_else(|| self.properties.get(*key)))
    }

    fn batch_bytes_wanted(&self, spec: &ProducerSpec) -> Option<usize> {
        self.producer_setting(spec, &["batch.size"])?.parse().ok()
    }

    /// How large batches may be so that all topics that are known take them.
    pub(super) fn batch_bytes(&self, spec: &ProducerSpec) -> usize {
        self.limits.batch_bytes(self.batch_bytes_wanted(spec))
    }

    /// Whether records are compressed.
    pub(super) fn compresses(&self, spec: &ProducerSpec) -> bool {
        self.producer_setting(spec, &["compression.type", "compression.codec"])
            .is_some_and(|kind| kind != "none")
    }

    /// A client for administrative requests: a consumer that never consumes.
    pub(super) fn admin(&self, client_id: &str) -> Result<Arc<Client>> {
        self.bystander(client_id, client_id)
    }

    /// A client that asks for the offsets of a group without joining it. librdkafka 2.12.1 has an administrative request
    /// for this, too, but it crashes when it has timed out before the group's coordinator is found.
    pub(super) fn group_reader(&self, client_id: &str, group: &str) -> Result<Arc<Client>> {
        self.bystander(client_id, group)
    }

    fn bystander(&self, client_id: &str, group: &str) -> Result<Arc<Client>> {
        let mut own = owned(&[("allow.auto.create.topics", "false"), ("enable.auto.commit", "false")]);
        own.insert("group.id".to_string(), group.to_string());
        // Offsets that a transaction is about to commit are named as such.
        own.insert("isolation.level".to_string(), isolation_level(Isolation::ReadCommitted).to_string());
        self.client(Role::Admin, client_id, own, &Properties::new())
    }

    /// A member of a group.
    pub(super) fn member(&self, spec: &GroupSpec) -> Result<Arc<Client>> {
        let mut own = owned(MEMBER);
        own.insert("group.id".to_string(), spec.group.to_string());
        self.client(Role::Member, &spec.client_id, own, &spec.properties)
    }

    fn client(
        &self,
        role: Role,
        client_id: &str,
        own: Properties,
        users: &Properties,
    ) -> Result<Arc<Client>> {
        refuse_fixed(users)?;
        let mut merged = owned(CLIENT);
        merged.extend(own);
        merged.extend(self.properties.clone());
        merged.extend(users.clone());
        merged.insert("bootstrap.servers".to_string(), self.bootstrap_servers.clone());
        merged.insert("client.id".to_string(), client_id.to_string());
        let mut conf = Conf::new();
        for (key, value) in &merged {
            conf.set(key, value).map_err(|reason| refused(key, &reason))?;
        }
        Client::new(role, conf).map_err(|reason| {
            TransportError::new(TransportErrorKind::Config, format!("making client {client_id}"), reason)
        })
    }
}

fn owned(settings: &[(&str, &str)]) -> Properties {
    settings.iter().map(|&(key, value)| (key.to_string(), value.to_string())).collect()
}

fn isolation_level(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::ReadCommitted => "read_committed",
        Isolation::ReadUncommitted => "read_uncommitted",
    }
}

fn refuse_fixed(properties: &Properties) -> Result<()> {
    for key in properties.keys() {
        if let Some((_, reason)) = FIXED.iter().find(|(fixed, _)| fixed == key) {
            return Err(refused(key, &format!("cannot be set here: {reason}")));
        }
    }
    Ok(())
}

fn refused(key: &str, reason: &str) -> TransportError {
    TransportError::new(TransportErrorKind::Config, format!("setting '{key}'"), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common() -> Common {
        let bootstrap_servers = "localhost:1".to_string();
        Common { bootstrap_servers, properties: Properties::new(), limits: Arc::default() }
    }

    fn consumer(key: &str, value: &str) -> Result<Arc<Client>> {
        common().consumer(&ConsumerSpec {
            client_id: "c".to_string(),
            isolation: Isolation::ReadCommitted,
            properties: owned(&[(key, value)]),
        })
    }

    #[test]
    fn an_error_names_the_key() {
        for (key, value) in
            [("isolation.level", "read_uncommitted"), ("no.such.key", "1"), ("fetch.wait.max.ms", "x")]
        {
            let error = consumer(key, value).err().expect("is refused");
            assert_eq!(error.kind(), TransportErrorKind::Config);
            assert!(error.to_string().contains(key), "{error}");
        }
    }

    #[test]
    fn what_only_concerns_the_member_does_not_disturb_a_consumer() {
        assert!(consumer("session.timeout.ms", "400000").is_ok());
        assert!(consumer("fetch.wait.max.ms", "50").is_ok());
    }

    #[test]
    fn every_own_setting_is_known_to_librdkafka() {
        let common = common();
        assert!(common.admin("a").is_ok());
        for transactional_id in [None, Some("t".to_string())] {
            let spec = ProducerSpec {
                client_id: "p".to_string(),
                transactional_id,
                transaction_timeout_ms: 10_000,
                properties: Properties::new(),
            };
            common.producer(&spec, 10_000).expect("is made");
        }
        let spec = GroupSpec {
            group: "g".into(),
            client_id: "m".to_string(),
            subtopologies: Vec::new(),
            properties: owned(&[("group.instance.id", "i"), ("session.timeout.ms", "6000")]),
        };
        common.member(&spec).expect("is made");
    }
}
