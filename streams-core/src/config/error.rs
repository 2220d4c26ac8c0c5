//! What can be wrong with a setting, and what to do about it.

/// A setting that was refused. Each message names the key, the value and the fix.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No such setting.
    #[error("unknown setting '{key}'{}", nearest_hint(.nearest))]
    UnknownKey {
        /// What was asked for.
        key: String,
        /// The most similar setting that exists.
        nearest: Option<String>,
    },
    /// A client's setting without the prefix that names the client.
    #[error("'{key}' is a setting of a Kafka client; write '{prefixed}'")]
    MissingPrefix {
        /// What was set.
        key: String,
        /// How to write it.
        prefixed: String,
    },
    /// A setting of Kafka Streams that has no place in this library.
    #[error("'{key}' is a setting of Kafka Streams that does not exist here: {instead}")]
    NotHere {
        /// What was set.
        key: String,
        /// How it is done here.
        instead: String,
    },
    /// A setting of Kafka Streams that is not implemented.
    #[error("'{key}' is known to Kafka Streams but not supported here yet: {instead}")]
    NotSupportedYet {
        /// What was set.
        key: String,
        /// What to do meanwhile.
        instead: String,
    },
    /// A value that Kafka Streams knows and this library does not implement.
    #[error("{key}={value} is known to Kafka Streams but not supported here yet; use {supported}")]
    ValueNotSupportedYet {
        /// The setting.
        key: String,
        /// Its value.
        value: String,
        /// The values that work.
        supported: String,
    },
    /// A client's setting that the library decides itself.
    #[error("'{key}' is decided by the library: {instead}")]
    OwnedByRuntime {
        /// What was set.
        key: String,
        /// How to influence it.
        instead: String,
    },
    /// A setting of Java's clients that librdkafka does not have.
    #[error("'{key}' is a setting of Java's client that librdkafka does not have: {instead}")]
    JavaOnly {
        /// What was set.
        key: String,
        /// The replacement.
        instead: String,
    },
    /// A value that the setting does not take.
    #[error("{key}={value} is not possible; it takes {expected}")]
    InvalidValue {
        /// The setting.
        key: String,
        /// Its value.
        value: String,
        /// What it takes.
        expected: String,
    },
    /// A required setting that is missing.
    #[error("'{key}' is not set; {fix}")]
    Missing {
        /// The setting.
        key: String,
        /// How to set it.
        fix: String,
    },
    /// A value that contradicts another setting.
    #[error("{key}={value} does not go together with {other}; {fix}")]
    Conflict {
        /// The setting.
        key: String,
        /// Its value.
        value: String,
        /// The other setting with its value.
        other: String,
        /// What to change.
        fix: String,
    },
    /// An environment variable that is not a setting.
    #[error("environment variable {variable}: {cause}")]
    Environment {
        /// The variable.
        variable: String,
        /// What is wrong with it as a setting.
        cause: Box<ConfigError>,
    },
    /// Text that is not a `.properties` file.
    #[error("line {line} of the properties: {problem}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
}

state_stores::debug_as_display!(ConfigError);

fn nearest_hint(nearest: &Option<String>) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean '{nearest}'?"),
        None => {
            "; StreamsConfig::definitions() lists all, and client settings take a prefix such as 'producer.'"
                .to_owned()
        }
    }
}
