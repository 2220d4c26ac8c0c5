//! Sinks: where records leave a task for a topic.

use std::any::Any;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::dropped::DropReason;
use super::factory::{EdgeType, NodeFactory, NodeInstance, Wiring};
use super::node::Lifecycle;
use super::{
    Data, Edge, NodeMeter, Origin, OriginId, OutTopic, Outgoing, Punctuation, Purpose, Receiver, TaskContext,
    TopicMeter,
};
use crate::error::{Error, Result, UsageError};
use crate::ids::{PartitionId, TopicName, TopicPartition};
use crate::partitioner::{Partitions, StreamPartitioner, partition_for_key, partitioning_bytes};
use crate::record::{Headers, Record, RecordMetadata};
use crate::serde::{Payload, SerdeError, SerdeRef};
use crate::time::Timestamp;
use crate::user_code::guarded;

/// Chooses each record's topic (`org.apache.kafka.streams.processor.TopicNameExtractor`). The topics must exist. A
/// closure `|key, value, metadata| topic` is one:
///
/// ```
/// # use streams_core as kstreams;
/// use kstreams::ids::TopicName;
/// use kstreams::processor::TopicNameExtractor;
/// use kstreams::record::RecordMetadata;
///
/// let by_country = |country: &String, _: &i64, _: Option<&RecordMetadata>| -> TopicName {
///     format!("payments-{country}").into()
/// };
/// assert_eq!(&*by_country.extract(&"fr".into(), &99, None), "payments-fr");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name topics for records with key `{K}` and value `{V}`",
    label = "not a topic name extractor of these records",
    note = "give a closure `|key: &K, value: &V, at: Option<&RecordMetadata>|` that returns a topic's name: \
            `format!(..).into()`"
)]
pub trait TopicNameExtractor<K, V>: Send + Sync {
    /// The topic for this record.
    fn extract(&self, key: &K, value: &V, at: Option<&RecordMetadata>) -> TopicName;

    /// What a topology's description shows for it.
    fn describe(&self) -> String {
        std::any::type_name::<Self>().to_owned()
    }
}

impl<K, V, F> TopicNameExtractor<K, V> for F
where
    F: Fn(&K, &V, Option<&RecordMetadata>) -> TopicName + Send + Sync,
{
    fn extract(&self, key: &K, value: &V, at: Option<&RecordMetadata>) -> TopicName {
        self(key, value, at)
    }
}

/// Where a sink writes.
pub enum TopicTarget<K, V> {
    /// One topic for all records. Internal topics are named without the application's prefix.
    Topic(TopicName),
    /// A topic for each record.
    Dynamic(Arc<dyn TopicNameExtractor<K, V>>),
}

impl<K, V> Clone for TopicTarget<K, V> {
    fn clone(&self) -> Self {
        match self {
            TopicTarget::Topic(topic) => TopicTarget::Topic(Arc::clone(topic)),
            TopicTarget::Dynamic(extractor) => TopicTarget::Dynamic(Arc::clone(extractor)),
        }
    }
}

/// How a sink writes.
pub struct SinkOptions<K, V> {
    /// The topic.
    pub target: TopicTarget<K, V>,
    /// Writes keys.
    pub key_serde: SerdeRef<K>,
    /// Writes values.
    pub value_serde: SerdeRef<V>,
    /// Chooses partitions; `None` hashes the key bytes as Kafka's producer does.
    pub partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>,
}

impl<K, V> Clone for SinkOptions<K, V> {
    fn clone(&self) -> Self {
        SinkOptions {
            target: self.target.clone(),
            key_serde: Arc::clone(&self.key_serde),
            value_serde: Arc::clone(&self.value_serde),
            partitioner: self.partitioner.clone(),
        }
    }
}

struct SinkNode<K, V> {
    name: Arc<str>,
    options: SinkOptions<K, V>,
    /// The topic that was written last.
    known: RefCell<Option<Known>>,
    /// What was written to each topic.
    topics: RefCell<BTreeMap<TopicName, Rc<TopicMeter>>>,
    meter: OnceCell<Rc<NodeMeter>>,
    purpose: Purpose,
    /// Where the last record was read, and the collector's number for that origin.
    origin: RefCell<Option<(Option<Rc<TopicPartition>>, OriginId)>>,
}

/// What a sink knows of a topic.
struct Known {
    name: TopicName,
    /// Its number with the collector.
    number: OutTopic,
    meter: Rc<TopicMeter>,
}

/// What became of a record.
enum Delivered {
    Sent,
    /// The partitioner drops it.
    LeftOut,
}

/// Serializes a key or value. A panic of the serde counts as a refusal.
#[inline]
fn serialize<T>(
    serde: &SerdeRef<T>,
    topic: &str,
    headers: &Headers,
    value: &T,
    out: &mut Vec<u8>,
) -> std::result::Result<Payload, SerdeError> {
    guarded(|| serde.serialize(topic, headers, value, out))
}

impl<K: Data, V: Data> SinkNode<K, V> {
    fn target(&self, record: &Record<K, V>, task: &TaskContext) -> TopicName {
        match &self.options.target {
            TopicTarget::Topic(topic) => Arc::clone(topic),
            TopicTarget::Dynamic(extractor) => {
                extractor.extract(&record.key, &record.value, task.record_metadata().as_ref())
            }
        }
    }

    /// Refuses a topic, chosen for a record, that is an internal topic of the application: a changelog would then hold rows
    /// that no store has.
    fn check(&self, topic: &str, application_id: &str) -> Result<()> {
        let own = topic.strip_prefix(application_id).and_then(|rest| rest.strip_prefix('-'));
        let is_internal = own.is_some_and(|own| own.ends_with("-changelog") || own.ends_with("-repartition"));
        match self.options.target {
            TopicTarget::Dynamic(_) if is_internal => Err(Error::User(
                format!(
                    "sink {} chose {topic}, an internal topic of this application; choose another",
                    self.name
                )
                .into(),
            )),
            _ => Ok(()),
        }
    }

    fn number(&self, topic: &TopicName, task: &TaskContext) -> Result<OutTopic> {
        let mut known = self.known.borrow_mut();
        match &*known {
            Some(known) if known.name == *topic => Ok(known.number),
            _ => {
                self.check(topic, task.application_id())?;
                let number = task.collector().topic(topic)?;
                let mut topics = self.topics.borrow_mut();
                let meter = topics
                    .entry(Arc::clone(topic))
                    .or_insert_with(|| task.meters().topic(&self.name, topic, false));
                *known = Some(Known { name: Arc::clone(topic), number, meter: Rc::clone(meter) });
                Ok(number)
            }
        }
    }

    /// The collector's number for where the current record was read.
    #[inline]
    fn origin(&self, source: Option<&Rc<TopicPartition>>, task: &TaskContext) -> OriginId {
        let mut known = self.origin.borrow_mut();
        match (&*known, source) {
            (Some((Some(known), number)), Some(source)) if Rc::ptr_eq(known, source) => *number,
            (Some((None, number)), None) => *number,
            _ => {
                let origin = Origin {
                    task: task.task_id(),
                    node: Arc::clone(&self.name),
                    purpose: self.purpose.clone(),
                    source: source.map(|source| (**source).clone()),
                };
                let number = task.collector().origin(&origin);
                *known = Some((source.cloned(), number));
                number
            }
        }
    }

    fn deliver(
        &self,
        topic: &TopicName,
        record: &Record<K, V>,
        out: &Outgoing<'_>,
        task: &TaskContext,
    ) -> Result<Delivered> {
        let collector = task.collector();
        let send = |partition| collector.send(&Outgoing { partition, ..*out });
        let default = || -> Result<PartitionId> {
            match out.key {
                Some(key) => {
                    // All windows of a key share its partition (WindowedStreamPartitioner).
                    let key = partitioning_bytes(key, self.options.key_serde.partitioning_suffix_bytes());
                    Ok(partition_for_key(key, collector.partitions(out.topic)?))
                }
                None => collector.any_partition(out.topic),
            }
        };
        let Some(partitioner) = &self.options.partitioner else {
            return send(default()?).map(|()| Delivered::Sent);
        };
        let count = collector.partitions(out.topic)?;
        let (one, many);
        let chosen = match partitioner.partitions(topic, &record.key, &record.value, count) {
            Partitions::Default => {
                one = [default()?];
                one.as_slice()
            }
            Partitions::Drop => &[],
            Partitions::One(partition) => {
                one = [partition];
                one.as_slice()
            }
            Partitions::Many(partitions) => {
                many = partitions;
                many.as_slice()
            }
            Partitions::Refuse(why) => {
                let (sink, topic) = (Arc::clone(&self.name), Arc::clone(topic));
                return Err(UsageError::PartitionRefused { sink, topic, why }.into());
            }
        };
        // All or none: a record that is left out must be in no partition.
        if let Some(&partition) = chosen.iter().find(|partition| !(0..count).contains(*partition)) {
            let (sink, topic) = (Arc::clone(&self.name), Arc::clone(topic));
            return Err(UsageError::UnknownPartition { sink, topic, partition, partitions: count }.into());
        }
        // Each once, as Java's set has them.
        let is_first = |at: usize, partition| chosen.iter().take(at).all(|earlier| *earlier != partition);
        for (at, &partition) in chosen.iter().enumerate() {
            if is_first(at, partition) {
                send(partition)?;
            }
        }
        Ok(if chosen.is_empty() { Delivered::LeftOut } else { Delivered::Sent })
    }

    fn send(
        &self,
        record: &Record<K, V>,
        key_buffer: &mut Vec<u8>,
        value_buffer: &mut Vec<u8>,
        task: &mut TaskContext,
    ) -> Result<()> {
        let topic = self.target(record, task);
        let number = self.number(&topic, task)?;
        let key = serialize(&self.options.key_serde, &topic, &record.headers, &record.key, key_buffer);
        let key = match key {
            Ok(payload) => (payload == Payload::Bytes).then_some(&key_buffer[..]),
            Err(error) => return task.on_serialization_error(&self.name, &topic, "key", error),
        };
        let value =
            serialize(&self.options.value_serde, &topic, &record.headers, &record.value, value_buffer);
        let value = match value {
            Ok(payload) => (payload == Payload::Bytes).then_some(&value_buffer[..]),
            Err(error) => return task.on_serialization_error(&self.name, &topic, "value", error),
        };
        let (source, offset) = task.place();
        let out = Outgoing {
            topic: number,
            partition: -1,
            key,
            value,
            timestamp: record.timestamp,
            headers: &record.headers,
            origin: self.origin(source, task),
            offset,
            source: task.raw(),
        };
        match self.deliver(&topic, record, &out, task) {
            Ok(Delivered::Sent) => {
                if let Some(known) = &*self.known.borrow() {
                    let bytes = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
                    known.meter.count(bytes(key) + bytes(value) + record.headers.bytes());
                }
                if let Some(meter) = self.meter.get() {
                    meter.reached(record.timestamp, task.wall_clock_ms());
                }
                Ok(())
            }
            Ok(Delivered::LeftOut) => {
                let detail = format_args!("a result for topic {topic}");
                task.drop_records_of(&self.name, DropReason::Partitioner, 1, &detail);
                Ok(())
            }
            // Its topic does not exist, so there is no partition for it.
            Err(error) if error.blames_the_record() => task.collector().unsendable(&out, error),
            Err(error) => Err(error),
        }
    }
}

impl<K: Data, V: Data> Receiver<K, V> for SinkNode<K, V> {
    fn receive(&self, record: Record<K, V>, task: &mut TaskContext) -> Result<()> {
        // The buffers are moved out of the context for the call, as it is borrowed meanwhile.
        let mut key = std::mem::take(&mut task.key_buffer);
        let mut value = std::mem::take(&mut task.value_buffer);
        key.clear();
        value.clear();
        // The partitioner and the topic-name extractor are user code.
        let sent = guarded(|| self.send(&record, &mut key, &mut value, task));
        task.key_buffer = key;
        task.value_buffer = value;
        match sent {
            Err(error @ (Error::User(_) | Error::Usage(_))) => task.on_processing_error(&self.name, error),
            sent => sent,
        }
    }
}

impl<K: Data, V: Data> Lifecycle for SinkNode<K, V> {
    fn init(&self, task: &mut TaskContext) -> Result<()> {
        self.meter.get_or_init(|| task.meters().node(&self.name, false));
        Ok(())
    }

    fn punctuate(&self, _: Punctuation, _: Timestamp, _: &mut TaskContext) -> Result<()> {
        Ok(())
    }

    fn close(&self) {}
}

/// Builds a sink node.
pub struct SinkFactory<K, V> {
    options: SinkOptions<K, V>,
}

impl<K, V> SinkFactory<K, V> {
    /// A factory of sinks with these options.
    pub fn new(options: SinkOptions<K, V>) -> Self {
        SinkFactory { options }
    }
}

impl<K: Data, V: Data> NodeFactory for SinkFactory<K, V> {
    fn input(&self) -> Option<EdgeType> {
        Some(EdgeType::of::<K, V>())
    }

    fn output(&self) -> Option<EdgeType> {
        None
    }

    fn build(&self, wiring: Wiring) -> Result<NodeInstance> {
        let mut options = self.options.clone();
        let purpose = match &mut options.target {
            TopicTarget::Dynamic(_) => Purpose::DynamicSink,
            TopicTarget::Topic(topic) => {
                let is_internal = wiring.internal_topics.contains_key(topic);
                *topic = wiring.decorated(topic);
                if is_internal { Purpose::Repartition } else { Purpose::Sink }
            }
        };
        let (known, origin) = (RefCell::new(None), RefCell::new(None));
        let (topics, meter) = (RefCell::default(), OnceCell::new());
        let node = Rc::new(SinkNode { name: wiring.name, options, known, topics, meter, purpose, origin });
        let edge: Edge<K, V> = node.clone();
        Ok(NodeInstance { edge: Some(Rc::new(edge) as Rc<dyn Any>), lifecycle: node, input: None })
    }
}
