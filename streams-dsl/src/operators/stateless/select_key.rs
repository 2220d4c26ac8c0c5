//! `select_key`: another key for each record (`KStream.selectKey`).

use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;

use crate::graph::{GraphNode, Step};
use crate::handles::KStream;
use crate::naming::prefix;
use crate::operators::fallible::user;

impl<K: Data, V: Data> KStream<K, V> {
    /// Replaces the key of each record (`KStream.selectKey`).
    ///
    /// * Nulls: the selector sees those that the types have; with an `Option` as new key it may return `None`.
    /// * Time: value, time and headers stay.
    /// * Repartition: the next operator that needs records of a key together repartitions.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, String>("words").select_key(|_old, word| word.clone()).to("by-word");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let words = driver.create_input_topic::<String, String>("words");
    /// words.pipe("line 1".into(), "kafka".into(), 0)?;
    /// let output = driver.create_output_topic::<String, String>("by-word");
    /// assert_eq!(output.read_key_values()?, [("kafka".into(), "kafka".into())]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn select_key<K2: Data>(
        &self,
        selector: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
    ) -> KStream<K2, V> {
        KStream::new(
            self.add_select_key(move |key, value| Ok(selector(key, value))),
            None,
            self.value_serde.clone(),
            true,
        )
    }

    /// As [`select_key`](Self::select_key), with a selector that may fail; see [`try_map_values`](Self::try_map_values).
    pub fn try_select_key<K2: Data, E: Into<UserError>>(
        &self,
        selector: impl Fn(&K, &V) -> Result<K2, E> + Send + Sync + 'static,
    ) -> KStream<K2, V> {
        let step = self.add_select_key(move |key, value| user(selector(key, value)));
        KStream::new(step, None, self.value_serde.clone(), true)
    }

    /// Adds the node that selects the key; `group_by` has one as well.
    pub(super) fn add_select_key<K2: Data>(
        &self,
        selector: impl Fn(&K, &V) -> Result<K2> + Send + Sync + 'static,
    ) -> Step {
        let selector = Arc::new(selector);
        let supplier = move || SelectKey { selector: Arc::clone(&selector) };
        self.add_processor(prefix::KEY_SELECT, GraphNode::key_changing, supplier)
    }
}

struct SelectKey<F> {
    selector: Arc<F>,
}

impl<K, V, K2, F> Processor<K, V, K2, V> for SelectKey<F>
where
    K: Data,
    V: Data,
    K2: Data,
    F: Fn(&K, &V) -> Result<K2> + 'static,
{
    #[inline]
    fn process(
        &mut self,
        record: Record<K, V>,
        context: &mut ProcessorContext<'_, K2, V>,
    ) -> ProcessorResult {
        let key = (self.selector)(&record.key, &record.value)?;
        context.forward(record.with_key(key))
    }
}
