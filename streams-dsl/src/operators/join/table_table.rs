//! `join`, `left_join` and `outer_join` of two tables by their keys (`KTableImpl.doJoin`, `KTableKTableJoinNode`).

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::error::{Result as UserResult, UserError};
use streams_core::processor::{Data, InitContext};
use streams_core::record::Change;

use super::table_table_processor::{JoinGetter, JoinMerger, TableJoinSide};
use crate::error::{DslError, Result};
use crate::graph::{GraphNode, Plan, Step, Writer};
use crate::handles::{KTable, TableOrigin};
use crate::naming::prefix;
use crate::operators::fallible::user;
use crate::operators::nulls::{NullTest, Nulls};
use crate::options::Materialized;
use crate::rows::{TableStoreSpec, ValueGetterSupplier};

impl<K: Data, V: Data> KTable<K, V> {
    /// The table of the keys that both tables have, each with what `joiner` makes of the two rows (`KTable.join`).
    ///
    /// * Triggered by updates of both tables. Where a row of one side goes, the result is deleted; an update without a
    ///   row on the other side gives nothing.
    /// * Nulls: a deletion of a row is an update. A null result deletes the row: an `Option` that is `None`, if the options
    ///   have its serde or it is said to be [`nullable`](KTable::nullable).
    /// * Time: a result has the larger one of the two rows' timestamps. Out-of-order updates of a versioned table are
    ///   dropped and counted in `dropped-records`.
    /// * Repartition: none. Both tables must have the same number of partitions.
    /// * Store: both tables are stored, the result is not: where it is looked up, `joiner` is called for each lookup.
    ///   See [`join_with`](Self::join_with).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.table::<String, i64>("prices");
    /// let stocks = builder.table::<String, i64>("stocks");
    /// prices.join(&stocks, |price, stock| price * stock).to_stream().to("values");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, i64>("prices").pipe("book".into(), 12, 0)?;
    /// let stocks = driver.create_input_topic::<String, Option<i64>>("stocks");
    /// stocks.pipe("book".into(), Some(3), 1)?;
    /// stocks.pipe("book".into(), None, 2)?;
    /// let values = driver.create_output_topic::<String, Option<i64>>("values").read_key_values()?;
    /// assert_eq!(values, [("book".into(), Some(36)), ("book".into(), None)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join<VO: Data, VR: Data>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(V, VO) -> VR + Send + Sync + 'static,
    ) -> KTable<K, VR> {
        self.add_join(other, Kind::Inner, None, inner(move |row, other| Ok(joiner(row, other))))
    }

    /// As [`join`](Self::join), stored as `materialized` describes.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.table::<String, i64>("prices");
    /// let stocks = builder.table::<String, i64>("stocks");
    /// let values = prices.join_with(&stocks, |price, stock| price * stock, Materialized::named("values"));
    /// assert_eq!(values.queryable_store_name(), Some("values"));
    /// ```
    pub fn join_with<VO: Data, VR: Data>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(V, VO) -> VR + Send + Sync + 'static,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        self.add_join(other, Kind::Inner, Some(materialized), inner(move |row, other| Ok(joiner(row, other))))
    }

    /// As [`join`](Self::join), with a joiner that may fail; see [`try_map_values`](Self::try_map_values).
    pub fn try_join<VO: Data, VR: Data, E: Into<UserError>>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(V, VO) -> UserResult<VR, E> + Send + Sync + 'static,
    ) -> KTable<K, VR> {
        self.add_join(other, Kind::Inner, None, inner(move |row, other| user(joiner(row, other))))
    }

    /// As [`try_join`](Self::try_join), stored as `materialized` describes.
    pub fn try_join_with<VO: Data, VR: Data, E: Into<UserError>>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(V, VO) -> UserResult<VR, E> + Send + Sync + 'static,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        self.add_join(
            other,
            Kind::Inner,
            Some(materialized),
            inner(move |row, other| user(joiner(row, other))),
        )
    }

    /// The table of all of this table's keys, each with what `joiner` makes of its row and the other table's, which may
    /// be missing (`KTable.leftJoin`).
    ///
    /// Rules as for [`join`](Self::join), but only where this table's row goes, the result is deleted.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.table::<String, i64>("prices");
    /// let stocks = builder.table::<String, i64>("stocks");
    /// prices.left_join(&stocks, |price, stock| price * stock.unwrap_or(0)).to_stream().to("values");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, i64>("prices").pipe("book".into(), 12, 0)?;
    /// driver.create_input_topic::<String, i64>("stocks").pipe("book".into(), 3, 1)?;
    /// let values = driver.create_output_topic::<String, Option<i64>>("values").read_key_values()?;
    /// assert_eq!(values, [("book".into(), Some(0)), ("book".into(), Some(36))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn left_join<VO: Data, VR: Data>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(V, Option<VO>) -> VR + Send + Sync + 'static,
    ) -> KTable<K, VR> {
        self.add_join(other, Kind::Left, None, left(move |row, other| Ok(joiner(row, other))))
    }

    /// As [`left_join`](Self::left_join), stored as `materialized` describes.
    pub fn left_join_with<VO: Data, VR: Data>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(V, Option<VO>) -> VR + Send + Sync + 'static,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        self.add_join(other, Kind::Left, Some(materialized), left(move |row, other| Ok(joiner(row, other))))
    }

    /// As [`left_join`](Self::left_join), with a joiner that may fail; see [`try_map_values`](Self::try_map_values).
    pub fn try_left_join<VO: Data, VR: Data, E: Into<UserError>>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(V, Option<VO>) -> UserResult<VR, E> + Send + Sync + 'static,
    ) -> KTable<K, VR> {
        self.add_join(other, Kind::Left, None, left(move |row, other| user(joiner(row, other))))
    }

    /// As [`try_left_join`](Self::try_left_join), stored as `materialized` describes.
    pub fn try_left_join_with<VO: Data, VR: Data, E: Into<UserError>>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(V, Option<VO>) -> UserResult<VR, E> + Send + Sync + 'static,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        self.add_join(other, Kind::Left, Some(materialized), left(move |row, other| user(joiner(row, other))))
    }

    /// The table of the keys that one of the tables has, or both, each with what `joiner` makes of the rows there are
    /// (`KTable.outerJoin`).
    ///
    /// Rules as for [`join`](Self::join), but only where both rows are gone, the result is deleted. `joiner` never gets
    /// two `None`s.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let online = builder.table::<String, i64>("online");
    /// let offline = builder.table::<String, i64>("offline");
    /// online.outer_join(&offline, |a, b| a.unwrap_or(0) + b.unwrap_or(0)).to_stream().to("sales");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let offline = driver.create_input_topic::<String, Option<i64>>("offline");
    /// offline.pipe("book".into(), Some(3), 0)?;
    /// offline.pipe("book".into(), None, 1)?;
    /// let sales = driver.create_output_topic::<String, Option<i64>>("sales").read_key_values()?;
    /// assert_eq!(sales, [("book".into(), Some(3)), ("book".into(), None)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn outer_join<VO: Data, VR: Data>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(Option<V>, Option<VO>) -> VR + Send + Sync + 'static,
    ) -> KTable<K, VR> {
        self.add_join(other, Kind::Outer, None, outer(move |row, other| Ok(joiner(row, other))))
    }

    /// As [`outer_join`](Self::outer_join), stored as `materialized` describes.
    pub fn outer_join_with<VO: Data, VR: Data>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(Option<V>, Option<VO>) -> VR + Send + Sync + 'static,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        self.add_join(other, Kind::Outer, Some(materialized), outer(move |row, other| Ok(joiner(row, other))))
    }

    /// As [`outer_join`](Self::outer_join), with a joiner that may fail; see [`try_map_values`](Self::try_map_values).
    pub fn try_outer_join<VO: Data, VR: Data, E: Into<UserError>>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(Option<V>, Option<VO>) -> UserResult<VR, E> + Send + Sync + 'static,
    ) -> KTable<K, VR> {
        self.add_join(other, Kind::Outer, None, outer(move |row, other| user(joiner(row, other))))
    }

    /// As [`try_outer_join`](Self::try_outer_join), stored as `materialized` describes.
    pub fn try_outer_join_with<VO: Data, VR: Data, E: Into<UserError>>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(Option<V>, Option<VO>) -> UserResult<VR, E> + Send + Sync + 'static,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        self.add_join(
            other,
            Kind::Outer,
            Some(materialized),
            outer(move |row, other| user(joiner(row, other))),
        )
    }

    fn add_join<VO: Data, VR: Data>(
        &self,
        other: &KTable<K, VO>,
        kind: Kind,
        materialized: Option<Materialized<K, VR>>,
        combine: impl Fn(Option<V>, Option<VO>) -> Joined<VR> + Send + Sync + 'static,
    ) -> KTable<K, VR> {
        let store = materialized.map(|materialized| {
            let name = self.step.with_plan(|plan| plan.store_name(&materialized, prefix::TABLE_MERGE));
            TableStoreSpec::new(&name, materialized, self.key_serde.as_ref(), None)
        });
        let names = self.step.with_plan(|plan| TableJoinNames::new(plan, self.step.given_name()));
        let same_builder = self.step.same_plan(&other.step);
        if !same_builder {
            self.step.plan.borrow().report(DslError::ForeignStream { operator: names.merge.clone() });
        }
        let sources =
            if same_builder { self.step.copartition_with(&other.step) } else { self.step.sources.clone() };
        if kind != Kind::Inner {
            self.enable_sending_old_values(true);
        }
        if kind == Kind::Outer {
            other.enable_sending_old_values(true);
        }
        // Kafka Streams makes a store without a name of the user's queryable, too.
        let queryable = store.as_ref().map(|store| store.name.to_string());
        let value_serde = store.as_ref().and_then(|store| store.value_serde.clone());
        let key_serde = match &store {
            Some(store) => store.key_serde.clone(),
            None => self.key_serde.clone(),
        };
        let null_test = NullTest::default();
        let results = Nulls::of_or_test(value_serde.as_ref(), &null_test);
        let versioned = store.as_ref().is_some_and(TableStoreSpec::is_versioned);
        let origin = Rc::new(JoinOrigin {
            rows: self.value_getter(),
            other_rows: other.value_getter(),
            this: self.clone(),
            other: other.clone(),
            kind,
            combine: Arc::new(move |row, other| {
                Ok(combine(row, other)?.and_then(|value| results.reject(value)))
            }),
            store,
            sends_old_values: Cell::new(false),
        });
        let (merge, written) = (names.merge.clone(), Rc::clone(&origin));
        let node =
            GraphNode::new(&merge, move |writer| written.write(&names, writer)).output_versioned(versioned);
        let mut parents = vec![self.step.node];
        if same_builder {
            parents.push(other.step.node);
        }
        let id = self.step.with_plan(|plan| plan.add(&parents, node));
        let step = Step::new(&self.step.plan, id, &merge, sources);
        KTable::new(step, key_serde, value_serde, queryable.as_deref(), origin).with_null_test(null_test)
    }
}

/// Which rows a result needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Inner,
    Left,
    Outer,
}

/// What becomes of the rows of both sides.
type Joined<VR> = UserResult<Option<VR>>;

fn inner<V, VO, VR>(
    joiner: impl Fn(V, VO) -> UserResult<VR>,
) -> impl Fn(Option<V>, Option<VO>) -> Joined<VR> {
    move |row, other| match (row, other) {
        (Some(row), Some(other)) => joiner(row, other).map(Some),
        _ => Ok(None),
    }
}

fn left<V, VO, VR>(
    joiner: impl Fn(V, Option<VO>) -> UserResult<VR>,
) -> impl Fn(Option<V>, Option<VO>) -> Joined<VR> {
    move |row, other| row.map(|row| joiner(row, other)).transpose()
}

fn outer<V, VO, VR>(
    joiner: impl Fn(Option<V>, Option<VO>) -> UserResult<VR>,
) -> impl Fn(Option<V>, Option<VO>) -> Joined<VR> {
    move |row, other| (row.is_some() || other.is_some()).then(|| joiner(row, other)).transpose()
}

/// The names of a join's parts.
struct TableJoinNames {
    merge: String,
    this: String,
    other: String,
}

impl TableJoinNames {
    /// Takes three numbers, the lowest one for what merges the sides.
    fn new(plan: &mut Plan, given: Option<&str>) -> Self {
        TableJoinNames {
            merge: plan.name_or_new(given, prefix::TABLE_MERGE),
            this: plan.suffixed_or_new(given, "-join-this", prefix::TABLE_JOIN_THIS),
            other: plan.suffixed_or_new(given, "-join-other", prefix::TABLE_JOIN_OTHER),
        }
    }
}

struct JoinOrigin<K, V, VO, VR, F> {
    this: KTable<K, V>,
    other: KTable<K, VO>,
    rows: ValueGetterSupplier<K, V>,
    other_rows: ValueGetterSupplier<K, VO>,
    kind: Kind,
    /// Joins the rows of both sides; `None` means no row.
    combine: Arc<F>,
    store: Option<TableStoreSpec<K, VR>>,
    sends_old_values: Cell<bool>,
}

impl<K, V, VO, VR, F> JoinOrigin<K, V, VO, VR, F>
where
    K: Data,
    V: Data,
    VO: Data,
    VR: Data,
    F: Fn(Option<V>, Option<VO>) -> Joined<VR> + Send + Sync + 'static,
{
    /// Adds a processor for each side, and one that merges their results.
    fn write(&self, names: &TableJoinNames, writer: &mut Writer<'_>) -> Result<()> {
        let send_old_values = self.sends_old_values.get();
        let (combine, rows) = (Arc::clone(&self.combine), self.other_rows.clone());
        let needs_partner = self.kind == Kind::Inner;
        let versioned = writer.reads_versioned(&self.this.step.name);
        let this = move |context: &mut InitContext<'_>| {
            let (combine, partner) = (Arc::clone(&combine), rows.open(&context.stores())?);
            Ok(TableJoinSide { combine, partner, needs_partner, send_old_values, versioned })
        };
        let (forward, rows) = (Arc::clone(&self.combine), self.rows.clone());
        let combine = Arc::new(move |row, partner| forward(partner, row));
        let needs_partner = self.kind != Kind::Outer;
        let versioned = writer.reads_versioned(&self.other.step.name);
        let other = move |context: &mut InitContext<'_>| {
            let (combine, partner) = (Arc::clone(&combine), rows.open(&context.stores())?);
            Ok(TableJoinSide { combine, partner, needs_partner, send_old_values, versioned })
        };
        let topology = &mut writer.topology;
        let parent = [&*self.this.step.name];
        topology.add_processor::<_, K, Change<V>, K, Change<VR>>(&names.this, this, &parent)?;
        let parent = [&*self.other.step.name];
        topology.add_processor::<_, K, Change<VO>, K, Change<VR>>(&names.other, other, &parent)?;
        let sides = [names.this.as_str(), names.other.as_str()];
        let store_name = self.store.as_ref().map(|store| Arc::clone(&store.name));
        let merge = move |context: &mut InitContext<'_>| {
            JoinMerger::<K, VR>::open(store_name.as_deref(), send_old_values, context)
        };
        topology.add_processor::<_, K, Change<VR>, K, Change<VR>>(&names.merge, merge, &sides)?;
        writer.connect_to(&names.this, &self.other_rows.stores)?;
        writer.connect_to(&names.other, &self.rows.stores)?;
        match &self.store {
            Some(store) => store.write(send_old_values, writer),
            None => Ok(()),
        }
    }
}

impl<K, V, VO, VR, F> TableOrigin<K, VR> for JoinOrigin<K, V, VO, VR, F>
where
    K: Data,
    V: Data,
    VO: Data,
    VR: Data,
    F: Fn(Option<V>, Option<VO>) -> Joined<VR> + Send + Sync + 'static,
{
    fn enable_sending_old_values(&self, _force: bool) -> bool {
        // The tables of a join are stored anyway.
        self.this.enable_sending_old_values(true);
        self.other.enable_sending_old_values(true);
        self.sends_old_values.set(true);
        true
    }

    fn value_getter(&self) -> ValueGetterSupplier<K, VR> {
        if let Some(store) = &self.store {
            return ValueGetterSupplier::of_store(&store.name);
        }
        let (rows, other_rows) = (self.rows.clone(), self.other_rows.clone());
        let mut stores = rows.stores.clone();
        stores.extend(other_rows.stores.iter().filter(|store| !rows.stores.contains(store)).cloned());
        let (combine, needs_row) = (Arc::clone(&self.combine), self.kind != Kind::Outer);
        ValueGetterSupplier::new(stores, move |stores| {
            let (rows, other_rows, combine) =
                (rows.open(stores)?, other_rows.open(stores)?, Arc::clone(&combine));
            Ok(Box::new(JoinGetter { rows, other_rows, combine, needs_row }))
        })
    }
}
