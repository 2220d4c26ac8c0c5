//! What the control thread does between two rounds: the application's state, and whether its topics have changed.

use std::sync::Arc;

use super::control::{ControlEvents, Next};
use super::kafka_streams::{Shared, lock};
use super::lifecycle::State;
use super::topic_watch::TopicWatch;
use crate::time::ClockRef;

/// Keeps the application's state and looks after the topics that it reads.
pub(crate) struct Observer {
    pub shared: Arc<Shared>,
    pub clock: ClockRef,
    pub watch: TopicWatch,
}

impl ControlEvents for Observer {
    fn outgrown(&mut self) {
        self.watch.look_soon(self.clock.monotonic_ms());
    }

    fn observe(&mut self, all_running: bool) -> Next {
        match (all_running, self.shared.state()) {
            (true, State::Rebalancing) => self.shared.transition_to(State::Running),
            (false, State::Running) => self.shared.transition_to(State::Rebalancing),
            _ => false,
        };
        // Every thread's, so that none is asked twice.
        let missing = lock(&self.shared.stats).iter().filter(|stats| stats.take_missing_topic()).count();
        if missing > 0 {
            self.outgrown();
        }
        match self.watch.changed(self.clock.monotonic_ms()) {
            Ok(true) => {}
            Ok(false) => return Next::Round,
            Err(error) => {
                self.shared.fail(error);
                return Next::Round;
            }
        }
        self.shared.transition_to(State::Rebalancing);
        Next::StartAnew
    }
}
