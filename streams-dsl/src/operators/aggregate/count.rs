//! `count`: how many records a key has had.

use streams_core::processor::Data;
use streams_core::serde::DefaultSerde;

use streams_core::error::Result;

use super::aggregate::add_unwindowed;
use super::draft::Draft;
use super::fold::{Fold, MergingFold};
use crate::handles::{KGroupedStream, KTable};
use crate::naming::prefix;
use crate::options::Materialized;

impl<K: Data, V: Data> KGroupedStream<K, V> {
    /// Counts the records of each key (`KGroupedStream.count`).
    ///
    /// * Nulls: a record whose key or value is null (an `Option` that is `None`) is dropped and counted in
    ///   `dropped-records`, as far as the stream's serdes tell; see [`KGroupedStream`].
    /// * Time: an update has the largest timestamp of the records it counts.
    /// * Repartition: if the key has changed since the stream was read, through
    ///   `<application.id>-<name of the group, or store>-repartition`.
    /// * Store: a key-value store with a generated name and a changelog. With a record cache
    ///   (`statestore.cache.max.bytes`), the last of several updates is forwarded at each commit; without one, all are.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, String>("clicks").group_by_key().count().to_stream().to("clicks-per-page");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let clicks = driver.create_input_topic::<String, String>("clicks");
    /// clicks.pipe("home".into(), "alice".into(), 0)?;
    /// clicks.pipe("home".into(), "bob".into(), 1)?;
    /// let counts = driver.create_output_topic::<String, Option<i64>>("clicks-per-page").read_key_values()?;
    /// assert_eq!(counts, [("home".into(), Some(1)), ("home".into(), Some(2))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count(&self) -> KTable<K, i64> {
        self.count_into(Materialized::inherit())
    }

    /// As [`count`](Self::count), into the store that `materialized` describes.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let clicks = builder.stream::<String, String>("clicks");
    /// let counts = clicks.group_by_key().count_with(Materialized::named("clicks-per-page"));
    /// assert_eq!(counts.queryable_store_name(), Some("clicks-per-page"));
    /// ```
    pub fn count_with(&self, materialized: Materialized<K, i64>) -> KTable<K, i64> {
        self.burn_count_name(&materialized);
        self.count_into(materialized)
    }

    fn count_into(&self, materialized: Materialized<K, i64>) -> KTable<K, i64> {
        let draft = Draft::new(self, prefix::AGGREGATE, materialized, Some(i64::default_serde()));
        add_unwindowed(self, draft, Count)
    }

    /// Counting into a store without a name uses up one number more: a quirk that Kafka Streams keeps for the names of
    /// existing topologies, and so do we.
    pub(crate) fn burn_count_name(&self, materialized: &Materialized<K, i64>) {
        if materialized.name.is_none() {
            self.step.with_plan(|plan| plan.new_store_name(prefix::AGGREGATE));
        }
    }
}

/// Counts.
pub(crate) struct Count;

impl<K, V> Fold<K, V, i64> for Count {
    fn initial(&self) -> Option<i64> {
        Some(0)
    }

    #[inline]
    fn add(&self, _key: &K, _value: V, aggregate: Option<i64>) -> Result<i64> {
        Ok(aggregate.unwrap_or(0).wrapping_add(1))
    }
}

impl<K, V> MergingFold<K, V, i64> for Count {
    fn merge(&self, _key: &K, aggregate: Option<i64>, session: i64) -> Result<i64> {
        Ok(aggregate.unwrap_or(0).wrapping_add(session))
    }
}
