//! `filter` and `filter_not`: keep the records that a predicate holds for, or does not (`KStreamFilter`).

use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;

use crate::handles::KStream;
use crate::naming::prefix;
use crate::operators::fallible::user;

impl<K: Data, V: Data> KStream<K, V> {
    /// Keeps the records for which the predicate is true (`KStream.filter`).
    ///
    /// * Nulls: the predicate sees those that the types have.
    /// * Time: key, value, time and headers stay.
    /// * Repartition: none follows.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("payments").filter(|_account, amount| *amount > 100).to("large");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// payments.pipe("alice".into(), 99, 0)?;
    /// payments.pipe("bob".into(), 500, 1)?;
    /// assert_eq!(driver.create_output_topic::<String, i64>("large").read_key_values()?, [("bob".into(), 500)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn filter(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> KStream<K, V> {
        self.add_filter(move |key, value| Ok(predicate(key, value)))
    }

    /// Drops the records for which the predicate is true (`KStream.filterNot`); else as [`filter`](Self::filter).
    pub fn filter_not(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> KStream<K, V> {
        self.add_filter(move |key, value| Ok(!predicate(key, value)))
    }

    /// As [`filter`](Self::filter), with a predicate that may fail; see [`try_map_values`](Self::try_map_values).
    pub fn try_filter<E: Into<UserError>>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
    ) -> KStream<K, V> {
        self.add_filter(move |key, value| user(predicate(key, value)))
    }

    fn add_filter(&self, keep: impl Fn(&K, &V) -> Result<bool> + Send + Sync + 'static) -> KStream<K, V> {
        let keep = Arc::new(keep);
        let step =
            self.add_processor(prefix::FILTER, |node| node, move || Filter { keep: Arc::clone(&keep) });
        KStream::new(step, self.key_serde.clone(), self.value_serde.clone(), self.repartition_required)
    }
}

struct Filter<F> {
    keep: Arc<F>,
}

impl<K, V, F> Processor<K, V, K, V> for Filter<F>
where
    K: Data,
    V: Data,
    F: Fn(&K, &V) -> Result<bool> + 'static,
{
    #[inline]
    fn process(&mut self, record: Record<K, V>, context: &mut ProcessorContext<'_, K, V>) -> ProcessorResult {
        if (self.keep)(&record.key, &record.value)? { context.forward(record) } else { Ok(()) }
    }
}
