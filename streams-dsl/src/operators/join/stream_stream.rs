//! `join_stream`: two streams, record by record within a window of time (`KStreamKStreamJoin`).

use streams_core::error::{Result, UserError};
use streams_core::processor::Data;
use streams_core::serde::DefaultSerde;

use super::stream_stream_side::JoinKind;
use crate::handles::KStream;
use crate::operators::fallible::user;
use crate::options::StreamJoined;
use crate::windows::JoinWindows;

impl<K: Data, V: Data> KStream<K, V> {
    /// Joins each pair of records of the two streams that have the same key and are near enough in time
    /// (`KStream.join(KStream)`).
    ///
    /// * Triggered by records of both streams; each looks for its partners among those that came before it.
    /// * Nulls: a record whose key or value is null is dropped and counted in `dropped-records`.
    /// * Time: a result has the larger one of the two timestamps, and the headers of the record that triggered it.
    ///   Records wait for their partners for the window's size and grace.
    /// * Repartition: each stream whose key has changed since it was read, through `<application.id>-<its
    ///   node>-repartition`. Both must have the same number of partitions.
    /// * Store: a window store for each side, which keeps duplicates; their changelogs are never compacted. A stream
    ///   that is joined with itself is kept in one store if `topology.optimization` has `single.store.self.join`.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, String>("orders");
    /// let payments = builder.stream::<String, i64>("payments");
    /// orders
    ///     .join_stream(
    ///         &payments,
    ///         |order, amount| format!("{order}: {amount}"),
    ///         JoinWindows::of_time_difference_and_grace(minutes(10), seconds(30)),
    ///     )
    ///     .to("paid-orders");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("orders").pipe("o1".into(), "book".into(), 0)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// payments.pipe("o1".into(), 12, 600_000)?;
    /// payments.pipe("o1".into(), 99, 600_001)?;
    /// let paid = driver.create_output_topic::<String, String>("paid-orders").read_values()?;
    /// assert_eq!(paid, ["book: 12"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_stream<V2: Data + DefaultSerde, VO: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(V, V2) -> VO + Send + Sync + 'static,
        windows: JoinWindows,
    ) -> KStream<K, VO>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.join_stream_with(other, joiner, windows, StreamJoined::new())
    }

    /// As [`join_stream`](Self::join_stream), with options.
    pub fn join_stream_with<V2: Data, VO: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(V, V2) -> VO + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VO> {
        self.join_stream_with_key_with(other, move |_, value, other| joiner(value, other), windows, joined)
    }

    /// As [`join_stream`](Self::join_stream), with a joiner that sees the key (`ValueJoinerWithKey`).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, String>("orders");
    /// let payments = builder.stream::<String, i64>("payments");
    /// let windows = JoinWindows::of_time_difference_with_no_grace(minutes(10));
    /// orders
    ///     .join_stream_with_key(
    ///         &payments,
    ///         |id, order, amount| format!("{id} {order}: {amount}"),
    ///         windows,
    ///     )
    ///     .to("paid-orders");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("orders").pipe("o1".into(), "book".into(), 0)?;
    /// driver.create_input_topic::<String, i64>("payments").pipe("o1".into(), 12, 5)?;
    /// let paid = driver.create_output_topic::<String, String>("paid-orders").read_values()?;
    /// assert_eq!(paid, ["o1 book: 12"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_stream_with_key<V2: Data + DefaultSerde, VO: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&K, V, V2) -> VO + Send + Sync + 'static,
        windows: JoinWindows,
    ) -> KStream<K, VO>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.join_stream_with_key_with(other, joiner, windows, StreamJoined::new())
    }

    /// As [`join_stream_with_key`](Self::join_stream_with_key), with options.
    pub fn join_stream_with_key_with<V2: Data, VO: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&K, V, V2) -> VO + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VO> {
        let joiner = move |key: &K, left, right| Ok(joiner(key, left, right));
        self.join_pairs(other, joiner, windows, joined)
    }

    /// As [`join_stream`](Self::join_stream), with a joiner that may fail: its error goes to the processing exception
    /// handler, and if that resumes, the pair is left out. See [`try_map_values`](Self::try_map_values).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, String>("orders");
    /// let payments = builder.stream::<String, i64>("payments");
    /// let windows = JoinWindows::of_time_difference_with_no_grace(minutes(10));
    /// let due = |price: String, paid| price.parse::<i64>().map(|price| price - paid);
    /// orders.try_join_stream(&payments, due, windows).to("due");
    ///
    /// let config = StreamsConfig::new("test", "embedded:").with("processing.exception.handler", "LogAndContinue")?;
    /// let driver = TopologyTestDriver::new(builder.build()?, config)?;
    /// let orders = driver.create_input_topic::<String, String>("orders");
    /// orders.pipe("o1".into(), "twelve".into(), 0)?;
    /// orders.pipe("o1".into(), "12".into(), 1)?;
    /// driver.create_input_topic::<String, i64>("payments").pipe("o1".into(), 10, 2)?;
    /// assert_eq!(driver.create_output_topic::<String, i64>("due").read_values()?, [2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_join_stream<V2: Data + DefaultSerde, VO: Data, E: Into<UserError>>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(V, V2) -> Result<VO, E> + Send + Sync + 'static,
        windows: JoinWindows,
    ) -> KStream<K, VO>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.try_join_stream_with_key_with(
            other,
            move |_, value, other| joiner(value, other),
            windows,
            StreamJoined::new(),
        )
    }

    /// As [`join_stream_with_key_with`](Self::join_stream_with_key_with), with a joiner that may fail.
    pub fn try_join_stream_with_key_with<V2: Data, VO: Data, E: Into<UserError>>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&K, V, V2) -> Result<VO, E> + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VO> {
        self.join_pairs(other, move |key: &K, left, right| user(joiner(key, left, right)), windows, joined)
    }

    fn join_pairs<V2: Data, VO: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&K, V, V2) -> Result<VO> + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VO> {
        let joiner = move |key: &K, left: Option<V>, right: Option<V2>| match (left, right) {
            (Some(left), Some(right)) => joiner(key, left, right).map(Some),
            _ => Ok(None),
        };
        self.join_streams(other, JoinKind::Inner, joiner, windows, joined)
    }
}
