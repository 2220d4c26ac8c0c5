//! What can be wrong with a plan; reported by `StreamsBuilder::build`.

use streams_core::error::Error;
use streams_core::serde::SerdeRef;

mod option;

pub use option::OptionError;

/// A result of this crate.
pub type Result<T, E = DslError> = std::result::Result<T, E>;

/// A plan that cannot become a topology. Each says what is wrong, at which operator, and what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum DslError {
    /// A name that Kafka would not take as part of a topic's name.
    #[error("the name '{}' is illegal: {reason}", name.escape_debug())]
    Name {
        /// The name.
        name: String,
        /// Why.
        reason: String,
    },

    /// An operator writes to a topic or store, but does not know how.
    #[error(
        "operator {operator} has no serde for its {part} type {type_name}: name one in the options of the operator, or \
         of the one that makes its table (Produced::with, Grouped::with, Materialized::with, ...), or implement \
         DefaultSerde for the type"
    )]
    MissingSerde {
        /// The operator's node name.
        operator: String,
        /// Key or value.
        part: &'static str,
        /// The Rust type.
        type_name: &'static str,
    },

    /// The same topic is read twice, once as other types.
    #[error(
        "topic {topic} is read by {first} and by {second} with different key or value types; read it once and map it"
    )]
    SourceTypes {
        /// The topic.
        topic: String,
        /// The first source.
        first: String,
        /// The second source.
        second: String,
    },

    /// Two sources share some of their topics only.
    #[error(
        "topic {topic} is read by {first} and by {second}, whose topic lists overlap without being equal; read the same \
         list in both, or the topic on its own and merge"
    )]
    OverlappingSources {
        /// The topic.
        topic: String,
        /// The first source.
        first: String,
        /// The second source.
        second: String,
    },

    /// Two sources of the same topics start at different offsets.
    #[error(
        "sources {first} and {second} read the same topics with different offset reset policies; use one policy"
    )]
    ResetPolicies {
        /// The first source.
        first: String,
        /// The second source.
        second: String,
    },

    /// Streams or tables of different builders meet in one operator.
    #[error(
        "operator {operator} combines streams of two different builders; create both from the same StreamsBuilder"
    )]
    ForeignStream {
        /// The operator's node name.
        operator: String,
    },

    /// An option that does not fit its operator or its peers.
    #[error("operator {operator}: {cause}")]
    Option {
        /// The operator's node name.
        operator: String,
        /// What is wrong and what to do.
        cause: OptionError,
    },

    /// Stores or internal topics have generated names, and `ensure.explicit.internal.resource.naming` is on.
    #[error(
        "Invalid topology: {resources}Name them in the operators' options (Materialized::named, Grouped::named, \
         Joined::named, StreamJoined::with_store_name, Repartitioned::named), or turn \
         ensure.explicit.internal.resource.naming off"
    )]
    UnnamedResources {
        /// Which, one line for each kind.
        resources: String,
    },

    /// The resulting topology is refused.
    #[error(transparent)]
    Topology(#[from] Error),
}

state_stores::debug_as_display!(DslError);

/// A serde of an operator, or the error that names its type.
pub(crate) fn found<T>(
    serde: Option<SerdeRef<T>>,
    operator: &str,
    part: &'static str,
) -> Result<SerdeRef<T>> {
    serde.ok_or_else(|| DslError::missing_serde::<T>(operator, part))
}

impl DslError {
    /// The error of an operator that writes `T` but has no serde for it.
    pub(crate) fn missing_serde<T>(operator: &str, part: &'static str) -> Self {
        DslError::MissingSerde { operator: operator.to_owned(), part, type_name: std::any::type_name::<T>() }
    }
}
