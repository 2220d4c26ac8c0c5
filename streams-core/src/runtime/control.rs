//! The control thread: keeps the process's membership in the group and assigns tasks to the stream threads.
//!
//! It is the only caller of [`Membership`]. Rules:
//! 1. Its answers to the group are ordered: a revocation is acknowledged only when every thread concerned has committed and
//!    closed the tasks, or can commit nothing more of them (rule 2 of [`membership`](crate::transport::Membership)).
//! 2. A thread that is in one round for longer than `max.poll.interval.ms` is *expelled*, as Kafka's consumer does it: its
//!    fence is gone, and the process leaves the group so that others get the tasks. It joins again when the thread is back
//!    and has dropped its work; with the threads that are free at once, as long as there is nobody else in the group. Then
//!    tasks of the expelled thread, whose databases it holds, wait for it.
//! 3. Time in a round is counted while the control thread itself runs: a process that was stopped has not been slow.
//! 4. When the application ends, threads that do not answer are left behind after a while, and can commit nothing.

mod pool;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use super::assignment::{spread, surplus};
use super::kafka_streams::Shared;
use super::member::CurrentGroup;
use super::stats::ThreadStats;
use super::stream_thread::Command;
use super::waits::Waiting;
use crate::error::Result;
use crate::ids::TaskId;
use crate::time::ClockRef;
use crate::transport::{Membership, MembershipHandler};

/// How long the group is served before the application's own state is checked again.
const POLL: Duration = Duration::from_millis(50);

/// How often a wait for a thread's answer checks whether the thread still lives.
const ANSWER_SLICE: Duration = Duration::from_millis(50);

/// The time between two requests for the group's other members, while a thread hangs.
const ASK_EVERY_MS: i64 = 2_000;

/// The longest time between two checks of the threads that counts. A longer one means that the process was stopped.
const CHECK_MAX_MS: i64 = 1_000;

/// A stream thread as the control thread sees it.
pub(crate) struct ThreadHandle {
    /// The one in its name.
    number: usize,
    name: String,
    commands: mpsc::Sender<Command>,
    wake: Arc<dyn Fn() + Send + Sync>,
    alive: Arc<AtomicBool>,
    stats: Arc<ThreadStats>,
    tasks: BTreeSet<TaskId>,
    /// Tasks that it was asked to release and has not answered for yet.
    leaving: BTreeSet<TaskId>,
    /// While it is expelled: tasks whose databases it has.
    held: BTreeSet<TaskId>,
    /// The round it was in at the last check, and for how long it has been in it.
    round: Option<u64>,
    in_round_ms: i64,
}

impl ThreadHandle {
    pub fn new(
        number: usize,
        name: String,
        commands: mpsc::Sender<Command>,
        wake: Arc<dyn Fn() + Send + Sync>,
        alive: Arc<AtomicBool>,
        stats: Arc<ThreadStats>,
    ) -> Self {
        ThreadHandle {
            number,
            name,
            commands,
            wake,
            alive,
            stats,
            tasks: BTreeSet::new(),
            leaving: BTreeSet::new(),
            held: BTreeSet::new(),
            round: None,
            in_round_ms: 0,
        }
    }

    /// The thread's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn send(&self, command: Command) -> bool {
        let sent = self.commands.send(command).is_ok();
        self.stats.hurry();
        (self.wake)();
        sent
    }

    /// Adds the time since the last check.
    fn measure_round(&mut self, passed_ms: i64) {
        let round = self.stats.in_round();
        let same = round.is_some() && round == self.round;
        self.in_round_ms = if same { self.in_round_ms + passed_ms } else { 0 };
        self.round = round;
        if same {
            self.stats.hurry();
        }
    }

    /// Gives up its tasks without its help.
    fn expel(&mut self) {
        tracing::warn!(
            thread = self.name,
            doing = %self.stats.doing(),
            for_ms = self.in_round_ms,
            "the thread does not answer: its tasks are given up, and what it has not committed is dropped; look for code \
             that blocks, or raise consumer.max.poll.interval.ms"
        );
        self.stats.expel();
        self.held.append(&mut self.tasks);
        self.held.append(&mut self.leaving);
        self.send(Command::Expelled);
    }

    fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    fn is_free(&self) -> bool {
        self.is_alive() && !self.stats.is_expelled()
    }
}

/// Assigns tasks to threads.
pub(crate) struct Dispatcher {
    threads: Vec<ThreadHandle>,
    /// The group's assignment, if there is one.
    assigned: Option<BTreeSet<TaskId>>,
    shared: Arc<Shared>,
    clock: ClockRef,
    max_poll_interval_ms: i64,
    checked_ms: i64,
    /// Whether a thread was expelled and the group has not been left yet.
    has_expelled: bool,
    /// Whether the group has revoked tasks.
    has_given_up: bool,
    /// While no tasks are assigned: what last went wrong with the brokers.
    trouble: Option<String>,
    /// Whether the user removed all threads.
    is_emptied: bool,
    waiting: Waiting,
}

impl Dispatcher {
    pub fn new(
        threads: Vec<ThreadHandle>,
        shared: &Arc<Shared>,
        clock: &ClockRef,
        max_poll_interval_ms: i64,
    ) -> Self {
        Dispatcher {
            threads,
            assigned: None,
            shared: Arc::clone(shared),
            clock: Arc::clone(clock),
            max_poll_interval_ms,
            checked_ms: clock.monotonic_ms(),
            has_expelled: false,
            has_given_up: false,
            trouble: None,
            is_emptied: false,
            waiting: shared.waits.of("the application"),
        }
    }

    /// Whether every assigned task runs.
    pub fn all_running(&self) -> bool {
        let settled = |thread: &ThreadHandle| {
            thread.stats.opening() == 0 && thread.stats.running() == thread.tasks.len()
        };
        let handed_out: usize = self.threads.iter().map(|thread| thread.tasks.len()).sum();
        self.assigned.as_ref().is_some_and(|tasks| tasks.len() == handed_out)
            && self.threads.iter().all(settled)
    }

    /// Whether a thread has died that is not to be replaced.
    pub fn any_dead(&self) -> bool {
        self.threads.iter().any(|thread| !thread.is_alive() && thread.stats.replaceable_after().is_none())
    }

    fn any_free(&self) -> bool {
        self.threads.iter().any(ThreadHandle::is_free)
    }

    fn any_expelled(&self) -> bool {
        self.threads.iter().any(|thread| thread.stats.is_expelled())
    }

    /// Whether an assigned task waits for a thread that hangs.
    fn any_held(&self) -> bool {
        let mut held = self.threads.iter().flat_map(|thread| &thread.held);
        self.assigned.as_ref().is_some_and(|assigned| held.any(|task| assigned.contains(task)))
    }

    /// Checks every thread: expels those that are in one round for too long, and assigns tasks again to those that are back.
    fn check_threads(&mut self) {
        let now_ms = self.clock.monotonic_ms();
        let passed_ms = (now_ms - std::mem::replace(&mut self.checked_ms, now_ms)).clamp(0, CHECK_MAX_MS);
        let is_ending = self.shared.is_stopped();
        if is_ending {
            self.shared.end_on(Duration::from_millis(passed_ms.unsigned_abs()));
        }
        let left_behind = is_ending && self.shared.left().is_zero();
        let mut is_back = false;
        for thread in &mut self.threads {
            if thread.stats.is_expelled() {
                continue;
            }
            is_back |= !std::mem::take(&mut thread.held).is_empty();
            thread.measure_round(passed_ms);
            if thread.in_round_ms > self.max_poll_interval_ms || (left_behind && thread.round.is_some()) {
                thread.expel();
                self.has_expelled = true;
            }
        }
        if is_back && let Some(tasks) = self.assigned.clone() {
            self.hand_out(&tasks);
        }
        self.tell(now_ms);
        self.shared.waits.update(now_ms);
    }

    /// Updates what the application waits for.
    fn tell(&mut self, now_ms: i64) {
        let leaving = self.threads.iter().find(|thread| !thread.leaving.is_empty());
        if leaving.is_none() && self.all_running() {
            return self.waiting.end();
        }
        let expelled = self.threads.iter().find(|thread| thread.stats.is_expelled());
        let opening: usize = self.threads.iter().map(|thread| thread.stats.opening()).sum();
        let failed = self.threads.iter().find(|thread| !thread.is_alive());
        if let Some(thread) = failed.filter(|_| leaving.is_none()) {
            self.waiting.update(now_ms, || format!("another thread in the place of {}", thread.name));
            return;
        }
        self.waiting.update(now_ms, || match (leaving, expelled, &self.assigned) {
            (Some(thread), ..) => {
                let (tasks, doing) = (thread.leaving.len(), thread.stats.doing());
                format!("thread {} to commit and close {tasks} tasks; it is {doing}", thread.name)
            }
            (_, Some(thread), _) => {
                format!("thread {} to return from {}", thread.name, thread.stats.doing())
            }
            (_, _, None) if self.is_emptied => {
                "add_stream_thread(): all stream threads were removed".to_owned()
            }
            (_, _, None) => match &self.trouble {
                Some(trouble) => format!("the group to assign tasks; last trouble: {trouble}"),
                None => "the group to assign tasks".to_owned(),
            },
            (_, _, Some(tasks)) if opening == 0 => {
                format!("the stream threads to take over {} tasks", tasks.len())
            }
            (_, _, Some(tasks)) => format!("{opening} of {} tasks to be opened", tasks.len()),
        });
    }

    /// Tasks that must move to balance the threads.
    fn surplus(&self, tasks: &BTreeSet<TaskId>) -> BTreeSet<TaskId> {
        let of_others = |thread: &&ThreadHandle| !thread.is_free();
        let held = self.threads.iter().filter(of_others).flat_map(|thread| thread.held.union(&thread.tasks));
        let held: BTreeSet<TaskId> = held.copied().collect();
        let free = self.threads.iter().filter(|thread| thread.is_free());
        let owned: Vec<BTreeSet<TaskId>> = free.map(|thread| thread.tasks.clone()).collect();
        surplus(&owned, tasks.difference(&held).count())
    }

    /// Assigns tasks without a thread to free threads.
    fn hand_out(&mut self, tasks: &BTreeSet<TaskId>) {
        let held: BTreeSet<TaskId> =
            self.threads.iter().flat_map(|thread| thread.held.iter().copied()).collect();
        let tasks: BTreeSet<TaskId> = tasks.difference(&held).copied().collect();
        let free: Vec<&mut ThreadHandle> =
            self.threads.iter_mut().filter(|thread| thread.is_free()).collect();
        let owned: Vec<_> = free.iter().map(|thread| thread.tasks.clone()).collect();
        for (thread, gain) in free.into_iter().zip(spread(&owned, &tasks)) {
            if !gain.is_empty() {
                thread.tasks.extend(&gain);
                thread.send(Command::Assign(gain));
            }
        }
    }

    /// Ends the threads; their tasks have been released before.
    pub fn stop(&self) {
        for thread in &self.threads {
            thread.send(Command::Stop);
        }
    }

    /// Sends a command that revokes tasks to each thread concerned, and waits for the answers of those that live and are
    /// not expelled meanwhile.
    fn take_away(
        &mut self,
        tasks: &BTreeSet<TaskId>,
        command: impl Fn(BTreeSet<TaskId>, mpsc::Sender<()>) -> Command,
    ) {
        if let Some(assigned) = &mut self.assigned {
            assigned.retain(|task| !tasks.contains(task));
        }
        let mut answers = Vec::new();
        for (number, thread) in self.threads.iter_mut().enumerate() {
            let mine: BTreeSet<TaskId> = thread.tasks.intersection(tasks).copied().collect();
            if mine.is_empty() {
                continue;
            }
            thread.tasks = thread.tasks.difference(&mine).copied().collect();
            thread.leaving.extend(&mine);
            let (sender, receiver) = mpsc::channel();
            if thread.send(command(mine, sender)) {
                answers.push((number, receiver));
            }
        }
        for (number, answer) in answers {
            while let Err(mpsc::RecvTimeoutError::Timeout) = answer.recv_timeout(ANSWER_SLICE) {
                self.check_threads();
                if !self.threads.get(number).is_some_and(ThreadHandle::is_free) {
                    break;
                }
            }
            if let Some(thread) = self.threads.get_mut(number) {
                thread.leaving.clear();
            }
        }
    }
}

impl MembershipHandler for Dispatcher {
    fn assigned(&mut self, tasks: &BTreeSet<TaskId>) {
        // A provider reports losses before it assigns; tasks missing without a report are released properly here.
        let owned = self.threads.iter().flat_map(|thread| &thread.tasks);
        let missing: BTreeSet<TaskId> = owned.filter(|task| !tasks.contains(task)).copied().collect();
        if !missing.is_empty() {
            self.take_away(&missing, Command::Revoke);
        }
        let uneven = self.surplus(tasks);
        if !uneven.is_empty() {
            self.take_away(&uneven, Command::Revoke);
        }
        self.assigned = Some(tasks.clone());
        self.hand_out(tasks);
    }

    fn revoked(&mut self, tasks: &BTreeSet<TaskId>) {
        self.has_given_up = true;
        self.take_away(tasks, Command::Revoke);
    }

    fn lost(&mut self, tasks: &BTreeSet<TaskId>, why: &str) {
        self.has_given_up = true;
        self.take_away(tasks, |tasks, answer| Command::Lose(tasks, why.to_owned(), answer));
        // Whoever has lost everything has no place in the group, as when all brokers are gone.
        self.assigned.take_if(|left| left.is_empty());
    }
}

/// How the group is served.
pub(crate) struct ControlSettings {
    pub leave_timeout: Duration,
}

/// What the control loop reports to the application.
pub(crate) trait ControlEvents {
    /// The group knows of tasks that this process does not know.
    fn outgrown(&mut self);

    /// The group has revoked tasks, as it does when a topic is gone.
    fn given_up(&mut self);

    /// Adds, removes and replaces threads as wanted.
    fn serve_threads(&mut self, _dispatcher: &mut Dispatcher) -> Result<()> {
        Ok(())
    }

    /// Called after each round. Returns whether the application has to be planned again.
    fn observe(&mut self, all_running: bool) -> bool;
}

/// Why the process does not serve its group any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The application ends.
    Stopped,
    /// It has to start with another plan.
    Replan,
}

/// The process's membership in the group, which it may have to leave and join again.
pub(crate) struct Place {
    pub membership: Option<Box<dyn Membership>>,
    pub join: Box<dyn Fn() -> Result<Box<dyn Membership>> + Send>,
    pub group: Arc<CurrentGroup>,
    /// Asks the broker whether other processes are in the group; costs up to some seconds.
    pub others: Box<dyn FnMut() -> bool + Send>,
    /// The last answer, and when it was given.
    pub known: Option<(bool, i64)>,
}

impl Place {
    /// Joins if there is no membership.
    pub fn take(&mut self) -> Result<()> {
        if self.membership.is_none() {
            let membership = (self.join)()?;
            self.group.set(Some(membership.group()));
            self.membership = Some(membership);
        }
        Ok(())
    }

    fn poll(&mut self, dispatcher: &mut Dispatcher, settings: &ControlSettings) -> Result<()> {
        if let Some(membership) = &mut self.membership {
            membership.poll(POLL, dispatcher)?;
            dispatcher.trouble = dispatcher.assigned.is_none().then(|| membership.trouble()).flatten();
        } else if !dispatcher.any_free() || (dispatcher.any_expelled() && self.has_others(dispatcher)) {
            pause();
        } else {
            self.take()?;
        }
        if self.membership.is_some() && dispatcher.any_held() && self.has_others(dispatcher) {
            tracing::warn!("the group is left to its other members until the thread that hangs is back");
            self.leave(dispatcher, settings.leave_timeout);
        }
        Ok(())
    }

    /// Whether other processes are in the group, as of some seconds ago at most.
    fn has_others(&mut self, dispatcher: &Dispatcher) -> bool {
        let now_ms = dispatcher.clock.monotonic_ms();
        match self.known {
            Some((known, at_ms)) if now_ms - at_ms < ASK_EVERY_MS => known,
            _ => {
                let mut calling = dispatcher.shared.waits.of("the application");
                calling.begin(|| "the list of the group's members".to_owned());
                let others = (self.others)();
                self.known = Some((others, dispatcher.clock.monotonic_ms()));
                others
            }
        }
    }

    fn is_settled(&self) -> bool {
        self.membership.as_ref().is_some_and(|membership| membership.is_settled())
    }

    fn take_outgrown(&mut self) -> bool {
        self.membership.as_mut().is_some_and(|membership| membership.take_outgrown())
    }

    fn leave(&mut self, dispatcher: &mut Dispatcher, timeout: Duration) {
        dispatcher.assigned = None;
        if let Some(mut membership) = self.membership.take() {
            let mut calling = dispatcher.shared.waits.of("the application");
            calling.begin(|| "the group to let it go".to_owned());
            if let Err(error) = membership.leave(dispatcher, timeout) {
                tracing::warn!(%error, "left the group without an answer");
            }
        }
        // What the group did not revoke is committed and closed all the same.
        let rest: BTreeSet<TaskId> =
            dispatcher.threads.iter().flat_map(|thread| thread.tasks.iter().copied()).collect();
        dispatcher.take_away(&rest, Command::Revoke);
        self.group.set(None);
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a thread that does not come back is waited for, off the record path"
)]
fn pause() {
    std::thread::sleep(POLL);
}

/// Serves the group until the application stops, a thread dies or the application must restart, then leaves it.
pub(crate) fn run(
    mut place: Place,
    mut dispatcher: Dispatcher,
    events: &mut dyn ControlEvents,
    settings: &ControlSettings,
) -> Result<Exit> {
    let shared = Arc::clone(&dispatcher.shared);
    let mut result = Ok(Exit::Stopped);
    while !shared.is_stopped() && !dispatcher.any_dead() {
        if let Err(error) = place.poll(&mut dispatcher, settings) {
            result = Err(error);
            break;
        }
        dispatcher.check_threads();
        if let Err(error) = events.serve_threads(&mut dispatcher) {
            result = Err(error);
            break;
        }
        if dispatcher.is_emptied() && place.membership.is_some() {
            place.leave(&mut dispatcher, settings.leave_timeout);
        }
        if place.take_outgrown() {
            events.outgrown();
        }
        if std::mem::take(&mut dispatcher.has_given_up) {
            events.given_up();
        }
        if events.observe(dispatcher.all_running() && place.is_settled()) {
            result = Ok(Exit::Replan);
            break;
        }
        if std::mem::take(&mut dispatcher.has_expelled) {
            place.leave(&mut dispatcher, settings.leave_timeout);
        }
    }
    place.leave(&mut dispatcher, settings.leave_timeout);
    dispatcher.stop();
    result
}
