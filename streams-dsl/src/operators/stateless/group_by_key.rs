//! `group_by_key`: gathers a stream by its key, to be aggregated.

use streams_core::processor::Data;
use streams_core::serde::DefaultSerde;

use crate::handles::{KGroupedStream, KStream};
use crate::options::Grouped;

impl<K: Data, V: Data> KStream<K, V> {
    /// Groups the records by their key (`KStream.groupByKey`).
    ///
    /// Adds nothing by itself.
    ///
    /// * Nulls: dropped by the aggregation that follows, as it says.
    /// * Time: untouched.
    /// * Repartition: the aggregation that follows repartitions first if the key has changed since the last topic.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("payments").group_by_key().reduce(|sum, amount| sum + amount);
    /// assert!(!builder.build()?.describe().to_string().contains("repartition"));
    /// # Ok::<(), DslError>(())
    /// ```
    pub fn group_by_key(&self) -> KGroupedStream<K, V>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.group_by_key_with(Grouped::new())
    }

    /// As [`group_by_key`](Self::group_by_key), with options.
    pub fn group_by_key_with(&self, grouped: Grouped<K, V>) -> KGroupedStream<K, V> {
        let name = grouped.name.as_deref().or(self.step.given_name());
        self.step.with_plan(|plan| plan.check(name.map_or(Ok(()), crate::naming::validate)));
        KGroupedStream::new(
            self.step.unnamed(),
            grouped.key_serde.resolve(self.key_serde.as_ref()),
            grouped.value_serde.resolve(self.value_serde.as_ref()),
            self.repartition_required,
            name,
        )
    }
}
