//! `task.timeout.ms` bounds repetitions. A single call has time for an answer, however short that is.

use std::sync::Mutex;

use super::*;
use crate::runtime::trial::watched::Watched;

/// Showed before: each commit had no time at all, so that none succeeded at healthy brokers, and the application ended.
#[test]
fn a_call_has_time_for_an_answer_however_short_task_timeout_ms_is() -> Result<()> {
    let cases = [("exactly_once_v2", ["send_offsets", "commit"]), ("at_least_once", ["flush", "flush"])];
    for (guarantee, expected) in cases {
        for task_timeout_ms in [0, 50] {
            let mut trial = Trial::new(0, 1, &["in"])?;
            let producer = trial.producer()?;
            let calls = Arc::new(Mutex::new(Vec::new()));
            let seen = Arc::clone(&calls);
            trial.transport = Watched::around(&trial.transport, move |call, timeout| {
                seen.lock().expect("not poisoned").push((call, timeout));
                Ok(())
            });
            let mut config = config();
            config.set("processing.guarantee", guarantee)?;
            config.set("task.timeout.ms", task_timeout_ms)?;
            let engine = trial.engine(topology(true)?, config)?;
            let mut world = World { trial, engine, producer };
            world.run_until_idle()?;
            calls.lock().expect("not poisoned").clear();
            world.put("a", "1")?;
            let calls = calls.lock().expect("not poisoned");
            for call in expected {
                assert!(calls.iter().any(|(name, _)| *name == call), "{call} in {calls:?}");
            }
            assert!(calls.iter().all(|(_, timeout)| timeout.as_secs() >= 5), "{calls:?}");
        }
    }
    Ok(())
}
