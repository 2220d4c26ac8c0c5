//! `process`: a custom processor, with stores and punctuations.

use std::sync::Arc;

use streams_core::processor::{Data, InitContext, Processor, ProcessorResult};

use crate::graph::GraphNode;
use crate::handles::KStream;
use crate::naming::prefix;

impl<K: Data, V: Data> KStream<K, V> {
    /// Runs a processor on each record (`KStream.process`). `supplier` makes the processor of each task, from that task's
    /// [`InitContext`]; `stores` names stores that [`add_state_store`](crate::StreamsBuilder::add_state_store) added.
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
    /// use streams_dsl::prelude::*;
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
        stores: &[&str],
    ) -> KStream<K2, V2>
    where
        P: Processor<K, V, K2, V2>,
    {
        let name = self.process_name(prefix::PROCESS);
        let (supplier, stores) = (Arc::new(supplier), owned(stores));
        let node = GraphNode::new(&name, move |writer| {
            writer.own_processor::<P, K, V, K2, V2>(&supplier)?;
            writer.connect(&stores)
        });
        KStream::new(self.step.add(node), None, None, true)
    }

    /// Unlike at other operators, a user's name takes no number here.
    pub(super) fn process_name(&self, prefix: &str) -> String {
        match self.step.given_name() {
            Some(name) => name.to_owned(),
            None => self.step.next_name(prefix),
        }
    }
}

pub(super) fn owned(stores: &[&str]) -> Vec<String> {
    stores.iter().map(|store| (*store).to_owned()).collect()
}
