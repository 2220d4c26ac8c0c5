//! What can go wrong, each with what was attempted, on what, and what to do; `recovery()` is what the runtime does next.
//!
//! A message is whole: it holds its causes, to the last one. So `source` gives none of them again, and a program that prints
//! an error with its sources prints each once. The causes are fields, to be matched.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{NodeName, Offset, StoreName, TaskId, TopicPartition};
use crate::serde::SerdeError;
use crate::time::to_ms;
pub use crate::transport::{ErrorCode, FailedDelivery, TransportError, TransportErrorKind};
pub use crate::user_code::UserPanic;
pub use state_stores::StoreError;
#[doc(hidden)]
pub use state_stores::debug_as_display;
use state_stores::{Causes, Short};

mod illegal_state;
mod production;
mod state_directory;
mod topics;
mod topology;
mod usage;

pub use illegal_state::IllegalStateError;
pub use production::{ProducedFor, ProductionError};
pub use state_directory::StateDirectoryError;
pub use topics::TopicsError;
pub use topology::TopologyError;
pub use usage::UsageError;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error that user code returned.
pub type UserError = Box<dyn std::error::Error + Send + Sync>;

/// An error of the engine. Each says what was attempted, on what, and what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The topology cannot be built as described, or does not fit the topics that exist.
    #[error(transparent)]
    Topology(#[from] TopologyError),

    /// A processor, a partitioner or a test asks for something that there is not.
    #[error(transparent)]
    Usage(#[from] UsageError),

    /// What can only be if this library has a bug.
    #[error("this should not be possible, and is a bug of this library: {0}; please report it")]
    Internal(String),

    /// The application has ended with this error ([`KafkaStreams::run`](crate::runtime::KafkaStreams::run)), or could not
    /// start ([`KafkaStreams::start`](crate::runtime::KafkaStreams::start)). It is the one of
    /// [`KafkaStreams::error`](crate::runtime::KafkaStreams::error).
    #[error(transparent)]
    Ended(Arc<Error>),

    /// A setting is missing, unknown or has a wrong value.
    #[error(transparent)]
    Setting(#[from] crate::config::ConfigError),

    /// Topics that the application needs are gone or have changed, or a program asks for one that does not exist.
    #[error(transparent)]
    Topics(#[from] TopicsError),

    /// A record could not be deserialized.
    #[error(
        "cannot deserialize the {part} of the record at {partition} offset {offset} (source node {node}): {}. It is \
         {excerpt}; fix the producer, or set deserialization.exception.handler to LogAndContinue to skip such records",
        Short(cause)
    )]
    Deserialization {
        /// Key or value.
        part: &'static str,
        /// Where it was read.
        partition: TopicPartition,
        /// Its offset.
        offset: Offset,
        /// The source node.
        node: NodeName,
        /// The first bytes of key or value: as text if they are, else in hexadecimal.
        excerpt: Box<str>,
        /// What was wrong.
        cause: SerdeError,
    },

    /// A result, or a record for a repartition topic, could not be serialized, and the production exception handler decided
    /// to fail (`ProductionExceptionHandler.handleSerializationError`, KIP-399).
    #[error(
        "node {node} of task {task} cannot serialize the {part} of its record for topic {topic}, which comes from {origin}: \
         {}; fix the code, or set production.exception.handler to LogAndContinue to skip such records",
        Short(cause)
    )]
    Serialization {
        /// Key or value.
        part: &'static str,
        /// The topic it was for.
        topic: String,
        /// The sink.
        node: NodeName,
        /// The task.
        task: TaskId,
        /// What led to it: `the record at topic-partition offset n with key ...`, or `a punctuation`.
        origin: String,
        /// What was wrong.
        cause: SerdeError,
    },

    /// What a test or a program writes to a topic itself could not be serialized.
    #[error(
        "cannot serialize the {part} of a record for topic {topic}: {}; write what the serde takes",
        Short(cause)
    )]
    Write {
        /// Key or value.
        part: &'static str,
        /// The topic it was for.
        topic: String,
        /// What was wrong.
        cause: SerdeError,
    },

    /// What a test or a program reads from a topic itself could not be deserialized.
    #[error(
        "cannot deserialize the {part} of the record at {partition} offset {offset}: {}; read the topic with the types \
         and serdes with which it is written",
        Short(cause)
    )]
    Read {
        /// Key or value.
        part: &'static str,
        /// Where it was read.
        partition: TopicPartition,
        /// Its offset.
        offset: Offset,
        /// What was wrong.
        cause: SerdeError,
    },

    /// User code returned an error; the processing exception handler has not seen it yet.
    #[error("{}", Causes(&**.0))]
    User(UserError),

    /// The supplier of a processor failed, so that its task cannot run.
    #[error(
        "the supplier of node {node} failed for task {task}: {}; fix it, and start again", Causes(&**cause)
    )]
    Supplier {
        /// The node.
        node: NodeName,
        /// The task.
        task: TaskId,
        /// What it returned.
        cause: UserError,
    },

    /// User code failed and the handler decided to fail.
    #[error(
        "node {node} of task {task} failed on the record at {}: {}; fix the code, or set \
         processing.exception.handler to LogAndContinue to skip such records",
        At(at.as_ref()),
        Causes(&**cause)
    )]
    Processing {
        /// The node.
        node: NodeName,
        /// The task.
        task: TaskId,
        /// Where the record was read; `None` during a punctuation.
        at: Option<(TopicPartition, Offset)>,
        /// What it returned.
        cause: UserError,
    },

    /// An exception handler panicked. What it was asked about is not decided, so nothing is skipped.
    #[error(
        "the {handler} exception handler panicked on an error of node {node} of task {task} at {}: {}; fix the \
         handler, or the error's Display if it is that which panics",
        At(at.as_ref()), Short(message)
    )]
    Handler {
        /// Which: deserialization, processing or production.
        handler: &'static str,
        /// The node about whose error it was asked.
        node: NodeName,
        /// The task.
        task: TaskId,
        /// Where the record was read; `None` during a punctuation.
        at: Option<(TopicPartition, Offset)>,
        /// The panic's message.
        message: String,
    },

    /// A buffer that holds updates back is full, and was built to stop the application then (`shut_down_when_full`).
    #[error(
        "{node} buffer exceeded its max capacity. Currently [{}/{}] records and [{}/{}] bytes. It is of task {task}, at the \
         record at {}; raise the bound, or let it emit early (emit_early_when_full)",
        records.0, records.1, bytes.0, bytes.1, At(at.as_ref())
    )]
    BufferFull {
        /// The node that suppresses.
        node: NodeName,
        /// The task.
        task: TaskId,
        /// Where the record was read; `None` during a punctuation.
        at: Option<(TopicPartition, Offset)>,
        /// The rows it holds, and may hold.
        records: (u64, u64),
        /// The bytes it holds, and may hold.
        bytes: (u64, u64),
    },

    /// A record has no usable timestamp.
    #[error(
        "the record at {partition} offset {offset} with timestamp {timestamp} has no event time: {}; fix the \
         producer, or give the source or default.timestamp.extractor an extractor that copes (LogAndSkipOnInvalidTimestamp)",
        Causes(&**cause)
    )]
    InvalidTimestamp {
        /// Where it was read.
        partition: TopicPartition,
        /// Its offset.
        offset: Offset,
        /// The timestamp that the producer or broker gave it; -1 for none.
        timestamp: i64,
        /// What the extractor said.
        cause: UserError,
    },

    /// A state store failed.
    #[error("task {task}: {cause}")]
    Store {
        /// The task.
        task: TaskId,
        /// What happened.
        cause: StoreError,
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
        store: StoreName,
        /// The partition of its changelog.
        changelog: TopicPartition,
        /// What does not fit.
        why: String,
        /// Where the local rows are.
        place: String,
    },

    /// The broker deletes records of a changelog before a restore has read them, again and again.
    #[error(
        "task {task} cannot be restored: for {} ms (task.timeout.ms), what was to be read of its changelog was \
         deleted again and again: {cause}. Stop what deletes its records (kafka-delete-records.sh, a retention.ms or \
         retention.bytes that is too short)",
        to_ms(*trimmed)
    )]
    ChangelogTrimmed {
        /// The task.
        task: TaskId,
        /// The time since the first of these deletions.
        trimmed: Duration,
        /// The last error.
        cause: Box<Error>,
    },

    /// A store has a name under which a store of another kind has left rows.
    #[error("store {store} is a {now} store, but {found}. Rename the store, or {remedy}")]
    StoreKind {
        /// The store.
        store: StoreName,
        /// What was found, and where.
        found: String,
        /// What it is now.
        now: String,
        /// What can be done instead of another name.
        remedy: String,
    },

    /// A changelog that exists loses rows before its store does: a restored store would lack them.
    #[error(
        "the changelog {changelog} of store {store} has {setting}={}, but the store keeps its rows for {} ms: \
         what the broker deletes before would be missing when the store is restored. Set {setting} of the topic to {sets_ms} \
         (kafka-configs.sh --alter --topic {changelog} --add-config {setting}={sets_ms}); or if it is on purpose, give the \
         store's logging the same setting",
        to_ms(*has), to_ms(*needs), sets_ms = or_forever(*sets)
    )]
    ChangelogTooShort {
        /// The store.
        store: StoreName,
        /// Its changelog.
        changelog: String,
        /// The setting by which rows go: `retention.ms`, or of a versioned store `min.compaction.lag.ms`.
        setting: &'static str,
        /// What the topic has.
        has: Duration,
        /// What it needs at least.
        needs: Duration,
        /// What the topic would have been made with; `None` for -1, which is forever.
        sets: Option<Duration>,
    },

    /// The broker or its client failed.
    #[error(transparent)]
    Transport(#[from] TransportError),

    /// A record cannot be written, and never could as it is.
    #[error(transparent)]
    Production(#[from] Box<ProductionError>),

    /// The tasks may be another member's by now; what was not committed is dropped and the group is joined again.
    #[error(
        "the tasks are no longer this thread's: {reason}; the uncommitted work is dropped, the group is rejoined"
    )]
    TaskMigrated {
        /// Why.
        reason: String,
    },

    /// The state directory, or a database in it, is unusable.
    #[error(transparent)]
    StateDirectory(#[from] StateDirectoryError),

    /// The application's state directory is in use.
    #[error(
        "the state directory {} is in use{}; give every instance on this machine its own state.dir",
        path.display(),
        match owner {
            Some(owner) if *owner == std::process::id() =>
                format!(" by process {owner}, which is this one: another KafkaStreams of it has not ended"),
            Some(owner) => format!(" by process {owner}"),
            None => String::new(),
        }
    )]
    StateDirectoryInUse {
        /// The directory.
        path: PathBuf,
        /// The process that has it, if that is known.
        owner: Option<u32>,
    },

    /// A call that the present state does not allow.
    #[error(transparent)]
    IllegalState(#[from] IllegalStateError),

    /// A stream thread dropped its uncommitted work, or that of one task, and did it again, for longer than
    /// `task.timeout.ms` (KIP-572).
    #[error(
        "{}stream thread {thread} has repeated its uncommitted work {replays} times within {} ms \
         without a commit in between, longer than task.timeout.ms. The last cause: {cause}",
        task.map(|task| format!("task {task} of ")).unwrap_or_default(), to_ms(*waited)
    )]
    NoProgress {
        /// The thread.
        thread: String,
        /// The task, if it is one of which nothing was committed, whatever became of the others.
        task: Option<TaskId>,
        /// How often.
        replays: u64,
        /// Since the first time.
        waited: Duration,
        /// Why it was the last time.
        cause: Box<Error>,
    },

    /// No commit of a stream thread was taken for longer than `task.timeout.ms` (KIP-572), under at-least-once. What it wrote
    /// since the last one stays written and will be written again.
    #[error(
        "stream thread {thread} could not commit for {} ms, longer than task.timeout.ms: {cause}; look at the \
         brokers, those that lead __consumer_offsets and the topics written to; what was written since the last commit \
         will be written again",
        to_ms(*waited)
    )]
    NoCommit {
        /// The thread.
        thread: String,
        /// Since the first commit that was not taken.
        waited: Duration,
        /// Why the last one was not.
        cause: Box<Error>,
    },

    /// User code panicked.
    #[error("thread {thread} panicked: {}", Short(message))]
    Panicked {
        /// The thread.
        thread: String,
        /// The panic's message.
        message: String,
    },
}

state_stores::debug_as_display!(Error);

/// A setting of a topic in milliseconds, of which -1 is forever.
fn or_forever(setting: Option<Duration>) -> i64 {
    setting.map_or(-1, to_ms)
}

/// Where a record was read, as messages say it.
struct At<'a>(Option<&'a (TopicPartition, Offset)>);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((partition, offset)) => write!(f, "{partition} offset {offset}"),
            None => f.write_str("(punctuation)"),
        }
    }
}

impl From<UserPanic> for Error {
    fn from(panic: UserPanic) -> Self {
        Error::User(panic.into())
    }
}

impl From<UserError> for Error {
    fn from(error: UserError) -> Self {
        Error::User(error)
    }
}

/// What the runtime does after an error: there is one way of repair (decision 0004).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Give the open transaction up, forget what was not committed, and open the tasks again from what is.
    Repair,
    /// Stop the application; nothing that was not committed becomes visible.
    Stop,
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
        matches!(self, Error::Store { cause, .. } | Error::State(cause) if cause.is_damage())
    }

    /// What the runtime does next.
    pub fn recovery(&self) -> Recovery {
        use TransportErrorKind::{AbortTransaction, Fatal, Fenced, QueueFull, Retriable, TimedOut};
        match self {
            Error::TaskMigrated { .. } => Recovery::Repair,
            // The restorer finds the damage when it opens the task again, and puts the database aside.
            damaged if damaged.is_damage() => Recovery::Repair,
            Error::Transport(error) => match error.kind() {
                Retriable | QueueFull | AbortTransaction | TimedOut | Fenced | Fatal => Recovery::Repair,
                _ => Recovery::Stop,
            },
            _ => Recovery::Stop,
        }
    }
}

#[cfg(test)]
mod tests;
