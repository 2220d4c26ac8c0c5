//! `process`: a custom processor, with stores and punctuations.

use std::sync::Arc;

use streams_core::processor::{Data, InitContext, OpenStores, Processor, ProcessorResult};
use streams_core::store::StoreNames;

use crate::graph::GraphNode;
use crate::handles::KStream;
use crate::naming::prefix;

impl<K: Data, V: Data> KStream<K, V> {
    /// Runs a processor on each record (`KStream.process`). `supplier` makes the processor of each task, from that task's
    /// [`InitContext`]; `stores` are those that it uses, by name or reference, of which
    /// [`add_state_store`](crate::StreamsBuilder::add_state_store) added each.
    ///
    /// * Nulls: the processor sees those that the types have.
    /// * Time: a forwarded record has the time and headers that the processor gives it.
    /// * Repartition: the processor may forward any records, so the next operator that needs records of a key together
    ///   repartitions; [`process_values`](Self::process_values) avoids that.
    /// * Stores: those named, and global ones. [`add_state_store`](crate::StreamsBuilder::add_state_store) has an
    ///   example.
    /// * Serdes are not inherited.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// struct Twice;
    ///
    /// impl Processor<String, i64, String, i64> for Twice {
    ///     fn process(
    ///         &mut self,
    ///         record: Record<String, i64>,
    ///         context: &mut ProcessorContext<'_, String, i64>,
    ///     ) -> ProcessorResult {
    ///         context.forward(record.clone())?;
    ///         context.forward(record)
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("payments").process(|_| Ok(Twice), &[]).to("doubled");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// payments.pipe("alice".into(), 99, 0)?;
    /// let output = driver.create_output_topic::<String, i64>("doubled");
    /// assert_eq!(output.read_key_values()?, [("alice".into(), 99), ("alice".into(), 99)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn process<P, K2: Data, V2: Data>(
        &self,
        supplier: impl Fn(&mut InitContext<'_>) -> ProcessorResult<P> + Send + Sync + 'static,
        stores: impl StoreNames,
    ) -> KStream<K2, V2>
    where
        P: Processor<K, V, K2, V2>,
    {
        let name = self.process_name(prefix::PROCESS);
        let (supplier, stores) = (Arc::new(supplier), owned(&stores));
        let node = GraphNode::new(&name, move |writer| {
            writer.own_processor::<P, K, V, K2, V2>(&supplier)?;
            writer.connect(&stores)
        });
        KStream::new(self.step.add(node), None, None, true)
    }

    /// As [`process`](Self::process), with the stores of these references: `supplier` gets them opened, so that neither
    /// their names nor their types are said again.
    ///
    /// * Nulls, time, repartition and serdes: as for [`process`](Self::process).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// /// Forwards prices that rise.
    /// struct Rises {
    ///     last: KeyValueStore<String, i64>,
    /// }
    ///
    /// impl Processor<String, i64, String, i64> for Rises {
    ///     fn process(
    ///         &mut self,
    ///         record: Record<String, i64>,
    ///         context: &mut ProcessorContext<'_, String, i64>,
    ///     ) -> ProcessorResult {
    ///         let last = self.last.get(&record.key)?;
    ///         self.last.put(&record.key, Some(record.value))?;
    ///         if last.is_some_and(|last| record.value > last) {
    ///             context.forward(record)?;
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// let last = builder.add_state_store(Stores::key_value_store("last-prices"));
    /// let prices = builder.stream::<String, i64>("prices");
    /// prices.process_with_stores(&last, |last, _| Ok(Rises { last })).to("rises");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let prices = driver.create_input_topic::<String, i64>("prices");
    /// for (time, price) in [(0, 10), (1, 12), (2, 11)] {
    ///     prices.pipe("tea".into(), price, time)?;
    /// }
    /// assert_eq!(driver.create_output_topic::<String, i64>("rises").read_values()?, [12]);
    /// assert_eq!(driver.state_store(&last).ok_or("no such store")?.get(&"tea".into())?, Some(11));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn process_with_stores<P, K2: Data, V2: Data, S: OpenStores>(
        &self,
        stores: S,
        supplier: impl Fn(S::Stores, &mut InitContext<'_>) -> ProcessorResult<P> + Send + Sync + 'static,
    ) -> KStream<K2, V2>
    where
        P: Processor<K, V, K2, V2>,
        S::Stores: 'static,
    {
        let open = stores.opener();
        self.process(move |task| supplier(open(task)?, task), stores)
    }

    /// Unlike at other operators, a user's name takes no number here.
    pub(super) fn process_name(&self, prefix: &str) -> String {
        match self.step.given_name() {
            Some(name) => name.to_owned(),
            None => self.step.next_name(prefix),
        }
    }
}

/// The names of stores, to keep.
pub(super) fn owned(stores: &impl StoreNames) -> Vec<String> {
    stores.store_names().into_iter().map(str::to_owned).collect()
}
