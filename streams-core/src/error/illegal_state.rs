//! Calls that the present state of an application, a test or the program does not allow.

use std::io;
use std::sync::Arc;

use super::Error;
use crate::ids::{NodeName, PartitionId, StoreName, TopicName};
use crate::time::Timestamp;

/// A call that the present state does not allow.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum IllegalStateError {
    /// The application is started for the second time.
    #[error(
        "an application is started once, but this one is {state}{}; make a new KafkaStreams",
        cause.as_ref().map(|error| format!(" ({error})")).unwrap_or_default()
    )]
    StartedTwice {
        /// What the application is doing: its state's name, or `being started`.
        state: &'static str,
        /// The error with which it has ended, if it has.
        cause: Option<Arc<Error>>,
    },
    /// The application failed while it was starting.
    #[error("the application failed while it started: {cause}")]
    FailedAtStart {
        /// With what.
        cause: Arc<Error>,
    },
    /// The application was closed while it was starting.
    #[error("the application was closed while it started")]
    ClosedAtStart,
    /// A thread on which the start depends has ended without a word.
    #[error("{thread} has ended before the application had started; see the log for why")]
    StartThreadEnded {
        /// Which.
        thread: &'static str,
    },
    /// The operating system gives no thread.
    #[error("cannot start thread {name}: {cause}")]
    NoThread {
        /// What the thread would have been called.
        name: String,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The process cannot be notified of signals.
    #[error("cannot wait for signals: {cause}")]
    NoSignals {
        /// What the operating system said.
        cause: io::Error,
    },
    /// Local state is to be deleted while the application uses it.
    #[error("local state is in use while the application is {state}; close it first")]
    StateInUse {
        /// The name of the application's state.
        state: &'static str,
    },
    /// The call needs an application that runs.
    #[error("{call} needs a running application; this one is {state}")]
    NotRunning {
        /// The method.
        call: &'static str,
        /// The name of the application's state.
        state: &'static str,
    },
    /// The call waits for threads of the application, and was made on one of them.
    #[error("{call} waits for the stream threads; call it on a thread that is not the application's own")]
    OwnThread {
        /// The method.
        call: &'static str,
    },
    /// No stream thread releases its tasks now, because user code or a broker takes long.
    #[error("no stream thread answers now; try again")]
    NoAnswer,
    /// A topology without tasks has nothing to do for a stream thread.
    #[error("the topology has global tables only: there is nothing to do for a stream thread")]
    GlobalTablesOnly,
    /// A setting that decides how a topology is built was given only after that.
    #[error(
        "the configuration sets {key} to {value}, but the topology was built with another setting, and it takes effect only \
         there; build the topology with `build_with(&config)`"
    )]
    BuiltOtherwise {
        /// The setting.
        key: &'static str,
        /// What the configuration sets it to.
        value: String,
    },
    /// The brokers of Kafka are named, but no client of them is compiled in.
    #[error(
        "bootstrap.servers={servers} names brokers of Kafka, but this program was built without the feature `kafka`; enable \
         it, or use the embedded broker (embedded: or embedded:folder)"
    )]
    NoKafka {
        /// The value of `bootstrap.servers`.
        servers: String,
    },
    /// A store is on disk, but no database on disk is compiled in.
    #[error(
        "store {store} is on disk, but this program was built without the feature `rocksdb`; enable it, or keep the store in \
         memory (StorePlace::Memory)"
    )]
    NoDisk {
        /// The store.
        store: StoreName,
    },
    /// The application of a test did not start again.
    #[error("the application did not start again")]
    NotRestarted,
    /// The topology of a test keeps processing its own results.
    #[error(
        "the topology did not come to rest in {rounds} rounds{}",
        feeds_back.as_ref().map(|(sink, topic)| format!(
            "; the results of {sink} in {topic} come back as input: filter what has been around already"
        )).unwrap_or_default()
    )]
    NoRest {
        /// How many.
        rounds: u32,
        /// A sink whose topic is read again, if there is one.
        feeds_back: Option<(NodeName, TopicName)>,
    },
    /// The clock of a test cannot show a time.
    #[error(
        "the driver's clock cannot show {}; it shows milliseconds from 0 to {last}, the end of the year 9999",
        time.map_or("a time that overflows".to_owned(), |time| time.to_string())
    )]
    ClockTime {
        /// The time; `None` if it has overflowed.
        time: Option<Timestamp>,
        /// The last one that the clock can show.
        last: Timestamp,
    },
    /// A test gives a topic no partitions.
    #[error(
        "{} cannot have {partitions} partitions; give it at least one (with_partitions, with_topic_partitions)",
        topic.as_ref().map_or("a topic".to_owned(), |topic| format!("topic {topic}"))
    )]
    NoPartitions {
        /// The topic; `None` for all that have no number of their own.
        topic: Option<String>,
        /// What was asked for.
        partitions: PartitionId,
    },
    /// A test's thread has a smaller stack than the topology may need.
    #[error(
        "a record passes {nodes} nodes, from {first} to {last}, and what is left of this thread's stack carries {most}; \
         an application's threads have 64 MB: run the test on such a thread (std::thread::Builder::new().stack_size(64 << \
         20)), or with RUST_MIN_STACK=67108864"
    )]
    SmallStack {
        /// The first node of the chain.
        first: NodeName,
        /// The last one.
        last: NodeName,
        /// How many nodes there are.
        nodes: usize,
        /// How many the stack carries.
        most: usize,
    },
}

state_stores::debug_as_display!(IllegalStateError);
