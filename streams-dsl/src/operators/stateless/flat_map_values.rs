//! `flat_map_values`: any number of values for each record, under the same key (`KStreamFlatMapValues`).

use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;

use crate::graph::GraphNode;
use crate::handles::KStream;
use crate::naming::prefix;
use crate::operators::fallible::user;

impl<K: Data, V: Data> KStream<K, V> {
    /// Replaces each record by any number of records with its key (`KStream.flatMapValues`).
    ///
    /// * Nulls: the mapper sees those that the types have, and may return them.
    /// * Time: key, time and headers stay.
    /// * Repartition: none follows.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, String>("lines")
    ///     .flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    ///     .to("words");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let lines = driver.create_input_topic::<String, String>("lines");
    /// lines.pipe("a.txt".into(), "to be".into(), 0)?;
    /// let output = driver.create_output_topic::<String, String>("words");
    /// assert_eq!(output.read_key_values()?, [("a.txt".into(), "to".into()), ("a.txt".into(), "be".into())]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flat_map_values<V2: Data, I>(
        &self,
        mapper: impl Fn(V) -> I + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        I: IntoIterator<Item = V2> + 'static,
    {
        self.flat_map_values_with_key(move |_, value| mapper(value))
    }

    /// As [`flat_map_values`](Self::flat_map_values), with the key to look at
    /// (`KStream.flatMapValues(ValueMapperWithKey)`).
    pub fn flat_map_values_with_key<V2: Data, I>(
        &self,
        mapper: impl Fn(&K, V) -> I + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        I: IntoIterator<Item = V2> + 'static,
    {
        self.add_flat_map_values(move |key, value| Ok(mapper(key, value)))
    }

    /// As [`flat_map_values`](Self::flat_map_values), with a mapper that may fail; see
    /// [`try_map_values`](Self::try_map_values).
    pub fn try_flat_map_values<V2: Data, I, E: Into<UserError>>(
        &self,
        mapper: impl Fn(V) -> Result<I, E> + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        I: IntoIterator<Item = V2> + 'static,
    {
        self.add_flat_map_values(move |_, value| user(mapper(value)))
    }

    /// As [`try_flat_map_values`](Self::try_flat_map_values), with the key to look at.
    pub fn try_flat_map_values_with_key<V2: Data, I, E: Into<UserError>>(
        &self,
        mapper: impl Fn(&K, V) -> Result<I, E> + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        I: IntoIterator<Item = V2> + 'static,
    {
        self.add_flat_map_values(move |key, value| user(mapper(key, value)))
    }

    fn add_flat_map_values<V2: Data, I>(
        &self,
        mapper: impl Fn(&K, V) -> Result<I> + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        I: IntoIterator<Item = V2> + 'static,
    {
        let mapper = Arc::new(mapper);
        let supplier = move || FlatMapValues { mapper: Arc::clone(&mapper) };
        let step = self.add_processor(prefix::FLAT_MAP_VALUES, GraphNode::value_changing, supplier);
        KStream::new(step, self.key_serde.clone(), None, self.repartition_required)
    }
}

struct FlatMapValues<F> {
    mapper: Arc<F>,
}

impl<K, V, V2, I, F> Processor<K, V, K, V2> for FlatMapValues<F>
where
    K: Data,
    V: Data,
    V2: Data,
    I: IntoIterator<Item = V2>,
    F: Fn(&K, V) -> Result<I> + 'static,
{
    fn process(
        &mut self,
        record: Record<K, V>,
        context: &mut ProcessorContext<'_, K, V2>,
    ) -> ProcessorResult {
        let Record { key, value, timestamp, headers } = record;
        (self.mapper)(&key, value)?.into_iter().try_for_each(|value| {
            context.forward(Record { key: key.clone(), value, timestamp, headers: headers.clone() })
        })
    }
}
