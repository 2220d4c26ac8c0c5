//! What can go wrong, each with what was attempted, on what, and what to do; `recovery()` is what the runtime does next.

use std::fmt;
use std::sync::Arc;

use crate::ids::{Offset, PartitionId, TaskId, TopicName, TopicPartition};
use crate::serde::SerdeError;
use crate::time::Timestamp;
pub use crate::transport::{ErrorCode, FailedDelivery, TransportError, TransportErrorKind};
pub use crate::user_code::UserPanic;
pub use state_stores::StoreError;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error that user code returned.
pub type UserError = Box<dyn std::error::Error + Send + Sync>;

/// An error of the engine. Each says what was attempted, on what, and what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The topology cannot be built as described.
    #[error("invalid topology: {0}")]
    Topology(String),

    /// The application has ended with this error ([`KafkaStreams::run`](crate::runtime::KafkaStreams::run)).
    #[error(transparent)]
    Ended(Arc<Error>),

    /// A setting is missing, unknown or has a wrong value.
    #[error(transparent)]
    Setting(#[from] crate::config::ConfigError),

    /// Topics that the topology needs are missing, or their partition counts do not fit.
    #[error("{0}")]
    Topics(String),

    /// A record could not be deserialized.
    #[error(
        "cannot deserialize the {part} of the record at {partition} offset {offset} (source node {node}): {source}. It is \
         {excerpt}; fix the producer, or set deserialization.exception.handler to LogAndContinue to skip such records"
    )]
    Deserialization {
        /// Key or value.
        part: &'static str,
        /// Where it was read.
        partition: TopicPartition,
        /// Its offset.
        offset: Offset,
        /// The source node.
        node: String,
        /// The first bytes of key or value: as text if they are, else in hexadecimal.
        excerpt: Box<str>,
        /// What was wrong.
        source: SerdeError,
    },

    /// A result, or a record for a repartition topic, could not be serialized, and the production exception handler decided
    /// to fail (`ProductionExceptionHandler.handleSerializationError`, KIP-399).
    #[error(
        "node {node} of task {task} cannot serialize the {part} of its record for topic {topic}, which comes from {origin}: \
         {source}; fix the code, or set production.exception.handler to LogAndContinue to skip such records"
    )]
    Serialization {
        /// Key or value.
        part: &'static str,
        /// The topic it was for.
        topic: String,
        /// The sink.
        node: String,
        /// The task.
        task: TaskId,
        /// What led to it: `the record at topic-partition offset n with key ...`, or `a punctuation`.
        origin: String,
        /// What was wrong.
        source: SerdeError,
    },

    /// What a test or a program writes to a topic itself could not be serialized.
    #[error(
        "cannot serialize the {part} of a record for topic {topic}: {source}; write what the serde takes"
    )]
    Write {
        /// Key or value.
        part: &'static str,
        /// The topic it was for.
        topic: String,
        /// What was wrong.
        source: SerdeError,
    },

    /// What a test or a program reads from a topic itself could not be deserialized.
    #[error(
        "cannot deserialize the {part} of the record at {partition} offset {offset}: {source}; read the topic with the types \
         and serdes with which it is written"
    )]
    Read {
        /// Key or value.
        part: &'static str,
        /// Where it was read.
        partition: TopicPartition,
        /// Its offset.
        offset: Offset,
        /// What was wrong.
        source: SerdeError,
    },

    /// User code returned an error; the processing exception handler has not seen it yet.
    #[error("{0}")]
    User(#[from] UserError),

    /// The supplier of a processor failed, so that its task cannot run.
    #[error("the supplier of node {node} failed for task {task}: {source}; fix it, and start again")]
    Supplier {
        /// The node.
        node: String,
        /// The task.
        task: TaskId,
        /// What it returned.
        source: UserError,
    },

    /// User code failed and the handler decided to fail.
    #[error(
        "node {node} of task {task} failed on the record at {}: {source}; fix the code, or set \
         processing.exception.handler to LogAndContinue to skip such records",
        at.as_deref().unwrap_or("(punctuation)")
    )]
    Processing {
        /// The node.
        node: String,
        /// The task.
        task: TaskId,
        /// `topic-partition offset n` of the record, if any.
        at: Option<String>,
        /// What it returned.
        source: UserError,
    },

    /// An exception handler panicked. What it was asked about is not decided, so nothing is skipped.
    #[error(
        "the {handler} exception handler panicked on an error of node {node} of task {task} at {}: {message}; fix the \
         handler",
        at.as_deref().unwrap_or("(punctuation)")
    )]
    Handler {
        /// Which: deserialization, processing or production.
        handler: &'static str,
        /// The node about whose error it was asked.
        node: String,
        /// The task.
        task: TaskId,
        /// `topic-partition offset n` of the record, if any.
        at: Option<String>,
        /// The panic's message.
        message: String,
    },

    /// A buffer that holds updates back is full, and was built to stop the application then (`shut_down_when_full`).
    #[error(
        "{node} buffer exceeded its max capacity. Currently [{}/{}] records and [{}/{}] bytes. It is of task {task}, at the \
         record at {}; raise the bound, or let it emit early (emit_early_when_full)",
        records.0, records.1, bytes.0, bytes.1, at.as_deref().unwrap_or("(punctuation)")
    )]
    BufferFull {
        /// The node that suppresses.
        node: String,
        /// The task.
        task: TaskId,
        /// `topic-partition offset n` of the record, if any.
        at: Option<String>,
        /// The rows it holds, and may hold.
        records: (u64, u64),
        /// The bytes it holds, and may hold.
        bytes: (u64, u64),
    },

    /// A record has no usable timestamp.
    #[error(
        "the record at {partition} offset {offset} with timestamp {timestamp} has no event time: {reason}; fix the \
         producer, or give the source or default.timestamp.extractor an extractor that copes (LogAndSkipOnInvalidTimestamp)"
    )]
    InvalidTimestamp {
        /// Where it was read.
        partition: TopicPartition,
        /// Its offset.
        offset: Offset,
        /// The timestamp that the producer or broker gave it; -1 for none.
        timestamp: i64,
        /// What the extractor said.
        reason: UserError,
    },

    /// A state store failed.
    #[error("task {task}: {source}")]
    Store {
        /// The task.
        task: TaskId,
        /// What happened.
        source: StoreError,
    },

    /// A store or its directory failed outside of a task.
    #[error(transparent)]
    State(#[from] StoreError),

    /// A store's changelog is not the one that its local rows are in: it was deleted, created again, cut short, or is of
    /// another cluster. The local rows may be all that is left of them.
    #[error(
        "the changelog {changelog} of store {store} is not what the local state in {place} was written to: {why}. Taken as \
         it is, the store would lose its rows without a word. Give this application back the topic or the cluster that \
         it had; or accept the loss by deleting {place}: the store is then filled from what the changelog has"
    )]
    ChangelogLost {
        /// The store.
        store: String,
        /// The partition of its changelog.
        changelog: TopicPartition,
        /// What does not fit.
        why: String,
        /// Where the local rows are.
        place: String,
    },

    /// The broker deletes records of a changelog before a restore has read them, again and again.
    #[error(
        "task {task} cannot be restored: for {trimmed_ms} ms (task.timeout.ms), what was to be read of its changelog was \
         deleted again and again: {source}. Stop what deletes its records (kafka-delete-records.sh, a retention.ms or \
         retention.bytes that is too short)"
    )]
    ChangelogTrimmed {
        /// The task.
        task: TaskId,
        /// The time since the first of these deletions, in milliseconds.
        trimmed_ms: i64,
        /// The last error.
        source: Box<Error>,
    },

    /// A store has a name under which a store of another kind has left rows.
    #[error(
        "store {store} is a {now} store, but {found}: it was of another kind under that name. Rename the store, or {remedy}"
    )]
    StoreKind {
        /// The store.
        store: String,
        /// What was found, and where.
        found: String,
        /// What it is now.
        now: String,
        /// What can be done instead of another name.
        remedy: String,
    },

    /// A changelog that exists loses rows before its store does: a restored store would lack them.
    #[error(
        "the changelog {changelog} of store {store} has {setting}={has_ms}, but the store keeps its rows for {needs_ms} ms: \
         what the broker deletes before would be missing when the store is restored. Set {setting} of the topic to {sets_ms} \
         (kafka-configs.sh --alter --topic {changelog} --add-config {setting}={sets_ms}); or if it is on purpose, give the \
         store's logging the same setting"
    )]
    ChangelogTooShort {
        /// The store.
        store: String,
        /// Its changelog.
        changelog: String,
        /// The setting by which rows go: `retention.ms`, or of a versioned store `min.compaction.lag.ms`.
        setting: &'static str,
        /// What the topic has.
        has_ms: i64,
        /// What it needs at least.
        needs_ms: i64,
        /// What the topic would have been made with.
        sets_ms: i64,
    },

    /// The broker or its client failed.
    #[error("{0}")]
    Transport(#[from] TransportError),

    /// A record cannot be written, and never could as it is.
    #[error(transparent)]
    Production(#[from] Box<ProductionError>),

    /// Another member took the tasks over; what was not committed is dropped and the group is joined again.
    #[error(
        "tasks were taken over by another member ({reason}); the uncommitted work is dropped, the group is rejoined"
    )]
    TaskMigrated {
        /// How it was noticed.
        reason: String,
    },

    /// A directory is in use or unusable.
    #[error("{0}")]
    StateDirectory(String),

    /// A call that the present state does not allow.
    #[error("{0}")]
    IllegalState(String),

    /// The application did not start; `start` has returned the error itself.
    #[error("the start failed: {0}")]
    Start(String),

    /// A stream thread dropped its uncommitted work, or that of one task, and did it again, for longer than
    /// `task.timeout.ms` (KIP-572).
    #[error(
        "{}stream thread {thread} has repeated its uncommitted work {replays} times within {waited_ms} ms \
         without a commit in between, longer than task.timeout.ms. The last cause: {source}",
        task.map(|task| format!("task {task} of ")).unwrap_or_default()
    )]
    NoProgress {
        /// The thread.
        thread: String,
        /// The task, if it is one of which nothing was committed, whatever became of the others.
        task: Option<TaskId>,
        /// How often.
        replays: u64,
        /// Since the first time.
        waited_ms: i64,
        /// Why it was the last time.
        source: Box<Error>,
    },

    /// No commit of a stream thread was taken for longer than `task.timeout.ms` (KIP-572), under at-least-once. What it wrote
    /// since the last one stays written and will be written again.
    #[error(
        "stream thread {thread} could not commit for {waited_ms} ms, longer than task.timeout.ms: {source}; look at the \
         brokers, those that lead __consumer_offsets and the topics written to; what was written since the last commit \
         will be written again"
    )]
    NoCommit {
        /// The thread.
        thread: String,
        /// Since the first commit that was not taken.
        waited_ms: i64,
        /// Why the last one was not.
        source: Box<Error>,
    },

    /// User code panicked.
    #[error("thread {thread} panicked: {message}")]
    Panicked {
        /// The thread.
        thread: String,
        /// The panic's message.
        message: String,
    },
}

state_stores::debug_as_display!(Error);

impl From<UserPanic> for Error {
    fn from(panic: UserPanic) -> Self {
        Error::User(panic.into())
    }
}

/// What the runtime does after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Do the same again later.
    Retry,
    /// Abort the open transaction, roll the stores back and read the same records again.
    AbortAndReplay,
    /// Close the thread's tasks without a commit and join the group again.
    RejoinGroup,
    /// Stop the application; nothing that was not committed becomes visible.
    StopApplication,
}

/// A record that its topic does not take: what it is, where it comes from, and what the broker or the client said.
#[derive(Debug)]
pub struct ProductionError {
    /// The task.
    pub task: TaskId,
    /// The node that sent it; for a change, the store.
    pub node: String,
    /// What it was sent for.
    pub produced: Produced,
    /// The topic it was for.
    pub topic: TopicName,
    /// The partition; -1 if none could be found.
    pub partition: PartitionId,
    /// Where the record was read that led to it; `None` for punctuations and changes of stores.
    pub source: Option<(TopicPartition, Offset)>,
    /// The first bytes of its key.
    pub key: String,
    /// The bytes of its key; 0 of a null key.
    pub key_bytes: usize,
    /// The bytes of its value; `None` of a tombstone.
    pub value_bytes: Option<usize>,
    /// Its time, where the client gives it back.
    pub timestamp: Option<Timestamp>,
    /// What the broker or the client said.
    pub cause: TransportError,
}

/// What a record was sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Produced {
    /// A result.
    Result,
    /// A record of a repartition topic.
    Repartition,
    /// A store's change.
    Change,
}

impl fmt::Display for ProductionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ProductionError { task, node, produced, topic, partition, key, timestamp, cause, .. } = self;
        match (produced, self.value_bytes) {
            (Produced::Result, _) => write!(f, "node {node} of task {task} cannot write its result ")?,
            (Produced::Repartition, _) => {
                write!(f, "node {node} of task {task} cannot repartition its record ")?;
            }
            (Produced::Change, Some(_)) => write!(f, "store {node} of task {task} cannot log its row ")?,
            (Produced::Change, None) => {
                write!(f, "store {node} of task {task} cannot log that a row is deleted, ")?;
            }
        }
        write!(f, "with key {key} (key of {} bytes, ", self.key_bytes)?;
        match self.value_bytes {
            Some(bytes) => write!(f, "value of {bytes} bytes")?,
            None => f.write_str("no value")?,
        }
        if let Some(timestamp) = timestamp {
            write!(f, ", timestamp {timestamp}")?;
        }
        write!(f, ") to {topic}-{partition}")?;
        if let Some((source, offset)) = &self.source {
            write!(f, ", which comes from the record at {source} offset {offset}")?;
        }
        write!(f, ": {cause}; ")?;
        f.write_str(match produced {
            Produced::Result => {
                "fix the code or the topic, or set production.exception.handler to LogAndContinue to skip such results"
            }
            Produced::Repartition => {
                "it cannot be left out, as it would be missing in every result; send less, or raise the topic's limit \
                 (topic.max.message.bytes for new topics) and producer.message.max.bytes"
            }
            Produced::Change => {
                "it cannot be left out, as the store could not be restored then; keep less in a row and its key, or \
                 raise max.message.bytes of the changelog (Materialized::with_logging_enabled, or \
                 topic.max.message.bytes, for new ones) and producer.message.max.bytes"
            }
        })
    }
}

impl std::error::Error for ProductionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

impl Error {
    /// What user code returned: an error of this library that it passed on, or one of its own.
    #[doc(hidden)]
    #[cold]
    pub fn of_user_code(error: UserError) -> Self {
        match error.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(error) => Error::User(error),
        }
    }

    /// Whether it says that a record can never be sent as it is.
    pub(crate) fn blames_the_record(&self) -> bool {
        matches!(self, Error::Transport(error) if error.kind().blames_the_record())
    }

    /// Whether it says that a database holds something else than what was written.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Error::Store { source, .. } | Error::State(source) if source.is_damage())
    }

    /// What the runtime does next.
    pub fn recovery(&self) -> Recovery {
        match self {
            Error::TaskMigrated { .. } => Recovery::RejoinGroup,
            // The restorer finds the damage when it opens the task again, and puts the database aside.
            damaged if damaged.is_damage() => Recovery::AbortAndReplay,
            Error::Transport(error) => match error.kind() {
                TransportErrorKind::Retriable | TransportErrorKind::QueueFull => Recovery::Retry,
                TransportErrorKind::AbortTransaction | TransportErrorKind::TimedOut => {
                    Recovery::AbortAndReplay
                }
                TransportErrorKind::Fenced => Recovery::RejoinGroup,
                TransportErrorKind::Fatal => Recovery::AbortAndReplay,
                _ => Recovery::StopApplication,
            },
            _ => Recovery::StopApplication,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_row_is_named_with_what_to_do() {
        let error = Error::Production(Box::new(ProductionError {
            task: TaskId { subtopology: 1, partition: 2 },
            node: "rows".to_owned(),
            produced: Produced::Change,
            topic: "app-rows-changelog".into(),
            partition: 2,
            source: None,
            key: "\"big\"".to_owned(),
            key_bytes: 3,
            value_bytes: Some(1_200_000),
            timestamp: Some(5),
            cause: TransportError::new(TransportErrorKind::MessageTooLarge, "send", "too large"),
        }));
        assert_eq!(
            error.to_string(),
            "store rows of task 1_2 cannot log its row with key \"big\" (key of 3 bytes, value of 1200000 bytes, timestamp \
             5) to app-rows-changelog-2: send: too large (MessageTooLarge); it cannot be left out, as the store could not be \
             restored then; keep less in a row and its key, or raise max.message.bytes of the changelog \
             (Materialized::with_logging_enabled, or topic.max.message.bytes, for new ones) and \
             producer.message.max.bytes"
        );
        assert_eq!(error.recovery(), Recovery::StopApplication);
    }
}
