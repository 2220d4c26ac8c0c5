//! A running task: its nodes, its stores and the records it reads (`StreamTask`).
//!
//! A task is created with everything restored and lives until its thread releases it. It never talks to a broker
//! itself: records come from the thread, results go to the thread's collector, commits are made by the thread.

use std::rc::Rc;
use std::sync::Arc;

use state_stores::offsets::{offsets_keyspace, put_offset};
use state_stores::{Batch, StoreError};

use self::stores::{TaskStore, open_stores, stores_of};
use super::application_plan::ApplicationPlan;
use super::backends::{TaskBackends, without_database};
use super::commit::Committer;
use super::measures::TaskMeter;
use super::pace::Pace;
use super::partition_group::{Done, PartitionGroup, Readiness, Step};
use super::record_collector::RecordCollector;
use super::record_queue::{RecordQueue, SourceMeters};
use super::restore::OpenedTask;
use super::task_graph::{self, GraphSettings, TaskGraph};
use super::waits::{Waiting, Waits};
use crate::config::StreamsConfig;
use crate::error::{Error, Result, UserError};
use crate::ids::{Offset, TaskId, TopicName, TopicPartition};
use crate::metrics::Registry;
use crate::processor::handlers::Handlers;
use crate::processor::{
    Collector, DroppedRecords, GlobalReaders, Outgoing, PunctuationType, TaskContext, TaskMeters, TaskSetup,
    TaskStores,
};
use crate::serde::TopicPartitionMetadata;
use crate::store::RecordClock;
use crate::time::{Now, Timestamp};
use crate::transport::{ConsumerSpec, Fetched, Isolation, OffsetToCommit, PartitionHandle, RawRecord};

mod measuring;
mod stores;

/// What the tasks of one thread share.
pub(crate) struct TaskEnvironment {
    pub plan: Arc<ApplicationPlan>,
    pub collector: Rc<RecordCollector>,
    pub handlers: Handlers,
    pub globals: GlobalReaders,
    pub settings: GraphSettings,
    /// Clean entries that one store may keep.
    pub store_cache_bytes: usize,
    /// Whether record caches are on at all.
    pub caching: bool,
    pub max_task_idle_ms: i64,
    pub config: Arc<StreamsConfig>,
    pub metrics: Registry,
    /// The thread's name.
    pub thread: Arc<str>,
    waits: Arc<Waits>,
}

impl TaskEnvironment {
    /// The environment that the settings describe.
    pub fn new(
        plan: &Arc<ApplicationPlan>,
        config: &Arc<StreamsConfig>,
        committer: Committer,
        handlers: &Handlers,
        globals: GlobalReaders,
        metrics: &Registry,
        thread: &str,
    ) -> Self {
        let cache = config.statestore_cache_max_bytes();
        let sources = ConsumerSpec {
            client_id: format!("{thread}-dead-letters"),
            isolation: Isolation::ReadUncommitted,
            properties: config.restore_consumer_properties(),
        };
        let waits = committer.waits();
        TaskEnvironment {
            plan: Arc::clone(plan),
            collector: RecordCollector::new(committer, handlers.clone(), sources),
            handlers: handlers.clone(),
            globals,
            settings: GraphSettings::new(plan, config),
            store_cache_bytes: cache / plan.store_instances().max(1),
            caching: cache > 0,
            max_task_idle_ms: config.max_task_idle_ms(),
            config: Arc::clone(config),
            metrics: metrics.clone(),
            thread: thread.into(),
            waits,
        }
    }
}

/// What a task knows of a source partition besides its queue.
pub(crate) struct TaskInput {
    pub handle: PartitionHandle,
    /// Whether the last fetch found nothing more on the broker.
    pub at_end: bool,
    /// Whether it has ever been read, which the application may not be allowed to.
    is_read: bool,
    /// Since when fetches have found nothing, by the monotonic clock.
    quiet_since: Option<i64>,
    /// The group's committed offset.
    committed: Option<Offset>,
    /// When it is committed again though it has not changed, by the monotonic clock.
    recommit_at: i64,
    /// Whether the application owns the topic and may delete what is processed.
    repartition: bool,
}

impl TaskInput {
    /// A fetch has found so much. Whether it was the first that found anything, be it the end.
    pub fn fetched(&mut self, fetched: Fetched, now_ms: i64) -> bool {
        self.at_end = fetched.at_end;
        match fetched.records {
            0 => _ = self.quiet_since.get_or_insert(now_ms),
            _ => self.quiet_since = None,
        }
        (fetched.records > 0 || fetched.at_end) && !std::mem::replace(&mut self.is_read, true)
    }
}

/// When committed changes are written to a database (decision 0007).
#[derive(Clone, Copy, Debug)]
pub(crate) enum WriteTiming {
    /// With this commit.
    Now,
    /// With this commit if a task's oldest pending write is from this moment of the monotonic clock or earlier,
    /// else later.
    DeferredSince(i64),
}

/// A task that runs.
pub(crate) struct StreamTask {
    id: TaskId,
    context: TaskContext,
    graph: TaskGraph,
    group: PartitionGroup,
    inputs: Vec<TaskInput>,
    stores: Vec<TaskStore>,
    backends: TaskBackends,
    /// One for each database.
    batches: Vec<Batch>,
    /// When the oldest of the pending writes was logged, by the monotonic clock.
    deferred_since: Option<i64>,
    /// Whether records were processed since the last commit.
    processed: bool,
    /// Whether something may have been sent since the last commit without a record being consumed: by a punctuation, or
    /// to a changelog.
    wrote: bool,
    /// Whether the pass ended between two punctuations of stream time: the others are called before the next record.
    unpunctuated: bool,
    max_task_idle_ms: i64,
    meter: TaskMeter,
    /// The wait for a node's supplier, or for its end.
    calling: Waiting,
}

impl StreamTask {
    /// Wires the task's nodes over its restored stores. `handles` are the source partitions as the thread's consumer
    /// knows them, in the order of `opened.sources`.
    pub fn new(
        id: TaskId,
        opened: OpenedTask,
        handles: Vec<PartitionHandle>,
        environment: &TaskEnvironment,
        now: Timestamp,
    ) -> Result<Self> {
        let plan = environment.plan.subtopology(id)?;
        let clock = Rc::new(RecordClock::default());
        let (stores, readable) = open_stores(id, &opened, &clock, environment)?;
        let graph = task_graph::build(&environment.plan.topology, &plan.nodes, &environment.settings)?;
        let access = plan.nodes.iter().map(|node| (Arc::clone(node), stores_of(environment, node))).collect();
        let mut context = TaskContext::new(TaskSetup {
            task: id,
            application_id: Arc::clone(&environment.plan.application_id),
            config: Arc::clone(&environment.config),
            collector: Rc::clone(&environment.collector) as Rc<dyn Collector>,
            handlers: environment.handlers.clone(),
            stores: TaskStores { handles: readable, access, globals: environment.globals.clone() },
            clock,
            meters: TaskMeters::new(&environment.metrics, &environment.thread, id),
        });
        context.set_wall_clock_ms(now);
        let mut queues = Vec::with_capacity(opened.sources.len());
        for source in &opened.sources {
            let input = graph.inputs.get(&source.partition.topic).ok_or_else(|| {
                Error::Internal(format!("no source of task {id} reads topic {}", source.partition.topic))
            })?;
            context.advance_stream_time(source.metadata.partition_time);
            context.metadata_mut().merge(&source.metadata.processor_metadata);
            let time = source.metadata.partition_time;
            let (partition, meters) =
                (&source.partition, SourceMeters::of(&environment.plan, &context, &source.partition));
            queues.push(RecordQueue::new(partition.clone(), input(partition), time, meters));
        }
        let inputs = opened.sources.iter().zip(handles).map(|(source, handle)| TaskInput {
            handle,
            at_end: false,
            is_read: false,
            quiet_since: None,
            committed: source.committed,
            recommit_at: i64::MIN,
            repartition: plan.repartition_topics.contains(&source.partition.topic),
        });
        let mut task = StreamTask {
            id,
            meter: TaskMeter::new(context.meters()),
            context,
            graph,
            inputs: inputs.collect(),
            group: PartitionGroup::new(queues),
            stores,
            batches: vec![Batch::new(); opened.backends.len()],
            backends: opened.backends,
            deferred_since: None,
            processed: false,
            wrote: false,
            unpunctuated: false,
            max_task_idle_ms: environment.max_task_idle_ms,
            calling: environment.waits.of(format!("thread {}", environment.thread)),
        };
        for (name, node) in &task.graph.nodes {
            task.calling.begin(|| format!("node {name} of task {id} to be made"));
            node.init(&mut task.context)?;
        }
        task.calling.end();
        Ok(task)
    }

    pub fn inputs_mut(&mut self) -> &mut [TaskInput] {
        &mut self.inputs
    }

    pub fn inputs(&self) -> &[TaskInput] {
        &self.inputs
    }

    /// The partitions without new records since that moment, whose records are all processed.
    pub fn quiet_since(&self, moment_ms: i64) -> impl Iterator<Item = (&TopicPartition, PartitionHandle)> {
        let inputs = self.group.queues().iter().zip(&self.inputs);
        let quiet = inputs.filter(move |(queue, input)| {
            queue.len() == 0 && input.quiet_since.is_some_and(|since_ms| since_ms <= moment_ms)
        });
        quiet.map(|(queue, input)| (queue.partition(), input.handle))
    }

    pub fn partition(&self, input: usize) -> Option<&TopicPartition> {
        self.group.queues().get(input).map(RecordQueue::partition)
    }

    /// The numbers of the inputs: first those of these topics.
    pub fn inputs_in_order(&self, first: &[TopicName]) -> impl Iterator<Item = usize> + use<> {
        let of = |topic: &TopicName| {
            self.group.queues().iter().position(|queue| queue.partition().topic == *topic)
        };
        let first: Vec<usize> = first.iter().filter_map(of).collect();
        let all = 0..self.inputs.len();
        first.clone().into_iter().chain(all.filter(move |input| !first.contains(input)))
    }

    /// How many more records of that input should be buffered.
    pub fn room(&self, input: usize, records_max: usize, bytes_max: usize) -> usize {
        self.group.queues().get(input).map_or(0, |queue| queue.room(records_max, bytes_max))
    }

    /// Bytes of the records that are buffered.
    pub fn buffered_bytes(&self) -> usize {
        self.group.queues().iter().map(RecordQueue::bytes).sum()
    }

    pub fn add_records(&mut self, input: usize, records: impl Iterator<Item = RawRecord>) -> Result<()> {
        self.group.push(input, records)
    }

    /// Records dropped so far.
    pub fn dropped_records(&self) -> DroppedRecords {
        self.context.dropped_records()
    }

    /// Processes up to `limit` records, or until the pass is over. Those that are dropped count as well: users' code decides
    /// about them, and may take long for it.
    pub fn process(&mut self, limit: usize, now: Now, pace: &mut Pace) -> Result<Done> {
        self.context.set_wall_clock_ms(now.wall_ms);
        if std::mem::take(&mut self.unpunctuated) {
            self.punctuate(PunctuationType::StreamTime, self.context.stream_time(), pace)?;
        }
        let mut done = Done::default();
        let alone = self.inputs.len() == 1;
        while done.all() < limit && !self.unpunctuated {
            let inputs = &self.inputs;
            let at_end = |input: usize| inputs.get(input).is_none_or(|input| input.at_end);
            // The usual case is one partition, with nothing to wait for.
            if !alone
                && self.group.readiness(self.max_task_idle_ms, now.monotonic_ms, at_end) != Readiness::Ready
            {
                break;
            }
            match self.group.process_next(&mut self.context)? {
                Step::Processed => {
                    done.processed += 1;
                    self.processed = true;
                    self.punctuate(PunctuationType::StreamTime, self.context.stream_time(), pace)?;
                }
                Step::Dropped => {
                    done.dropped += 1;
                    self.processed = true;
                }
                Step::Nothing => break,
            }
            if pace.record() && pace.check(self.unwritten_bytes()) {
                break;
            }
        }
        Ok(done)
    }

    /// Calls due wall-clock punctuations, at least one; those that are left when the pass is over are called in the next one.
    pub fn punctuate_wall_clock(&mut self, now: Now, pace: &mut Pace) -> Result<()> {
        self.context.set_wall_clock_ms(now.wall_ms);
        self.punctuate(PunctuationType::WallClockTime, now.wall_ms, pace)
    }

    #[inline]
    fn punctuate(&mut self, kind: PunctuationType, now: Timestamp, pace: &mut Pace) -> Result<()> {
        if !self.context.punctuations().any(kind) || now < 0 {
            return Ok(());
        }
        self.punctuate_due(kind, now, pace)
    }

    /// Out of the way of tasks without punctuations.
    #[inline(never)]
    fn punctuate_due(&mut self, kind: PunctuationType, now: Timestamp, pace: &mut Pace) -> Result<()> {
        while let Some((node, punctuation)) = self.context.punctuations().take_due(kind, now) {
            self.context.leave_record(now);
            self.wrote = true;
            let began_ms = pace.now_ms();
            if let Some((_, node)) = self.graph.nodes.get(node.0 as usize) {
                node.punctuate(punctuation, now, &mut self.context)?;
            }
            // A call may take long, or write much.
            let is_over = pace.check(self.unwritten_bytes());
            pace.punctuated(began_ms);
            if is_over {
                self.unpunctuated |= kind == PunctuationType::StreamTime;
                break;
            }
        }
        Ok(())
    }

    /// When wall-clock time must come round again.
    pub fn next_wall_clock_punctuation(&mut self) -> Option<Timestamp> {
        self.context.punctuations().next_due(PunctuationType::WallClockTime)
    }

    /// Whether a processor asked for a commit since the last call.
    pub fn take_commit_request(&mut self) -> bool {
        self.context.take_commit_request()
    }

    /// Bytes that are in no database yet.
    pub fn unwritten_bytes(&self) -> usize {
        self.uncommitted_bytes() + self.deferred_bytes()
    }

    /// Whether it has uncommitted work.
    pub fn has_worked(&self) -> bool {
        self.processed || self.wrote
    }

    /// Whether everything that the broker has for the task is processed.
    pub fn is_caught_up(&self) -> bool {
        let inputs = self.group.queues().iter().zip(&self.inputs);
        inputs.into_iter().all(|(queue, input)| queue.len() == 0 && input.at_end)
    }

    /// Bytes that wait for a commit.
    pub fn uncommitted_bytes(&self) -> usize {
        self.stores.iter().map(|store| store.store.borrow().uncommitted_bytes()).sum()
    }

    /// Bytes that are committed and not yet written to the databases.
    pub fn deferred_bytes(&self) -> usize {
        self.stores.iter().map(|store| store.store.borrow().deferred_bytes()).sum()
    }

    /// First half of a commit: lets cached updates go downstream, then logs every change once. With what is due, it goes
    /// into the batches for the databases.
    pub fn stage(&mut self, collector: &RecordCollector, writes: WriteTiming, now: Now) -> Result<()> {
        self.context.flush_caches()?;
        let deferred_since = self.deferred_since.unwrap_or(now.monotonic_ms);
        let due = match writes {
            WriteTiming::Now => true,
            WriteTiming::DeferredSince(since) => deferred_since <= since,
        };
        let mut deferred = false;
        for TaskStore { store, backend, changelog, defers } in &mut self.stores {
            let batch = self.batches.get_mut(*backend).ok_or_else(without_database)?;
            let mut log = |record: state_stores::LogRecord<'_>| -> std::result::Result<(), UserError> {
                let Some(changelog) = changelog.as_mut().filter(|changelog| !changelog.is_source) else {
                    return Ok(());
                };
                let (topic, partition) = (changelog.topic, changelog.partition.partition);
                let timestamp = match record.timestamp {
                    state_stores::LogRecord::NOW => now.wall_ms,
                    timestamp => timestamp,
                };
                collector.send(&Outgoing {
                    topic,
                    partition,
                    key: Some(record.key),
                    value: record.value,
                    timestamp,
                    headers: record.headers,
                    origin: changelog.origin,
                    offset: None,
                    source: None,
                })?;
                // Only accepted records: the offsets of the changelog are counted.
                changelog.sent += 1;
                Ok(())
            };
            let mut store = store.borrow_mut();
            store.end_flush();
            let staged =
                if *defers && !due { store.stage_log(&mut log, batch) } else { store.stage(&mut log, batch) };
            deferred |= store.has_deferred();
            staged.map_err(|cause| match cause {
                // The collector's own error says what to do next; the store only carries it.
                StoreError::Log { cause, .. } => Error::of_user_code(cause),
                cause => Error::Store { task: self.id, cause },
            })?;
            self.wrote |= changelog.as_ref().is_some_and(|changelog| changelog.sent > 0);
        }
        self.deferred_since = deferred.then_some(deferred_since);
        Ok(())
    }

    /// Sets when each partition's offset must be committed again.
    pub fn recommit_at(&mut self, at: impl Fn(&TopicPartition) -> i64) {
        for (queue, input) in self.group.queues().iter().zip(&mut self.inputs) {
            input.recommit_at = at(queue.partition());
        }
    }

    /// Reports when each partition's offset must be committed again.
    pub fn recommits(&self) -> impl Iterator<Item = (&TopicPartition, i64)> {
        let inputs = self.group.queues().iter().zip(&self.inputs);
        inputs.map(|(queue, input)| (queue.partition(), input.recommit_at))
    }

    /// The offsets to commit: those that differ from what is committed, and those that the broker would forget. If something
    /// was sent since the last commit, a task that may have done so commits one at least, changed or not: only with an offset
    /// does the group refuse a commit of a member that it has expelled, and make the next owner wait for it. `position` tells
    /// how far the consumer has come with a partition that has no buffered record, markers included.
    pub fn offsets_to_commit(
        &self,
        is_open: bool,
        now: Now,
        position: impl Fn(PartitionHandle) -> Result<Offset>,
    ) -> Result<Vec<OffsetToCommit>> {
        let remembered = self.context.metadata();
        let mut offsets = Vec::new();
        let last = self.inputs.len().saturating_sub(1);
        for (number, (queue, input)) in self.group.queues().iter().zip(&self.inputs).enumerate() {
            let offset = match queue.next_offset() {
                Some(offset) => offset,
                None => position(input.handle)?,
            };
            // Without a committed offset, the beginning is not worth a commit of its own either.
            let is_old = input.committed.is_some() && now.monotonic_ms >= input.recommit_at;
            let changed = is_old || input.committed.unwrap_or(0) != offset || remembered.needs_commit();
            let fences = is_open && self.wrote && number == last && offsets.is_empty();
            if !changed && !fences {
                continue;
            }
            let metadata = TopicPartitionMetadata {
                partition_time: queue.partition_time(),
                processor_metadata: remembered.values().clone(),
            };
            offsets.push(OffsetToCommit {
                partition: queue.partition().clone(),
                offset,
                metadata: metadata.encode(),
            });
        }
        Ok(offsets)
    }

    /// What is committed of the repartition topics that the task reads.
    pub fn committed_repartition_offsets(&self) -> Vec<(TopicPartition, Offset)> {
        let inputs = self.group.queues().iter().zip(&self.inputs).filter(|(_, input)| input.repartition);
        inputs.filter_map(|(queue, input)| Some((queue.partition().clone(), input.committed?))).collect()
    }

    /// A store handle of this task, for the test driver.
    #[cfg(any(test, feature = "testing"))]
    pub fn store<S: Clone + 'static>(&self, name: &str) -> Option<S> {
        self.context.any_store(name)
    }

    /// The content of the task's stores by name, as bytes, for the test driver.
    #[cfg(any(test, feature = "testing"))]
    pub fn store_entries(&self) -> Result<Vec<(String, Vec<state_stores::RawEntry>)>> {
        let wrap = |cause| Error::Store { task: self.id, cause };
        let entries = |store: &TaskStore| {
            let mut store = store.store.borrow_mut();
            Ok((store.name().to_owned(), store.entries().map_err(wrap)?))
        };
        self.stores.iter().map(entries).collect()
    }

    /// Second half of a commit, after the broker has it: what was staged for the databases is written. `offsets` are the
    /// task's own; they are committed again at `recommit_at`.
    pub fn committed(&mut self, offsets: &[OffsetToCommit], markers: i64, recommit_at: i64) -> Result<()> {
        for (queue, input) in self.group.queues().iter().zip(&mut self.inputs) {
            if let Some(done) = offsets.iter().find(|done| done.partition == *queue.partition()) {
                input.committed = Some(done.offset);
                input.recommit_at = recommit_at;
            }
        }
        self.processed = false;
        self.wrote = false;
        for changelog in self.stores.iter_mut().filter_map(|store| store.changelog.as_mut()) {
            let read =
                offsets.iter().find(|read| changelog.is_source && read.partition == changelog.partition);
            match read {
                Some(read) => changelog.next = read.offset,
                None if changelog.sent > 0 => changelog.next += changelog.sent + markers,
                None => {}
            }
            changelog.sent = 0;
        }
        self.context.metadata_mut().committed();
        self.write()
    }

    /// Writes what was staged, with the offsets of the changelogs of which the databases then hold everything, in one
    /// batch for each database. All of it must be committed.
    pub fn write(&mut self) -> Result<()> {
        let wrap = |cause| Error::Store { task: self.id, cause };
        for (number, (backend, batch)) in self.backends.iter().zip(&mut self.batches).enumerate() {
            let mut changed = !batch.is_empty();
            for TaskStore { store, changelog, .. } in
                self.stores.iter_mut().filter(|store| store.backend == number)
            {
                let Some(changelog) = changelog else { continue };
                if changelog.next == changelog.written || store.borrow().has_deferred() {
                    continue;
                }
                let keyspace = offsets_keyspace(&**backend).map_err(wrap)?;
                let at = &changelog.partition;
                put_offset(batch, keyspace, &at.topic, at.partition, changelog.next);
                changelog.written = changelog.next;
                changed = true;
            }
            if changed {
                backend.write(batch).map_err(wrap)?;
                batch.clear();
            }
        }
        for store in &self.stores {
            store.store.borrow_mut().committed().map_err(wrap)?;
        }
        Ok(())
    }

    /// The databases, for tests.
    #[cfg(test)]
    pub fn backends(&self) -> &TaskBackends {
        &self.backends
    }

    /// Ends the task and releases its databases. Uncommitted work is dropped.
    pub fn close(mut self) -> (TaskBackends, Vec<PartitionHandle>) {
        for (name, node) in &self.graph.nodes {
            self.calling.begin(|| format!("node {name} of task {} to close", self.id));
            node.close();
        }
        (self.backends, self.inputs.iter().map(|input| input.handle).collect())
    }
}
