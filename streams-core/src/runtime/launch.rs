//! Starts an application's threads and looks after them until they have ended.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use state_stores::RocksMemory;

use super::commit::{Committer, producer_spec};
use super::control::{self, ControlEvents, ControlSettings, Dispatcher, Next, ThreadHandle};
use super::global_thread::{GlobalBackends, GlobalParts, GlobalThread};
use super::graph::GraphSettings;
use super::kafka_streams::{Shared, lock};
use super::left_over::Scope;
use super::lifecycle::State;
use super::plan::Plan;
use super::restore::{Request, Restorer, RestorerParts};
use super::setup;
use super::state_directory::StateDirectory;
use super::stats::ThreadStats;
use super::stream_thread::{Command, Round, StreamThread, ThreadLimits, ThreadParts};
use super::task::TaskEnvironment;
use super::topic_watch::TopicWatch;
use crate::config::StreamsConfig;
use crate::error::{Error, Result};
use crate::processor::handlers::Handlers;
use crate::time::ClockRef;
use crate::topology::Topology;
use crate::transport::{ConsumerSpec, Group, Isolation, Membership, Transport};

/// How long an idle restorer or global thread waits at once.
const IDLE: Duration = Duration::from_millis(100);

/// Time to leave the group.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(30);

/// Time for the broker's first answer when global stores are filled.
const GLOBAL_IDLE: Duration = Duration::from_millis(20);

/// What an application is started from.
#[derive(Clone)]
pub(crate) struct Launch {
    pub topology: Topology,
    pub config: Arc<StreamsConfig>,
    pub transport: Arc<dyn Transport>,
    pub clock: ClockRef,
    pub handlers: Handlers,
    pub shared: Arc<Shared>,
}

/// The parts that all threads of an instance use.
#[derive(Clone)]
struct Instance {
    plan: Arc<Plan>,
    config: Arc<StreamsConfig>,
    transport: Arc<dyn Transport>,
    clock: ClockRef,
    handlers: Handlers,
    shared: Arc<Shared>,
    globals: GlobalBackends,
    group: Arc<dyn Group>,
    client_id: Arc<str>,
    process_id: Arc<str>,
}

/// A started application.
pub(crate) struct Running {
    instance: Instance,
    watch: Option<TopicWatch>,
    membership: Box<dyn Membership>,
    dispatcher: Dispatcher,
    threads: Vec<JoinHandle<()>>,
    /// Ends the threads that serve the stream threads, after those have ended.
    stop_servers: Arc<AtomicBool>,
    servers: Vec<JoinHandle<()>>,
    /// Locked for this process until everything has ended.
    directory: Arc<StateDirectory>,
}

/// Prepares everything and starts the threads.
pub(crate) fn launch(launch: Launch) -> Result<Running> {
    let Launch { topology, config, transport, clock, handlers, shared } = launch;
    let directory = Arc::new(StateDirectory::open(
        &config.state_dir(),
        &config.application_id(),
        &fresh_process_id(&clock),
    )?);
    directory.claim(transport.incarnation().as_deref())?;
    let process_id: Arc<str> = directory.process_id().into();
    let client_id: Arc<str> = match config.client_id() {
        Some(id) if !id.is_empty() => id.into(),
        _ => format!("{}-{process_id}", config.application_id()).into(),
    };
    let mut admin = transport.admin(&format!("{client_id}-admin"))?;
    let plan = Arc::new(setup::prepare(&topology, &config, &mut *admin)?);
    let memory = RocksMemory::new(config.rocksdb_block_cache_bytes(), config.rocksdb_write_buffer_bytes());
    let globals = GlobalBackends::open(&plan, Some(&directory), &memory)?;
    let membership = transport.membership(&setup::group_spec(&plan, &config, client_id.to_string())?)?;
    let group = membership.group();
    let watch = TopicWatch::new(&plan, &config, &*transport, &client_id, clock.now_ms())?;
    let instance =
        Instance { plan, config, transport, clock, handlers, shared, globals, group, client_id, process_id };
    let stop_servers = Arc::new(AtomicBool::new(false));
    let mut servers = Vec::new();
    if !instance.globals.is_empty() {
        servers.push(start_global(&instance, &stop_servers)?);
    }
    let (requests, received) = mpsc::channel();
    let restorer = instance.restorer(&directory, memory, received)?;
    let wake_restorer = restorer.waker();
    servers.push(start_restorer(&instance, restorer, &stop_servers)?);
    let mut threads = Vec::new();
    let mut handles = Vec::new();
    for number in 1..=instance.config.num_stream_threads().max(1) {
        let (thread, handle) = start_stream_thread(&instance, number, &requests, &wake_restorer)?;
        threads.push(thread);
        handles.push(handle);
    }
    let dispatcher = Dispatcher::new(handles);
    Ok(Running { instance, watch, membership, dispatcher, threads, stop_servers, servers, directory })
}

impl Running {
    /// Hands the application to its control thread.
    pub fn supervise(self) -> Result<JoinHandle<()>> {
        let name = format!("{}-control", self.instance.client_id);
        spawn(name, move || {
            let (launch, shared) = (self.instance.launch(), Arc::clone(&self.instance.shared));
            let mut next = self.serve();
            while next == Next::StartAnew && !shared.stop.load(Ordering::Acquire) {
                next = match self::launch(launch.clone()) {
                    Ok(running) => running.serve(),
                    Err(error) => {
                        shared.fail(error);
                        Next::Round
                    }
                };
            }
            shared.stop.store(true, Ordering::Release);
            match shared.state() {
                State::PendingError => shared.transition_to(State::Error),
                _ => {
                    shared.transition_to(State::PendingShutdown);
                    shared.transition_to(State::NotRunning)
                }
            };
        })
    }

    /// Serves the group until the application ends or shall start anew; when it returns, everything has been let go.
    fn serve(self) -> Next {
        let Running { instance, watch, membership, dispatcher, threads, stop_servers, servers, directory } =
            self;
        let shared = Arc::clone(&instance.shared);
        let settings = ControlSettings {
            clock: Arc::clone(&instance.clock),
            max_poll_interval_ms: instance.config.max_poll_interval_ms(),
            leave_timeout: LEAVE_TIMEOUT,
        };
        let mut observer =
            Observer { shared: Arc::clone(&shared), clock: Arc::clone(&settings.clock), watch };
        let served = catch_unwind(AssertUnwindSafe(|| {
            control::run(membership, dispatcher, &shared.stop, &mut observer, &settings)
        }));
        let next = match served {
            Ok(Ok(next)) => next,
            Ok(Err(error)) => {
                shared.fail(error);
                Next::Round
            }
            Err(panic) => {
                shared.fail(panicked("control", &*panic));
                Next::Round
            }
        };
        if next == Next::Round {
            shared.stop.store(true, Ordering::Release);
        }
        join(threads);
        stop_servers.store(true, Ordering::Release);
        join(servers);
        drop(instance);
        drop(directory);
        next
    }
}

/// Keeps the application's state and looks after the topics of its patterns.
struct Observer {
    shared: Arc<Shared>,
    clock: ClockRef,
    watch: Option<TopicWatch>,
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        let _ = thread.join();
    }
}

impl ControlEvents for Observer {
    fn observe(&mut self, all_running: bool) -> Next {
        match (all_running, self.shared.state()) {
            (true, State::Rebalancing) => self.shared.transition_to(State::Running),
            (false, State::Running) => self.shared.transition_to(State::Rebalancing),
            _ => false,
        };
        let now = self.clock.now_ms();
        if !self.watch.as_mut().is_some_and(|watch| watch.changed(now)) {
            return Next::Round;
        }
        self.shared.transition_to(State::Rebalancing);
        Next::StartAnew
    }
}

impl Instance {
    /// What starts the application anew. The plan's patterns are matched again.
    fn launch(&self) -> Launch {
        Launch {
            topology: self.plan.topology.clone(),
            config: Arc::clone(&self.config),
            transport: Arc::clone(&self.transport),
            clock: Arc::clone(&self.clock),
            handlers: self.handlers.clone(),
            shared: Arc::clone(&self.shared),
        }
    }

    fn consumer_spec(&self, client_id: String, properties: BTreeMap<String, String>) -> ConsumerSpec {
        let isolation = match self.config.read_committed() {
            true => Isolation::ReadCommitted,
            false => Isolation::ReadUncommitted,
        };
        ConsumerSpec { client_id, isolation, properties }
    }

    fn restorer(
        &self,
        directory: &Arc<StateDirectory>,
        memory: RocksMemory,
        requests: mpsc::Receiver<Request>,
    ) -> Result<Restorer> {
        let properties = self.config.restore_consumer_properties();
        let spec = self.consumer_spec(format!("{}-restore-consumer", self.client_id), properties);
        Ok(Restorer::new(RestorerParts {
            plan: Arc::clone(&self.plan),
            config: Arc::clone(&self.config),
            directory: Some(Arc::clone(directory)),
            memory,
            consumer: self.transport.consumer(&spec)?,
            admin: self.transport.admin(&format!("{}-restore-admin", self.client_id))?,
            requests,
            counters: Arc::clone(&self.shared.counters),
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
        let producer = producer_spec(config, &format!("{name}-producer"), transactional_id);
        let committer = Committer::new(
            Arc::clone(&self.transport),
            producer,
            Arc::clone(&self.group),
            Scope::of(&self.plan),
        );
        let globals = self.globals.readers(&self.plan)?;
        let environment = TaskEnvironment::new(&self.plan, config, committer, &self.handlers, globals);
        let limits = ThreadLimits::new(config);
        Ok(StreamThread::new(
            ThreadParts {
                name: name.to_owned(),
                consumer,
                environment,
                commands: channels.commands,
                restorer: channels.restorer,
                wake_restorer: channels.wake_restorer,
                limits,
                stats: channels.stats,
            },
            self.clock.now_ms(),
        ))
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
    let properties = instance.config.main_consumer_properties();
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
    let thread = spawn(name, move || {
        let instance = of_thread;
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let mut thread = instance.stream_thread(&thread_name, number, consumer, channels)?;
            run_stream_thread(&mut thread, &instance.clock)
        }));
        match ran {
            Ok(Ok(())) => {}
            Ok(Err(error)) => instance.shared.fail(error),
            Err(panic) => instance.shared.fail(panicked(&thread_name, &*panic)),
        }
        still_alive.store(false, Ordering::Release);
    })?;
    Ok((thread, ThreadHandle { name: handle_name, commands, wake, alive, stats, tasks: Default::default() }))
}

fn run_stream_thread(thread: &mut StreamThread, clock: &ClockRef) -> Result<()> {
    loop {
        let now = clock.now_ms();
        let round = thread.run_once(now)?;
        thread.round_ended(clock.now_ms());
        match round {
            Round::Busy => {}
            Round::IdleUntil(deadline) => {
                let wait_ms = u64::try_from(deadline - now).unwrap_or(1);
                thread.wait(Duration::from_millis(wait_ms));
            }
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
    spawn(format!("{}-StateUpdater-1", instance.client_id), move || {
        let ran = catch_unwind(AssertUnwindSafe(|| {
            while !stop.load(Ordering::Acquire) {
                if !restorer.run_once(clock.now_ms()) {
                    restorer.wait(IDLE);
                }
            }
        }));
        if let Err(panic) = ran {
            shared.fail(panicked("the restore thread", &*panic));
        }
    })
}

/// Fills the global stores and then keeps them current. Returns once they are filled.
fn start_global(instance: &Instance, stop: &Arc<AtomicBool>) -> Result<JoinHandle<()>> {
    let (filled, wait) = mpsc::channel();
    let (of_thread, stop) = (instance.clone(), Arc::clone(stop));
    let name = format!("{}-GlobalStreamThread", instance.client_id);
    let thread_name = name.clone();
    let thread = spawn(name, move || {
        let instance = of_thread;
        let told = filled.clone();
        let ran = catch_unwind(AssertUnwindSafe(|| run_global(&instance, &thread_name, &stop, &told)));
        let error = match ran {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(panic) => panicked(&thread_name, &*panic),
        };
        // Before the stores are filled it is `start` that fails, after that the application.
        if let Err(mpsc::SendError(Err(error))) = filled.send(Err(error)) {
            instance.shared.fail(error);
        }
    })?;
    match wait.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(error)) => Err(error),
        Err(_) => {
            Err(Error::IllegalState("the global thread ended before its stores were filled".to_owned()))
        }
    }
}

fn run_global(
    instance: &Instance,
    name: &str,
    stop: &AtomicBool,
    filled: &mpsc::Sender<Result<()>>,
) -> Result<()> {
    let properties = instance.config.global_consumer_properties();
    let spec = instance.consumer_spec(format!("{name}-global-consumer"), properties);
    let mut admin = instance.transport.admin(&format!("{name}-admin"))?;
    let mut global = GlobalThread::new(GlobalParts {
        plan: &instance.plan,
        backends: &instance.globals,
        consumer: instance.transport.consumer(&spec)?,
        admin: &mut *admin,
        handlers: instance.handlers.clone(),
        settings: GraphSettings::new(&instance.plan, &instance.config),
        config: Arc::clone(&instance.config),
    })?;
    let mut told = false;
    while !stop.load(Ordering::Acquire) {
        let worked = global.run_once(instance.clock.now_ms())?;
        if !told && global.is_caught_up() {
            told = true;
            let _ = filled.send(Ok(()));
        }
        if !worked {
            global.wait(if told { IDLE } else { GLOBAL_IDLE });
        }
    }
    Ok(())
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let spawned = std::thread::Builder::new().name(name.clone()).spawn(body);
    spawned.map_err(|error| Error::IllegalState(format!("cannot start thread {name}: {error}")))
}

fn panicked(thread: &str, panic: &(dyn std::any::Any + Send)) -> Error {
    let message = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "no message".to_owned(),
    };
    Error::Panicked { thread: thread.to_owned(), message }
}

/// A process id for a state directory that has none: unique by the operating system's randomness and the time.
fn fresh_process_id(clock: &ClockRef) -> String {
    use std::hash::{BuildHasher, RandomState};
    let (a, b) = (RandomState::new(), RandomState::new());
    let now = clock.now_ms();
    let (high, low) = (a.hash_one((now, std::process::id())), b.hash_one(now));
    let (first, second, third) = (high >> 32, (high >> 16) & 0xffff, high & 0x0fff);
    format!(
        "{first:08x}-{second:04x}-4{third:03x}-{:04x}-{:012x}",
        0x8000 | (low >> 50),
        low & 0xffff_ffff_ffff
    )
}
