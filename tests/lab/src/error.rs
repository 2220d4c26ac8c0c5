//! What can go wrong in the lab, each message saying what to do about it.

use rdkafka::error::KafkaError;

/// A failure of the Kafka lab. Its debug form is the message, too: that is what a failed test prints.
#[derive(thiserror::Error)]
pub enum LabError {
    /// A program of the tool chain is missing.
    #[error(
        "`{tool}` cannot be run ({source}): the tests need {needs}; on Debian, `apt-get install {package}`"
    )]
    MissingTool {
        /// The program.
        tool: &'static str,
        /// What is needed of it.
        needs: &'static str,
        /// The Debian package that holds it.
        package: &'static str,
        /// Why it did not run.
        source: std::io::Error,
    },
    /// Maven could not build `tests/java`.
    #[error(
        "building tests/java with Maven failed; repair what it names (or its access to the package repository):\n{output}"
    )]
    Build {
        /// The end of what Maven printed.
        output: String,
    },
    /// The file system or a process refused.
    #[error("{what}: {source}")]
    Io {
        /// What was tried, and on what.
        what: String,
        /// The cause.
        source: std::io::Error,
    },
    /// A broker stopped by itself.
    #[error("broker {node} stopped by itself; the end of its log says why:\n{log}")]
    BrokerExited {
        /// Its node id.
        node: usize,
        /// The end of its log.
        log: String,
    },
    /// Something did not happen in time.
    #[error(
        "{what} took longer than {seconds} s; is the machine overloaded, or the broker stopped or paused?"
    )]
    Timeout {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
    },
    /// A broker number that the cluster does not have.
    #[error("there is no broker {node}: this cluster has {brokers}, numbered from 0")]
    NoSuchBroker {
        /// The number asked for.
        node: usize,
        /// How many there are.
        brokers: usize,
    },
    /// The cluster was not started by the lab.
    #[error(
        "KAFKA_BOOTSTRAP points at a cluster that the tests did not start, so they cannot {what} it; unset it"
    )]
    NotOurs {
        /// What was asked.
        what: &'static str,
    },
    /// The client library or the broker answered with an error.
    #[error("{what}: {source}")]
    Kafka {
        /// What was tried, and on what.
        what: String,
        /// The cause.
        source: KafkaError,
    },
    /// The broker refused one item of a request, or a program the work it was given.
    #[error("{what} failed: {answer}")]
    Refused {
        /// What was tried, and on what.
        what: String,
        /// What it said.
        answer: String,
    },
}

impl std::fmt::Debug for LabError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, formatter)
    }
}

impl LabError {
    /// Adds what was tried to an I/O error.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Adds what was tried to an error of the client library.
    pub fn kafka(what: impl Into<String>) -> impl FnOnce(KafkaError) -> Self {
        let what = what.into();
        move |source| Self::Kafka { what, source }
    }
}
