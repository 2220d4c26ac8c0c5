//! `count`: how many records a key has had, in all or in each window.

use streams_core::error::Result;
use streams_core::processor::Data;
use streams_core::serde::DefaultSerde;

use super::fold::Fold;
use super::layout::Layout;
use crate::handles::{KGroupedStream, KTable};
use crate::naming::prefix;
use crate::options::Materialized;

impl<K: Data, V: Data, L: Layout> KGroupedStream<K, V, L> {
    /// Counts the records of each key, in each window if there are windows (`KGroupedStream.count`,
    /// `TimeWindowedKStream.count`, `SessionWindowedKStream.count`).
    ///
    /// * Nulls: a record with a null key is dropped and counted in `dropped-records`, as far as the stream's serdes tell; see
    ///   [`KGroupedStream`]. So is one with a null value without windows and in sliding ones; in other windows and in
    ///   sessions it counts.
    /// * Time: an update has the largest timestamp of the records it counts, and in a session the session's end.
    /// * Late records are dropped and counted: those for windows that ended at least the grace period (of sliding windows,
    ///   whose end is inclusive: longer) before the largest timestamp that this operator has seen, and those whose session
    ///   would end before that timestamp minus gap and grace.
    /// * Sessions: a record connects the sessions of its key within the gap to one; for each session that so ends, a
    ///   tombstone is forwarded.
    /// * Repartition: if the key has changed since the stream was read, through
    ///   `<application.id>-<name of the group, or store>-repartition`.
    /// * Store: one with a generated name and a changelog: a key-value store; a window store that keeps windows for size and
    ///   grace (sliding ones for twice their length and grace); or a session store that keeps sessions for gap and grace.
    ///   With a record cache (`statestore.cache.max.bytes`), the last of several updates is forwarded at each commit; without
    ///   one, all are.
    /// * Headers: an update has those of its record; but one of a session that is forwarded at once has none.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let clicks = builder.stream::<String, String>("clicks").group_by_key();
    /// clicks.count().to_stream().to("clicks-per-page");
    /// clicks
    ///     .windowed_by(SessionWindows::of_inactivity_gap_and_grace(minutes(30), seconds(30)))
    ///     .count()
    ///     .to_stream()
    ///     .map(|session, count| (session.to_string(), count))
    ///     .to("visits");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let clicks = driver.create_input_topic::<String, String>("clicks");
    /// clicks.pipe("home".into(), "alice".into(), 0)?;
    /// clicks.pipe("home".into(), "bob".into(), 60_000)?;
    /// let counts = driver.create_output_topic::<String, i64>("clicks-per-page").read_key_values()?;
    /// assert_eq!(counts, [("home".into(), 1), ("home".into(), 2)]);
    /// let visits = driver.create_output_topic::<String, Option<i64>>("visits").read_key_values()?;
    /// let grown = [("[home@0/0]".into(), None), ("[home@0/60000]".into(), Some(2))];
    /// assert_eq!(visits[0], ("[home@0/0]".into(), Some(1)));
    /// assert_eq!(visits[1..], grown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count(&self) -> KTable<L::Key<K>, i64> {
        self.count_into(Materialized::inherit())
    }

    /// As [`count`](Self::count), into the store that `materialized` describes.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let clicks = builder.stream::<String, String>("clicks");
    /// let counts = clicks.group_by_key().count_with(Materialized::named("clicks-per-page"));
    /// assert_eq!(counts.queryable_store_name(), Some("clicks-per-page"));
    /// ```
    pub fn count_with(&self, materialized: Materialized<K, i64>) -> KTable<L::Key<K>, i64> {
        if L::COUNT_BURNS_A_NAME && materialized.name.is_none() {
            // A quirk that Kafka Streams keeps for the names of existing topologies, and so do we.
            self.step.with_plan(|plan| plan.new_store_name(prefix::AGGREGATE));
        }
        self.count_into(materialized)
    }

    fn count_into(&self, materialized: Materialized<K, i64>) -> KTable<L::Key<K>, i64> {
        self.add(prefix::AGGREGATE, materialized, Some(&i64::default_serde()), Count)
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

    fn merge(&self, _key: &K, aggregate: Option<i64>, session: i64) -> Result<i64> {
        Ok(aggregate.unwrap_or(0).wrapping_add(session))
    }
}
