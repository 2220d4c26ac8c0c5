//! Keeps global stores current: one thread per instance reads every partition of their topics (`GlobalStreamThread`).
//!
//! The stores are filled up to the topics' ends before the application processes its first record. There is no
//! changelog: how far a store has come is kept in its own database, in the same batch as the changes. A store that its
//! topic no longer fits is emptied and filled again; if that happens while tasks read it, the application restarts
//! instead (`renewal.rs`), so that none of them sees it half filled.

mod begin;
mod quiet;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::Add;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use state_stores::offsets::{offsets_keyspace, put_offset};
use state_stores::{BackendRef, Batch, DiskMemory, MemoryBackend, RestoreFormat, StateStore};

use self::begin::Begin;
use super::application_plan::ApplicationPlan;
use super::backends::open_disk;
use super::pace::{Budget, Pace};
use super::quiet::Quiet;
use super::record_queue::RecordQueue;
use super::refusals::{self, REFUSED_MAX_MS, Refusals};
use super::restore_listener::RestoreListener;
use super::state_directory::StateDirectory;
use super::task_graph::{self, GraphSettings};
use super::waits::{Waiting, Waits};
use crate::config::{BuiltInTimestampExtractor, StreamsConfig};
use crate::error::{Error, Result};
use crate::ids::{NodeName, Offset, PartitionId, TaskId, TopicName, TopicPartition};
use crate::metrics::Registry;
use crate::processor::dead_letter::DeadLetter;
use crate::processor::handlers::Handlers;
use crate::processor::{
    Collector, DroppedRecords, GlobalReaders, Origin, OriginId, OutTopic, Outgoing, TaskContext, TaskMeters,
    TaskSetup, TaskStores,
};
use crate::store::{RecordClock, StoreEnvironment, StorePlace};
use crate::time::{Clock, ClockRef, Now, OnceAMinute, SystemClock, Timestamp};
use crate::transport::{Admin, Consumer, PartitionHandle, RawRecord, TransportErrorKind};

/// Records of one partition taken at once.
const FETCH_RECORDS: usize = 4_096;

/// What was said not to exist may be another topic when it does.
const EXISTS_AGAIN: &str = "its topic exists again";

/// How long records of one partition are processed before its store is written and it is the next one's turn.
const TURN_MS: i64 = 500;

/// How often it is noted until when the stores were current.
const TOUCH_MS: i64 = 30_000;

/// The databases of global stores by store name: written by the global thread, read by all others.
#[derive(Clone, Debug, Default)]
pub(crate) struct GlobalBackends(BTreeMap<String, BackendRef>);

impl GlobalBackends {
    /// Opens the databases of the topology's global stores.
    pub fn open(
        plan: &ApplicationPlan,
        directory: Option<&StateDirectory>,
        memory: &DiskMemory,
        now: Timestamp,
    ) -> Result<Self> {
        let mut on_disk: Option<BackendRef> = None;
        let mut backends = BTreeMap::new();
        for global in plan.topology.graph().global_stores() {
            let backend = match (directory, global.factory.place(), &on_disk) {
                (Some(_), StorePlace::Disk, Some(open)) => Arc::clone(open),
                (Some(directory), StorePlace::Disk, None) => {
                    let opened = open_or_put_aside(directory, memory, now)?;
                    on_disk = Some(Arc::clone(&opened));
                    opened
                }
                _ => Arc::new(MemoryBackend::new()),
            };
            backends.insert(global.store.name.to_string(), backend);
        }
        Ok(GlobalBackends(backends))
    }

    /// Read handles for the tasks of one thread.
    pub fn readers(&self, plan: &ApplicationPlan) -> Result<GlobalReaders> {
        let mut readers: BTreeMap<String, Box<dyn Any>> = BTreeMap::new();
        for global in plan.topology.graph().global_stores() {
            if let Some(backend) = self.0.get(&*global.store.name) {
                readers.insert(global.store.name.to_string(), global.factory.open_reader(backend)?);
            }
        }
        Ok(GlobalReaders::new(readers))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a read found something else than what was written.
    pub fn are_damaged(&self) -> bool {
        self.0.values().any(|backend| backend.is_damaged())
    }
}

/// The database of the stores on disk. Everything in it comes from topics, so a damaged one is replaced by an empty one.
fn open_or_put_aside(directory: &StateDirectory, memory: &DiskMemory, now: Timestamp) -> Result<BackendRef> {
    match open_disk(&directory.global(), memory, std::iter::empty()) {
        Err(error) if error.is_damage() => {
            put_aside(directory, &error, now)?;
            Ok(open_disk(&directory.global(), memory, std::iter::empty())?)
        }
        opened => Ok(opened?),
    }
}

/// Puts the damaged database of the global stores aside. It is not open.
pub(super) fn put_aside(directory: &StateDirectory, error: &dyn Display, now: Timestamp) -> Result<()> {
    let aside = directory.put_global_aside(now)?;
    tracing::warn!(
        %error, aside = %aside.display(),
        "the database of the global stores is damaged; it was put aside, and they are filled from their topics"
    );
    Ok(())
}

struct GlobalPartition {
    /// None before it is known where to begin.
    handle: Option<PartitionHandle>,
    queue: RecordQueue,
    position: Offset,
    /// Where the topic ended when the thread started.
    end: Offset,
    /// Since when fetches have found nothing, by the monotonic clock.
    quiet_since: Option<i64>,
    /// Until it has come to its end: the records taken so far.
    filling: Option<u64>,
}

struct GlobalStore {
    name: String,
    topic: TopicName,
    format: RestoreFormat,
    /// Whether its database outlives the process.
    on_disk: bool,
    /// How long its topic shows at least that a row was deleted.
    deletions_kept_ms: i64,
    begin: Option<Begin>,
    store: Rc<RefCell<dyn StateStore>>,
    backend: BackendRef,
    context: TaskContext,
    partitions: Vec<GlobalPartition>,
    batch: Batch,
}

/// The global stores of one instance and what fills them.
pub(crate) struct GlobalThread {
    consumer: Box<dyn Consumer>,
    admin: Box<dyn Admin>,
    directory: Option<Arc<StateDirectory>>,
    stores: Vec<GlobalStore>,
    buffer: Vec<RawRecord>,
    /// Until when the stores on disk were current before they were opened.
    owned_at: Option<Timestamp>,
    next_touch: i64,
    next_try: i64,
    /// Whether a store has to be filled again, and that was not asked for yet.
    has_refill: bool,
    waits: Arc<Waits>,
    waiting: Waiting,
    refusals: Refusals,
    quiet: Quiet,
    tell_quiet_at: i64,
    pace: Pace,
    stop: Arc<AtomicBool>,
    listener: RestoreListener,
}

/// What a global thread is made of.
pub(crate) struct GlobalParts<'a> {
    pub plan: &'a ApplicationPlan,
    pub backends: &'a GlobalBackends,
    pub consumer: Box<dyn Consumer>,
    pub admin: Box<dyn Admin>,
    pub directory: Option<Arc<StateDirectory>>,
    pub waits: &'a Arc<Waits>,
    pub handlers: Handlers,
    pub settings: GraphSettings,
    pub config: Arc<StreamsConfig>,
    pub metrics: &'a Registry,
    /// The thread's name.
    pub thread: Arc<str>,
    pub clock: ClockRef,
    /// Set when the application ends.
    pub stop: Arc<AtomicBool>,
    pub listener: RestoreListener,
}

impl GlobalThread {
    /// Opens the stores. Where to read on is found by the first rounds.
    pub fn new(parts: GlobalParts<'_>) -> Result<Self> {
        let GlobalParts {
            plan,
            backends,
            consumer,
            admin,
            directory,
            waits,
            handlers,
            mut settings,
            config,
            metrics,
            thread,
            clock,
            stop,
            listener,
        } = parts;
        // As in Kafka Streams, where no extractor is asked.
        settings.default_extractor = BuiltInTimestampExtractor::LogAndSkipOnInvalidTimestamp;
        let mut stores = Vec::new();
        for subtopology in plan.topology.graph().subtopologies(&plan.application_id) {
            if !subtopology.is_global {
                continue;
            }
            let nodes = subtopology.nodes;
            let mut all = plan.topology.graph().global_stores().iter();
            let global = all.find(|global| nodes.contains(&global.processor));
            let Some(global) = global else { continue };
            let meters = TaskMeters::new(metrics, &thread, TaskId::global(subtopology.id));
            let mut store =
                open_store(plan, backends, global, &nodes, meters, &handlers, &settings, &config)?;
            store.on_disk &= directory.is_some();
            stores.push(store);
        }
        Ok(GlobalThread {
            consumer,
            admin,
            owned_at: directory.as_ref().and_then(|directory| directory.global_owned_at()),
            directory,
            stores,
            buffer: Vec::new(),
            next_touch: i64::MIN,
            next_try: i64::MIN,
            has_refill: false,
            waits: Arc::clone(waits),
            waiting: waits.of("the global stores"),
            quiet: Quiet::default(),
            tell_quiet_at: i64::MIN,
            pace: Pace::new(clock, Arc::default(), Rc::default()),
            stop,
            listener,
            refusals: Refusals::new("of the global stores", waits, Arc::default(), REFUSED_MAX_MS),
        })
    }

    /// Records left out so far, by reason.
    pub fn dropped_records(&self) -> DroppedRecords {
        let dropped = self.stores.iter().map(|store| store.context.dropped_records());
        dropped.fold(DroppedRecords::default(), Add::add)
    }

    /// Whether every store has come to where its topic ended when the thread started.
    pub fn is_caught_up(&self) -> bool {
        let has_come =
            |partition: &GlobalPartition| partition.handle.is_some() && partition.position >= partition.end;
        self.stores.iter().all(|store| store.begin.is_none() && store.partitions.iter().all(has_come))
    }

    /// The stores are filled: from now on, what is refused may have been taken away for a moment.
    pub fn is_filled(&mut self, patience_ms: i64) {
        self.refusals.set_patience(patience_ms);
    }

    /// Why a store has to be filled again, if that was found since the last call.
    pub fn take_refill(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.has_refill) {
            return None;
        }
        self.stores.iter().find_map(|store| match &store.begin {
            Some(Begin::Refill(why)) => Some(format!("global store {}: {why}", store.name)),
            _ => None,
        })
    }

    /// Waits for records.
    pub fn wait(&mut self, timeout: Duration) {
        self.consumer.wait(timeout);
    }

    /// The content of every store as bytes, for the test driver.
    #[cfg(any(test, feature = "testing"))]
    pub fn store_entries(&self) -> Result<Vec<(String, Vec<state_stores::RawEntry>)>> {
        let entries = |store: &GlobalStore| {
            let mut open = store.store.borrow_mut();
            let entries =
                open.entries().map_err(|cause| Error::Store { task: store.context.task_id(), cause })?;
            Ok((open.name().to_owned(), entries))
        };
        self.stores.iter().map(entries).collect()
    }

    /// Takes what has been fetched into the stores. True when there was anything.
    pub fn run_once(&mut self, now: Now) -> Result<bool> {
        let mut any = self.begin_stores(now)?;
        if !self.refusals.is_empty() {
            self.refusals.check(now.monotonic_ms)?;
        }
        // What has to be filled again gets nothing more of a topic that may be another one.
        for store in self.stores.iter_mut().filter(|store| store.begin.is_none()) {
            store.context.set_wall_clock_ms(now.wall_ms);
            let mut moved = Vec::new();
            for partition in &mut store.partitions {
                let fetched =
                    partition.fetch(&mut *self.consumer, &mut self.refusals, &mut self.buffer, now)?;
                let handle = match fetched {
                    Next::Process(handle) => handle,
                    Next::Later => continue,
                    Next::Refill(why) => {
                        store.begin = Some(Begin::Refill(why));
                        // What is deleted as fast as it is read is not read in a tight loop.
                        self.has_refill = true;
                        self.next_try = now.monotonic_ms + begin::RETRY_MS;
                        break;
                    }
                };
                let fetched = partition.queue.len();
                partition.process(&mut store.context, &mut self.pace, &self.stop)?;
                let taken = fetched.saturating_sub(partition.queue.len());
                let position = match partition.queue.next_offset() {
                    Some(next) => next,
                    None => self.consumer.position(handle)?,
                };
                if position != partition.position {
                    partition.filled(&self.listener, &store.name, position, taken);
                    partition.position = position;
                    partition.quiet_since = None;
                    moved.push((partition.queue.partition().clone(), position));
                }
            }
            if !moved.is_empty() {
                any = true;
                store.commit(&moved)?;
                store.context.meters().hand_over(now.monotonic_ms);
            }
        }
        self.check_quiet(now.monotonic_ms);
        self.touch(now)?;
        self.listener.check()?;
        Ok(any)
    }
}

/// What to do next with a partition.
enum Next {
    /// Process what was fetched.
    Process(PartitionHandle),
    /// There is nothing for now.
    Later,
    /// Fill the store again, for this reason.
    Refill(String),
}

impl GlobalPartition {
    /// Fetches once everything fetched before is processed.
    fn fetch(
        &mut self,
        consumer: &mut dyn Consumer,
        refusals: &mut Refusals,
        buffer: &mut Vec<RawRecord>,
        now: Now,
    ) -> Result<Next> {
        let Some(handle) = self.handle else { return Ok(Next::Later) };
        self.quiet_since.get_or_insert(now.monotonic_ms);
        if self.queue.len() > 0 {
            return Ok(Next::Process(handle));
        }
        match consumer.fetch(handle, FETCH_RECORDS, buffer) {
            Ok(fetched) => {
                let has_come = fetched.records > 0 || fetched.at_end;
                if has_come && refusals.readable(self.queue.partition()) {
                    // Perhaps records of another topic.
                    buffer.clear();
                    return Ok(Next::Refill(EXISTS_AGAIN.to_owned()));
                }
                self.queue.push(buffer.drain(..));
                Ok(Next::Process(handle))
            }
            Err(error) if error.kind() == TransportErrorKind::Retriable => Ok(Next::Later),
            Err(error) if Refusals::may_pass(&error) => {
                let of = self.queue.partition();
                if refusals.refused(of, error, now.monotonic_ms) == refusals::Next::AskAgain {
                    consumer.unassign(handle)?;
                    self.handle = Some(consumer.assign(of, self.position)?);
                }
                Ok(Next::Later)
            }
            Err(error) if error.kind() == TransportErrorKind::OffsetOutOfRange => {
                Ok(Next::Refill(error.to_string()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reports that these records, by their number, have brought it to that position, until it comes to its end.
    fn filled(&mut self, listener: &RestoreListener, store: &str, position: Offset, records: usize) {
        let Some(before) = self.filling else { return };
        let records = u64::try_from(records).unwrap_or(0);
        let (at, total) = (self.queue.partition(), before.saturating_add(records));
        listener.call(|listener| listener.on_batch_restored(at, store, position, records));
        self.filling = (position < self.end).then_some(total);
        if self.filling.is_none() {
            listener.call(|listener| listener.on_restore_end(at, store, total));
        }
    }

    /// Processes what was fetched, until the application ends or the partition's turn is over. The rest stays in the queue.
    fn process(&mut self, context: &mut TaskContext, pace: &mut Pace, stop: &AtomicBool) -> Result<()> {
        let now_ms = pace.now_ms();
        let until_ms = now_ms.saturating_add(TURN_MS);
        let (records, bytes) = (usize::MAX, usize::MAX);
        pace.begin(now_ms, Budget { until_ms, long_until_ms: until_ms, records, bytes });
        while !stop.load(Ordering::Relaxed) && self.queue.advance_head(context)? {
            self.queue.process_head(context)?;
            if pace.record() && pace.check(0) {
                break;
            }
        }
        Ok(())
    }
}

impl GlobalStore {
    fn commit(&mut self, moved: &[(TopicPartition, Offset)]) -> Result<()> {
        let mut store = self.store.borrow_mut();
        store.stage(&mut |_| Ok(()), &mut self.batch)?;
        let keyspace = offsets_keyspace(&*self.backend)?;
        for (partition, position) in moved {
            put_offset(&mut self.batch, keyspace, &partition.topic, partition.partition, *position);
        }
        self.backend.write(&self.batch)?;
        self.batch.clear();
        Ok(store.committed()?)
    }
}

/// Opens one global store with the nodes that fill it.
#[allow(clippy::too_many_arguments, reason = "what the thread is made of, once for each store")]
fn open_store(
    plan: &ApplicationPlan,
    backends: &GlobalBackends,
    global: &crate::topology::GlobalStore,
    nodes: &[NodeName],
    meters: TaskMeters,
    handlers: &Handlers,
    settings: &GraphSettings,
    config: &Arc<StreamsConfig>,
) -> Result<GlobalStore> {
    let id = meters.id();
    let name = global.store.name.to_string();
    let backend = backends.0.get(&name);
    let backend = backend.ok_or_else(|| Error::Internal(format!("global store {name} has no database")))?;
    let clock = Rc::new(RecordClock::default());
    let opened = global.factory.open(&StoreEnvironment {
        task: id,
        backend: Arc::clone(backend),
        clock: Rc::clone(&clock),
        changelog: Arc::clone(&global.topic),
        cache_bytes: 0,
        caching: false,
    })?;
    let allowed: BTreeSet<String> = BTreeSet::from([name.clone()]);
    let mut context = TaskContext::new(TaskSetup {
        task: id,
        application_id: Arc::clone(&plan.application_id),
        config: Arc::clone(config),
        collector: Rc::new(NoCollector::default()),
        handlers: handlers.clone(),
        stores: TaskStores {
            handles: BTreeMap::from([(name, opened.handle)]),
            access: nodes.iter().map(|node| (Arc::clone(node), allowed.clone())).collect(),
            globals: GlobalReaders::default(),
        },
        clock,
        meters,
    });
    let graph = task_graph::build(&plan.topology, nodes, settings)?;
    for (_, node) in &graph.nodes {
        node.init(&mut context)?;
    }
    let input = graph
        .inputs
        .get(&global.topic)
        .ok_or_else(|| Error::Internal(format!("no source reads the global topic {}", global.topic)))?;
    let count = plan.global_topics.iter().find(|(topic, _)| *topic == global.topic).map_or(0, |(_, n)| *n);
    let partition = |number| {
        let partition = TopicPartition::new(Arc::clone(&global.topic), number);
        let queue = RecordQueue::new(partition.clone(), input(&partition), -1, None);
        GlobalPartition { handle: None, queue, position: 0, end: 0, quiet_since: None, filling: None }
    };
    let partitions = (0..count).map(partition).collect();
    Ok(GlobalStore {
        name: global.store.name.to_string(),
        topic: Arc::clone(&global.topic),
        format: global.factory.restore_format(),
        on_disk: global.factory.place() == StorePlace::Disk,
        deletions_kept_ms: plan.deletions_kept_ms(&global.topic),
        begin: Some(Begin::Start),
        store: opened.store,
        backend: Arc::clone(backend),
        context,
        partitions,
        batch: Batch::new(),
    })
}

/// Global processors have nowhere to send to.
#[derive(Default)]
struct NoCollector {
    unwritten: Cell<OnceAMinute>,
}

impl Collector for NoCollector {
    fn topic(&self, name: &TopicName) -> Result<OutTopic> {
        Err(Error::Internal(format!("a global store's processor sends to topic {name}")))
    }

    fn partitions(&self, _: OutTopic) -> Result<PartitionId> {
        Ok(0)
    }

    fn any_partition(&self, _: OutTopic) -> Result<PartitionId> {
        Ok(0)
    }

    fn origin(&self, _: &Origin) -> OriginId {
        OriginId::default()
    }

    fn send(&self, _: &Outgoing<'_>) -> Result<()> {
        Err(Error::Internal("a global store's processor sends records".to_owned()))
    }

    // As in Kafka Streams, there is no producer for global stores.
    fn send_dead_letter(&self, _: OriginId, _: Option<Offset>, letter: &DeadLetter) -> Result<()> {
        let (topic, mut unwritten) = (&letter.topic, self.unwritten.get());
        if let Some(so_far) = unwritten.count(SystemClock.monotonic_ms()) {
            tracing::warn!(
                %topic, so_far,
                "a dead letter about a record of a global table is not written: it has no producer"
            );
        }
        self.unwritten.set(unwritten);
        Ok(())
    }

    fn unsendable(&self, _: &Outgoing<'_>, error: Error) -> Result<()> {
        Err(error)
    }
}

#[cfg(test)]
mod tests;
