//! The stream threads of an instance, which come and go: on request, and in the place of one that failed.

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Instance, start_stream_thread};
use crate::error::{Error, IllegalStateError, Result};
use crate::runtime::control::{Dispatcher, ThreadHandle};
use crate::runtime::kafka_streams::lock;
use crate::runtime::requests::ThreadRequest;
use crate::runtime::restore::Request;
use crate::runtime::threads::join;

/// The pauses before a thread is replaced again, while none commits.
const REPLACE_AGAIN_MS: i64 = 500;
const REPLACE_AGAIN_MAX_MS: i64 = 30_000;

/// The stream threads, and what a new one needs.
pub(crate) struct Pool {
    instance: Instance,
    requests: mpsc::Sender<Request>,
    wake_restorer: Arc<dyn Fn() + Send + Sync>,
    /// With the numbers in their names.
    threads: Vec<(usize, JoinHandle<()>)>,
    failures: Failures,
}

/// Failures of threads without a commit in between.
#[derive(Debug, Default)]
struct Failures {
    /// When the first of them was.
    since_ms: i64,
    count: u32,
    /// All commits at the last of them.
    commits: u64,
    /// When those that have failed may be replaced, by number.
    pending: BTreeMap<usize, i64>,
}

impl Failures {
    /// A thread has failed. Returns for how long threads have been failing without a commit.
    fn failed(&mut self, number: usize, now_ms: i64, commits: u64) -> i64 {
        if self.count == 0 || commits > self.commits {
            (self.since_ms, self.count, self.commits) = (now_ms, 0, commits);
        }
        let pause_ms = match self.count {
            0 => 0,
            count => REPLACE_AGAIN_MS.saturating_mul(1 << count.min(10)).min(REPLACE_AGAIN_MAX_MS),
        };
        self.count = self.count.saturating_add(1);
        self.pending.insert(number, now_ms.saturating_add(pause_ms));
        now_ms - self.since_ms
    }
}

impl Pool {
    /// A pool with as many threads as are wanted.
    pub(super) fn new(
        instance: &Instance,
        requests: mpsc::Sender<Request>,
        wake_restorer: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<(Self, Vec<ThreadHandle>)> {
        let failures = Failures::default();
        let mut pool =
            Pool { instance: instance.clone(), requests, wake_restorer, threads: Vec::new(), failures };
        let handles: Result<Vec<_>> = (1..=instance.threads()).map(|number| pool.start(number)).collect();
        Ok((pool, handles?))
    }

    fn start(&mut self, number: usize) -> Result<ThreadHandle> {
        let (thread, handle) =
            start_stream_thread(&self.instance, number, &self.requests, &self.wake_restorer)?;
        self.threads.push((number, thread));
        Ok(handle)
    }

    /// The smallest number that no thread has.
    fn free_number(&mut self) -> usize {
        self.threads.retain(|(_, thread)| !thread.is_finished());
        let is_free = |number: &usize| self.threads.iter().all(|(used, _)| used != number);
        (1..).find(is_free).unwrap_or(usize::MAX)
    }

    /// Serves what was requested, and replaces threads that have failed.
    pub fn serve(&mut self, dispatcher: &mut Dispatcher) -> Result<()> {
        self.replace_failed(dispatcher)?;
        let shared = Arc::clone(&self.instance.shared);
        for request in shared.requests.take() {
            match request {
                ThreadRequest::Add(answer) => {
                    let added = self.add(dispatcher);
                    let _nobody_waits = answer.send(added);
                }
                ThreadRequest::Remove(answer) => {
                    let removed = dispatcher.retire();
                    shared.requests.set_threads(dispatcher.len());
                    if let Ok(Some(thread)) = &removed {
                        tracing::info!(thread, "stream thread removed");
                    }
                    let _nobody_waits = answer.send(removed);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, dispatcher: &mut Dispatcher) -> Result<String> {
        if self.instance.plan.subtopologies.is_empty() {
            return Err(IllegalStateError::GlobalTablesOnly.into());
        }
        let number = self.free_number();
        let handle = self.start(number)?;
        let name = handle.name().to_owned();
        dispatcher.add(handle);
        self.instance.shared.requests.set_threads(dispatcher.len());
        tracing::info!(thread = name, "stream thread added");
        Ok(name)
    }

    /// Replaces threads that have failed; after a pause, if they fail again and again.
    fn replace_failed(&mut self, dispatcher: &mut Dispatcher) -> Result<()> {
        let now_ms = self.instance.clock.monotonic_ms();
        for (number, error) in dispatcher.failed() {
            let next_ms = match self.failures.pending.get(&number) {
                Some(next_ms) => *next_ms,
                None => {
                    let Some(next_ms) = self.failed(number, &error, now_ms) else { return Ok(()) };
                    next_ms
                }
            };
            // What it holds is free once it has ended.
            let has_ended = self.threads.iter().all(|(of, thread)| *of != number || thread.is_finished());
            if has_ended && now_ms >= next_ms {
                self.failures.pending.remove(&number);
                self.threads.retain(|(of, _)| *of != number);
                let handle = self.start(number)?;
                tracing::info!(thread = handle.name(), "stream thread replaced");
                dispatcher.replace(number, handle);
            }
        }
        Ok(())
    }

    /// When that thread may be replaced; never, if threads have been failing for too long.
    fn failed(&mut self, number: usize, error: &Arc<Error>, now_ms: i64) -> Option<i64> {
        let shared = &self.instance.shared;
        let commits = lock(&shared.stats).iter().map(|stats| stats.commits()).sum();
        let failing_ms = self.failures.failed(number, now_ms, commits);
        if failing_ms >= self.instance.config.task_timeout_ms() && failing_ms > 0 {
            shared.fail_with(Arc::clone(error));
            return None;
        }
        let next_ms = self.failures.pending.get(&number).copied();
        let in_ms = next_ms.unwrap_or(now_ms) - now_ms;
        tracing::warn!(%error, in_ms, failing_ms, "the handler of uncaught errors wants the thread replaced");
        next_ms
    }

    /// Waits for the end of all threads, at most so long.
    pub fn join(&mut self, at_most: impl Fn() -> Duration) -> Duration {
        join(std::mem::take(&mut self.threads).into_iter().map(|(_, thread)| thread).collect(), at_most)
    }
}
