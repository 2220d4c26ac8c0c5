//! The application: starts threads over a topology, reports its state, and closes (`org.apache.kafka.streams.KafkaStreams`).

mod listening;
mod operate;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use self::listening::Changes;
use super::instance::{self, Launch, StartProgress};
use super::lifecycle::State;
use super::refusals::ReadTopics;
use super::renewal::Renewals;
use super::requests::Requests;
use super::restore::RestoreCounters;
use super::restore_listener::{RestoreListener, StateRestoreListener};
use super::said::Said;
use super::state_directory;
use super::stats::{ThreadStats, Totals};
use super::threads;
use super::uncaught::StreamsUncaughtExceptionHandler;
use super::waits::{WaitReason, Waits};
use crate::config::StreamsConfig;
use crate::error::{Error, IllegalStateError, Result};
use crate::metrics::{Metric, Registry};
use crate::processor::handlers::{
    DeserializationExceptionHandler, Handlers, ProcessingExceptionHandler, ProductionExceptionHandler,
};
use crate::time::{ClockRef, SystemClock};
use crate::topology::Topology;
use crate::transport::embedded::EmbeddedBroker;
use crate::transport::{TokenProvider, Transport};

/// How long an application may take to end, unless a call of `close` gives it more: then the threads that have not ended
/// are left behind.
const PATIENCE_MS: i64 = 30_000;

/// How often `start` checks whether it should end.
const START_SLICE: Duration = Duration::from_millis(20);

/// How often who waits for a state checks what else is waited for.
const WAIT_SLICE: Duration = Duration::from_secs(1);

/// Called with the new and the old state after each change.
pub type StateListener = Box<dyn Fn(State, State) + Send + Sync>;

/// What the application's threads share.
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Futures that wait for the end.
    wakers: Mutex<Vec<Waker>>,
    error: Mutex<Option<Arc<Error>>>,
    listener: Option<StateListener>,
    changes: Mutex<Changes>,
    stop: AtomicBool,
    /// The transport while it is in use.
    transport: Mutex<Option<Arc<dyn Transport>>>,
    patience_ms: AtomicI64,
    ending_ms: AtomicI64,
    pub counters: Arc<RestoreCounters>,
    pub restore_listener: RestoreListener,
    pub stats: Mutex<Vec<Arc<ThreadStats>>>,
    pub waits: Arc<Waits>,
    pub said: Arc<Said>,
    pub read: Arc<ReadTopics>,
    pub renewals: Mutex<Renewals>,
    pub requests: Requests,
    pub metrics: Registry,
}

/// Poisoning is ignored: every value is replaced as a whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// Changes to `next` if that is a legal transition; otherwise does nothing.
    pub fn transition_to(&self, next: State) -> bool {
        let before = {
            let mut state = lock(&self.state);
            if !state.may_become(next) || (*state == next) {
                return false;
            }
            let before = std::mem::replace(&mut *state, next);
            // Under the lock of the state, so that the listener gets changes in the order in which they were made.
            if self.listener.is_some() {
                lock(&self.changes).pending.push_back((next, before));
            }
            before
        };
        self.changed.notify_all();
        if next.is_final() {
            lock(&self.wakers).drain(..).for_each(Waker::wake);
        }
        tracing::info!(from = %before, to = %next, "state");
        self.call_listener();
        true
    }

    /// How long the application's end may still take; nothing once its time is over. A call of `close` may have given it
    /// more since the last look.
    pub fn left(&self) -> Duration {
        let ending_ms = self.ending_ms.load(Ordering::Relaxed);
        let left_ms = self.patience_ms.load(Ordering::Relaxed).saturating_sub(ending_ms);
        Duration::from_millis(u64::try_from(left_ms).unwrap_or(0))
    }

    /// It has been ending for so much longer.
    pub fn end_on(&self, passed: Duration) {
        let passed_ms = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        self.ending_ms.fetch_add(passed_ms, Ordering::Relaxed);
    }

    /// Whether the application should end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Requests the end of the application. Requests to brokers are no longer waited for.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        if let Some(transport) = &*lock(&self.transport) {
            transport.close();
        }
    }

    /// Sets the transport.
    pub fn use_transport(&self, transport: &Arc<dyn Transport>) -> Result<()> {
        *lock(&self.transport) = Some(Arc::clone(transport));
        self.check_open()
    }

    /// Drops the transport when everything has ended.
    pub fn drop_transport(&self) {
        *lock(&self.transport) = None;
    }

    /// An error if the application was closed, or has failed.
    pub fn check_open(&self) -> Result<()> {
        if !self.is_stopped() {
            return Ok(());
        }
        Err(match &*lock(&self.error) {
            Some(error) => IllegalStateError::FailedAtStart { cause: Arc::clone(error) },
            None => IllegalStateError::ClosedAtStart,
        }
        .into())
    }

    /// Ends the application because of an error; the first one is kept.
    pub fn fail(&self, error: Error) {
        self.fail_with(Arc::new(error));
    }

    /// As [`fail`](Self::fail), with an error that others have, too.
    pub fn fail_with(&self, error: Arc<Error>) {
        tracing::error!(%error, "the application stops");
        lock(&self.error).get_or_insert(error);
        self.stop();
        self.transition_to(State::PendingError);
    }

    pub fn state(&self) -> State {
        *lock(&self.state)
    }
}

/// Builds a [`KafkaStreams`] with parts besides topology and settings.
pub struct KafkaStreamsBuilder {
    topology: Topology,
    config: StreamsConfig,
    transport: Option<Arc<dyn Transport>>,
    clock: ClockRef,
    handlers: Handlers,
    listener: Option<StateListener>,
    uncaught: Option<Box<dyn StreamsUncaughtExceptionHandler>>,
    restore_listener: Option<Box<dyn StateRestoreListener>>,
    token_provider: Option<Arc<dyn TokenProvider>>,
}

impl KafkaStreamsBuilder {
    /// Runs on this embedded broker, whatever `bootstrap.servers` says.
    pub fn with_broker(mut self, broker: Arc<EmbeddedBroker>) -> Self {
        self.transport = Some(Arc::new(broker.transport()));
        self
    }

    /// Takes wall-clock time from `clock`: what event times are compared with, and wall-clock punctuations are due by.
    /// Intervals, such as when a commit is due, are judged by its
    /// [`monotonic_ms`](crate::time::Clock::monotonic_ms), which is the machine's unless it has one of its own.
    pub fn with_clock(mut self, clock: ClockRef) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the handler for records that do not parse; overrides `deserialization.exception.handler`.
    pub fn with_deserialization_handler(
        mut self,
        handler: impl DeserializationExceptionHandler + 'static,
    ) -> Self {
        self.handlers.deserialization = Arc::new(handler);
        self.handlers.keeps_records = true;
        self
    }

    /// Sets the handler for records on which user code fails; overrides `processing.exception.handler`.
    pub fn with_processing_handler(mut self, handler: impl ProcessingExceptionHandler + 'static) -> Self {
        self.handlers.processing = Arc::new(handler);
        self.handlers.keeps_records = true;
        self
    }

    /// Sets the handler for results that cannot be written; overrides `production.exception.handler`.
    pub fn with_production_handler(mut self, handler: impl ProductionExceptionHandler + 'static) -> Self {
        self.handlers.production = Arc::new(handler);
        self.handlers.keeps_records = true;
        self
    }

    /// Sets a listener that is called with the new and the old state after each change, in the order of the changes and one
    /// call at a time: on the thread that made the change, or on the one that is calling it for an earlier change. That
    /// thread waits for it, be it one that processes or one that calls [`KafkaStreams::close`]: a listener that may take
    /// longer than moments, such as one that sends a message, hands it to a thread of its own.
    pub fn with_state_listener(mut self, listener: impl Fn(State, State) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Sets what decides about errors and panics that end a stream thread, or the thread of the global stores; without it,
    /// they end the application (`KafkaStreams.setUncaughtExceptionHandler`). A closure will do.
    pub fn with_uncaught_exception_handler(
        mut self,
        handler: impl StreamsUncaughtExceptionHandler + 'static,
    ) -> Self {
        self.uncaught = Some(Box::new(handler));
        self
    }

    /// Sets what watches restores of stores and global stores (`KafkaStreams.setGlobalStateRestoreListener`).
    pub fn with_state_restore_listener(mut self, listener: impl StateRestoreListener + 'static) -> Self {
        self.restore_listener = Some(Box::new(listener));
        self
    }

    /// Sets the provider of the tokens with which all clients log in if `sasl.mechanism` is `OAUTHBEARER`.
    pub fn with_token_provider(mut self, provider: impl TokenProvider + 'static) -> Self {
        self.token_provider = Some(Arc::new(provider));
        self
    }

    /// Checks settings and topology. Nothing is opened or sent before [`KafkaStreams::start`].
    pub fn build(self) -> Result<KafkaStreams> {
        self.config.validate()?;
        for warning in self.config.warnings() {
            tracing::warn!("{warning}");
        }
        self.topology.validate()?;
        self.topology.check_settings(&self.config)?;
        for (node, topic) in self.topology.graph().sinks_that_feed_back() {
            tracing::warn!(%node, %topic, "the topology reads its own results; filter what has been around already");
        }
        let waits = Arc::default();
        let shared = Shared {
            state: Mutex::new(State::Created),
            changed: Condvar::new(),
            wakers: Mutex::default(),
            error: Mutex::new(None),
            listener: self.listener,
            changes: Mutex::default(),
            stop: AtomicBool::new(false),
            transport: Mutex::new(None),
            patience_ms: AtomicI64::new(PATIENCE_MS),
            ending_ms: AtomicI64::new(0),
            counters: Arc::default(),
            restore_listener: RestoreListener::new(self.restore_listener, &waits),
            stats: Mutex::default(),
            waits,
            said: Arc::default(),
            read: Arc::default(),
            renewals: Mutex::default(),
            requests: Requests::new(self.uncaught),
            metrics: Registry::of(&self.config),
        };
        Ok(KafkaStreams {
            topology: self.topology,
            config: Arc::new(self.config),
            transport: self.transport,
            clock: self.clock,
            handlers: self.handlers,
            token_provider: self.token_provider,
            shared: Arc::new(shared),
            supervisor: Mutex::new(None),
            gave_up: AtomicBool::new(false),
        })
    }
}

/// A running topology. Dropping it closes it and waits for its end, half a minute at most, and not at all after a
/// [`close`](Self::close) whose time was over, or on a thread of its own: then it ends in the background.
///
/// Threads: `num.stream.threads` stream threads, one for the group, one that restores, one for global stores if there
/// are any; librdkafka has its own.
pub struct KafkaStreams {
    topology: Topology,
    config: Arc<StreamsConfig>,
    transport: Option<Arc<dyn Transport>>,
    clock: ClockRef,
    handlers: Handlers,
    token_provider: Option<Arc<dyn TokenProvider>>,
    shared: Arc<Shared>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
    /// Whether a `close` was not waited for to its end.
    gave_up: AtomicBool,
}

impl KafkaStreams {
    /// An application with the default clock and the handlers that the settings name.
    pub fn new(topology: Topology, config: StreamsConfig) -> Result<Self> {
        Self::builder(topology, config).build()
    }

    /// A builder, for handlers, clock, broker and listener.
    pub fn builder(topology: Topology, config: StreamsConfig) -> KafkaStreamsBuilder {
        let handlers = Handlers::of(&config);
        KafkaStreamsBuilder {
            topology,
            config,
            transport: None,
            clock: Arc::new(SystemClock),
            handlers,
            listener: None,
            uncaught: None,
            restore_listener: None,
            token_provider: None,
        }
    }

    /// Connects, creates the application's internal topics, fills global stores, joins the group and begins to process.
    ///
    /// Returns once the threads run; tasks come as the group assigns them. What it waits for meanwhile,
    /// [`reasons`](Self::reasons) tells, and a [`close`](Self::close) on another thread ends it. Errors: a broker that does
    /// not answer, topics that are missing or do not fit, a state directory in use, each in [`Error::Ended`]; the state is
    /// [`State::Error`] then, and an application is started once: make a new one to try again.
    pub fn start(&self) -> Result<()> {
        self.begin()?.wait()
    }

    /// Starts the thread that starts the application.
    pub(super) fn begin(&self) -> Result<Starting> {
        let (progress, started) = mpsc::channel();
        {
            let mut supervisor = lock(&self.supervisor);
            if self.state() != State::Created || supervisor.is_some() {
                let state = match self.state() {
                    State::Created => "being started",
                    state => state.name(),
                };
                return Err(IllegalStateError::StartedTwice { state, cause: self.error() }.into());
            }
            *supervisor = Some(instance::supervise(self.launch(), progress)?);
        }
        Ok(Starting::new(started, &self.shared, &self.clock))
    }

    fn launch(&self) -> Launch {
        Launch {
            topology: self.topology.clone(),
            config: Arc::clone(&self.config),
            transport: self.transport.clone(),
            clock: Arc::clone(&self.clock),
            handlers: self.handlers.clone(),
            token_provider: self.token_provider.clone(),
            shared: Arc::clone(&self.shared),
            had_directory: false,
        }
    }

    /// Commits, closes the tasks, leaves the group and waits for the threads, at most `timeout`. False when they had not
    /// ended by then. They continue to end, and threads that have not ended after half a minute, or after `timeout` if that
    /// is longer, are left behind: they can commit nothing more.
    ///
    /// On a thread of the application itself, in a processor, a handler or a listener, it only requests the end,
    /// and returns false.
    pub fn close(&self, timeout: Duration) -> bool {
        let timeout_ms = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        self.shared.patience_ms.fetch_max(timeout_ms, Ordering::Relaxed);
        self.begin_to_end();
        if threads::is_own(&self.shared) {
            return self.state().is_final();
        }
        let ended = self.wait_for(timeout, State::is_final);
        self.gave_up.store(!ended, Ordering::Relaxed);
        ended
    }

    /// Requests the application's end, and does not wait for it.
    pub(super) fn begin_to_end(&self) {
        self.shared.stop();
        let never_started = lock(&self.supervisor).is_none();
        self.shared.transition_to(State::PendingShutdown);
        if never_started {
            self.shared.transition_to(State::NotRunning);
        }
    }

    /// Ready once the application has ended.
    pub(super) fn poll_ended(&self, context: &Context<'_>) -> Poll<()> {
        // The waker first, so that an end in between wakes it.
        let mut wakers = lock(&self.shared.wakers);
        if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            wakers.push(context.waker().clone());
        }
        drop(wakers);
        if self.state().is_final() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// What the application is doing.
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// Waits until `reached` accepts the state, at most `timeout`. False if it did not.
    pub fn wait_for(&self, timeout: Duration, reached: impl Fn(State) -> bool) -> bool {
        let mut left = timeout;
        loop {
            let slice = left.min(WAIT_SLICE);
            let state = lock(&self.shared.state);
            let waited = self.shared.changed.wait_timeout_while(state, slice, |state| !reached(*state));
            let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if reached(*state) {
                return true;
            }
            drop(state);
            left = left.saturating_sub(slice);
            if left.is_zero() {
                self.warn_if_never_started();
                return false;
            }
            // The threads that do so as well may have ended, or be in user code that takes long.
            self.shared.waits.update(self.clock.monotonic_ms());
        }
    }

    fn warn_if_never_started(&self) {
        if self.state() == State::Created && lock(&self.supervisor).is_none() {
            let application = self.config.application_id();
            tracing::warn!(%application, "the application was never started; call start or run");
        }
    }

    /// The error that ended the application, if one did.
    pub fn error(&self) -> Option<Arc<Error>> {
        lock(&self.shared.error).clone()
    }

    /// What the application waits for now, the longest wait first: why it is not RUNNING, or makes no progress. Empty
    /// while nothing is waited for.
    pub fn reasons(&self) -> Vec<WaitReason> {
        self.shared.waits.reasons()
    }

    /// The application's counters.
    pub fn totals(&self) -> Totals {
        let mut metrics = Totals {
            restored_records: self.shared.counters.restored_records.load(Ordering::Relaxed),
            wiped_tasks: self.shared.counters.wiped_tasks.load(Ordering::Relaxed),
            ..Totals::default()
        };
        for thread in lock(&self.shared.stats).iter() {
            metrics.processed_records += thread.processed();
            metrics.dropped += thread.dropped();
            metrics.commits += thread.commits();
            metrics.running_tasks += thread.running();
            metrics.restoring_tasks += thread.opening();
        }
        metrics.dropped_records = metrics.dropped.total();
        metrics
    }

    /// All metrics as they are now, under Kafka Streams' names: those of [`catalog`](crate::metrics::catalog) that
    /// `metrics.recording.level` records, for the threads, tasks, nodes and topics that there are.
    pub fn metrics(&self) -> Vec<Metric> {
        self.shared.metrics.collect(self.clock.monotonic_ms())
    }

    /// Deletes the application's local state, before the start or after the end. Refused while an instance uses it.
    pub fn clean_up(&self) -> Result<()> {
        let state = self.state();
        if state != State::Created && !state.is_final() {
            return Err(IllegalStateError::StateInUse { state: state.name() }.into());
        }
        state_directory::clean_up(&self.config.state_dir(), &self.config.application_id())
    }
}

/// An application that starts.
pub(super) struct Starting {
    started: mpsc::Receiver<StartProgress>,
    shared: Arc<Shared>,
    clock: ClockRef,
}

impl Starting {
    /// One that reports its progress there.
    pub fn new(started: mpsc::Receiver<StartProgress>, shared: &Arc<Shared>, clock: &ClockRef) -> Self {
        Starting { started, shared: Arc::clone(shared), clock: Arc::clone(clock) }
    }

    /// Returns once the threads run, or the start has failed or was closed.
    pub fn wait(self) -> Result<()> {
        let mut waiting = self.shared.waits.of("the start");
        let mut stage = Some("the first step".to_owned());
        loop {
            match self.started.recv_timeout(START_SLICE) {
                Ok(StartProgress::At(next)) => {
                    waiting.end();
                    stage = Some(next);
                }
                Ok(StartProgress::Launched) => {
                    waiting.end();
                    stage = None;
                }
                Ok(StartProgress::Ended(result)) => return result,
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    let thread = "the thread that starts the application";
                    return Err(IllegalStateError::StartThreadEnded { thread }.into());
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    self.shared.check_open()?;
                    let now_ms = self.clock.monotonic_ms();
                    if let Some(stage) = &stage {
                        waiting.update(now_ms, || stage.clone());
                    }
                    self.shared.waits.update(now_ms);
                }
            }
        }
    }
}

impl Drop for KafkaStreams {
    fn drop(&mut self) {
        self.warn_if_never_started();
        self.shared.stop();
        self.shared.transition_to(State::PendingShutdown);
        let Some(supervisor) = lock(&self.supervisor).take() else { return };
        if threads::is_own(&self.shared) || self.gave_up.load(Ordering::Relaxed) {
            return;
        }
        let moment = Duration::from_secs(1);
        self.wait_for(self.shared.left().max(moment), State::is_final);
        // A listener may still be called with the last state.
        threads::join(vec![supervisor], || moment);
    }
}

#[cfg(test)]
mod tests;
