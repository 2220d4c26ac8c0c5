//! `for_each`: ends a stream in an action (`ForeachProcessor`).

use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;

use crate::handles::KStream;
use crate::naming::prefix;
use crate::operators::fallible::user;

impl<K: Data, V: Data> KStream<K, V> {
    /// Calls `action` for each record; nothing comes after it (`KStream.foreach`).
    ///
    /// * Nulls: `action` sees those that the types have.
    /// * Repartition: none; records come as the stream is partitioned, each partition in its order.
    /// * What `action` does is not covered by exactly-once: after a failure it may see a record again.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("payments").for_each(|account, amount| println!("{account} pays {amount}"));
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// payments.pipe("alice".into(), 99, 0)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_each(&self, action: impl Fn(&K, &V) + Send + Sync + 'static) {
        self.add_for_each(move |key, value| {
            action(key, value);
            Ok(())
        });
    }

    /// As [`for_each`](Self::for_each), with an action that may fail; see [`try_map_values`](Self::try_map_values).
    pub fn try_for_each<E: Into<UserError>>(
        &self,
        action: impl Fn(&K, &V) -> Result<(), E> + Send + Sync + 'static,
    ) {
        self.add_for_each(move |key, value| user(action(key, value)));
    }

    fn add_for_each(&self, action: impl Fn(&K, &V) -> Result<()> + Send + Sync + 'static) {
        let action = Arc::new(action);
        self.add_processor(prefix::FOR_EACH, |node| node, move || ForEach { action: Arc::clone(&action) });
    }
}

struct ForEach<F> {
    action: Arc<F>,
}

impl<K, V, F> Processor<K, V, (), ()> for ForEach<F>
where
    K: Data,
    V: Data,
    F: Fn(&K, &V) -> Result<()> + 'static,
{
    #[inline]
    fn process(&mut self, record: Record<K, V>, _: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
        Ok((self.action)(&record.key, &record.value)?)
    }
}
