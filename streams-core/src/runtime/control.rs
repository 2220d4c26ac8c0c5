//! The control thread: keeps the process's place in the group and hands tasks to the stream threads.
//!
//! It is the only caller of [`Membership`]. Its answers to the group are ordered: a revocation is acknowledged only when
//! every thread concerned has committed and closed the tasks (rule 2 of the membership seam).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use super::assignment::spread;
use super::stats::ThreadStats;
use super::stream_thread::Command;
use crate::error::{Error, Result};
use crate::ids::TaskId;
use crate::time::{ClockRef, Timestamp};
use crate::transport::{Membership, MembershipHandler};

/// How long the group is served before the application's own state is looked at again.
const POLL: Duration = Duration::from_millis(50);

/// How often a wait for a thread's answer looks whether the thread still lives.
const ANSWER_SLICE: Duration = Duration::from_millis(100);

/// A stream thread as the control thread sees it.
pub(crate) struct ThreadHandle {
    pub name: String,
    pub commands: mpsc::Sender<Command>,
    pub wake: Arc<dyn Fn() + Send + Sync>,
    pub alive: Arc<AtomicBool>,
    pub stats: Arc<ThreadStats>,
    pub tasks: BTreeSet<TaskId>,
}

/// Hands tasks to threads.
pub(crate) struct Dispatcher {
    threads: Vec<ThreadHandle>,
    assigned: bool,
}

impl Dispatcher {
    pub fn new(threads: Vec<ThreadHandle>) -> Self {
        Dispatcher { threads, assigned: false }
    }

    /// Whether every assigned task runs.
    pub fn all_running(&self) -> bool {
        let settled = |thread: &ThreadHandle| {
            thread.stats.opening() == 0 && thread.stats.running() == thread.tasks.len()
        };
        self.assigned && self.threads.iter().all(settled)
    }

    /// Whether a thread has died.
    pub fn any_dead(&self) -> bool {
        self.threads.iter().any(|thread| !thread.alive.load(Ordering::Acquire))
    }

    /// The thread that has been in its round for longer than `limit_ms`, if there is one.
    fn stuck(&self, now: Timestamp, limit_ms: i64) -> Option<Error> {
        let stuck = |thread: &&ThreadHandle| thread.stats.in_round_ms(now) > limit_ms;
        self.threads.iter().find(stuck).map(|thread| Error::ThreadStuck {
            thread: thread.name.clone(),
            stuck_ms: thread.stats.in_round_ms(now),
        })
    }

    /// Ends the threads; their tasks have been given up before.
    pub fn stop(&self) {
        for thread in &self.threads {
            let _ = thread.commands.send(Command::Stop);
            (thread.wake)();
        }
    }

    /// Sends a command that takes tasks away to each thread concerned and waits for the answers of those that live.
    fn take_away(
        &mut self,
        tasks: &BTreeSet<TaskId>,
        command: fn(BTreeSet<TaskId>, mpsc::Sender<()>) -> Command,
    ) {
        let mut answers = Vec::new();
        for thread in &mut self.threads {
            let mine: BTreeSet<TaskId> = thread.tasks.intersection(tasks).copied().collect();
            if mine.is_empty() {
                continue;
            }
            thread.tasks = thread.tasks.difference(&mine).copied().collect();
            let (sender, receiver) = mpsc::channel();
            if thread.commands.send(command(mine, sender)).is_ok() {
                (thread.wake)();
                answers.push((Arc::clone(&thread.alive), receiver));
            }
        }
        for (alive, answer) in answers {
            while let Err(mpsc::RecvTimeoutError::Timeout) = answer.recv_timeout(ANSWER_SLICE) {
                if !alive.load(Ordering::Acquire) {
                    break;
                }
            }
        }
    }
}

impl MembershipHandler for Dispatcher {
    fn assigned(&mut self, tasks: &BTreeSet<TaskId>) {
        self.assigned = true;
        let owned: Vec<_> = self.threads.iter().map(|thread| thread.tasks.clone()).collect();
        // A provider reports losses before it assigns; what it leaves out without a word is given up properly here.
        let missing: BTreeSet<TaskId> =
            owned.iter().flatten().filter(|task| !tasks.contains(task)).copied().collect();
        if !missing.is_empty() {
            self.take_away(&missing, Command::Revoke);
        }
        for (thread, gain) in self.threads.iter_mut().zip(spread(&owned, tasks)) {
            if !gain.is_empty() {
                thread.tasks.extend(&gain);
                let _ = thread.commands.send(Command::Assign(gain));
                (thread.wake)();
            }
        }
    }

    fn revoked(&mut self, tasks: &BTreeSet<TaskId>) {
        self.take_away(tasks, Command::Revoke);
    }

    fn lost(&mut self, tasks: &BTreeSet<TaskId>) {
        self.take_away(tasks, Command::Lose);
    }
}

/// Lets everything go without waiting for threads that may never answer. A thread that wakes up later finds no fence
/// any more and commits nothing.
struct LetGo;

impl MembershipHandler for LetGo {
    fn assigned(&mut self, _: &BTreeSet<TaskId>) {}

    fn revoked(&mut self, _: &BTreeSet<TaskId>) {}

    fn lost(&mut self, _: &BTreeSet<TaskId>) {}
}

/// How the group is served.
pub(crate) struct ControlSettings {
    pub clock: ClockRef,
    /// A thread that takes longer for one round has its tasks given to others (`max.poll.interval.ms`).
    pub max_poll_interval_ms: i64,
    pub leave_timeout: Duration,
}

/// What the control loop tells the application.
pub(crate) trait ControlEvents {
    /// Called after each round.
    fn observe(&mut self, all_running: bool) -> Next;
}

/// What comes after a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another one.
    Round,
    /// Nothing: the application ends so that it can start with another plan.
    StartAnew,
}

/// Serves the group until `stop` is set, a thread dies or the application shall start anew, then leaves it.
pub(crate) fn run(
    mut membership: Box<dyn Membership>,
    mut dispatcher: Dispatcher,
    stop: &AtomicBool,
    events: &mut dyn ControlEvents,
    settings: &ControlSettings,
) -> Result<Next> {
    let mut result = Ok(Next::Round);
    while !stop.load(Ordering::Acquire) && !dispatcher.any_dead() {
        if let Err(error) = membership.poll(POLL, &mut dispatcher) {
            result = Err(error.into());
            break;
        }
        if events.observe(dispatcher.all_running()) == Next::StartAnew {
            result = Ok(Next::StartAnew);
            break;
        }
        if let Some(error) = dispatcher.stuck(settings.clock.now_ms(), settings.max_poll_interval_ms) {
            let _ = membership.leave(&mut LetGo, settings.leave_timeout);
            dispatcher.stop();
            return Err(error);
        }
    }
    let left = membership.leave(&mut dispatcher, settings.leave_timeout);
    // Whatever the group did not take back is committed and closed all the same.
    let rest: BTreeSet<TaskId> = dispatcher.threads.iter().flat_map(|thread| thread.tasks.clone()).collect();
    dispatcher.take_away(&rest, Command::Revoke);
    dispatcher.stop();
    match (result, left) {
        (Ok(next), Err(error)) => {
            tracing::warn!(%error, "left the group without an answer");
            Ok(next)
        }
        (result, _) => result,
    }
}
