//! What the control thread does between two rounds: updates the application's state and checks its topics for changes.

use std::sync::Arc;

use super::control::{ControlEvents, Dispatcher};
use super::global_thread::GlobalBackends;
use super::instance::Pool;
use super::kafka_streams::{Shared, lock};
use super::lifecycle::State;
use super::renewal::Renewal;
use super::topic_watch::TopicWatch;
use super::waits::Waiting;
use crate::error::Result;
use crate::time::ClockRef;

/// Updates the application's state and watches the topics that it reads.
pub(crate) struct Observer {
    pub shared: Arc<Shared>,
    pub clock: ClockRef,
    pub watch: TopicWatch,
    globals: GlobalBackends,
    pub pool: Pool,
    /// The wait for the end of a pause.
    pausing: Waiting,
    /// When to check the topics next, if something is waited for.
    next_check: i64,
}

/// A wait this long may be for a topic that is gone.
const STUCK_MS: i64 = 2_000;

/// The time between two such checks.
const STUCK_EVERY_MS: i64 = 10_000;

impl Observer {
    pub fn new(
        shared: Arc<Shared>,
        clock: ClockRef,
        watch: TopicWatch,
        globals: GlobalBackends,
        pool: Pool,
    ) -> Self {
        let pausing = shared.waits.of("the application");
        Observer { shared, clock, watch, globals, pool, pausing, next_check: i64::MIN }
    }

    /// Whether the global stores must be filled again.
    fn has_to_renew(&self, now_ms: i64) -> Result<bool> {
        let mut renewals = lock(&self.shared.renewals);
        if self.globals.are_damaged() {
            renewals.want(Renewal::Damage);
        }
        match renewals.take(now_ms)? {
            None => return Ok(false),
            Some(Renewal::Damage) => tracing::warn!(
                "the database of the global stores is damaged; it is put aside, and the application restarts to fill them"
            ),
            Some(Renewal::Refill(why)) => tracing::warn!(
                why,
                "the rows of a global store no longer fit its topic; the application restarts to fill it, so that \
                 no record meets it half filled"
            ),
        }
        Ok(true)
    }
}

impl ControlEvents for Observer {
    fn outgrown(&mut self) {
        self.watch.poll_soon(self.clock.monotonic_ms());
    }

    fn given_up(&mut self) {
        self.watch.poll_now(self.clock.monotonic_ms());
    }

    fn serve_threads(&mut self, dispatcher: &mut Dispatcher) -> Result<()> {
        if self.shared.requests.is_paused() {
            self.pausing.update(self.clock.monotonic_ms(), || "resume(): it is paused".to_owned());
        } else {
            self.pausing.end()
        }
        self.pool.serve(dispatcher)
    }

    fn observe(&mut self, all_running: bool) -> bool {
        match (all_running, self.shared.state()) {
            (true, State::Rebalancing) => self.shared.transition_to(State::Running),
            (false, State::Running) => self.shared.transition_to(State::Rebalancing),
            _ => false,
        };
        // Of all threads, so that none is asked twice.
        let missing = lock(&self.shared.stats).iter().filter(|stats| stats.take_missing_topic()).count();
        if missing > 0 {
            self.outgrown();
        }
        let now_ms = self.clock.monotonic_ms();
        if now_ms >= self.next_check && self.shared.waits.update(now_ms) >= STUCK_MS {
            self.next_check = now_ms + STUCK_EVERY_MS;
            self.watch.poll_now(now_ms);
        }
        let changed = self.has_to_renew(now_ms).and_then(|renew| Ok(renew || self.watch.changed(now_ms)?));
        match changed {
            Ok(true) => {}
            Ok(false) => return false,
            Err(error) => {
                self.shared.fail(error);
                return false;
            }
        }
        self.shared.transition_to(State::Rebalancing);
        true
    }
}
