//! Keeps global stores current: one thread per instance reads every partition of their topics (`GlobalStreamThread`).
//!
//! The stores are filled up to the topics' ends before the application processes its first record. There is no
//! changelog: how far a store has come is kept in its own database, in the same batch as the changes.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use state_stores::offsets::{offsets_keyspace, put_offset, read_offsets};
use state_stores::{BackendRef, Batch, MemoryBackend, RawEntry, RocksBackend, RocksMemory, StateStore};

use super::graph::{self, GraphSettings};
use super::plan::Plan;
use super::record_queue::RecordQueue;
use super::state_directory::StateDirectory;
use crate::config::{BuiltInTimestampExtractor, StreamsConfig};
use crate::error::{Error, Result};
use crate::ids::{Offset, PartitionId, TaskId, TopicName, TopicPartition};
use crate::processor::handlers::Handlers;
use crate::processor::{
    Collector, GlobalReaders, Origin, OriginId, OutTopic, Outgoing, TaskContext, TaskSetup,
};
use crate::store::{RecordClock, StoreEnvironment, StorePlace};
use crate::time::Timestamp;
use crate::transport::{
    Admin, Consumer, Isolation, OffsetQuery, PartitionHandle, RawRecord, TransportErrorKind,
};

/// Records of one partition taken at once.
const FETCH_RECORDS: usize = 4_096;

/// Time for one question to the broker.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);

/// The databases of global stores by store name: written by the global thread, read by all others.
#[derive(Clone, Debug, Default)]
pub(crate) struct GlobalBackends(BTreeMap<String, BackendRef>);

impl GlobalBackends {
    /// Opens the databases of the topology's global stores.
    pub fn open(plan: &Plan, directory: Option<&StateDirectory>, memory: &RocksMemory) -> Result<Self> {
        let mut on_disk: Option<BackendRef> = None;
        let mut backends = BTreeMap::new();
        for global in plan.topology.graph().global_stores() {
            let name = &global.store.name;
            let backend = match (directory, plan.topology.store(name)?.place(), &on_disk) {
                (_, StorePlace::Custom(supplier), _) => {
                    return Err(Error::Topology(format!(
                        "global store {name} is placed with supplier {}, which has databases for tasks; keep it on \
                         disk or in memory",
                        supplier.name()
                    )));
                }
                (Some(_), StorePlace::Disk, Some(open)) => Arc::clone(open),
                (Some(directory), StorePlace::Disk, None) => {
                    let opened: BackendRef = Arc::new(RocksBackend::open(directory.global(), memory)?);
                    on_disk = Some(Arc::clone(&opened));
                    opened
                }
                _ => Arc::new(MemoryBackend::new()),
            };
            backends.insert(name.to_string(), backend);
        }
        Ok(GlobalBackends(backends))
    }

    /// Read handles for the tasks of one thread.
    pub fn readers(&self, plan: &Plan) -> Result<GlobalReaders> {
        let mut readers: BTreeMap<String, Box<dyn Any>> = BTreeMap::new();
        for (name, backend) in &self.0 {
            readers.insert(name.clone(), plan.topology.store(name)?.open_reader(backend)?);
        }
        Ok(GlobalReaders::new(readers))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

struct GlobalPartition {
    handle: PartitionHandle,
    queue: RecordQueue,
    position: Offset,
    /// Where the topic ended when the thread started.
    end: Offset,
}

struct GlobalStore {
    store: Rc<RefCell<dyn StateStore>>,
    backend: BackendRef,
    context: TaskContext,
    partitions: Vec<GlobalPartition>,
    batch: Batch,
}

/// The global stores of one instance and what fills them.
pub(crate) struct GlobalThread {
    consumer: Box<dyn Consumer>,
    stores: Vec<GlobalStore>,
    buffer: Vec<RawRecord>,
}

/// What a global thread is made of.
pub(crate) struct GlobalParts<'a> {
    pub plan: &'a Plan,
    pub backends: &'a GlobalBackends,
    pub consumer: Box<dyn Consumer>,
    pub admin: &'a mut dyn Admin,
    pub handlers: Handlers,
    pub settings: GraphSettings,
    pub config: Arc<StreamsConfig>,
}

impl GlobalThread {
    /// Opens the stores and finds where to read on.
    pub fn new(parts: GlobalParts<'_>) -> Result<Self> {
        let GlobalParts { plan, backends, mut consumer, admin, handlers, mut settings, config } = parts;
        // As in Kafka Streams, where no extractor is asked.
        settings.default_extractor = BuiltInTimestampExtractor::LogAndSkipOnInvalidTimestamp;
        let mut stores = Vec::new();
        for subtopology in plan.topology.graph().subtopologies(&plan.application_id) {
            if !subtopology.is_global {
                continue;
            }
            let nodes: Vec<String> = subtopology.nodes.iter().map(ToString::to_string).collect();
            let mut all = plan.topology.graph().global_stores().iter();
            let global = all.find(|global| nodes.contains(&global.processor.to_string()));
            let Some(global) = global else { continue };
            let name = global.store.name.to_string();
            let backend = backends.0.get(&name);
            let backend =
                backend.ok_or_else(|| Error::IllegalState(format!("global store {name} has no database")))?;
            let clock = Rc::new(RecordClock::default());
            let id = TaskId::new(subtopology.id, -1);
            let opened = plan.topology.store(&name)?.open(&StoreEnvironment {
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
                config: Arc::clone(&config),
                collector: Rc::new(NoCollector),
                handlers: handlers.clone(),
                stores: BTreeMap::from([(name, opened.handle)]),
                access: nodes.iter().map(|node| (node.as_str().into(), allowed.clone())).collect(),
                globals: GlobalReaders::default(),
                clock,
            });
            let graph = graph::build(&plan.topology, &nodes, &settings)?;
            for (_, node) in &graph.nodes {
                node.init(&mut context)?;
            }
            let input = graph.inputs.get(&global.topic).ok_or_else(|| {
                Error::Topology(format!("no source reads the global topic {}", global.topic))
            })?;
            let count =
                plan.global_topics.iter().find(|(topic, _)| *topic == global.topic).map_or(0, |(_, n)| *n);
            let mut partitions = Vec::new();
            for (partition, position, end) in starts(&global.topic, count, backend, admin)? {
                partitions.push(GlobalPartition {
                    handle: consumer.assign(&partition, position)?,
                    queue: RecordQueue::new(partition.clone(), input(&partition), -1),
                    position,
                    end,
                });
            }
            stores.push(GlobalStore {
                store: opened.store,
                backend: Arc::clone(backend),
                context,
                partitions,
                batch: Batch::new(),
            });
        }
        Ok(GlobalThread { consumer, stores, buffer: Vec::new() })
    }

    /// Whether every store has come to where its topic ended when the thread started.
    pub fn is_caught_up(&self) -> bool {
        self.stores
            .iter()
            .flat_map(|store| &store.partitions)
            .all(|partition| partition.position >= partition.end)
    }

    /// Waits for records.
    pub fn wait(&mut self, timeout: Duration) {
        self.consumer.wait(timeout);
    }

    /// The content of every store as bytes, for the test driver.
    pub fn store_entries(&self) -> Result<Vec<(String, Vec<RawEntry>)>> {
        let entries = |store: &GlobalStore| {
            let mut open = store.store.borrow_mut();
            let entries =
                open.entries().map_err(|source| Error::Store { task: store.context.task_id(), source })?;
            Ok((open.name().to_owned(), entries))
        };
        self.stores.iter().map(entries).collect()
    }

    /// Takes what has been fetched into the stores. True when there was anything.
    pub fn run_once(&mut self, now: Timestamp) -> Result<bool> {
        let mut any = false;
        for store in &mut self.stores {
            store.context.set_wall_clock_ms(now);
            let mut moved = Vec::new();
            for partition in &mut store.partitions {
                match self.consumer.fetch(partition.handle, FETCH_RECORDS, &mut self.buffer) {
                    Ok(_) => {}
                    Err(error) if error.kind() == TransportErrorKind::Retriable => continue,
                    Err(error) => return Err(error.into()),
                }
                partition.queue.push(self.buffer.drain(..));
                loop {
                    partition.queue.advance_head(&mut store.context)?;
                    if partition.queue.head_timestamp().is_none() {
                        break;
                    }
                    partition.queue.process_head(&mut store.context)?;
                }
                let position = self.consumer.position(partition.handle)?;
                if position != partition.position {
                    partition.position = position;
                    moved.push((partition.queue.partition().clone(), position));
                }
            }
            if !moved.is_empty() {
                any = true;
                store.commit(&moved)?;
            }
        }
        Ok(any)
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

/// For each partition of a global topic: where to read on, and where it ends now.
fn starts(
    topic: &TopicName,
    partitions: PartitionId,
    backend: &BackendRef,
    admin: &mut dyn Admin,
) -> Result<Vec<(TopicPartition, Offset, Offset)>> {
    let all: Vec<_> = (0..partitions).map(|number| TopicPartition::new(Arc::clone(topic), number)).collect();
    let first = admin.offsets(&all, OffsetQuery::Earliest, ADMIN_TIMEOUT)?;
    let ends = admin.offsets(&all, OffsetQuery::Latest(Isolation::ReadCommitted), ADMIN_TIMEOUT)?;
    let stored = read_offsets(&**backend)?;
    let start = |partition: TopicPartition| {
        let first = first.get(&partition).copied().unwrap_or(0);
        let end = ends.get(&partition).copied().unwrap_or(0);
        let known = stored
            .iter()
            .find(|stored| stored.topic == *partition.topic && stored.partition == partition.partition)
            .map(|stored| stored.offset)
            // A topic that was deleted and created again is read from its beginning.
            .filter(|offset| (first..=end).contains(offset));
        (partition, known.unwrap_or(first), end)
    };
    Ok(all.into_iter().map(start).collect())
}

/// Global processors have nowhere to send to.
struct NoCollector;

impl Collector for NoCollector {
    fn topic(&self, name: &TopicName) -> Result<OutTopic> {
        Err(Error::Topology(format!("a global store's processor cannot send to topic {name}")))
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
        Err(Error::Topology("a global store's processor cannot send records".to_owned()))
    }

    fn unsendable(&self, _: &Outgoing<'_>, error: Error) -> Result<()> {
        Err(error)
    }
}
