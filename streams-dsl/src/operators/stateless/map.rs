//! `map`: another key and value for each record (`KStreamMap`).

use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;

use crate::graph::GraphNode;
use crate::handles::KStream;
use crate::naming::prefix;
use crate::operators::fallible::user;

impl<K: Data, V: Data> KStream<K, V> {
    /// Replaces key and value of each record (`KStream.map`).
    ///
    /// * Nulls: the mapper sees those that the types have, and may return them.
    /// * Time: time and headers stay.
    /// * Repartition: the key may have changed, so the next operator that needs records of a key together
    ///   repartitions; [`map_values`](Self::map_values) avoids that where the key stays.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, String>("words")
    ///     .map(|_line, word| (word.clone(), i64::try_from(word.len()).unwrap_or(0)))
    ///     .to("lengths");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let words = driver.create_input_topic::<String, String>("words");
    /// words.pipe("line 1".into(), "kafka".into(), 0)?;
    /// assert_eq!(driver.create_output_topic::<String, i64>("lengths").read_key_values()?, [("kafka".into(), 5)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map<K2: Data, V2: Data>(
        &self,
        mapper: impl Fn(K, V) -> (K2, V2) + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        self.add_map(move |key, value| Ok(mapper(key, value)))
    }

    /// As [`map`](Self::map), with a mapper that may fail; see [`try_map_values`](Self::try_map_values).
    pub fn try_map<K2: Data, V2: Data, E: Into<UserError>>(
        &self,
        mapper: impl Fn(K, V) -> Result<(K2, V2), E> + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        self.add_map(move |key, value| user(mapper(key, value)))
    }

    fn add_map<K2: Data, V2: Data>(
        &self,
        mapper: impl Fn(K, V) -> Result<(K2, V2)> + Send + Sync + 'static,
    ) -> KStream<K2, V2> {
        let mapper = Arc::new(mapper);
        let supplier = move || Map { mapper: Arc::clone(&mapper) };
        KStream::new(self.add_processor(prefix::MAP, GraphNode::key_changing, supplier), None, None, true)
    }
}

struct Map<F> {
    mapper: Arc<F>,
}

impl<K, V, K2, V2, F> Processor<K, V, K2, V2> for Map<F>
where
    K: Data,
    V: Data,
    K2: Data,
    V2: Data,
    F: Fn(K, V) -> Result<(K2, V2)> + 'static,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<K, V>,
        context: &mut ProcessorContext<'_, K2, V2>,
    ) -> ProcessorResult {
        let Record { key, value, timestamp, headers } = record;
        let (key, value) = (self.mapper)(key, value)?;
        context.forward(Record { key, value, timestamp, headers })
    }
}
