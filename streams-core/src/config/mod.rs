//! `StreamsConfig`: Kafka Streams' settings under Kafka's names, as plain data.
//!
//! Three defaults differ from Kafka Streams 4.3.1: `processing.guarantee` is `exactly_once_v2`, and RocksDB's memory
//! has one bound for all stores of the process (`rocksdb.block.cache.bytes`, `rocksdb.write.buffer.bytes`), and so have
//! uncommitted writes (`statestore.uncommitted.max.bytes`). Nothing is ignored silently: an unknown setting is
//! refused with the most similar one, and [`StreamsConfig::warnings`] names those without effect.
//!
//! ```
//! # use streams_core as kstreams;
//! use kstreams::config::StreamsConfig;
//!
//! let config = StreamsConfig::new("fraud", "localhost:9092")
//!     .with_num_stream_threads(4)
//!     .with("max.task.idle.ms", 200)?
//!     .with("producer.compression.type", "zstd")?;
//! config.validate()?;
//! assert_eq!(config.commit_interval(), std::time::Duration::from_millis(100));
//! # Ok::<(), kstreams::config::ConfigError>(())
//! ```

mod contradictions;
mod environment;
mod error;
mod getters;
mod keys;
mod nearest;
mod prefix;
mod properties;
mod setters;
mod types;
mod validate;
mod value;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use error::ConfigError;
#[doc(hidden)]
pub use keys::KEYS;
pub use keys::{Choice, DefaultValue, Definition, Importance, SettingKind, Support, definition};
pub use types::{
    AutoOffsetReset, Bootstrap, BuiltInExceptionHandler, BuiltInTimestampExtractor, MetricsRecordingLevel,
    ProcessingGuarantee, StoreType, TopologyOptimization,
};
pub use value::Value;

/// The settings of an application. Holds those that were set, each checked; getters add the defaults.
///
/// `serde` writes it as a map from Kafka's names to values, including passwords; `Debug` hides those.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "BTreeMap<String, Value>", try_from = "BTreeMap<String, Value>")]
pub struct StreamsConfig {
    values: BTreeMap<String, Value>,
}

impl From<StreamsConfig> for BTreeMap<String, Value> {
    fn from(config: StreamsConfig) -> Self {
        config.values
    }
}

impl TryFrom<BTreeMap<String, Value>> for StreamsConfig {
    type Error = ConfigError;

    fn try_from(values: BTreeMap<String, Value>) -> Result<Self, ConfigError> {
        StreamsConfig::from_map(values)
    }
}

impl fmt::Debug for StreamsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown =
            |key: &str, value: &Value| if is_secret(key) { "(hidden)".to_owned() } else { value.to_string() };
        f.debug_map().entries(self.values.iter().map(|(key, value)| (key, shown(key, value)))).finish()
    }
}

/// Whether a log must not show the value. Keys are hidden with passwords; `sasl.oauthbearer.config` may hold a secret.
fn is_secret(key: &str) -> bool {
    ["password", "secret", "key.pem", "oauthbearer.config", "jaas"].iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests;
