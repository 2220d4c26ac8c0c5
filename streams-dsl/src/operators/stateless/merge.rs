//! `merge`: two streams as one (`PassThrough`).

use std::sync::Arc;

use streams_core::processor::{Data, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;

use crate::error::DslError;
use crate::graph::{GraphNode, Step};
use crate::handles::KStream;
use crate::naming::prefix;

impl<K: Data, V: Data> KStream<K, V> {
    /// The records of both streams (`KStream.merge`).
    ///
    /// * Nulls: pass, as keys, values, times and headers do.
    /// * Time: each stream's own order stays; between the two there is none.
    /// * Repartition: none by itself; where one of the streams needs it, the merged one does. The two need not have the
    ///   same number of partitions.
    /// * Serdes are not inherited, as the streams may have different ones.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let online = builder.stream::<String, i64>("online");
    /// online.merge(&builder.stream("offline")).to("payments");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let online = driver.create_input_topic::<String, i64>("online");
    /// let offline = driver.create_input_topic::<String, i64>("offline");
    /// offline.pipe("alice".into(), 99, 0)?;
    /// online.pipe("alice".into(), 1, 1)?;
    /// let output = driver.create_output_topic::<String, i64>("payments");
    /// assert_eq!(output.read_key_values()?, [("alice".into(), 99), ("alice".into(), 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn merge(&self, other: &KStream<K, V>) -> KStream<K, V> {
        let name = self.step.next_name(prefix::MERGE);
        let required = self.repartition_required || other.repartition_required;
        if !self.step.same_plan(&other.step) {
            self.step.plan.borrow().report(DslError::ForeignStream { operator: name });
            return KStream::new(self.step.clone(), None, None, required);
        }
        let supplier = Arc::new(|| PassThrough);
        let node =
            GraphNode::new(&name, move |writer| writer.own_stateless::<_, K, V, K, V>(&supplier)).merging();
        let id = self.step.plan.borrow_mut().add(&[self.step.node, other.step.node], node);
        let step = Step::new(&self.step.plan, id, &name, self.step.sources_with(&other.step));
        KStream::new(step, None, None, required)
    }
}

/// Forwards records as they are.
pub(crate) struct PassThrough;

impl<K: Data, V: Data> Processor<K, V, K, V> for PassThrough {
    #[inline]
    fn process(&mut self, record: Record<K, V>, context: &mut ProcessorContext<'_, K, V>) -> ProcessorResult {
        context.forward(record)
    }
}
