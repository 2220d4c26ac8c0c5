//! One stream thread with its restorer and global stores, stepped by the caller instead of by threads: what the test
//! driver and simulations run.

use std::collections::BTreeSet;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use state_stores::{DiskMemory, RawEntry};

use super::application_plan::ApplicationPlan;
use super::commit::{Committer, producer_spec};
use super::global_thread::{GlobalBackends, GlobalParts, GlobalThread};
use super::left_over::Scope;
use super::memory::BufferedBytes;
use super::restore::{RestoreCounters, Restorer, RestorerParts};
use super::restore_listener::RestoreListener;
use super::said::Said;
use super::stats::ThreadStats;
use super::stream_thread::{Command, Round, StreamThread, ThreadLimits, ThreadParts};
use super::task::TaskEnvironment;
use super::task_graph::GraphSettings;
use super::topic_setup;
use super::waits::Waits;
use crate::config::StreamsConfig;
use crate::error::Result;
use crate::ids::{TaskId, TopicName};
use crate::metrics::{Metric, Registry};
use crate::processor::DroppedRecords;
use crate::processor::handlers::Handlers;
use crate::time::{ClockRef, Now};
use crate::topology::Topology;
use crate::transport::{Consumer, ConsumerSpec, Isolation, Membership, MembershipHandler, Transport};

/// Every database of an engine is in memory; RocksDB is never opened.
const MEMORY_UNUSED: usize = 1 << 20;

/// The name of its thread.
const THREAD: &str = "engine-StreamThread-1";

/// The parts of an engine.
#[derive(Clone)]
pub(crate) struct EngineSettings {
    pub topology: Topology,
    pub config: StreamsConfig,
    pub transport: Arc<dyn Transport>,
    pub clock: ClockRef,
    pub pace: EnginePace,
}

/// How an engine processes its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnginePace {
    /// As an application: many at a time, committed at intervals.
    Application,
    /// The same without commits of its own.
    CommitsOnDemand,
    /// As Kafka Streams' test driver: a commit after each, be it an input or come back on an internal topic; one task
    /// has all nodes if no topic has more than one partition, so that one order holds for all.
    EachRecord,
}

/// Passes the group's decisions to the one thread.
struct Direct(mpsc::Sender<Command>);

impl MembershipHandler for Direct {
    fn assigned(&mut self, tasks: &BTreeSet<TaskId>) {
        // The receiver is the engine itself, which reads it in the same step.
        let _ = self.0.send(Command::Assign(tasks.clone()));
    }

    // The only member of its group never has to release anything.
    fn revoked(&mut self, _: &BTreeSet<TaskId>) {}

    fn lost(&mut self, _: &BTreeSet<TaskId>, _: &str) {}
}

/// An application in one thread.
pub(crate) struct Engine {
    plan: Arc<ApplicationPlan>,
    clock: ClockRef,
    // Kept for its membership in the group.
    _membership: Box<dyn Membership>,
    // A thread ends when its command channel is closed.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests send commands"))]
    commands: Direct,
    restorer: Restorer,
    global: Option<GlobalThread>,
    thread: StreamThread,
    metrics: Registry,
    #[cfg_attr(not(test), expect(dead_code, reason = "asked by tests"))]
    waits: Arc<Waits>,
}

/// A consumer of the engine: in memory every partition's end is known without asking for it.
fn consumer(transport: &Arc<dyn Transport>, name: &str) -> Result<Box<dyn Consumer>> {
    let spec = ConsumerSpec {
        client_id: format!("engine-{name}"),
        isolation: Isolation::ReadCommitted,
        properties: Default::default(),
    };
    Ok(transport.consumer(&spec)?)
}

#[allow(clippy::too_many_arguments, reason = "what the thread is made of")]
fn global_thread(
    plan: &ApplicationPlan,
    globals: &GlobalBackends,
    transport: &Arc<dyn Transport>,
    handlers: &Handlers,
    config: &Arc<StreamsConfig>,
    waits: &Arc<Waits>,
    metrics: &Registry,
    clock: &ClockRef,
) -> Result<GlobalThread> {
    GlobalThread::new(GlobalParts {
        plan,
        backends: globals,
        consumer: consumer(transport, "global")?,
        admin: transport.admin("engine-global-admin")?,
        directory: None,
        waits,
        handlers: handlers.clone(),
        settings: GraphSettings::new(plan, config),
        config: Arc::clone(config),
        metrics,
        thread: "engine-GlobalStreamThread".into(),
        clock: Arc::clone(clock),
        stop: Arc::default(),
        listener: RestoreListener::default(),
    })
}

fn limits(config: &StreamsConfig, pace: EnginePace) -> ThreadLimits {
    let mut limits = ThreadLimits::new(config, BufferedBytes::UNBOUNDED);
    match pace {
        EnginePace::Application => {}
        EnginePace::CommitsOnDemand => {
            limits.commit_interval_ms = i64::MAX;
            limits.transaction_ms = i64::MAX;
        }
        EnginePace::EachRecord => {
            limits.commit_interval_ms = 0;
            limits.records_per_turn = 1;
        }
    }
    limits
}

impl Engine {
    /// Starts the topology; tasks come up with the first steps.
    #[cfg(test)]
    pub fn new(settings: EngineSettings) -> Result<Self> {
        let handlers = Handlers::of(&settings.config);
        Self::with_handlers(settings, &handlers)
    }

    /// As [`new`](Self::new), with custom handlers.
    pub fn with_handlers(settings: EngineSettings, handlers: &Handlers) -> Result<Self> {
        let EngineSettings { topology, config, transport, clock, pace } = settings;
        let config = Arc::new(config);
        let mut admin = transport.admin("engine-admin")?;
        let mut plan = topic_setup::prepare(&topology, &config, &mut *admin, &Said::default())?;
        if pace == EnginePace::EachRecord {
            plan.unite_single_tasks();
        }
        let (plan, memory) = (Arc::new(plan), DiskMemory::new(MEMORY_UNUSED, MEMORY_UNUSED));
        let globals = GlobalBackends::open(&plan, None, &memory, 0)?;
        let mut membership = transport.membership(&topic_setup::group_spec(&plan, &config, "engine"))?;
        let (waits, metrics) = (Arc::<Waits>::default(), Registry::of(&config));
        let global =
            || global_thread(&plan, &globals, &transport, handlers, &config, &waits, &metrics, &clock);
        let global = (!globals.is_empty()).then(global).transpose()?;
        let (requests, received) = mpsc::channel();
        let restorer = Restorer::new(RestorerParts {
            listener: RestoreListener::default(),
            plan: Arc::clone(&plan),
            config: Arc::clone(&config),
            directory: None,
            memory,
            consumer: consumer(&transport, "restore")?,
            admin,
            requests: received,
            counters: Arc::new(RestoreCounters::default()),
            waits: Arc::clone(&waits),
        });
        let committer = Committer::new(
            Arc::clone(&transport),
            producer_spec(&config, "engine-producer", format!("{}-engine-1", plan.application_id)),
            membership.group(),
            Scope::of(&plan),
            &waits,
            config.task_timeout(),
        );
        let (commands, received) = mpsc::channel();
        let readers = globals.readers(&plan)?;
        let environment =
            TaskEnvironment::new(&plan, &config, committer, handlers, readers, &metrics, THREAD);
        if pace == EnginePace::EachRecord {
            environment.collector.note_order();
        }
        let parts = ThreadParts {
            name: THREAD.to_owned(),
            consumer: consumer(&transport, "main")?,
            environment,
            commands: received,
            restorer: requests,
            wake_restorer: Arc::new(|| ()),
            limits: limits(&config, pace),
            stats: Arc::new(ThreadStats::default()),
            waits: Arc::clone(&waits),
            read: Arc::default(),
            paused: Arc::default(),
            clock: Arc::clone(&clock),
        };
        let (thread, mut commands) = (StreamThread::new(parts), Direct(commands));
        membership.poll(Duration::ZERO, &mut commands)?;
        let _membership = membership;
        Ok(Engine { plan, clock, _membership, commands, restorer, global, thread, metrics, waits })
    }

    /// One round of everything. False when there was nothing to do.
    pub fn step(&mut self) -> Result<bool> {
        let now = Now::of(&*self.clock);
        let mut worked = match &mut self.global {
            Some(global) => global.run_once(now)?,
            None => false,
        };
        worked |= self.thread.run_once(now)? == Round::Busy;
        worked |= self.restorer.run_once(now)?;
        Ok(worked)
    }

    /// How many tasks are being opened, for tests.
    #[cfg(test)]
    pub fn restoring(&self) -> usize {
        self.restorer.restoring()
    }

    /// What is waited for, for tests.
    #[cfg(test)]
    pub fn waits(&self) -> &Arc<Waits> {
        &self.waits
    }

    /// What the control thread would send, for tests.
    #[cfg(test)]
    pub fn command(&self, command: Command) {
        let _ = self.commands.0.send(command);
    }

    /// The thread, for its own tests.
    #[cfg(test)]
    pub fn thread(&mut self) -> &mut StreamThread {
        &mut self.thread
    }

    /// Commits now.
    pub fn commit(&mut self) -> Result<()> {
        self.thread.commit_now(Now::of(&*self.clock))
    }

    /// A store's handle, of that task or of the first that has it.
    pub fn store<S: Clone + 'static>(&self, name: &str, task: Option<TaskId>) -> Option<S> {
        self.thread.store(name, task)
    }

    /// The content of every store as bytes, global ones too.
    pub fn store_entries(&self) -> Result<Vec<(String, Vec<RawEntry>)>> {
        let mut all = self.thread.store_entries()?;
        if let Some(global) = &self.global {
            all.extend(global.store_entries()?);
        }
        Ok(all)
    }

    /// Records dropped so far, by reason.
    pub fn dropped_records(&self) -> DroppedRecords {
        let global = self.global.as_ref().map(GlobalThread::dropped_records).unwrap_or_default();
        self.thread.dropped_records() + global
    }

    /// The topics that records were sent to.
    pub fn topics_written(&self) -> Result<Vec<TopicName>> {
        Ok(self.thread.topics_written())
    }

    /// All metrics as they are now.
    pub fn metrics(&self) -> Vec<Metric> {
        self.metrics.collect(self.clock.monotonic_ms())
    }

    /// `application.id`.
    pub fn application_id(&self) -> &str {
        &self.plan.application_id
    }
}
