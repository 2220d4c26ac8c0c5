//! Calls the state listener, which is the user's code: it may panic, close the application, or take long.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Shared, lock};
use crate::runtime::lifecycle::State;
use crate::runtime::threads;
use crate::time::Clock;

/// One step of waiting for a call on another thread.
const SLICE: Duration = Duration::from_millis(50);

/// Changes of the state that the listener has not got yet.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Each with the new and the old state.
    pub pending: VecDeque<(State, State)>,
    /// Whether a thread is calling the listener. It takes those that come meanwhile as well.
    is_calling: bool,
}

impl Changes {
    /// The next one to call the listener with. Without one, the call is over.
    fn next(&mut self) -> Option<(State, State)> {
        let next = self.pending.pop_front();
        self.is_calling = next.is_some();
        next
    }
}

impl Shared {
    /// Calls the listener with the changes that it has not got yet; if another thread is calling it, that one does. No lock
    /// is held during a call: the listener may close the application.
    pub(super) fn call_listener(&self) {
        let Some(listener) = &self.listener else { return };
        if std::mem::replace(&mut lock(&self.changes).is_calling, true) {
            return;
        }
        let mut calling = self.waits.of("the application");
        loop {
            let next = lock(&self.changes).next();
            let Some((now, before)) = next else { return };
            calling.begin(|| format!("the state listener to return from the change of {before} to {now}"));
            let called = threads::run("of the state listener", || {
                listener(now, before);
                Ok(())
            });
            calling.end();
            if let Err(error) = called {
                self.fail(error);
            }
        }
    }

    /// Waits for the end of a call on another thread. At the application's end nobody else says that it takes long.
    pub fn wait_for_listener(&self, clock: &dyn Clock) {
        while lock(&self.changes).is_calling {
            #[allow(
                clippy::disallowed_methods,
                reason = "waits for user code at the end, off the record path"
            )]
            std::thread::sleep(SLICE);
            self.waits.update(clock.monotonic_ms());
        }
    }
}
