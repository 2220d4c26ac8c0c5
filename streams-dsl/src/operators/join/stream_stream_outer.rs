//! `outer_join_stream`: two streams within a window of time, with a result for each record of either.

use streams_core::error::{Result, UserError};
use streams_core::processor::Data;
use streams_core::serde::DefaultSerde;

use super::stream_stream_side::JoinKind;
use crate::handles::KStream;
use crate::operators::fallible::user;
use crate::options::StreamJoined;
use crate::windows::JoinWindows;

impl<K: Data, V: Data> KStream<K, V> {
    /// As [`join_stream`](Self::join_stream), with a result for each record of both streams: one without a partner is
    /// joined with `None` when its window has closed (`KStream.outerJoin(KStream)`).
    ///
    /// Rules as for [`left_join_stream`](Self::left_join_stream), for both streams: a record of the other stream waits
    /// until stream time is past its timestamp, the window's `before` and the grace period. The joiner never gets two
    /// `None`s.
    ///
    /// The store of waiting records is `KSTREAM-OUTERSHARED-<number>-store` or
    /// `<store name>-outer-shared-join-store`.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, String>("orders");
    /// let payments = builder.stream::<String, i64>("payments");
    /// orders
    ///     .outer_join_stream(
    ///         &payments,
    ///         |order, amount| format!("{order:?} {amount:?}"),
    ///         JoinWindows::of_time_difference_with_no_grace(minutes(10)),
    ///     )
    ///     .to("orders-and-payments");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, i64>("payments").pipe("o1".into(), 12, 0)?;
    /// driver.create_input_topic::<String, String>("orders").pipe("o2".into(), "book".into(), 600_001)?;
    /// let output = driver.create_output_topic::<String, String>("orders-and-payments");
    /// assert_eq!(output.read_key_values()?, [("o1".into(), "None Some(12)".into())]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn outer_join_stream<V2: Data + DefaultSerde, VO: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(Option<V>, Option<V2>) -> VO + Send + Sync + 'static,
        windows: JoinWindows,
    ) -> KStream<K, VO>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.outer_join_stream_with(other, joiner, windows, StreamJoined::new())
    }

    /// As [`outer_join_stream`](Self::outer_join_stream), with options.
    pub fn outer_join_stream_with<V2: Data, VO: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(Option<V>, Option<V2>) -> VO + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VO> {
        self.outer_join_stream_with_key_with(
            other,
            move |_, value, other| joiner(value, other),
            windows,
            joined,
        )
    }

    /// As [`outer_join_stream`](Self::outer_join_stream), with a joiner that sees the key
    /// (`ValueJoinerWithKey`).
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
    ///     .outer_join_stream_with_key(
    ///         &payments,
    ///         |id, order, amount| format!("{id} {order:?} {amount:?}"),
    ///         windows,
    ///     )
    ///     .to("orders-and-payments");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("orders").pipe("o1".into(), "book".into(), 0)?;
    /// driver.create_input_topic::<String, i64>("payments").pipe("o1".into(), 12, 5)?;
    /// let output = driver.create_output_topic::<String, String>("orders-and-payments").read_values()?;
    /// assert_eq!(output, [r#"o1 Some("book") Some(12)"#]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn outer_join_stream_with_key<V2: Data + DefaultSerde, VO: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&K, Option<V>, Option<V2>) -> VO + Send + Sync + 'static,
        windows: JoinWindows,
    ) -> KStream<K, VO>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.outer_join_stream_with_key_with(other, joiner, windows, StreamJoined::new())
    }

    /// As [`outer_join_stream_with_key`](Self::outer_join_stream_with_key), with options.
    pub fn outer_join_stream_with_key_with<V2: Data, VO: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&K, Option<V>, Option<V2>) -> VO + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VO> {
        let joiner = move |key: &K, left, right| Ok(Some(joiner(key, left, right)));
        self.join_streams(other, JoinKind::Outer, joiner, windows, joined)
    }

    /// As [`outer_join_stream`](Self::outer_join_stream), with a joiner that may fail; see
    /// [`try_left_join_stream`](Self::try_left_join_stream).
    pub fn try_outer_join_stream<V2: Data + DefaultSerde, VO: Data, E: Into<UserError>>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(Option<V>, Option<V2>) -> Result<VO, E> + Send + Sync + 'static,
        windows: JoinWindows,
    ) -> KStream<K, VO>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        let joiner = move |_: &K, value, other| joiner(value, other);
        self.try_outer_join_stream_with_key_with(other, joiner, windows, StreamJoined::new())
    }

    /// As [`outer_join_stream_with_key_with`](Self::outer_join_stream_with_key_with), with a joiner that may fail.
    pub fn try_outer_join_stream_with_key_with<V2: Data, VO: Data, E: Into<UserError>>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&K, Option<V>, Option<V2>) -> Result<VO, E> + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VO> {
        let joiner = move |key: &K, left, right| user(joiner(key, left, right)).map(Some);
        self.join_streams(other, JoinKind::Outer, joiner, windows, joined)
    }
}
