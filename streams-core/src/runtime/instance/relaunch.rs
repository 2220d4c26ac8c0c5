//! Starts an application again that was running, when its topics or global stores have changed.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::{Launch, RunningInstance, StartProgress};
use crate::runtime::kafka_streams::Starting;
use crate::runtime::restart_wait::RestartWait;
use crate::runtime::threads::spawn;
use crate::transport::Transport;

/// The pause between two attempts to start again.
const LAUNCH_AGAIN: Duration = Duration::from_millis(200);

/// Launches once more. What passes must not end an application that was running.
pub(super) fn relaunch(launch: &Launch, transport: &Arc<dyn Transport>) -> Option<RunningInstance> {
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
    let mut waiting = RestartWait::new(shared.waits.of("the application"), launch.config.task_timeout_ms());
    while !shared.is_stopped() {
        let error = match super::launch(launch.clone(), Arc::clone(transport), &tell) {
            Ok(running) => return Some(running),
            Err(error) => error,
        };
        // Closed meanwhile, it ends without an error.
        let passes = waiting.may_pass(&error, launch.clock.monotonic_ms(), "to start again");
        if !passes && !shared.is_stopped() {
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
