//! Why a command failed.

use streams_core::config::ConfigError;
use streams_core::error::Error;
use streams_core::transport::TransportError;

/// Why a command failed, with what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// A setting of the connection is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The clients could not be made.
    #[error(transparent)]
    Connect(#[from] Error),
    /// A broker refused something or did not answer.
    #[error(transparent)]
    Broker(#[from] TransportError),
    /// A file of settings cannot be read.
    #[error("cannot read {path}: {error}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// An instance did not answer with its topology.
    #[error("cannot fetch {url}: {why}")]
    Http {
        /// The address.
        url: String,
        /// Why not.
        why: String,
    },
    /// What was read is not a topology.
    #[error("{place} is not the description of a topology: {why}")]
    Topology {
        /// Where it was read.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// A partition gave nothing, although it is not at its end.
    #[error("{0} gave no records for half a minute, although there are some; see that its leader answers")]
    NoRecords(String),
    /// The topic has fewer partitions.
    #[error("topic {topic} has {partitions} partitions; give --partition a number below that")]
    NoPartition {
        /// The topic.
        topic: String,
        /// How many it has.
        partitions: i32,
    },
    /// A folder without databases.
    #[error("no task's database is in {0}; check --state-dir, --application-id and --task")]
    NoDatabase(String),
    /// No task has the store.
    #[error("no task has a store {0} on disk; without --store, the stores that there are are listed")]
    NoStore(String),
    /// A database of another version.
    #[error(
        "{folder} has layout {version}, which another version of this library wrote; use the command of that version"
    )]
    Layout {
        /// The folder.
        folder: String,
        /// The layout.
        version: String,
    },
    /// A database cannot be read.
    #[error(transparent)]
    Store(#[from] state_stores::StoreError),
    /// What was found cannot be written.
    #[error("cannot write: {0}")]
    Output(#[from] std::io::Error),
    /// Neither a topic nor all of them were named.
    #[error("name the topics with --input-topic, or take all with --all-input-topics")]
    NoScope,
    /// Nothing is committed that could be moved.
    #[error(
        "nothing is committed for {0}, so that it cannot be shifted; take another way to say where to begin"
    )]
    NothingToShift(String),
    /// A plan of a reset cannot be read.
    #[error("{path} is not a plan of a reset: {why}")]
    Plan {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The application that counts failed.
    #[error("the application that counts failed: {0}")]
    Bench(String),
    /// The topic does not exist.
    #[error("topic {0} does not exist; check its name, and --bootstrap-servers")]
    NoTopic(String),
    /// An application that runs cannot be reset.
    #[error(
        "group {group} has {members} members, such as {who}; stop every instance of the application first"
    )]
    InUse {
        /// The application's group.
        group: String,
        /// How many members it has.
        members: usize,
        /// One of them.
        who: String,
    },
    /// A broker still has a topic that was deleted.
    #[error("topic {0} was deleted, but a broker still has it after half a minute; run the command again")]
    NotDeleted(String),
    /// The topic's name is not that of an internal topic of the application.
    #[error("topic {0} is not an internal topic of the application by its name, and is not deleted")]
    NotInternal(String),
    /// Internal topics may be another application's.
    #[error(
        "{topics} topics, such as {topic}, fit application {other} as well as {group}, by their names; name each topic to \
         delete with --internal-topic. The report without --execute lists all"
    )]
    Shared {
        /// The application that is reset.
        group: String,
        /// How many topics that is.
        topics: usize,
        /// One of them.
        topic: String,
        /// The other application.
        other: String,
    },
    /// A letter cannot go anywhere, and nothing may be lost.
    #[error(
        "the letter at {at} {why}; name a topic for such letters with --quarantine. Those before it are written and \
         committed"
    )]
    Stuck {
        /// Where the letter is.
        at: String,
        /// Why it cannot be redriven.
        why: String,
    },
    /// Another process redrives the same queue.
    #[error(
        "no partition of {queue} was assigned within a minute: another process redrives it, or the group's coordinator does \
         not answer{trouble}"
    )]
    NoAssignment {
        /// The queue.
        queue: String,
        /// What went wrong last, in brackets.
        trouble: String,
    },
    /// Letters would go round.
    #[error("{0} is the queue itself; name another topic")]
    Circle(String),
    /// The queue is another one than the group has read.
    #[error(
        "group {group} has read {partition} up to offset {committed}, and it ends at {end}: the queue was created again; \
         name another --group"
    )]
    Ahead {
        /// The group.
        group: String,
        /// The partition.
        partition: String,
        /// What the group has committed.
        committed: i64,
        /// Where the partition ends.
        end: i64,
    },
    /// Letters of the queue were not looked at.
    #[error(
        "{0} partitions of the queue were not read to their end; the report names them. Run the command again"
    )]
    Unread(usize),
    /// The process cannot be stopped in order.
    #[error("cannot wait for signals: {0}")]
    Signals(std::io::Error),
}

streams_core::error::debug_as_display!(CliError);
