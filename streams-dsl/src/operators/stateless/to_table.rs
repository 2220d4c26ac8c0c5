//! `to_table`: a stream's records as the updates of a table.

use std::sync::Arc;

use streams_core::processor::Data;
use streams_core::serde::{DefaultSerde, OptionSerde, SerdeRef};

use crate::graph::{Repartitioning, Step, repartition_node};
use crate::handles::{KStream, KTable};
use crate::naming::prefix;
use crate::operators::table::{RowSerde, SourceOrigin};
use crate::options::Materialized;
use crate::rows::TableStoreSpec;

impl<K: Data, V: Data> KStream<K, V> {
    /// A table of the latest value of each key (`KStream.toTable`).
    ///
    /// * Nulls: records with a null key are dropped. A null value, an `Option` that is `None`, deletes the row. For rows that
    ///   are not `Option`s themselves, there is [`to_table_optional`](KStream::to_table_optional).
    /// * Time: a record replaces the row also if it is older, unless the table is versioned.
    /// * Repartition: first, if the key has changed, through `<application.id>-<its node>-repartition`.
    /// * Store: only if something needs it: a name in the options, a join, a suppression, or a grouping of the table.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let addresses = builder.stream::<String, String>("moves").to_table_with(Materialized::named("addresses"));
    /// assert_eq!(addresses.queryable_store_name(), Some("addresses"));
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let moves = driver.create_input_topic::<String, String>("moves");
    /// moves.pipe("alice".into(), "Paris".into(), 0)?;
    /// moves.pipe("alice".into(), "Rome".into(), 1)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_table(&self) -> KTable<K, V>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.to_table_with(Materialized::new())
    }

    /// As [`to_table`](Self::to_table), with options.
    pub fn to_table_with(&self, materialized: Materialized<K, V>) -> KTable<K, V> {
        let inherited = self.value_serde.clone();
        self.add_table(materialized, inherited.as_ref(), |row_serde| row_serde, Some)
    }

    fn add_table<R: Data>(
        &self,
        materialized: Materialized<K, R>,
        inherited: Option<&SerdeRef<R>>,
        stream_serde: impl FnOnce(SerdeRef<R>) -> SerdeRef<V>,
        row: fn(V) -> Option<R>,
    ) -> KTable<K, R> {
        let queryable = materialized.queryable_name().map(str::to_owned);
        let mut plan = self.step.plan.borrow_mut();
        let name = plan.name_or_new(self.step.given_name(), prefix::TO_TABLE);
        let store_name = plan.store_name(&materialized, prefix::TO_TABLE);
        let store = TableStoreSpec::new(&store_name, materialized, self.key_serde.as_ref(), inherited);
        let (key_serde, value_serde) = (store.key_serde.clone(), store.value_serde.clone());
        let parent = if self.repartition_required {
            let named = self.step.given_name().is_some();
            let row_serde = value_serde.clone().map(stream_serde);
            let how = Repartitioning::implicit(named, key_serde.clone(), row_serde);
            let node = repartition_node(&mut plan, &name, how);
            let source = node.name.clone();
            let id = plan.add(&[self.step.node], node);
            Step::at_source(&self.step.plan, id, &source)
        } else {
            self.step.clone()
        };
        drop(plan);
        let origin = SourceOrigin::new(store, queryable.is_some());
        let step = parent.add(origin.node(&name, row));
        KTable::new(step, key_serde, value_serde, queryable.as_deref(), origin)
    }
}

impl<K: Data, V: Data> KStream<K, Option<V>> {
    /// As [`to_table`](KStream::to_table), where `None` deletes the row (`KStream.toTable` of a stream with nulls).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, Option<String>>("moves").to_table_optional().to_stream().to("addresses");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let moves = driver.create_input_topic::<String, Option<String>>("moves");
    /// moves.pipe("alice".into(), Some("Paris".into()), 0)?;
    /// moves.pipe("alice".into(), None, 1)?;
    /// let addresses = driver.create_output_topic::<String, Option<String>>("addresses");
    /// assert_eq!(addresses.read_values()?, [Some("Paris".into()), None]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_table_optional(&self) -> KTable<K, V>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.to_table_optional_with(Materialized::new())
    }

    /// As [`to_table_optional`](Self::to_table_optional), with options.
    pub fn to_table_optional_with(&self, materialized: Materialized<K, V>) -> KTable<K, V> {
        let inherited = self.value_serde.clone().map(RowSerde::of);
        self.add_table(
            materialized,
            inherited.as_ref(),
            |row_serde| Arc::new(OptionSerde::new(row_serde)),
            |row| row,
        )
    }
}
