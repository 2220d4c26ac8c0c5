//! What the application needs, what the cluster has, and how the latter is found out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use streams_core::config::StreamsConfig;
use streams_core::transport::{AclEntry, Operations, Transport};

use crate::error::CliError;
use crate::topology::facts::Facts;

/// Time for one question to the brokers.
const TIMEOUT: Duration = Duration::from_secs(30);

/// librdkafka's `message.max.bytes`, unless it is set.
const MESSAGE_MAX_BYTES: i64 = 1_000_000;

/// The session's length of a member, unless it is set.
const SESSION_TIMEOUT_MS: i64 = 10_000;

/// What the application needs.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// Its id.
    pub application_id: String,
    /// Whether it uses transactions.
    pub exactly_once: bool,
    /// How long its transactions may be open.
    pub transaction_timeout_ms: i64,
    /// The longest record that its producers send.
    pub record_bytes: i64,
    /// Copies of internal topics; -1 is the brokers' default.
    pub replication_factor: i16,
    /// The session's length of its members.
    pub session_timeout_ms: i64,
    /// How often offsets of quiet partitions are committed again.
    pub recommit_ms: i64,
    /// Settings that it gives to internal topics.
    pub topic_settings: BTreeMap<String, String>,
    /// Its topology, if that is known.
    pub topology: Facts,
    /// To whom rights have to be given, if those are checked.
    pub principal: Option<String>,
}

impl Needs {
    /// Reads them off the application's settings.
    pub fn of(config: &StreamsConfig, topology: Facts, principal: Option<String>) -> Self {
        let number = |settings: BTreeMap<String, String>, key: &str| settings.get(key)?.parse::<i64>().ok();
        let session = number(config.main_consumer_properties(), "session.timeout.ms")
            .or_else(|| number(config.consumer_properties(), "session.timeout.ms"));
        Needs {
            application_id: config.application_id(),
            exactly_once: config.exactly_once(),
            transaction_timeout_ms: config.transaction_timeout_ms(),
            record_bytes: number(config.producer_properties(), "message.max.bytes")
                .unwrap_or(MESSAGE_MAX_BYTES),
            replication_factor: config.replication_factor(),
            session_timeout_ms: session.unwrap_or(SESSION_TIMEOUT_MS),
            recommit_ms: config.offsets_recommit_interval_ms(),
            topic_settings: config.topic_properties(),
            topology,
            principal,
        }
    }

    /// The full name of an internal topic; any other stays as it is.
    pub fn topic(&self, name: &str) -> String {
        if crate::topology::facts::is_internal(name) {
            format!("{}-{name}", self.application_id)
        } else {
            name.to_owned()
        }
    }

    /// The changelogs by their full names, with the store of each.
    pub fn changelogs(&self) -> BTreeMap<String, String> {
        let own = self.topology.stores.iter().filter(|(_, store)| store.subtopology.is_some());
        own.map(|(name, _)| (self.topic(&format!("{name}-changelog")), name.clone())).collect()
    }

    /// The repartition topics by their full names.
    pub fn repartition(&self) -> BTreeSet<String> {
        self.topology.repartition.keys().map(|name| self.topic(name)).collect()
    }
}

/// A topic that exists.
#[derive(Clone, Debug, Default)]
pub struct Topic {
    /// How many partitions it has.
    pub partitions: i32,
    /// Its effective settings; empty if they may not be seen.
    pub settings: BTreeMap<String, String>,
}

impl Topic {
    /// A setting that is a number.
    pub fn number(&self, key: &str) -> Option<i64> {
        self.settings.get(key)?.parse().ok()
    }
}

/// What is granted.
#[derive(Clone, Debug)]
pub enum Rights {
    /// Everything is allowed, for the reason given.
    Open(&'static str),
    /// It may not be seen, for the reason given.
    Unseen(String),
    /// All rights that are granted or denied to principals.
    Known(Vec<AclEntry>),
}

/// What the cluster has.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// The brokers' settings by their ids; without any where they may not be seen.
    pub brokers: BTreeMap<i32, BTreeMap<String, String>>,
    /// The topics that the application uses or will use, as far as they exist, and all with its prefix.
    pub topics: BTreeMap<String, Topic>,
    /// Names of topics of Kafka's own that exist.
    pub own_topics: BTreeSet<String>,
    /// What is granted; nothing if it was not asked for.
    pub rights: Option<Rights>,
    /// What could not be found out.
    pub unknown: Vec<String>,
}

impl Cluster {
    /// Asks the brokers.
    pub fn ask(needs: &Needs, transport: &dyn Transport) -> Result<Self, CliError> {
        let mut cluster = Cluster::default();
        let (mut admin, mut operations) =
            (transport.admin("streams-cli")?, transport.operations("streams-cli")?);
        for broker in operations.brokers(TIMEOUT)? {
            let settings = operations.broker_configs(broker.id, TIMEOUT).unwrap_or_else(|error| {
                cluster.unknown.push(error.to_string());
                BTreeMap::new()
            });
            cluster.brokers.insert(broker.id, settings);
        }
        let prefix = format!("{}-", needs.application_id);
        let topology = &needs.topology;
        let used: BTreeSet<String> = topology
            .sources
            .values()
            .flatten()
            .chain(&topology.global_topics)
            .chain(&topology.sinks)
            .map(|topic| needs.topic(topic))
            .collect();
        let all = admin.topic_names(TIMEOUT)?;
        cluster.own_topics =
            all.iter().filter(|name| name.starts_with("__")).map(ToString::to_string).collect();
        let wanted: Vec<_> =
            all.into_iter().filter(|name| name.starts_with(&prefix) || used.contains(&**name)).collect();
        let mut settings = admin.topic_configs(&wanted, TIMEOUT)?;
        for (name, info) in admin.topics(&wanted, TIMEOUT)? {
            let settings = settings.remove(&name).unwrap_or_default();
            if settings.is_empty() {
                cluster.unknown.push(format!("the settings of topic {name} may not be seen"));
            }
            cluster.topics.insert(name.to_string(), Topic { partitions: info.partitions, settings });
        }
        if let Some(principal) = &needs.principal {
            cluster.rights = Some(cluster.rights(principal, &mut *operations));
        }
        Ok(cluster)
    }

    fn rights(&self, principal: &str, operations: &mut dyn Operations) -> Rights {
        let all = |key: &'static str| self.brokers.values().filter_map(move |settings| settings.get(key));
        if all("authorizer.class.name").next().is_some() && all("authorizer.class.name").all(String::is_empty)
        {
            return Rights::Open("the brokers have no authorizer");
        }
        if all("super.users").flat_map(|users| users.split(';')).any(|user| user.trim() == principal) {
            return Rights::Open("it is a super user");
        }
        match operations.acls(TIMEOUT) {
            // librdkafka 2.12.1 gives an empty list as well when the brokers refuse to show it.
            Ok(rights) if rights.is_empty() => {
                Rights::Unseen("none are granted, or this command has no DESCRIBE on the cluster".to_owned())
            }
            Ok(rights) => Rights::Known(rights),
            Err(error) => Rights::Unseen(error.to_string()),
        }
    }

    /// The number that a setting has at the brokers that say so, with the broker that has the least of it.
    pub fn least(&self, key: &str) -> Option<(i64, i32)> {
        let of = |(id, settings): (&i32, &BTreeMap<String, String>)| {
            Some((settings.get(key)?.parse::<i64>().ok()?, *id))
        };
        self.brokers.iter().filter_map(of).min()
    }

    /// The same with the broker that has most of it.
    pub fn most(&self, key: &str) -> Option<(i64, i32)> {
        let of = |(id, settings): (&i32, &BTreeMap<String, String>)| {
            Some((settings.get(key)?.parse::<i64>().ok()?, *id))
        };
        self.brokers.iter().filter_map(of).max()
    }

    /// How many brokers there are.
    pub fn size(&self) -> i64 {
        i64::try_from(self.brokers.len()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A cluster of one broker with these settings.
    pub fn cluster(settings: &[(&str, &str)]) -> Cluster {
        let mut cluster = Cluster::default();
        cluster.brokers.insert(1, map(settings));
        cluster
    }

    /// Adds a topic.
    pub fn with_topic(
        mut cluster: Cluster,
        name: &str,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Cluster {
        cluster.topics.insert(name.to_owned(), Topic { partitions, settings: map(settings) });
        cluster
    }

    fn map(settings: &[(&str, &str)]) -> BTreeMap<String, String> {
        settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// The needs of an application with default settings.
    pub fn needs(topology: Facts) -> Needs {
        Needs::of(&StreamsConfig::new("app", "localhost:9092"), topology, None)
    }

    #[test]
    fn needs_are_those_of_the_settings() {
        let mut config = StreamsConfig::new("app", "localhost:9092");
        for (key, value) in [
            ("producer.transaction.timeout.ms", "20000"),
            ("producer.message.max.bytes", "5000000"),
            ("consumer.session.timeout.ms", "45000"),
            ("topic.retention.ms", "1"),
        ] {
            config.set(key, value).expect("a setting");
        }
        let needs = Needs::of(&config, Facts::default(), None);
        assert_eq!((needs.transaction_timeout_ms, needs.record_bytes), (20_000, 5_000_000));
        assert_eq!((needs.session_timeout_ms, needs.recommit_ms), (45_000, 3_600_000));
        assert!(needs.exactly_once && needs.topic_settings.contains_key("retention.ms"));
        assert_eq!(needs.topic("counts-repartition"), "app-counts-repartition");
        assert_eq!(needs.topic("orders"), "orders");
    }
}
