//! `repartition`: sends a stream through a topic of its own.

use streams_core::processor::Data;
use streams_core::serde::DefaultSerde;

use crate::error::{DslError, OptionError};
use crate::graph::{Repartitioning, Step, repartition_node};
use crate::handles::KStream;
use crate::naming::prefix;
use crate::options::Repartitioned;

impl<K: Data, V: Data> KStream<K, V> {
    /// Sends the stream through an internal topic, partitioned by key (`KStream.repartition`).
    ///
    /// * Nulls: records with a null key are left out, unless a left or outer join downstream wants them (KIP-962).
    /// * Time: timestamps and headers survive; the order of records with different keys need not.
    /// * Repartition: always, even if the key has not changed, and `merge.repartition.topics` does not merge the topic
    ///   with others.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, i64>("payments")
    ///     .repartition_with(Repartitioned::named("spread").with_number_of_partitions(24))
    ///     .to("spread-payments");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// payments.pipe("alice".into(), 99, 0)?;
    /// let output = driver.create_output_topic::<String, i64>("spread-payments");
    /// assert_eq!(output.read_key_values()?, [("alice".into(), 99)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn repartition(&self) -> KStream<K, V>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.repartition_with(Repartitioned::new())
    }

    /// As [`repartition`](Self::repartition), with options; the topic is
    /// `<application.id>-<name>-repartition`.
    pub fn repartition_with(&self, repartitioned: Repartitioned<K, V>) -> KStream<K, V> {
        let key_serde = repartitioned.key_serde.resolve(self.key_serde.as_ref());
        let value_serde = repartitioned.value_serde.resolve(self.value_serde.as_ref());
        let mut plan = self.step.plan.borrow_mut();
        let given = repartitioned.name.as_deref().or(self.step.given_name());
        let name = match given {
            Some(name) => {
                plan.check(crate::naming::validate(name));
                name.to_owned()
            }
            None => plan.new_name(prefix::REPARTITION),
        };
        if let Some(partitions) = repartitioned.own.partitions.filter(|partitions| *partitions < 1) {
            let cause = OptionError::NoPartitions { partitions };
            plan.report(DslError::Option { operator: name.clone(), cause });
        }
        let how = Repartitioning {
            key_serde: key_serde.clone(),
            value_serde: value_serde.clone(),
            partitioner: repartitioned.own.partitioner,
            partitions: repartitioned.own.partitions,
            optimizable: false,
            named: given.is_some(),
        };
        let node = repartition_node(&mut plan, &name, how);
        let source = node.name.clone();
        let id = plan.add(&[self.step.node], node);
        drop(plan);
        KStream::new(Step::at_source(&self.step.plan, id, &source), key_serde, value_serde, false)
    }
}
