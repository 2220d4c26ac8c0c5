//! `flat_map`: any number of records for each record (`KStreamFlatMap`).

use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;

use crate::graph::GraphNode;
use crate::handles::KStream;
use crate::naming::prefix;
use crate::operators::fallible::user;

impl<K: Data, V: Data> KStream<K, V> {
    /// Replaces each record by any number of others (`KStream.flatMap`).
    ///
    /// * Nulls: the mapper sees those that the types have, and may return them.
    /// * Time: each result has the time and headers of the record it comes from.
    /// * Repartition: the key may have changed, so the next operator that needs records of a key together
    ///   repartitions; [`flat_map_values`](Self::flat_map_values) avoids that where the key stays.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, String>("lines")
    ///     .flat_map(|file, line| line.split(' ').map(|word| (word.to_owned(), file.clone())).collect::<Vec<_>>())
    ///     .to("words");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let lines = driver.create_input_topic::<String, String>("lines");
    /// lines.pipe("a.txt".into(), "to be".into(), 0)?;
    /// let output = driver.create_output_topic::<String, String>("words");
    /// assert_eq!(output.read_key_values()?, [("to".into(), "a.txt".into()), ("be".into(), "a.txt".into())]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flat_map<K2: Data, V2: Data, I>(
        &self,
        mapper: impl Fn(K, V) -> I + Send + Sync + 'static,
    ) -> KStream<K2, V2>
    where
        I: IntoIterator<Item = (K2, V2)> + 'static,
    {
        self.add_flat_map(move |key, value| Ok(mapper(key, value)))
    }

    /// As [`flat_map`](Self::flat_map), with a mapper that may fail; see [`try_map_values`](Self::try_map_values).
    pub fn try_flat_map<K2: Data, V2: Data, I, E: Into<UserError>>(
        &self,
        mapper: impl Fn(K, V) -> Result<I, E> + Send + Sync + 'static,
    ) -> KStream<K2, V2>
    where
        I: IntoIterator<Item = (K2, V2)> + 'static,
    {
        self.add_flat_map(move |key, value| user(mapper(key, value)))
    }

    fn add_flat_map<K2: Data, V2: Data, I>(
        &self,
        mapper: impl Fn(K, V) -> Result<I> + Send + Sync + 'static,
    ) -> KStream<K2, V2>
    where
        I: IntoIterator<Item = (K2, V2)> + 'static,
    {
        let mapper = Arc::new(mapper);
        let supplier = move || FlatMap { mapper: Arc::clone(&mapper) };
        KStream::new(
            self.add_processor(prefix::FLAT_MAP, GraphNode::key_changing, supplier),
            None,
            None,
            true,
        )
    }
}

struct FlatMap<F> {
    mapper: Arc<F>,
}

impl<K, V, K2, V2, I, F> Processor<K, V, K2, V2> for FlatMap<F>
where
    K: Data,
    V: Data,
    K2: Data,
    V2: Data,
    I: IntoIterator<Item = (K2, V2)>,
    F: Fn(K, V) -> Result<I> + 'static,
{
    fn process(
        &mut self,
        record: Record<K, V>,
        context: &mut ProcessorContext<'_, K2, V2>,
    ) -> ProcessorResult {
        let Record { key, value, timestamp, headers } = record;
        (self.mapper)(key, value)?.into_iter().try_for_each(|(key, value)| {
            context.forward(Record { key, value, timestamp, headers: headers.clone() })
        })
    }
}
