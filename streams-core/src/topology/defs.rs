//! What goes into a topology graph, as plain data.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::TopicName;

/// A node's name; unique within a topology.
pub type NodeName = Arc<str>;

/// A state store's name; unique within a topology.
pub type StoreName = Arc<str>;

/// Where a source starts to read a topic for which no offset is committed; overrides `auto.offset.reset`
/// for its topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoOffsetReset {
    /// Fail: an offset must be committed.
    None,
    /// At the topic's first record.
    Earliest,
    /// After the topic's last record.
    Latest,
    /// At the first record that is at most that many milliseconds old.
    ByDuration(i64),
}

/// What a source node reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceDef {
    /// The topics by name; internal ones undecorated.
    pub topics: Vec<TopicName>,
    /// A regular expression for the topics instead of their names. Refused at present.
    pub pattern: Option<String>,
    /// Where to start without a committed offset; `None` leaves it to the configuration.
    pub reset: Option<AutoOffsetReset>,
}

impl SourceDef {
    /// A source of those topics, starting where the configuration says.
    pub fn topics<T: Into<TopicName>>(topics: impl IntoIterator<Item = T>) -> Self {
        SourceDef { topics: topics.into_iter().map(Into::into).collect(), pattern: None, reset: None }
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

/// What a store's changelog topic must keep, which decides its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangelogKind {
    /// The latest value of each key.
    KeyValue,
    /// The latest value of each windowed key, for that long; also session stores.
    Window {
        /// The store's retention.
        retention_ms: i64,
    },
    /// Every record of a stream-stream join's window, for that long; never compacted, as keys repeat.
    JoinWindow {
        /// The store's retention.
        retention_ms: i64,
    },
    /// Each key's versions, for that long.
    Versioned {
        /// The store's history retention.
        history_retention_ms: i64,
    },
}

/// A state store, as far as the topology knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreDef {
    /// The store's name.
    pub name: StoreName,
    /// Whether its changes are logged to a changelog topic of its own.
    pub logged: bool,
    /// What that topic must keep.
    pub changelog: ChangelogKind,
    /// Settings of that topic that override the defaults and the configuration's `topic.` settings.
    pub log_configs: BTreeMap<String, String>,
}

impl StoreDef {
    /// A logged store of that name and kind, without settings of its own.
    pub fn new(name: impl Into<StoreName>, changelog: ChangelogKind) -> Self {
        StoreDef { name: name.into(), logged: true, changelog, log_configs: BTreeMap::new() }
    }

    /// The same store without a changelog.
    #[must_use]
    pub fn without_logging(mut self) -> Self {
        self.logged = false;
        self
    }
}

/// A topic that the application itself creates between two of its sub-topologies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InternalTopicDef {
    /// A fixed number of partitions; `None` derives it from the topics upstream and from co-partitioning.
    pub partitions: Option<i32>,
}
