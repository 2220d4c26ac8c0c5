//! `group_by`: gathers a stream by a key of one's choice, to be aggregated.

use streams_core::error::{Result, UserError};
use streams_core::processor::Data;
use streams_core::serde::DefaultSerde;

use crate::handles::{KGroupedStream, KStream};
use crate::operators::fallible::user;
use crate::options::Grouped;

impl<K: Data, V: Data> KStream<K, V> {
    /// Groups the records by a new key (`KStream.groupBy`): [`select_key`](Self::select_key) and
    /// [`group_by_key`](Self::group_by_key) in one.
    ///
    /// * Nulls: records with a null key are left out on the way through the topic; null values are the aggregation's
    ///   business.
    /// * Time: timestamps and headers survive.
    /// * Repartition: the aggregation that follows always does, through `<application.id>-<name of the group, or
    ///   store>-repartition`.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let by_word = builder.stream::<String, String>("words").group_by(|_line, word| word.clone());
    /// by_word.count_with(Materialized::named("counts")).to_stream().to("word-counts");
    ///
    /// let topology = builder.build()?;
    /// assert!(topology.describe().to_string().contains("(topics: [counts-repartition])"));
    /// let driver = TopologyTestDriver::of(topology)?;
    /// driver.create_input_topic::<String, String>("words").pipe("line 1".into(), "kafka".into(), 0)?;
    /// let counts = driver.create_output_topic::<String, i64>("word-counts");
    /// assert_eq!(counts.read_key_values()?, [("kafka".into(), 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn group_by<K2: Data + DefaultSerde>(
        &self,
        selector: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
    ) -> KGroupedStream<K2, V>
    where
        V: DefaultSerde,
    {
        self.group_by_with(selector, Grouped::new())
    }

    /// As [`group_by`](Self::group_by), with options; their name is also that of the node that selects the key.
    pub fn group_by_with<K2: Data>(
        &self,
        selector: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
        grouped: Grouped<K2, V>,
    ) -> KGroupedStream<K2, V> {
        self.add_group_by(move |key, value| Ok(selector(key, value)), grouped)
    }

    /// As [`group_by`](Self::group_by), with a selector that may fail; see [`try_map_values`](Self::try_map_values).
    pub fn try_group_by<K2: Data + DefaultSerde, E: Into<UserError>>(
        &self,
        selector: impl Fn(&K, &V) -> Result<K2, E> + Send + Sync + 'static,
    ) -> KGroupedStream<K2, V>
    where
        V: DefaultSerde,
    {
        self.try_group_by_with(selector, Grouped::new())
    }

    /// As [`group_by_with`](Self::group_by_with), with a selector that may fail.
    pub fn try_group_by_with<K2: Data, E: Into<UserError>>(
        &self,
        selector: impl Fn(&K, &V) -> Result<K2, E> + Send + Sync + 'static,
        grouped: Grouped<K2, V>,
    ) -> KGroupedStream<K2, V> {
        self.add_group_by(move |key, value| user(selector(key, value)), grouped)
    }

    fn add_group_by<K2: Data>(
        &self,
        selector: impl Fn(&K, &V) -> Result<K2> + Send + Sync + 'static,
        grouped: Grouped<K2, V>,
    ) -> KGroupedStream<K2, V> {
        let named = match &grouped.name {
            Some(name) => self.named(name),
            None => self.clone(),
        };
        KGroupedStream::new(
            named.add_select_key(selector),
            grouped.key_serde.resolve(None),
            grouped.value_serde.resolve(self.value_serde.as_ref()),
            true,
            named.step.given_name(),
        )
    }
}
