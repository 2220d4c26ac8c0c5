//! `process_values`: a custom processor that keeps keys.

use std::sync::Arc;

use streams_core::processor::{Data, FixedKey, FixedKeyProcessor, InitContext, OpenStores, ProcessorResult};
use streams_core::store::StoreNames;

use super::process::owned;
use crate::graph::GraphNode;
use crate::handles::KStream;
use crate::naming::prefix;

impl<K: Data, V: Data> KStream<K, V> {
    /// Runs a processor that cannot change keys on each record (`KStream.processValues`). `supplier` makes the
    /// processor of each task, from that task's [`InitContext`]; `stores` names stores that
    /// [`add_state_store`](crate::StreamsBuilder::add_state_store) added.
    ///
    /// * Nulls: the processor sees those that the types have.
    /// * Time: a forwarded record has the time and headers that the processor gives it.
    /// * Repartition: none follows; the key's serde is inherited.
    /// * Stores: those named, and global ones. [`add_state_store`](crate::StreamsBuilder::add_state_store) has an
    ///   example.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// struct AgeInSeconds;
    ///
    /// impl FixedKeyProcessor<String, i64, i64> for AgeInSeconds {
    ///     fn process(
    ///         &mut self,
    ///         record: FixedKeyRecord<String, i64>,
    ///         context: &mut FixedKeyContext<'_, String, i64>,
    ///     ) -> ProcessorResult {
    ///         let age_ms = context.current_system_time_ms() - record.timestamp();
    ///         context.forward(record.with_value(age_ms / 1000))
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("payments").process_values(|_| Ok(AgeInSeconds), &[]).to("ages");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// driver.advance_wall_clock_time(seconds(5))?;
    /// payments.pipe("alice".into(), 99, 2_000)?;
    /// assert_eq!(driver.create_output_topic::<String, i64>("ages").read_key_values()?, [("alice".into(), 3)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn process_values<P, V2: Data>(
        &self,
        supplier: impl Fn(&mut InitContext<'_>) -> ProcessorResult<P> + Send + Sync + 'static,
        stores: impl StoreNames,
    ) -> KStream<K, V2>
    where
        P: FixedKeyProcessor<K, V, V2>,
    {
        let name = self.process_name(prefix::PROCESS_VALUES);
        let fixed = move |context: &mut InitContext<'_>| supplier(context).map(FixedKey::<P, V>::new);
        let (supplier, stores) = (Arc::new(fixed), owned(&stores));
        let node = GraphNode::new(&name, move |writer| {
            writer.own_processor::<FixedKey<P, V>, K, V, K, V2>(&supplier)?;
            writer.connect(&stores)
        });
        KStream::new(self.step.add(node), self.key_serde.clone(), None, self.repartition_required)
    }

    /// As [`process_values`](Self::process_values), with the stores of these references: `supplier` gets them opened, so that
    /// neither their names nor their types are said again. [`add_state_store`](crate::StreamsBuilder::add_state_store) has an
    /// example.
    ///
    /// * Nulls, time, repartition and serdes: as for [`process_values`](Self::process_values).
    pub fn process_values_with_stores<P, V2: Data, S: OpenStores>(
        &self,
        stores: S,
        supplier: impl Fn(S::Stores, &mut InitContext<'_>) -> ProcessorResult<P> + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        P: FixedKeyProcessor<K, V, V2>,
        S::Stores: 'static,
    {
        let open = stores.opener();
        self.process_values(move |task| supplier(open(task)?, task), stores)
    }
}
