//! `peek`: looks at records that pass by (`KStreamPeek`).

use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;

use crate::handles::KStream;
use crate::naming::prefix;
use crate::operators::fallible::user;

impl<K: Data, V: Data> KStream<K, V> {
    /// Calls `action` for each record and hands the record on unchanged (`KStream.peek`).
    ///
    /// * Nulls: `action` sees those that the types have.
    /// * Time: key, value, time and headers stay.
    /// * Repartition: none follows.
    /// * What `action` does is not covered by exactly-once: after a failure it may see a record again.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("payments").peek(|account, amount| println!("{account} pays {amount}")).to("paid");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// payments.pipe("alice".into(), 99, 0)?;
    /// assert_eq!(driver.create_output_topic::<String, i64>("paid").read_key_values()?, [("alice".into(), 99)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn peek(&self, action: impl Fn(&K, &V) + Send + Sync + 'static) -> KStream<K, V> {
        self.add_peek(move |key, value| {
            action(key, value);
            Ok(())
        })
    }

    /// As [`peek`](Self::peek), with an action that may fail; a record on which it does goes no further. See
    /// [`try_map_values`](Self::try_map_values).
    pub fn try_peek<E: Into<UserError>>(
        &self,
        action: impl Fn(&K, &V) -> Result<(), E> + Send + Sync + 'static,
    ) -> KStream<K, V> {
        self.add_peek(move |key, value| user(action(key, value)))
    }

    fn add_peek(&self, action: impl Fn(&K, &V) -> Result<()> + Send + Sync + 'static) -> KStream<K, V> {
        let action = Arc::new(action);
        let step =
            self.add_processor(prefix::PEEK, |node| node, move || Peek { action: Arc::clone(&action) });
        KStream::new(step, self.key_serde.clone(), self.value_serde.clone(), self.repartition_required)
    }
}

struct Peek<F> {
    action: Arc<F>,
}

impl<K, V, F> Processor<K, V, K, V> for Peek<F>
where
    K: Data,
    V: Data,
    F: Fn(&K, &V) -> Result<()> + 'static,
{
    #[inline]
    fn process(&mut self, record: Record<K, V>, context: &mut ProcessorContext<'_, K, V>) -> ProcessorResult {
        (self.action)(&record.key, &record.value)?;
        context.forward(record)
    }
}
