//! Settings of the Kafka clients: which prefix goes to which client, and what may not be set there.

use std::collections::BTreeMap;

use super::StreamsConfig;
use super::error::ConfigError;
use super::keys::{Definition, Support, client_keys, clients, definition};
use super::types::ProcessingGuarantee;
use super::value::Value;

/// The prefixes; a name below one goes to that client, without it.
pub(super) const PREFIXES: &[&str] = &[
    "consumer.",
    "main.consumer.",
    "restore.consumer.",
    "global.consumer.",
    "producer.",
    "admin.",
    "topic.",
];

/// A key as prefix and rest.
pub(super) fn split(key: &str) -> Option<(&'static str, &str)> {
    PREFIXES.iter().find_map(|prefix| Some((*prefix, key.strip_prefix(prefix)?)))
}

/// Whether librdkafka takes this name without a prefix, for all clients: the settings of TLS and SASL.
pub(super) fn is_security(key: &str) -> bool {
    ["sasl.", "ssl.", "enable.ssl."].iter().any(|prefix| key.starts_with(prefix))
        || key == "security.providers"
}

/// Checks a client's setting: `name` is `key` without its prefix.
pub(super) fn parse(key: &str, prefix: &str, name: &str, text: &str) -> Result<Value, ConfigError> {
    if name.is_empty() {
        return Err(ConfigError::UnknownKey { key: key.to_owned(), nearest: None });
    }
    if prefix == "topic." {
        if let Some((_, instead)) = clients::INTERNAL_TOPICS_OWNED.iter().find(|(other, _)| *other == name) {
            return Err(ConfigError::OwnedByRuntime { key: key.to_owned(), instead: (*instead).to_owned() });
        }
    } else {
        let (key, find) = (key.to_owned(), |table: &[(&str, &str)]| {
            let found = table.iter().find(|(other, _)| *other == name);
            found.map(|(_, instead)| (*instead).to_owned())
        });
        if let Some(instead) = find(clients::RUNTIME_OWNED) {
            return Err(ConfigError::OwnedByRuntime { key, instead });
        }
        if let Some(instead) = find(clients::JAVA_ONLY) {
            return Err(ConfigError::JavaOnly { key, instead });
        }
    }
    match client_key(prefix, name) {
        Some(definition) => definition.parse(key, text),
        None => Ok(Value::Text(text.trim().to_owned())),
    }
}

fn client_key(prefix: &str, name: &str) -> Option<&'static Definition> {
    client_keys(prefix).iter().find(|definition| definition.name == name)
}

/// Librdkafka's longest pause between two looks at topics that is not doubtful: its own default.
const METADATA_REFRESH_MS_MAX: i64 = 300_000;

/// What speaks against a consumer's setting that is taken all the same.
pub(super) fn doubt(key: &str, value: &str) -> Option<String> {
    let (prefix, name) = split(key)?;
    if !prefix.ends_with("consumer.") {
        return None;
    }
    let is_late = |ms: i64| !(1..=METADATA_REFRESH_MS_MAX).contains(&ms);
    match name {
        "check.crcs" if value == "false" => {
            Some(format!("{key}={value} is taken, but records that were damaged are processed; leave it out"))
        }
        "topic.metadata.refresh.interval.ms" if value.parse().is_ok_and(is_late) => Some(format!(
            "{key}={value} is taken, but for as long, tasks of a new topic may have no member; leave it out"
        )),
        _ => None,
    }
}

/// Settings that the runtime handles itself and does not pass to the client: data consumers are assigned by hand, and
/// the specification of a client carries isolation and transaction time-out.
const NOT_FOR_LIBRDKAFKA: &[&str] = &[
    "auto.offset.reset",
    "enable.idempotence",
    "isolation.level",
    "max.poll.records",
    "transaction.timeout.ms",
];

/// Settings for all clients that would harm the producers of exactly-once, and why.
const NOT_FOR_PRODUCERS: &[(&str, &str)] = &[
    (
        "connections.max.idle.ms",
        "producers under exactly_once_v2 close idle connections after 5000 ms, without which a commit could hang \
         (librdkafka#5456)",
    ),
    (
        "retry.backoff.ms",
        "producers under exactly_once_v2 retry after 20 ms, as each transaction begins while the last one is being \
         finished; producer.retry.backoff.ms changes it",
    ),
];

/// Times below which a client can hardly do its work, with what happens then. 0 is none of them: it turns the time off.
const HARDLY_POSSIBLE_MS: &[(&str, i64, &str)] = &[
    ("connections.max.idle.ms", 1_000, "connections are closed while an answer is waited for"),
    ("request.timeout.ms", 1_000, "answers are given up that brokers still prepare"),
    ("socket.timeout.ms", 1_000, "answers are given up that brokers still prepare"),
];

impl StreamsConfig {
    /// Settings of clients with which they would hardly work, in words.
    pub(super) fn hardly_possible(&self) -> impl Iterator<Item = String> {
        self.values.iter().filter_map(|(key, value)| {
            let name = split(key).map_or(key.as_str(), |(_, name)| name);
            let (_, least_ms, why) = HARDLY_POSSIBLE_MS.iter().find(|(known, ..)| *known == name)?;
            let set_ms: i64 = value.to_string().parse().ok()?;
            (1..*least_ms).contains(&set_ms).then(|| {
                format!(
                    "{key}={set_ms} is hardly possible: {why}, and the application may not start; set at least {least_ms}"
                )
            })
        })
    }

    /// librdkafka properties of all consumers: `consumer.`.
    #[doc(hidden)]
    pub fn consumer_properties(&self) -> BTreeMap<String, String> {
        self.client_properties(&["consumer."])
    }

    /// librdkafka properties of the consumers that read source topics: `consumer.`, overridden by `main.consumer.`.
    #[doc(hidden)]
    pub fn main_consumer_properties(&self) -> BTreeMap<String, String> {
        self.client_properties(&["consumer.", "main.consumer."])
    }

    /// librdkafka properties of the consumers that restore stores: `consumer.`, overridden by `restore.consumer.`.
    #[doc(hidden)]
    pub fn restore_consumer_properties(&self) -> BTreeMap<String, String> {
        self.data_only(&["consumer.", "restore.consumer."])
    }

    /// librdkafka properties of the consumer of global stores: `consumer.`, overridden by `global.consumer.`.
    #[doc(hidden)]
    pub fn global_consumer_properties(&self) -> BTreeMap<String, String> {
        self.data_only(&["consumer.", "global.consumer."])
    }

    /// librdkafka properties of producers: `producer.`. Under exactly-once some that are set for all clients are left out
    /// ([`StreamsConfig::warnings`] names them).
    #[doc(hidden)]
    pub fn producer_properties(&self) -> BTreeMap<String, String> {
        let mut properties = self.client_properties(&["producer."]);
        for (key, _) in self.not_for_producers() {
            properties.remove(key);
        }
        properties
    }

    /// Settings for all clients that producers do not take over, with the reason.
    pub(super) fn not_for_producers(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let own = |key: &str| self.values.contains_key(&format!("producer.{key}"));
        let exactly_once = self.processing_guarantee() == ProcessingGuarantee::ExactlyOnceV2;
        NOT_FOR_PRODUCERS
            .iter()
            .copied()
            .filter(move |(key, _)| exactly_once && self.values.contains_key(*key) && !own(key))
    }

    /// librdkafka properties that all clients have.
    #[doc(hidden)]
    pub fn common_properties(&self) -> BTreeMap<String, String> {
        self.client_properties(&[])
    }

    /// librdkafka properties of the admin client: `admin.`.
    #[doc(hidden)]
    pub fn admin_properties(&self) -> BTreeMap<String, String> {
        self.client_properties(&["admin."])
    }

    /// Settings of the internal topics that are created: `topic.`.
    #[doc(hidden)]
    pub fn topic_properties(&self) -> BTreeMap<String, String> {
        self.below("topic.").map(|(name, value)| (name.to_owned(), value.to_string())).collect()
    }

    /// A consumer that is not a member of the group has no use for a member's settings.
    fn data_only(&self, prefixes: &[&str]) -> BTreeMap<String, String> {
        let mut properties = self.client_properties(prefixes);
        properties.remove("group.instance.id");
        properties
    }

    /// What all clients have in common, then each prefix in turn.
    fn client_properties(&self, prefixes: &[&str]) -> BTreeMap<String, String> {
        let mut properties = BTreeMap::new();
        for (key, value) in &self.values {
            if is_security(key) {
                properties.insert(key.clone(), value.to_string());
            } else if let Some(Support::Client(name)) = definition(key).map(|definition| definition.support) {
                properties.insert(name.to_owned(), value.to_string());
            }
        }
        for prefix in prefixes {
            let own = self.below(prefix).filter(|(name, _)| !NOT_FOR_LIBRDKAFKA.contains(name));
            properties.extend(own.map(|(name, value)| (name.to_owned(), value.to_string())));
        }
        properties
    }

    fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.values.iter().filter_map(move |(key, value)| Some((key.strip_prefix(prefix)?, value)))
    }

    /// The value of a client's setting that the runtime acts upon: the last of these prefixes that has it, else the
    /// default.
    pub(super) fn client_value(&self, prefixes: &[&str], name: &str) -> Option<Value> {
        let set = prefixes.iter().rev().find_map(|prefix| self.values.get(&format!("{prefix}{name}")));
        set.cloned().or_else(|| {
            prefixes.iter().find_map(|prefix| client_key(prefix, name)).and_then(|key| key.default.value())
        })
    }
}
