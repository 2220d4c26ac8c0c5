//! `map_values`: another value for each record (`KStreamMapValues`).

use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;

use crate::graph::GraphNode;
use crate::handles::KStream;
use crate::naming::prefix;
use crate::operators::fallible::user;

impl<K: Data, V: Data> KStream<K, V> {
    /// Replaces the value of each record (`KStream.mapValues`).
    ///
    /// * Nulls: the mapper sees those that the types have, and may return them.
    /// * Time: key, time and headers stay.
    /// * Repartition: none follows.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("cents").map_values(|cents| cents as f64 / 100.0).to("euros");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let cents = driver.create_input_topic::<String, i64>("cents");
    /// cents.pipe("alice".into(), 250, 0)?;
    /// assert_eq!(driver.create_output_topic::<String, f64>("euros").read_key_values()?, [("alice".into(), 2.5)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map_values<V2: Data>(&self, mapper: impl Fn(V) -> V2 + Send + Sync + 'static) -> KStream<K, V2> {
        self.map_values_with_key(move |_, value| mapper(value))
    }

    /// As [`map_values`](Self::map_values), with the key to look at (`KStream.mapValues(ValueMapperWithKey)`).
    pub fn map_values_with_key<V2: Data>(
        &self,
        mapper: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.add_map_values(move |key, value| Ok(mapper(key, value)))
    }

    /// As [`map_values`](Self::map_values), with a mapper that may fail. Its error goes to the processing exception handler,
    /// which names the node and the record.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, String>("texts").try_map_values(|text| text.parse::<i64>()).to("numbers");
    ///
    /// let config = StreamsConfig::new("test", "embedded:").with("processing.exception.handler", "LogAndContinue")?;
    /// let driver = TopologyTestDriver::new(builder.build()?, config)?;
    /// let texts = driver.create_input_topic::<String, String>("texts");
    /// for (time, text) in [(0, "1"), (1, "one"), (2, "3")] {
    ///     texts.pipe("k".into(), text.into(), time)?;
    /// }
    /// assert_eq!(driver.create_output_topic::<String, i64>("numbers").read_values()?, [1, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_map_values<V2: Data, E: Into<UserError>>(
        &self,
        mapper: impl Fn(V) -> Result<V2, E> + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.add_map_values(move |_, value| user(mapper(value)))
    }

    /// As [`try_map_values`](Self::try_map_values), with the key to look at.
    pub fn try_map_values_with_key<V2: Data, E: Into<UserError>>(
        &self,
        mapper: impl Fn(&K, V) -> Result<V2, E> + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        self.add_map_values(move |key, value| user(mapper(key, value)))
    }

    fn add_map_values<V2: Data>(
        &self,
        mapper: impl Fn(&K, V) -> Result<V2> + Send + Sync + 'static,
    ) -> KStream<K, V2> {
        let mapper = Arc::new(mapper);
        let supplier = move || MapValues { mapper: Arc::clone(&mapper) };
        let step = self.add_processor(prefix::MAP_VALUES, GraphNode::value_changing, supplier);
        KStream::new(step, self.key_serde.clone(), None, self.repartition_required)
    }
}

struct MapValues<F> {
    mapper: Arc<F>,
}

impl<K, V, V2, F> Processor<K, V, K, V2> for MapValues<F>
where
    K: Data,
    V: Data,
    V2: Data,
    F: Fn(&K, V) -> Result<V2> + 'static,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<K, V>,
        context: &mut ProcessorContext<'_, K, V2>,
    ) -> ProcessorResult {
        let Record { key, value, timestamp, headers } = record;
        let value = (self.mapper)(&key, value)?;
        context.forward(Record { key, value, timestamp, headers })
    }
}
