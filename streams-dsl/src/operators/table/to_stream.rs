//! `to_stream`: a table's updates as records of a stream.

use std::sync::Arc;

use streams_core::processor::{Data, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Record};
use streams_core::serde::{OptionSerde, SerdeRef};

use crate::graph::GraphNode;
use crate::handles::{KStream, KTable};
use crate::naming::prefix;

impl<K: Data, V: Data> KTable<K, V> {
    /// The table's updates as a stream (`KTable.toStream`): the new value, or `None` for a deleted row, so that
    /// [`to`](KStream::to) writes a tombstone.
    ///
    /// * Nulls: a deletion is a record with a null value, also that of a row that was not there, if the table does not
    ///   know it.
    /// * Time: keys, times and headers stay.
    /// * Repartition: none follows. Java's form with a mapper is `to_stream().select_key(..)`.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder.table::<String, i64>("balances").to_stream().to("changes");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let balances = driver.create_input_topic::<String, Option<i64>>("balances");
    /// balances.pipe("alice".into(), Some(5), 0)?;
    /// balances.pipe("alice".into(), None, 1)?;
    /// let output = driver.create_output_topic::<String, Option<i64>>("changes");
    /// assert_eq!(output.read_key_values()?, [("alice".into(), Some(5)), ("alice".into(), None)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_stream(&self) -> KStream<K, Option<V>> {
        let name = self.step.next_name(prefix::TO_STREAM);
        let supplier = Arc::new(|| ToStream);
        let node = GraphNode::new(&name, move |writer| {
            writer.own_stateless::<_, K, Change<V>, K, Option<V>>(&supplier)
        });
        let value_serde =
            self.value_serde.clone().map(|serde| Arc::new(OptionSerde::new(serde)) as SerdeRef<_>);
        KStream::new(self.step.add(node), self.key_serde.clone(), value_serde, false)
    }
}

struct ToStream;

impl<K: Data, V: Data> Processor<K, Change<V>, K, Option<V>> for ToStream {
    #[inline]
    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        context: &mut ProcessorContext<'_, K, Option<V>>,
    ) -> ProcessorResult {
        let Record { key, value: Change { new, .. }, timestamp, headers } = record;
        context.forward(Record { key, value: new, timestamp, headers })
    }
}
