//! `join_foreign_key`, `left_join_foreign_key`: two tables, joined by a key that the rows of the first one name
//! (KIP-213).
//!
//! | file | part |
//! |---|---|
//! | `subscribe` | primary side: subscribes each row to its foreign key |
//! | `receive`, `answer` | foreign side: keeps the subscription, and answers it |
//! | `notify` | foreign side: answers all subscriptions to a row that changes |
//! | `resolve` | primary side: joins the answer with the row |
//! | `plan` | the nodes and topics between the tables |
//! | `names`, `partition`, `hash` | what they are called, where messages go, and how answers are matched with rows |

mod answer;
mod hash;
mod names;
mod notify;
mod partition;
mod plan;
mod receive;
mod resolve;
mod subscribe;

use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::Data;
use streams_core::serde::DefaultSerde;

use crate::handles::KTable;
use crate::operators::fallible::user;
use crate::options::{Materialized, TableJoined};

impl<K: Data, V: Data> KTable<K, V> {
    /// Joins each row with the row of another table whose key `extractor` takes out of it; a row without partner has no
    /// result (`KTable.join(KTable, Function)`, KIP-213).
    ///
    /// * Triggered by both tables: an update of the other table updates the results of all rows that name its key.
    /// * Nulls: a row for which `extractor` gives `None` has no result and is counted in `dropped-records`; its earlier
    ///   result is deleted. A deletion may be forwarded where there was no result.
    /// * Time: a result has the larger one of the two rows' timestamps, or that of the foreign row's update; headers
    ///   are those of the update.
    /// * Repartition: always, through two internal topics, `<application.id>-<name>-subscription-registration-topic`
    ///   and `<application.id>-<name>-subscription-response-topic`. The tables need not have equally many partitions.
    ///   An answer to a row that has changed meanwhile is dropped and counted; the change has an answer of its own.
    /// * Store: both tables are stored, and the other table's side keeps a subscription for each row, with a changelog.
    ///   The result is stored only if something needs it; see
    ///   [`join_foreign_key_with`](Self::join_foreign_key_with).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.table::<String, String>("orders");
    /// let prices = builder.table::<String, i64>("prices");
    /// let product = |order: &String| order.split(' ').nth(1).map(str::to_owned);
    /// orders
    ///     .join_foreign_key(&prices, product, |order, price| format!("{order} at {price}"))
    ///     .to_stream()
    ///     .to("priced-orders");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let orders = driver.create_input_topic::<String, String>("orders");
    /// let prices = driver.create_input_topic::<String, i64>("prices");
    /// orders.pipe("o1".into(), "2 books".into(), 0)?;
    /// prices.pipe("books".into(), 9, 1)?;
    /// prices.pipe("books".into(), 8, 2)?;
    /// let priced = driver.create_output_topic::<String, Option<String>>("priced-orders");
    /// assert_eq!(priced.read_values()?, [Some("2 books at 9".into()), Some("2 books at 8".into())]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_foreign_key<KO, VO, VR>(
        &self,
        other: &KTable<KO, VO>,
        extractor: impl Fn(&V) -> Option<KO> + Send + Sync + 'static,
        joiner: impl Fn(V, VO) -> VR + Send + Sync + 'static,
    ) -> KTable<K, VR>
    where
        K: DefaultSerde,
        V: DefaultSerde,
        KO: Data + DefaultSerde,
        VO: Data + DefaultSerde,
        VR: Data + DefaultSerde,
    {
        self.join_foreign_key_with(other, extractor, joiner, TableJoined::new(), Materialized::new())
    }

    /// As [`join_foreign_key`](Self::join_foreign_key), with options; the result is stored if `materialized` names a
    /// store.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.table::<String, String>("orders");
    /// let prices = builder.table::<String, i64>("prices");
    /// let priced: KTable<String, String> = orders.join_foreign_key_with(
    ///     &prices,
    ///     |order| Some(order.clone()),
    ///     |order, price| format!("{order} at {price}"),
    ///     TableJoined::named("priced"),
    ///     Materialized::named("priced-orders"),
    /// );
    /// assert_eq!(priced.queryable_store_name(), Some("priced-orders"));
    /// ```
    pub fn join_foreign_key_with<KO: Data, VO: Data, VR: Data>(
        &self,
        other: &KTable<KO, VO>,
        extractor: impl Fn(&V) -> Option<KO> + Send + Sync + 'static,
        joiner: impl Fn(V, VO) -> VR + Send + Sync + 'static,
        joined: TableJoined<K, V, KO, VO>,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        self.join_foreign_key_with_key_with(other, move |_, row| extractor(row), joiner, joined, materialized)
    }

    /// As [`join_foreign_key`](Self::join_foreign_key), with the row's own key for the extractor to look at
    /// (`KTable.join(KTable, BiFunction)`, KIP-1104).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.table::<String, i64>("orders");
    /// let customers = builder.table::<String, String>("customers");
    /// // The key of an order begins with the customer's.
    /// let customer = |order: &String, _pieces: &i64| order.split_once('/').map(|(customer, _)| customer.to_owned());
    /// let named: KTable<String, String> = orders.join_foreign_key_with_key(
    ///     &customers,
    ///     customer,
    ///     |pieces, name| format!("{pieces} for {name}"),
    /// );
    /// named.to_stream().to("named-orders");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("customers").pipe("c1".into(), "Ann".into(), 0)?;
    /// driver.create_input_topic::<String, i64>("orders").pipe("c1/o1".into(), 3, 1)?;
    /// let named = driver.create_output_topic::<String, String>("named-orders");
    /// assert_eq!(named.read_values()?, ["3 for Ann"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_foreign_key_with_key<KO, VO, VR>(
        &self,
        other: &KTable<KO, VO>,
        extractor: impl Fn(&K, &V) -> Option<KO> + Send + Sync + 'static,
        joiner: impl Fn(V, VO) -> VR + Send + Sync + 'static,
    ) -> KTable<K, VR>
    where
        K: DefaultSerde,
        V: DefaultSerde,
        KO: Data + DefaultSerde,
        VO: Data + DefaultSerde,
        VR: Data + DefaultSerde,
    {
        self.join_foreign_key_with_key_with(other, extractor, joiner, TableJoined::new(), Materialized::new())
    }

    /// As [`join_foreign_key_with_key`](Self::join_foreign_key_with_key), with options.
    pub fn join_foreign_key_with_key_with<KO: Data, VO: Data, VR: Data>(
        &self,
        other: &KTable<KO, VO>,
        extractor: impl Fn(&K, &V) -> Option<KO> + Send + Sync + 'static,
        joiner: impl Fn(V, VO) -> VR + Send + Sync + 'static,
        joined: TableJoined<K, V, KO, VO>,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        let joiner = move |row, other: Option<VO>| Ok(other.map(|other| joiner(row, other)));
        let join = plan::Join { left: false, extractor: Arc::new(extractor), joiner: Arc::new(joiner) };
        join.add(self, other, joined, materialized)
    }

    /// As [`join_foreign_key_with_key_with`](Self::join_foreign_key_with_key_with), with a joiner that may fail; see
    /// [`try_map_values`](Self::try_map_values). The error's topic, partition and offset are those of the answer that the
    /// row was joined with, in the join's response topic. An extractor that cannot tell the key says `None`.
    pub fn try_join_foreign_key_with_key_with<KO: Data, VO: Data, VR: Data, E: Into<UserError>>(
        &self,
        other: &KTable<KO, VO>,
        extractor: impl Fn(&K, &V) -> Option<KO> + Send + Sync + 'static,
        joiner: impl Fn(V, VO) -> Result<VR, E> + Send + Sync + 'static,
        joined: TableJoined<K, V, KO, VO>,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        let joiner = move |row, other: Option<VO>| other.map(|other| user(joiner(row, other))).transpose();
        let join = plan::Join { left: false, extractor: Arc::new(extractor), joiner: Arc::new(joiner) };
        join.add(self, other, joined, materialized)
    }

    /// Joins each row with the row of another table whose key `extractor` takes out of it, or with none
    /// (`KTable.leftJoin(KTable, Function)`, KIP-213).
    ///
    /// Rules as for [`join_foreign_key`](Self::join_foreign_key), but each row has a result, also one for which
    /// `extractor` gives `None`; it is deleted with its row.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.table::<String, String>("orders");
    /// let prices = builder.table::<String, i64>("prices");
    /// orders
    ///     .left_join_foreign_key(&prices, |order| Some(order.clone()), |_, price| price.unwrap_or(-1))
    ///     .to_stream()
    ///     .to("order-prices");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("orders").pipe("o1".into(), "books".into(), 0)?;
    /// driver.create_input_topic::<String, i64>("prices").pipe("books".into(), 9, 1)?;
    /// let prices = driver.create_output_topic::<String, Option<i64>>("order-prices");
    /// assert_eq!(prices.read_values()?, [Some(-1), Some(9)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn left_join_foreign_key<KO, VO, VR>(
        &self,
        other: &KTable<KO, VO>,
        extractor: impl Fn(&V) -> Option<KO> + Send + Sync + 'static,
        joiner: impl Fn(V, Option<VO>) -> VR + Send + Sync + 'static,
    ) -> KTable<K, VR>
    where
        K: DefaultSerde,
        V: DefaultSerde,
        KO: Data + DefaultSerde,
        VO: Data + DefaultSerde,
        VR: Data + DefaultSerde,
    {
        self.left_join_foreign_key_with(other, extractor, joiner, TableJoined::new(), Materialized::new())
    }

    /// As [`left_join_foreign_key`](Self::left_join_foreign_key), with options; the result is stored if `materialized`
    /// names a store.
    pub fn left_join_foreign_key_with<KO: Data, VO: Data, VR: Data>(
        &self,
        other: &KTable<KO, VO>,
        extractor: impl Fn(&V) -> Option<KO> + Send + Sync + 'static,
        joiner: impl Fn(V, Option<VO>) -> VR + Send + Sync + 'static,
        joined: TableJoined<K, V, KO, VO>,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        self.left_join_foreign_key_with_key_with(
            other,
            move |_, row| extractor(row),
            joiner,
            joined,
            materialized,
        )
    }

    /// As [`left_join_foreign_key`](Self::left_join_foreign_key), with the row's own key for the extractor to
    /// look at (`KTable.leftJoin(KTable, BiFunction)`, KIP-1104).
    pub fn left_join_foreign_key_with_key<KO, VO, VR>(
        &self,
        other: &KTable<KO, VO>,
        extractor: impl Fn(&K, &V) -> Option<KO> + Send + Sync + 'static,
        joiner: impl Fn(V, Option<VO>) -> VR + Send + Sync + 'static,
    ) -> KTable<K, VR>
    where
        K: DefaultSerde,
        V: DefaultSerde,
        KO: Data + DefaultSerde,
        VO: Data + DefaultSerde,
        VR: Data + DefaultSerde,
    {
        self.left_join_foreign_key_with_key_with(
            other,
            extractor,
            joiner,
            TableJoined::new(),
            Materialized::new(),
        )
    }

    /// As [`left_join_foreign_key_with_key`](Self::left_join_foreign_key_with_key), with options.
    pub fn left_join_foreign_key_with_key_with<KO: Data, VO: Data, VR: Data>(
        &self,
        other: &KTable<KO, VO>,
        extractor: impl Fn(&K, &V) -> Option<KO> + Send + Sync + 'static,
        joiner: impl Fn(V, Option<VO>) -> VR + Send + Sync + 'static,
        joined: TableJoined<K, V, KO, VO>,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        let joiner = move |row, other| Ok(Some(joiner(row, other)));
        let join = plan::Join { left: true, extractor: Arc::new(extractor), joiner: Arc::new(joiner) };
        join.add(self, other, joined, materialized)
    }

    /// As [`left_join_foreign_key_with_key_with`](Self::left_join_foreign_key_with_key_with), with a joiner that may fail;
    /// see [`try_join_foreign_key_with_key_with`](Self::try_join_foreign_key_with_key_with).
    pub fn try_left_join_foreign_key_with_key_with<KO: Data, VO: Data, VR: Data, E: Into<UserError>>(
        &self,
        other: &KTable<KO, VO>,
        extractor: impl Fn(&K, &V) -> Option<KO> + Send + Sync + 'static,
        joiner: impl Fn(V, Option<VO>) -> Result<VR, E> + Send + Sync + 'static,
        joined: TableJoined<K, V, KO, VO>,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        let joiner = move |row, other| user(joiner(row, other)).map(Some);
        let join = plan::Join { left: true, extractor: Arc::new(extractor), joiner: Arc::new(joiner) };
        join.add(self, other, joined, materialized)
    }
}
