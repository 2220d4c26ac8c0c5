//! Starts an application's threads and supervises them until they have ended.

mod filling;
mod pool;
mod relaunch;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use state_stores::DiskMemory;

pub(super) use self::pool::Pool;
use super::application_plan::ApplicationPlan;
use super::commit::{Committer, producer_spec};
use super::connect::transport_of;
use super::control::{self, ControlSettings, Dispatcher, Exit, Place, ThreadHandle};
use super::global_thread::GlobalBackends;
use super::joining::{JoinParts, Joining};
use super::kafka_streams::{Shared, lock};
use super::left_over::Scope;
use super::lifecycle::State;
use super::measures::ClientMeasures;
use super::member::{CurrentGroup, ThreadGroup};
use super::memory::ClientMemory;
use super::observer::Observer;
use super::restore::{Request, Restorer, RestorerParts};
use super::state_directory::StateDirectory;
use super::state_place::{self, StatePlace};
use super::stats::ThreadStats;
use super::stream_thread::{Command, Round, StreamThread, ThreadLimits, ThreadParts};
use super::task::TaskEnvironment;
use super::threads::{join, run, spawn};
use super::topic_setup;
use super::topic_watch::TopicWatch;
use super::uncaught::StreamThreadExceptionResponse;
use crate::config::StreamsConfig;
use crate::error::{Error, Result};
use crate::metrics::Registration;
use crate::processor::handlers::Handlers;
use crate::time::{ClockRef, Now};
use crate::topology::Topology;
use crate::transport::{ConsumerSpec, Isolation, Membership, TokenProvider, Transport};
use crate::user_code::caught;

/// The longest wait of an idle restorer or global thread.
const IDLE: Duration = Duration::from_millis(100);

/// Time to leave the group.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(30);

/// Time for the answer who else is in the group.
const OTHERS_TIMEOUT: Duration = Duration::from_secs(2);

/// The least time for the stream threads to notice that they should stop: more than one call to a broker that is away takes.
const THREADS_END: Duration = Duration::from_secs(12);

/// The same where the application's own time is over.
const ENDED: Duration = Duration::from_secs(1);

/// The parts of an application before its start.
#[derive(Clone)]
pub(crate) struct Launch {
    pub topology: Topology,
    pub config: Arc<StreamsConfig>,
    /// `None` means the one that `bootstrap.servers` names.
    pub transport: Option<Arc<dyn Transport>>,
    pub clock: ClockRef,
    pub handlers: Handlers,
    pub token_provider: Option<Arc<dyn TokenProvider>>,
    pub shared: Arc<Shared>,
    /// Whether an earlier launch of the application had the state directory.
    pub had_directory: bool,
}

/// The progress that `start` receives.
pub(crate) enum StartProgress {
    /// What it waits for next.
    At(String),
    /// All is launched. The state listener comes next, which is among the waits itself.
    Launched,
    /// The threads run, or it failed.
    Ended(Result<()>),
}

/// The parts that all threads of an instance share.
#[derive(Clone)]
struct Instance {
    plan: Arc<ApplicationPlan>,
    config: Arc<StreamsConfig>,
    transport: Arc<dyn Transport>,
    clock: ClockRef,
    handlers: Handlers,
    shared: Arc<Shared>,
    globals: GlobalBackends,
    group: Arc<CurrentGroup>,
    client_id: Arc<str>,
    process_id: Arc<str>,
    /// The memory of its clients.
    buffers: ClientMemory,
    /// Locked for this process until everything has ended.
    directory: Option<Arc<StateDirectory>>,
    _metrics: Arc<Registration>,
}

/// A started application.
pub(crate) struct RunningInstance {
    // Dropped in this order.
    place: Place,
    dispatcher: Dispatcher,
    pool: Pool,
    servers: Servers,
    watch: TopicWatch,
    instance: Instance,
}

/// The threads that serve the stream threads; they end after those.
struct Servers {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Servers {
    fn new(shared: &Arc<Shared>) -> Self {
        Servers { shared: Arc::clone(shared), stop: Arc::default(), threads: Vec::new() }
    }

    /// Waits for threads that end.
    fn join(&mut self) {
        join(std::mem::take(&mut self.threads), || self.shared.left().max(ENDED));
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.join();
    }
}

/// Prepares everything and starts the threads; `at` gets what it waits for. Everything started has ended when it fails,
/// but for stream threads in the midst of a call to the broker, which end after it.
fn launch(launch: Launch, transport: Arc<dyn Transport>, at: &dyn Fn(&str)) -> Result<RunningInstance> {
    launch.shared.use_transport(&transport)?;
    let Launch { topology, config, clock, handlers, shared, had_directory, .. } = launch;
    let fresh_id = state_place::fresh_process_id(&clock);
    let place = StatePlace { topology: &topology, config: &config, shared: &shared, had: had_directory };
    let directory = place.open(&*transport, &fresh_id, clock.now_ms())?;
    let process_id: Arc<str> = match &directory {
        Some(directory) => directory.process_id().into(),
        None => fresh_id.into(),
    };
    let client_id: Arc<str> = match config.client_id() {
        Some(id) if !id.is_empty() => id.into(),
        _ => format!("{}-{process_id}", config.application_id()).into(),
    };
    at("the brokers of bootstrap.servers, to look up the topics and create the internal ones");
    let mut admin = transport.admin(&format!("{client_id}-admin"))?;
    let plan = Arc::new(topic_setup::prepare(&topology, &config, &mut *admin, &shared.said)?);
    shared.check_open()?;
    let memory = DiskMemory::new(config.rocksdb_block_cache_bytes(), config.rocksdb_write_buffer_bytes())
        .shared_by(plan.databases(), plan.store_instances());
    let globals = GlobalBackends::open(&plan, directory.as_deref(), &memory, clock.now_ms())?;
    let now_ms = clock.monotonic_ms();
    let of = (&shared.waits, &shared.said);
    let watch = TopicWatch::new(&plan, &config, &*transport, &client_id, of, now_ms)?;
    let group = Arc::new(CurrentGroup::default());
    let buffers = ClientMemory::new(&config, &plan);
    let metrics = ClientMeasures::register(&shared, &topology, &config, &client_id, &process_id);
    let mut instance = Instance {
        plan,
        config,
        transport,
        clock,
        handlers,
        shared,
        globals,
        group,
        client_id,
        process_id,
        buffers,
        directory,
        _metrics: Arc::new(metrics),
    };
    let mut servers = Servers::new(&instance.shared);
    if !instance.globals.is_empty() {
        at("the global stores to be filled");
        filling::fill(&mut instance, &mut servers, &memory)?;
    }
    at("the stream threads to start");
    let (requests, received) = mpsc::channel();
    let restorer = instance.restorer(memory, received)?;
    let wake_restorer = restorer.waker();
    servers.threads.push(start_restorer(&instance, restorer, &servers.stop)?);
    let (pool, handles) = Pool::new(&instance, requests, wake_restorer)?;
    let has_threads = !handles.is_empty() || instance.plan.subtopologies.is_empty();
    let max_poll_interval_ms = instance.config.max_poll_interval_ms();
    let dispatcher = Dispatcher::new(handles, &instance.shared, &instance.clock, max_poll_interval_ms);
    // Last: from now on the group counts on this process.
    let mut place = instance.place()?;
    if has_threads {
        place.take()?;
    }
    Ok(RunningInstance { place, dispatcher, pool, servers, watch, instance })
}

/// Starts the application on its control thread, which supervises it from then on.
pub(crate) fn supervise(launch: Launch, started: mpsc::Sender<StartProgress>) -> Result<JoinHandle<()>> {
    let shared = Arc::clone(&launch.shared);
    let name = format!("{}-control", launch.config.application_id());
    spawn(&Arc::clone(&shared), name, move || {
        let ran = run("control", || {
            control_thread(&launch, &started);
            Ok(())
        });
        if let Err(error) = ran {
            shared.fail(error);
        }
        shared.stop();
        shared.drop_transport();
        if shared.state() == State::PendingError {
            shared.transition_to(State::Error);
        } else {
            shared.transition_to(State::PendingShutdown);
            shared.transition_to(State::NotRunning);
        }
        shared.wait_for_listener(&*launch.clock);
    })
}

fn control_thread(launch: &Launch, started: &mpsc::Sender<StartProgress>) {
    let shared = &launch.shared;
    let tell = |stage: &str| drop(started.send(StartProgress::At(stage.to_owned())));
    // One transport for all launches: it knows that brokers and group have let this process in (decision 0021).
    let connected = transport_of(launch).and_then(|transport| {
        let running = self::launch(launch.clone(), Arc::clone(&transport), &tell)?;
        let had_directory = running.instance.directory.is_some();
        Ok((running, transport, Launch { had_directory, ..launch.clone() }))
    });
    let (running, transport, launch) = match connected {
        Ok(running) => running,
        Err(error) => {
            let error = Arc::new(error);
            // Closed meanwhile, it has ended as requested.
            if !shared.is_stopped() {
                shared.fail_with(Arc::clone(&error));
                shared.transition_to(State::Error);
            }
            let error = Arc::try_unwrap(error).unwrap_or_else(Error::Ended);
            // The caller of `start` may no longer wait; the state says it as well.
            let _ = started.send(StartProgress::Ended(Err(error)));
            return;
        }
    };
    let _ = started.send(StartProgress::Launched);
    shared.transition_to(State::Rebalancing);
    let _ = started.send(StartProgress::Ended(Ok(())));
    let mut exit = running.serve();
    while exit == Exit::Replan && !shared.is_stopped() {
        exit = relaunch::relaunch(&launch, &transport).map_or(Exit::Stopped, RunningInstance::serve);
    }
}

impl RunningInstance {
    /// Serves the group until the application ends or must start again. Everything is released when it returns.
    fn serve(self) -> Exit {
        let RunningInstance { place, dispatcher, pool, servers, watch, instance } = self;
        let shared = Arc::clone(&instance.shared);
        let settings = ControlSettings { leave_timeout: LEAVE_TIMEOUT };
        let (clock, globals) = (Arc::clone(&instance.clock), instance.globals.clone());
        let mut observer = Observer::new(Arc::clone(&shared), clock, watch, globals, pool);
        let served = run("control", || control::run(place, dispatcher, &mut observer, &settings));
        let exit = served.unwrap_or_else(|error| {
            shared.fail(error);
            Exit::Stopped
        });
        if exit == Exit::Stopped {
            shared.stop();
        }
        // The control thread has waited for those that had tasks; others may be in a call to the broker.
        // An application that continues needs what they hold; one that ends has a limit for that.
        let at_least = if exit == Exit::Stopped { ENDED } else { THREADS_END };
        let waited = observer.pool.join(|| shared.left().max(at_least));
        if exit == Exit::Stopped {
            shared.end_on(waited);
        }
        drop(servers);
        drop(observer);
        if let Some(directory) = instance.directory.as_ref().filter(|_| instance.globals.are_damaged()) {
            // Found by a read; the next start, even at once, must not find it again.
            let aside = directory.put_global_aside(instance.clock.now_ms());
            tracing::warn!(
                ?aside,
                "the database of the global stores is damaged; the next start fills them again"
            );
        }
        drop(instance);
        exit
    }
}

impl Instance {
    /// The process's membership in the group, before it joins.
    fn place(&self) -> Result<Place> {
        let spec = topic_setup::group_spec(&self.plan, &self.config, &self.client_id);
        let parts = JoinParts {
            transport: Arc::clone(&self.transport),
            spec,
            fingerprint: self.plan.fingerprint.clone(),
            clock: Arc::clone(&self.clock),
            waits: Arc::clone(&self.shared.waits),
            patience_ms: self.config.task_timeout_ms(),
        };
        let (group, member) = (Arc::clone(&parts.spec.group), parts.spec.client_id.clone());
        let (transport, client_id) =
            (Arc::clone(&self.transport), format!("{}-others-admin", self.client_id));
        let others = Box::new(move || {
            let members =
                transport.admin(&client_id).and_then(|mut admin| admin.members(&group, OTHERS_TIMEOUT));
            members.is_ok_and(|members| members.iter().any(|other| other.client_id != member))
        });
        let join = Box::new(move || Ok(Box::new(Joining::new(parts.clone())?) as Box<dyn Membership>));
        Ok(Place { membership: None, join, group: Arc::clone(&self.group), others, known: None })
    }

    /// That stream thread has ended with an error.
    fn ended_with(&self, thread: &str, error: Error, stats: &ThreadStats) {
        // An application that ends needs no other thread.
        let response = if self.shared.is_stopped() {
            StreamThreadExceptionResponse::ShutdownClient
        } else {
            let calling = self.shared.waits.of(format!("thread {thread}"));
            self.shared.requests.answer_to(&error, calling)
        };
        match response {
            StreamThreadExceptionResponse::ReplaceThread => stats.replace(error),
            StreamThreadExceptionResponse::ShutdownClient => self.shared.fail(error),
        }
    }

    /// How many stream threads it has. A topology with global tables only has no tasks.
    fn threads(&self) -> usize {
        if self.plan.subtopologies.is_empty() {
            return 0;
        }
        self.shared.requests.threads(self.config.num_stream_threads().max(1))
    }

    fn consumer_spec(&self, client_id: String, properties: BTreeMap<String, String>) -> ConsumerSpec {
        let isolation =
            if self.config.read_committed() { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
        ConsumerSpec { client_id, isolation, properties }
    }

    fn restorer(&self, memory: DiskMemory, requests: mpsc::Receiver<Request>) -> Result<Restorer> {
        let properties = self.buffers.changelogs.consumer(self.config.restore_consumer_properties());
        let spec = self.consumer_spec(format!("{}-restore-consumer", self.client_id), properties);
        Ok(Restorer::new(RestorerParts {
            plan: Arc::clone(&self.plan),
            config: Arc::clone(&self.config),
            directory: self.directory.clone(),
            memory,
            consumer: self.transport.consumer(&spec)?,
            admin: self.transport.admin(&format!("{}-restore-admin", self.client_id))?,
            requests,
            counters: Arc::clone(&self.shared.counters),
            listener: self.shared.restore_listener.clone(),
            waits: Arc::clone(&self.shared.waits),
        }))
    }

    /// Builds a stream thread, on the thread that will run it: its tasks never leave it.
    fn stream_thread(
        &self,
        name: &str,
        number: usize,
        consumer: Box<dyn crate::transport::Consumer>,
        channels: Channels,
    ) -> Result<StreamThread> {
        let config = &self.config;
        let transactional_id = format!("{}-{}-{number}", self.plan.application_id, self.process_id);
        let mut producer = producer_spec(config, &format!("{name}-producer"), transactional_id);
        producer.properties = self.buffers.producer(producer.properties);
        let group = ThreadGroup::new(Arc::clone(&self.group), Arc::clone(&channels.stats));
        let patience = Duration::from_millis(config.task_timeout_ms().max(0).unsigned_abs());
        let (scope, waits) = (Scope::of(&self.plan), &self.shared.waits);
        let committer =
            Committer::new(Arc::clone(&self.transport), producer, Arc::new(group), scope, waits, patience);
        let globals = self.globals.readers(&self.plan)?;
        let metrics = &self.shared.metrics;
        let environment =
            TaskEnvironment::new(&self.plan, config, committer, &self.handlers, globals, metrics, name);
        let limits = ThreadLimits::new(config, self.buffers.buffered());
        Ok(StreamThread::new(ThreadParts {
            name: name.to_owned(),
            consumer,
            environment,
            commands: channels.commands,
            restorer: channels.restorer,
            wake_restorer: channels.wake_restorer,
            limits,
            stats: channels.stats,
            waits: Arc::clone(&self.shared.waits),
            read: Arc::clone(&self.shared.read),
            paused: Arc::clone(self.shared.requests.paused()),
            clock: Arc::clone(&self.clock),
        }))
    }
}

struct Channels {
    commands: mpsc::Receiver<Command>,
    restorer: mpsc::Sender<Request>,
    wake_restorer: Arc<dyn Fn() + Send + Sync>,
    stats: Arc<ThreadStats>,
}

fn start_stream_thread(
    instance: &Instance,
    number: usize,
    requests: &mpsc::Sender<Request>,
    wake_restorer: &Arc<dyn Fn() + Send + Sync>,
) -> Result<(JoinHandle<()>, ThreadHandle)> {
    let name = format!("{}-StreamThread-{number}", instance.client_id);
    let properties = instance.buffers.sources.consumer(instance.config.main_consumer_properties());
    let consumer =
        instance.transport.consumer(&instance.consumer_spec(format!("{name}-consumer"), properties))?;
    let (commands, received) = mpsc::channel();
    let stats = Arc::new(ThreadStats::default());
    lock(&instance.shared.stats).push(Arc::clone(&stats));
    let alive = Arc::new(AtomicBool::new(true));
    let wake = consumer.waker();
    let channels = Channels {
        commands: received,
        restorer: requests.clone(),
        wake_restorer: Arc::clone(wake_restorer),
        stats: Arc::clone(&stats),
    };
    let handle_name = name.clone();
    let (of_thread, still_alive, thread_name) = (instance.clone(), Arc::clone(&alive), name.clone());
    let of_stats = Arc::clone(&stats);
    let thread = spawn(&instance.shared, name, move || {
        let instance = of_thread;
        let ran = run(&thread_name, || {
            let mut thread = instance.stream_thread(&thread_name, number, consumer, channels)?;
            let ran = run(&thread_name, || run_stream_thread(&mut thread, &instance.clock));
            if matches!(ran, Err(Error::Panicked { .. })) {
                // At once: until then readers of its results wait for its transaction.
                let _ = caught(|| thread.abort());
            }
            ran
        });
        // Whatever it ended with, it no longer runs tasks.
        of_stats.end(ran.is_err());
        if let Err(error) = ran {
            instance.ended_with(&thread_name, error, &of_stats);
        }
        still_alive.store(false, Ordering::Release);
    })?;
    Ok((thread, ThreadHandle::new(number, handle_name, commands, wake, alive, stats)))
}

fn run_stream_thread(thread: &mut StreamThread, clock: &ClockRef) -> Result<()> {
    loop {
        let round = thread.run_once(Now::of(&**clock))?;
        thread.round_ended(Now::of(&**clock));
        match round {
            Round::Busy => {}
            Round::IdleFor(idle_ms) => thread.wait(Duration::from_millis(idle_ms)),
            Round::Stopped => return Ok(()),
        }
    }
}

fn start_restorer(
    instance: &Instance,
    mut restorer: Restorer,
    stop: &Arc<AtomicBool>,
) -> Result<JoinHandle<()>> {
    let (clock, stop) = (Arc::clone(&instance.clock), Arc::clone(stop));
    let shared = Arc::clone(&instance.shared);
    let name = format!("{}-StateUpdater-1", instance.client_id);
    spawn(&instance.shared, name, move || {
        let ran = run("the restore thread", || {
            while !stop.load(Ordering::Acquire) {
                if !restorer.run_once(Now::of(&*clock))? {
                    restorer.wait(IDLE);
                }
            }
            Ok(())
        });
        if let Err(error) = ran {
            shared.fail(error);
        }
    })
}
