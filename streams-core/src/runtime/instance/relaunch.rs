//! Starts an application again that was running, when its topics or global stores have changed.

use std::sync::mpsc;
use std::time::Duration;

use super::{Launch, RunningInstance, StartProgress};
use crate::runtime::kafka_streams::Starting;
use crate::runtime::threads::spawn;
use crate::runtime::topic_watch::is_transient;

/// The pause between two attempts to start again.
const LAUNCH_AGAIN: Duration = Duration::from_millis(200);

/// Launches once more. A broker that is away for a moment must not end an application that was running.
pub(super) fn relaunch(launch: &Launch) -> Option<RunningInstance> {
    let shared = &launch.shared;
    // A second thread logs what it waits for, as at the first start.
    let (progress, started) = mpsc::channel();
    let starting = Starting::new(started, shared, &launch.clock);
    let name = format!("{}-start", launch.config.application_id());
    if let Err(error) = spawn(shared, name, move || drop(starting.wait())) {
        shared.fail(error);
        return None;
    }
    let tell = |stage: &str| drop(progress.send(StartProgress::At(stage.to_owned())));
    let mut waiting = shared.waits.of("the application");
    while !shared.is_stopped() {
        let error = match super::launch(launch.clone(), &tell) {
            Ok(running) => return Some(running),
            Err(error) => error,
        };
        let what = || format!("the broker, to start again after topics changed: {error}");
        let waited = waiting.update(launch.clock.monotonic_ms(), what);
        // Closed meanwhile, it ends without an error.
        let is_closed = shared.is_stopped();
        if !is_closed && (!is_transient(&error) || waited >= launch.config.task_timeout_ms()) {
            shared.fail(error);
            break;
        }
        #[allow(
            clippy::disallowed_methods,
            reason = "nothing runs now; the broker is not asked in a tight loop"
        )]
        std::thread::sleep(LAUNCH_AGAIN);
    }
    None
}
