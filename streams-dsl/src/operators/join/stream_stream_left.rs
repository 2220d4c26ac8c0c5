//! `left_join_stream`: two streams within a window of time, with a result for each record of the left one.

use streams_core::error::{Result, UserError};
use streams_core::processor::Data;
use streams_core::serde::DefaultSerde;

use super::stream_stream_side::JoinKind;
use crate::handles::KStream;
use crate::operators::fallible::user;
use crate::options::StreamJoined;
use crate::windows::JoinWindows;

impl<K: Data, V: Data> KStream<K, V> {
    /// As [`join_stream`](Self::join_stream), with a result for each record of this stream: one without a partner is
    /// joined with `None` when its window has closed (`KStream.leftJoin(KStream)`).
    ///
    /// * Nulls: a record of this stream with a null key is joined with `None` at once (KIP-962). Other records whose key
    ///   or value is null are dropped and counted in `dropped-records`.
    /// * Time: a record without a partner waits until stream time is past its timestamp, the window's `after` and the
    ///   grace period. The next record of either stream, no older than any before it, then triggers the result, which has the
    ///   waiting record's timestamp and the triggering record's headers. Waiting records are checked once a
    ///   second of wall-clock time at most. A record that comes when its window is past has its result at once.
    ///   Stream time is that of both streams, and is not kept over a restart.
    /// * Repartition: as for [`join_stream`](Self::join_stream); records with a null key keep their place.
    /// * Stores: a window store for each side, and one for the records that wait,
    ///   `KSTREAM-OUTERSHARED-<number>-store` or `<store name>-left-shared-join-store`.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, String>("orders");
    /// let payments = builder.stream::<String, i64>("payments");
    /// orders
    ///     .left_join_stream(
    ///         &payments,
    ///         |order, amount| format!("{order}: {}", amount.unwrap_or(0)),
    ///         JoinWindows::of_time_difference_and_grace(minutes(10), seconds(30)),
    ///     )
    ///     .to("orders-and-payments");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("orders").pipe("o1".into(), "book".into(), 0)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// payments.pipe("o2".into(), 1, 630_000)?;
    /// let output = driver.create_output_topic::<String, String>("orders-and-payments");
    /// assert_eq!(output.read_values()?.len(), 0, "a payment may still come late");
    /// payments.pipe("o2".into(), 2, 630_001)?;
    /// assert_eq!(output.read_values()?, ["book: 0"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn left_join_stream<V2: Data + DefaultSerde, VO: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(V, Option<V2>) -> VO + Send + Sync + 'static,
        windows: JoinWindows,
    ) -> KStream<K, VO>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.left_join_stream_with(other, joiner, windows, StreamJoined::new())
    }

    /// As [`left_join_stream`](Self::left_join_stream), with options.
    pub fn left_join_stream_with<V2: Data, VO: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(V, Option<V2>) -> VO + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VO> {
        self.left_join_stream_with_key_with(
            other,
            move |_, value, other| joiner(value, other),
            windows,
            joined,
        )
    }

    /// As [`left_join_stream`](Self::left_join_stream), with a joiner that sees the key
    /// (`ValueJoinerWithKey`).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<Option<String>, String>("orders");
    /// let payments = builder.stream::<Option<String>, i64>("payments");
    /// let windows = JoinWindows::of_time_difference_with_no_grace(minutes(10));
    /// orders
    ///     .left_join_stream_with_key(
    ///         &payments,
    ///         |id, order, amount| format!("{id:?} {order} {amount:?}"),
    ///         windows,
    ///     )
    ///     .to("orders-and-payments");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<Option<String>, String>("orders").pipe(None, "book".into(), 0)?;
    /// let output = driver.create_output_topic::<Option<String>, String>("orders-and-payments").read_values()?;
    /// assert_eq!(output, ["None book None"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn left_join_stream_with_key<V2: Data + DefaultSerde, VO: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&K, V, Option<V2>) -> VO + Send + Sync + 'static,
        windows: JoinWindows,
    ) -> KStream<K, VO>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.left_join_stream_with_key_with(other, joiner, windows, StreamJoined::new())
    }

    /// As [`left_join_stream_with_key`](Self::left_join_stream_with_key), with options.
    pub fn left_join_stream_with_key_with<V2: Data, VO: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&K, V, Option<V2>) -> VO + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VO> {
        let joiner = move |key: &K, left: Option<V>, right| Ok(left.map(|left| joiner(key, left, right)));
        self.join_streams(other, JoinKind::Left, joiner, windows, joined)
    }

    /// As [`left_join_stream`](Self::left_join_stream), with a joiner that may fail; see
    /// [`try_join_stream`](Self::try_join_stream). An error about a record that found no partner names the record that closed
    /// its window: where the former was read is not kept.
    pub fn try_left_join_stream<V2: Data + DefaultSerde, VO: Data, E: Into<UserError>>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(V, Option<V2>) -> Result<VO, E> + Send + Sync + 'static,
        windows: JoinWindows,
    ) -> KStream<K, VO>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        let joiner = move |_: &K, value, other| joiner(value, other);
        self.try_left_join_stream_with_key_with(other, joiner, windows, StreamJoined::new())
    }

    /// As [`left_join_stream_with_key_with`](Self::left_join_stream_with_key_with), with a joiner that may fail.
    pub fn try_left_join_stream_with_key_with<V2: Data, VO: Data, E: Into<UserError>>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&K, V, Option<V2>) -> Result<VO, E> + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VO> {
        let joiner = move |key: &K, left: Option<V>, right| {
            left.map(|left| user(joiner(key, left, right))).transpose()
        };
        self.join_streams(other, JoinKind::Left, joiner, windows, joined)
    }
}
