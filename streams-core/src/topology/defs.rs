//! What goes into a topology graph, as plain data.

use super::pattern::TopicPattern;
use crate::config::AutoOffsetReset;
use crate::ids::TopicName;
pub use crate::store::{ChangelogKind, StoreDef};

/// What a source node reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceDef {
    /// The topics by name; internal ones undecorated. Of a pattern those that matched it, once that is known.
    pub topics: Vec<TopicName>,
    /// A regular expression for the topics instead of their names.
    pub pattern: Option<TopicPattern>,
    /// Where to start without a committed offset; `None` leaves it to the configuration.
    pub reset: Option<AutoOffsetReset>,
}

impl SourceDef {
    /// A source of those topics, starting where the configuration says.
    pub fn topics<T: Into<TopicName>>(topics: impl IntoIterator<Item = T>) -> Self {
        SourceDef { topics: topics.into_iter().map(Into::into).collect(), pattern: None, reset: None }
    }

    /// A source of all topics that match, starting where the configuration says.
    pub fn pattern(pattern: TopicPattern) -> Self {
        SourceDef { topics: Vec::new(), pattern: Some(pattern), reset: None }
    }
}

/// Where a sink node writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkTarget {
    /// To one topic; an internal one undecorated.
    Topic(TopicName),
    /// To a topic chosen for each record; holds what `describe()` prints as the extractor's class.
    Dynamic(String),
}

/// A topic that the application itself creates between two of its sub-topologies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InternalTopicDef {
    /// A fixed number of partitions; `None` derives it from the topics upstream and from co-partitioning.
    pub partitions: Option<i32>,
}
