//! How settings are made: one by one, from a map, from a `.properties` file.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use super::StreamsConfig;
use super::error::ConfigError;
use super::keys::{Definition, KEYS, Support, clients, definition};
use super::nearest::nearest;
use super::types::ProcessingGuarantee;
use super::value::Value;
use super::{prefix, properties};

impl StreamsConfig {
    /// The two settings that every application has: its name, and where the broker is: `host:port` pairs, or
    /// `embedded:` (in this process and memory) or `embedded:PATH` (in this process, durable).
    pub fn new(application_id: impl Into<String>, bootstrap_servers: impl Into<String>) -> Self {
        StreamsConfig { values: Default::default() }
            .put("application.id", Value::Text(application_id.into()))
            .put("bootstrap.servers", Value::Text(bootstrap_servers.into()))
    }

    /// The settings of a map with Kafka's names.
    pub fn from_map<K: AsRef<str>, V: Display>(
        settings: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, ConfigError> {
        let mut config = StreamsConfig { values: Default::default() };
        for (key, value) in settings {
            config.set(key.as_ref(), value)?;
        }
        Ok(config)
    }

    /// The settings of a Java `.properties` file, of which this is the text.
    pub fn from_properties_str(text: &str) -> Result<Self, ConfigError> {
        Self::from_map(properties::parse(text)?)
    }

    /// Makes a setting; numbers and flags may be given as such or as text.
    pub fn set(&mut self, key: &str, value: impl Display) -> Result<&mut Self, ConfigError> {
        let value = parse(key, &value.to_string())?;
        self.values.insert(key.to_owned(), value);
        Ok(self)
    }

    /// As [`StreamsConfig::set`], for chains.
    pub fn with(mut self, key: &str, value: impl Display) -> Result<Self, ConfigError> {
        self.set(key, value)?;
        Ok(self)
    }

    /// The value of a setting: as it was made, else its default if that depends on nothing else.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.value(key)
    }

    /// All settings that exist, with their defaults and what they are for.
    pub fn definitions() -> &'static [Definition] {
        KEYS
    }

    /// Threads that process (`num.stream.threads`).
    pub fn with_num_stream_threads(self, threads: usize) -> Self {
        self.put("num.stream.threads", int(threads))
    }

    /// Copies of each store on other instances (`num.standby.replicas`). Without effect yet: a number above 0 is
    /// warned of.
    pub fn with_num_standby_replicas(self, replicas: usize) -> Self {
        self.put("num.standby.replicas", int(replicas))
    }

    /// Where stores are kept (`state.dir`).
    pub fn with_state_dir(self, path: impl AsRef<Path>) -> Self {
        self.put("state.dir", Value::Text(path.as_ref().display().to_string()))
    }

    /// What a crash may do to results (`processing.guarantee`).
    pub fn with_processing_guarantee(self, guarantee: ProcessingGuarantee) -> Self {
        self.put("processing.guarantee", Value::Text(guarantee.name().to_owned()))
    }

    /// Time between commits, in whole ms (`commit.interval.ms`).
    pub fn with_commit_interval(self, commit_interval: Duration) -> Self {
        self.put(
            "commit.interval.ms",
            Value::Int(i64::try_from(commit_interval.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// Memory of the record caches of all threads (`statestore.cache.max.bytes`); 0 forwards every update at once.
    pub fn with_statestore_cache_max_bytes(self, bytes: usize) -> Self {
        self.put("statestore.cache.max.bytes", int(bytes))
    }

    /// `host:port` at which this instance answers interactive queries (`application.server`). Without effect
    /// yet, as there are no interactive queries.
    pub fn with_application_server(self, server: impl Into<String>) -> Self {
        self.put("application.server", Value::Text(server.into()))
    }

    /// Unchecked: [`StreamsConfig::validate`] checks every value again.
    fn put(mut self, key: &str, value: Value) -> Self {
        self.values.insert(key.to_owned(), value);
        self
    }
}

fn int(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// The value that this text is for that setting, or why it cannot be made.
pub(super) fn parse(key: &str, text: &str) -> Result<Value, ConfigError> {
    if let Some((prefix, name)) = prefix::split(key) {
        return prefix::parse(key, prefix, name, text);
    }
    match definition(key) {
        Some(definition) => match definition.support {
            Support::NotHere(instead) => {
                Err(ConfigError::NotHere { key: key.to_owned(), instead: instead.to_owned() })
            }
            Support::NotYet(instead) => {
                Err(ConfigError::NotSupportedYet { key: key.to_owned(), instead: instead.to_owned() })
            }
            _ => definition.parse(key, text),
        },
        None => undefined(key, text),
    }
}

/// A setting without a prefix that is not in the table: one of the clients' for security, or a mistake.
fn undefined(key: &str, text: &str) -> Result<Value, ConfigError> {
    let find = |table: &[(&str, &'static str)]| {
        table.iter().find(|(name, _)| *name == key).map(|(_, found)| (*found).to_owned())
    };
    let owned = key.to_owned();
    if let Some(instead) = find(clients::JAVA_ONLY) {
        Err(ConfigError::JavaOnly { key: owned, instead })
    } else if prefix::is_security(key) {
        Ok(Value::Text(text.trim().to_owned()))
    } else if let Some(instead) = find(clients::RUNTIME_OWNED) {
        Err(ConfigError::OwnedByRuntime { key: owned, instead })
    } else if let Some(prefix) = find(clients::PREFIX_OF) {
        Err(ConfigError::MissingPrefix { key: owned, prefixed: format!("{prefix}{key}") })
    } else if key.starts_with("client.tag.") {
        let instead = "standby replicas are placed without regard to tags; leave it out".to_owned();
        Err(ConfigError::NotSupportedYet { key: owned, instead })
    } else {
        Err(ConfigError::UnknownKey { key: owned, nearest: nearest(key) })
    }
}
