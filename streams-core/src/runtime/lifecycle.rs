//! The application's states and the only ways between them (`org.apache.kafka.streams.KafkaStreams.State`).
//!
//! ```text
//!  Created ──▶ Rebalancing ◀──▶ Running
//!     │             │              │
//!     ├─────────────┼──────────────┼──▶ PendingShutdown ──▶ NotRunning
//!     └─────────────┴──────────────┴──▶ PendingError ─────▶ Error
//! ```

use std::fmt;

/// What an application is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Not started yet.
    Created,
    /// Waiting for tasks, or restoring them.
    Rebalancing,
    /// All assigned tasks run.
    Running,
    /// Closing on request.
    PendingShutdown,
    /// Closed.
    NotRunning,
    /// Closing because of an error.
    PendingError,
    /// Closed because of an error.
    Error,
}

impl State {
    /// Every state.
    pub const ALL: [State; 7] = [
        State::Created,
        State::Rebalancing,
        State::Running,
        State::PendingShutdown,
        State::NotRunning,
        State::PendingError,
        State::Error,
    ];

    /// Whether an application may go from this state to `next`.
    pub fn may_become(self, next: State) -> bool {
        use State::{Created, Error, NotRunning, PendingError, PendingShutdown, Rebalancing, Running};
        matches!(
            (self, next),
            (Created, Rebalancing | PendingShutdown | PendingError)
                | (Rebalancing, Running | PendingShutdown | PendingError)
                | (Running, Rebalancing | Running | PendingShutdown | PendingError)
                | (PendingShutdown, NotRunning)
                | (PendingError, Error)
        )
    }

    /// Whether the application has ended.
    pub fn is_final(self) -> bool {
        matches!(self, State::NotRunning | State::Error)
    }

    /// Kafka Streams' number of it, for monitoring that takes numbers alone (KIP-1091).
    pub fn number(self) -> f64 {
        match self {
            State::Created => 0.0,
            State::Rebalancing => 1.0,
            State::Running => 2.0,
            State::PendingShutdown => 3.0,
            State::NotRunning => 4.0,
            State::PendingError => 5.0,
            State::Error => 6.0,
        }
    }

    /// Whether the application is processing, or will be.
    pub fn is_running_or_rebalancing(self) -> bool {
        matches!(self, State::Rebalancing | State::Running)
    }

    /// Kafka Streams' name of it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Created => "CREATED",
            State::Rebalancing => "REBALANCING",
            State::Running => "RUNNING",
            State::PendingShutdown => "PENDING_SHUTDOWN",
            State::NotRunning => "NOT_RUNNING",
            State::PendingError => "PENDING_ERROR",
            State::Error => "ERROR",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_states_is_decided() {
        let legal: Vec<_> = State::ALL
            .iter()
            .flat_map(|from| State::ALL.iter().map(move |to| (*from, *to)))
            .filter(|(from, to)| from.may_become(*to))
            .collect();
        assert_eq!(legal.len(), 12);
        assert!(
            State::ALL
                .iter()
                .filter(|state| state.is_final())
                .all(|end| { State::ALL.iter().all(|next| !end.may_become(*next)) })
        );
        let processing = State::ALL.into_iter().filter(|state| state.is_running_or_rebalancing());
        assert_eq!(processing.collect::<Vec<_>>(), [State::Rebalancing, State::Running]);
    }
}
