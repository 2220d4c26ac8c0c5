//! What a processor is made from: its task's stores and punctuations.

use std::any::Any;
use std::time::Duration;

use super::node::NodeIndex;
use super::{Children, Data, Flusher, Punctuation, PunctuationType, StoreAccess, TaskContext};
use crate::config::StreamsConfig;
use crate::error::{Error, Result};
use crate::ids::TaskId;
use crate::store::NamedStore;
use crate::time::{IntoTimestamp, Timestamp};

/// What the supplier of a processor gets: stores, punctuations and settings
/// (`org.apache.kafka.streams.processor.api.Processor.init`).
///
/// ```
/// # use streams_core as kstreams;
/// use kstreams::processor::{Processor, ProcessorContext, ProcessorResult};
/// use kstreams::record::Record;
/// use kstreams::store::{KeyValueStore, Stores};
/// # use kstreams::processor::{SinkOptions, SourceOptions, TopicTarget};
/// # use kstreams::serde::DefaultSerde;
///
/// /// Forwards what differs from the last value of its key.
/// struct Changes {
///     last: KeyValueStore<String, i64>,
/// }
///
/// impl Processor<String, i64, String, i64> for Changes {
///     fn process(
///         &mut self,
///         record: Record<String, i64>,
///         context: &mut ProcessorContext<'_, String, i64>,
///     ) -> ProcessorResult {
///         if self.last.get(&record.key)? != Some(record.value) {
///             self.last.put(&record.key, Some(record.value))?;
///             context.forward(record)?;
///         }
///         Ok(())
///     }
/// }
///
/// # let mut topology = kstreams::topology::Topology::new();
/// # let from = SourceOptions { key_serde: String::default_serde(), value_serde: i64::default_serde(), extractor: None };
/// # topology.add_source("source", &["in"], None, from)?;
/// topology.add_processor("changes", |task| Ok(Changes { last: task.state_store("last")? }), &["source"])?;
/// topology.add_state_store(Stores::key_value_store::<String, i64>("last"), &["changes"])?;
/// # let (target, key_serde) = (TopicTarget::Topic("out".into()), String::default_serde());
/// # let to = SinkOptions { target, key_serde, value_serde: i64::default_serde(), partitioner: None };
/// # topology.add_sink("sink", to, &["changes"])?;
/// # let driver = kstreams::testing::TopologyTestDriver::of(topology)?;
/// # let records = driver.create_input_topic::<String, i64>("in");
/// # for value in [1, 1, 2] {
/// #     records.pipe("a".into(), value, 0)?;
/// # }
/// # assert_eq!(driver.create_output_topic::<String, i64>("out").read_values()?, [1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct InitContext<'a> {
    node: NodeIndex,
    children: &'a dyn Any,
    has_children: bool,
    task: &'a mut TaskContext,
}

impl<'a> InitContext<'a> {
    pub(super) fn new<K: Data, V: Data>(
        node: NodeIndex,
        children: &'a Children<K, V>,
        task: &'a mut TaskContext,
    ) -> Self {
        InitContext { node, has_children: !children.is_empty(), children, task }
    }

    /// A store that is connected to this node, by its [`StoreRef`](crate::store::StoreRef) or its name. `S` is the store's
    /// handle type, such as [`KeyValueStore`](crate::store::KeyValueStore). By a name, a wrong type is an error that names
    /// both; by a reference it does not compile.
    pub fn state_store<S: Clone + 'static>(&self, store: impl NamedStore<S>) -> Result<S> {
        self.task.store(self.node, store.store_name())
    }

    /// The stores that are connected to this node.
    pub fn stores(&self) -> StoreAccess<'_> {
        StoreAccess::new(self.node, self.task)
    }

    /// Asks for [`Processor::punctuate`](super::Processor::punctuate) every `interval`, of which whole milliseconds
    /// count (at least 1).
    ///
    /// Stream-time punctuations first fire at the first stream time, wall-clock ones `interval` from now; intervals
    /// that were missed are made up by one call (KIP-138).
    ///
    /// ```
    /// # use streams_core as kstreams;
    /// use std::time::Duration;
    ///
    /// use kstreams::processor::{Processor, ProcessorContext, ProcessorResult, Punctuation, PunctuationType};
    /// use kstreams::record::Record;
    /// use kstreams::time::Timestamp;
    ///
    /// /// Tells each minute of stream time how many records there were.
    /// #[derive(Default)]
    /// struct Rate(i64);
    ///
    /// impl Processor<String, String, String, i64> for Rate {
    ///     fn process(
    ///         &mut self,
    ///         _: Record<String, String>,
    ///         _: &mut ProcessorContext<'_, String, i64>,
    ///     ) -> ProcessorResult {
    ///         self.0 += 1;
    ///         Ok(())
    ///     }
    ///
    ///     fn punctuate(
    ///         &mut self,
    ///         _: Punctuation,
    ///         time: Timestamp,
    ///         context: &mut ProcessorContext<'_, String, i64>,
    ///     ) -> ProcessorResult {
    ///         context.forward(Record::new("records".to_owned(), std::mem::take(&mut self.0), time))
    ///     }
    /// }
    /// # use kstreams::processor::{SinkOptions, SourceOptions, TopicTarget};
    /// # use kstreams::serde::DefaultSerde;
    /// # let mut topology = kstreams::topology::Topology::new();
    /// # let text = || String::default_serde();
    /// # let from = SourceOptions { key_serde: text(), value_serde: text(), extractor: None };
    /// # topology.add_source("source", &["in"], None, from)?;
    ///
    /// let rate = |task: &mut kstreams::processor::InitContext<'_>| {
    ///     task.schedule(Duration::from_secs(60), PunctuationType::StreamTime)?;
    ///     Ok(Rate::default())
    /// };
    /// topology.add_processor("rate", rate, &["source"])?;
    /// # let target = TopicTarget::Topic("out".into());
    /// # let to = SinkOptions { target, key_serde: text(), value_serde: i64::default_serde(), partitioner: None };
    /// # topology.add_sink("sink", to, &["rate"])?;
    /// # let driver = kstreams::testing::TopologyTestDriver::of(topology)?;
    /// # let records = driver.create_input_topic::<String, String>("in");
    /// # for time in [5_000, 6_000, 190_000] {
    /// #     records.pipe("a".into(), "b".into(), time)?;
    /// # }
    /// # let rates = driver.create_output_topic::<String, i64>("out").read_records()?;
    /// # let rates: Vec<_> = rates.into_iter().map(|rate| (rate.timestamp, rate.value)).collect();
    /// # assert_eq!(rates, [(5_000, 1), (190_000, 2)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn schedule(&mut self, interval: Duration, kind: PunctuationType) -> Result<Punctuation> {
        self.task.schedule(self.node, None, interval, kind)
    }

    /// As [`schedule`](Self::schedule), aligned to `start`: fires at `start + n * interval` (KIP-1146).
    pub fn schedule_at(
        &mut self,
        start: impl IntoTimestamp,
        interval: Duration,
        kind: PunctuationType,
    ) -> Result<Punctuation> {
        self.task.schedule(self.node, Some(start.into_timestamp()), interval, kind)
    }

    /// The task.
    pub fn task_id(&self) -> TaskId {
        self.task.task_id()
    }

    /// `application.id`.
    pub fn application_id(&self) -> &str {
        self.task.application_id()
    }

    /// The application's settings (`appConfigs`).
    pub fn config(&self) -> &StreamsConfig {
        self.task.config()
    }

    /// The number that a processor of this task committed under that name, together with the offsets.
    #[doc(hidden)]
    pub fn processor_metadata(&self, name: &str) -> Option<i64> {
        self.task.metadata().get(name)
    }

    /// The largest record timestamp that this task has seen, -1 before the first.
    pub fn current_stream_time_ms(&self) -> Timestamp {
        self.task.stream_time()
    }

    /// The wall clock as of this step of the thread.
    pub fn current_system_time_ms(&self) -> Timestamp {
        self.task.wall_clock_ms()
    }

    /// The task itself, for code that several nodes share.
    #[doc(hidden)]
    pub fn task(&mut self) -> &mut TaskContext {
        self.task
    }

    /// Whether the node has children.
    #[doc(hidden)]
    pub fn has_children(&self) -> bool {
        self.has_children
    }

    /// The node's children, for code that forwards later (a flush listener).
    #[doc(hidden)]
    pub fn children<K: Data, V: Data>(&self) -> Result<Children<K, V>> {
        let children = self.children.downcast_ref::<Children<K, V>>().cloned();
        children
            .ok_or_else(|| Error::Internal("a node's children were asked for as those of another".to_owned()))
    }

    /// Registers `flusher`, which is called at each commit before results are sent: it forwards what a cached store holds
    /// back.
    #[doc(hidden)]
    pub fn on_flush(&mut self, flusher: Flusher) {
        self.task.on_flush(self.node, flusher);
    }
}
