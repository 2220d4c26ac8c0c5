//! `suppress`: holds the updates of a table back (`KTableSuppressProcessorSupplier`).

use std::rc::Rc;
use std::sync::Arc;

use streams_core::error::{Error, Result};
use streams_core::processor::{Data, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Record};
use streams_core::store::{Buffered, ChangeBuffer, ChangeBufferBuilder, StoreOptions, ValueAndTimestamp};
use streams_core::time::Timestamp;

use crate::error::{DslError, OptionError};
use crate::graph::{GraphNode, NodeId, Plan};
use crate::handles::{KTable, TableOrigin};
use crate::naming::{self, prefix};
use crate::options::{Bounds, Suppressed, Wait};
use crate::rows::{ValueGetter, ValueGetterSupplier};

/// What follows a name in that of the buffer.
const STORE_SUFFIX: &str = "-store";

impl<K: Data, V: Data> KTable<K, V> {
    /// Holds updates back, so that of several updates of a row only the last one is forwarded (`KTable.suppress`).
    ///
    /// * Time: that of records, as this operator has seen it, in memory and from -1 on. Nothing is emitted while none
    ///   come. A row waits from its first update; later ones take its place. What is emitted has the time and headers
    ///   of the row's last update.
    /// * Nulls: a deletion is held back as any update; [`until_window_closes`](Suppressed::until_window_closes) leaves
    ///   it out.
    /// * Store: a buffer in memory, in the order of time, with a changelog that gets each changed row once a commit.
    ///   The result is not stored; where rows are looked up, one that waits is seen as it was before.
    /// * Repartition: none.
    /// * Not for versioned tables: building fails.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, String>("clicks")
    ///     .group_by_key()
    ///     .windowed_by(TimeWindows::of_size_with_no_grace(minutes(5)))
    ///     .count()
    ///     .suppress(Suppressed::until_window_closes(BufferConfig::unbounded()))
    ///     .to_stream()
    ///     .map(|window, count| (window.key, count))
    ///     .to("clicks-per-five-minutes");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let clicks = driver.create_input_topic::<String, String>("clicks");
    /// clicks.pipe("home".into(), "alice".into(), 0)?;
    /// clicks.pipe("home".into(), "bob".into(), 1)?;
    /// clicks.pipe("home".into(), "carol".into(), 300_000)?;
    /// let counts = driver.create_output_topic::<String, Option<i64>>("clicks-per-five-minutes");
    /// assert_eq!(counts.read_key_values()?, [("home".into(), Some(2))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn suppress(&self, suppressed: Suppressed<K>) -> KTable<K, V> {
        let Suppressed { name: given, wait, bounds } = suppressed;
        let given = given.as_deref().or(self.step.given_name());
        let (name, store) = self.step.with_plan(|plan| suppress_names(plan, given, bounds.log.is_some()));
        let wait_ms = self.wait_ms(&name, &wait);
        // The buffer keeps the row before the first update that waits.
        self.enable_sending_old_values(true);
        let operator = Arc::new(Operator { store: store.as_str().into(), wait, wait_ms, bounds });
        let (key_serde, value_serde) = (self.key_serde.clone(), self.value_serde.clone());
        let serdes = (key_serde.clone(), value_serde.clone());
        let origin = Rc::new(SuppressOrigin { parent: self.clone(), store: Arc::clone(&operator.store) });
        let node = GraphNode::new(&name, move |writer| {
            let operator = Arc::clone(&operator);
            let log = operator.bounds.log.clone();
            let node: Arc<str> = writer.name.as_str().into();
            let supplier =
                Arc::new(move |context: &mut InitContext<'_>| TableSuppress::open(&operator, &node, context));
            writer.own_processor::<_, K, Change<V>, K, Change<V>>(&supplier)?;
            let key = serdes.0.clone().ok_or_else(|| DslError::missing_serde::<K>(&writer.name, "key"))?;
            let value =
                serdes.1.clone().ok_or_else(|| DslError::missing_serde::<V>(&writer.name, "value"))?;
            let options = StoreOptions { logging: log, ..StoreOptions::default() };
            writer.add_store(ChangeBufferBuilder::new(&store, key, value).with_options(options))
        });
        let step = self.step.add(node.output_versioned(false));
        KTable::new(step, key_serde, value_serde, None, origin)
    }

    /// How long rows wait; reports what is wrong.
    fn wait_ms(&self, name: &str, wait: &Wait<K>) -> i64 {
        let plan = self.step.plan.borrow();
        let wrong = |cause| plan.report(DslError::Option { operator: name.to_owned(), cause });
        if plan.is_versioned(self.step.node) {
            wrong(OptionError::VersionedSuppress);
        }
        match wait {
            Wait::TimeLimit(ms) => *ms,
            Wait::WindowCloses(_) => match grace_ms(&plan, self.step.node, "") {
                Ok(grace_ms) => grace_ms,
                Err(chain) => {
                    wrong(OptionError::NoWindowsToClose { chain });
                    0
                }
            },
        }
    }
}

/// The names of the operator and its buffer; a user's name takes no numbers.
fn suppress_names(plan: &mut Plan, given: Option<&str>, logged: bool) -> (String, String) {
    match given {
        None => {
            let (name, store) = (plan.new_name(prefix::SUPPRESS), plan.new_store_name(prefix::SUPPRESS));
            if logged {
                plan.note_unnamed_changelog(&store);
            }
            (name, store)
        }
        Some(name) => {
            plan.check(naming::validate(name));
            (name.to_owned(), format!("{name}{STORE_SUFFIX}"))
        }
    }
}

/// The longest grace period of the windowed aggregations that a node comes from; or, if one of its ways up ends without
/// any, the names on it (`GraphGraceSearchUtil`).
fn grace_ms(plan: &Plan, node: NodeId, chain: &str) -> std::result::Result<i64, String> {
    let node = plan.node(node);
    if let Some(grace_ms) = node.grace_ms {
        return Ok(grace_ms);
    }
    let chain = if chain.is_empty() { node.name.clone() } else { format!("{}->{chain}", node.name) };
    let graces = node.parents.iter().map(|parent| grace_ms(plan, *parent, &chain));
    let longest = graces.collect::<std::result::Result<Vec<_>, _>>()?.into_iter().max();
    longest.ok_or(chain)
}

/// What all instances share.
struct Operator<K> {
    store: Arc<str>,
    wait: Wait<K>,
    wait_ms: i64,
    bounds: Bounds,
}

struct SuppressOrigin<K, V> {
    parent: KTable<K, V>,
    store: Arc<str>,
}

impl<K: Data, V: Data> TableOrigin<K, V> for SuppressOrigin<K, V> {
    fn enable_sending_old_values(&self, force: bool) -> bool {
        self.parent.enable_sending_old_values(force)
    }

    fn value_getter(&self) -> ValueGetterSupplier<K, V> {
        let (parent, store) = (self.parent.value_getter(), Arc::clone(&self.store));
        let mut stores = vec![store.to_string()];
        stores.extend(parent.stores.iter().cloned());
        ValueGetterSupplier::new(stores, move |stores| {
            Ok(Box::new(SuppressGetter { parent: parent.open(stores)?, buffer: stores.get(&store)? }))
        })
    }
}

/// Reads rows as the readers of the result know them.
struct SuppressGetter<K, V> {
    parent: Box<dyn ValueGetter<K, V>>,
    buffer: ChangeBuffer<K, V>,
}

impl<K: Data, V: Data> ValueGetter<K, V> for SuppressGetter<K, V> {
    fn get(&self, key: &K) -> ProcessorResult<Option<ValueAndTimestamp<V>>> {
        match self.buffer.prior(key)? {
            // Its time is not known: the buffer only gets the value.
            Some(prior) => Ok(prior.map(|value| ValueAndTimestamp { value, timestamp: -1 })),
            None => self.parent.get(key),
        }
    }

    fn stored_bytes(&self, key: &K) -> ProcessorResult<Option<Box<[u8]>>> {
        match self.buffer.prior(key)? {
            Some(_) => Ok(None),
            None => self.parent.stored_bytes(key),
        }
    }
}

/// Holds updates back and emits them when it is time, or when there are too many.
struct TableSuppress<K, V> {
    operator: Arc<Operator<K>>,
    node: Arc<str>,
    stream_time: Timestamp,
    buffer: ChangeBuffer<K, V>,
}

impl<K: Data, V: Data> TableSuppress<K, V> {
    /// The instance of one task.
    fn open(
        operator: &Arc<Operator<K>>,
        node: &Arc<str>,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        let buffer = context.state_store(&operator.store)?;
        Ok(TableSuppress { operator: Arc::clone(operator), node: Arc::clone(node), stream_time: -1, buffer })
    }

    /// Emits the first row, then releases it: a lookup meanwhile sees it as it was.
    fn emit_first(&self, context: &mut ProcessorContext<'_, K, Change<V>>) -> ProcessorResult {
        let buffer = &self.buffer;
        let first = match buffer.first() {
            Ok(first) => first,
            Err(error) => {
                let kept = buffer.first_context()?;
                context.skip_unreadable(kept.as_ref(), error)?;
                return Ok(buffer.remove_first()?);
            }
        };
        let Some(Buffered { key, old, new, context: kept }) = first else { return Ok(()) };
        let is_final = matches!(self.operator.wait, Wait::WindowCloses(_));
        if new.is_some() || !is_final {
            let (timestamp, headers) = (kept.timestamp, kept.headers.clone());
            context.forward_kept(&kept, Record { key, value: Change::new(new, old), timestamp, headers })?;
        }
        Ok(buffer.remove_first()?)
    }

    fn is_over_capacity(&self) -> Result<bool> {
        let (buffer, bounds) = (&self.buffer, &self.operator.bounds);
        let over = |held: usize, bound: Option<u64>| bound.is_some_and(|bound| held as u64 > bound);
        Ok(over(buffer.rows()?, bounds.max_records) || over(buffer.bytes()?, bounds.max_bytes))
    }

    /// Why the application ends. No handler is asked: the update is in the buffer, and would be emitted although it was
    /// counted as left out.
    fn full(&self, context: &ProcessorContext<'_, K, Change<V>>) -> Result<Error> {
        let (buffer, bounds) = (&self.buffer, &self.operator.bounds);
        let shown = |bound: Option<u64>| bound.unwrap_or(i64::MAX as u64);
        Ok(Error::BufferFull {
            node: Arc::clone(&self.node),
            task: context.task_id(),
            at: context.position(),
            records: (buffer.rows()? as u64, shown(bounds.max_records)),
            bytes: (buffer.bytes()? as u64, shown(bounds.max_bytes)),
        })
    }
}

impl<K: Data, V: Data> Processor<K, Change<V>, K, Change<V>> for TableSuppress<K, V> {
    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        context: &mut ProcessorContext<'_, K, Change<V>>,
    ) -> ProcessorResult {
        let Record { key, value, timestamp, headers } = record;
        self.stream_time = self.stream_time.max(timestamp);
        let buffer = &self.buffer;
        let time = match self.operator.wait {
            Wait::WindowCloses(end) => end(&key),
            Wait::TimeLimit(_) => timestamp,
        };
        let kept = context.task().record_context(timestamp, &headers);
        buffer.put(time, &key, &value, kept)?;
        let expired = self.stream_time - self.operator.wait_ms;
        while buffer.first_time()?.is_some_and(|first| first <= expired) {
            self.emit_first(context)?;
        }
        while self.is_over_capacity()? {
            if !self.operator.bounds.emits_early {
                return Err(self.full(context)?.into());
            }
            self.emit_first(context)?;
        }
        Ok(())
    }
}
