//! `count`, `reduce` and `aggregate` in sessions (`SessionWindowedKStreamImpl`).

use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, InitContext, ProcessorResult};
use streams_core::record::Change;
use streams_core::serde::{DefaultSerde, SerdeRef, SessionWindowedSerde};
use streams_core::store::{SessionStore, SessionStoreBuilder, ValueAndTimestamp};
use streams_core::window::Windowed;

use super::aggregate::{Aggregate, SessionAggregate};
use super::count::Count;
use super::draft::{Draft, configured};
use super::fold::MergingFold;
use super::reduce::Reduce;
use super::session_window_processor::SessionProcessor;
use crate::handles::{KTable, SessionWindowedKStream};
use crate::naming::prefix;
use crate::operators::fallible::{keyed, try_keyed, user};
use crate::options::Materialized;
use crate::rows::{ValueGetter, ValueGetterSupplier};
use crate::windows::EmitStrategy;

impl<K: Data, V: Data> SessionWindowedKStream<K, V> {
    /// Counts the records of each key in each session (`SessionWindowedKStream.count`).
    ///
    /// * Nulls: a record with a null key is dropped and counted in `dropped-records`; one with a null value counts.
    /// * Time: an update has the end of its session as its timestamp. A record connects the sessions of its key within
    ///   the gap to one; for each session that so ends, a tombstone is forwarded. A record whose session would end
    ///   before the largest timestamp that this operator has seen, minus gap and grace, is dropped and counted.
    /// * Repartition: as [`KGroupedStream::count`](crate::KGroupedStream::count).
    /// * Store: a session store that keeps sessions for gap and grace, with a changelog.
    /// * Headers: an update that is forwarded at once has none; one that leaves the record cache has those of the
    ///   session's last record.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, String>("clicks")
    ///     .group_by_key()
    ///     .windowed_by(SessionWindows::of_inactivity_gap_and_grace(minutes(30), seconds(30)))
    ///     .count()
    ///     .to_stream()
    ///     .map(|session, count| (session.to_string(), count))
    ///     .to("visits");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let clicks = driver.create_input_topic::<String, String>("clicks");
    /// clicks.pipe("alice".into(), "home".into(), 0)?;
    /// clicks.pipe("alice".into(), "cart".into(), 60_000)?;
    /// let visits = driver.create_output_topic::<String, Option<i64>>("visits").read_key_values()?;
    /// let grown = [("[alice@0/0]".into(), None), ("[alice@0/60000]".into(), Some(2))];
    /// assert_eq!(visits[0], ("[alice@0/0]".into(), Some(1)));
    /// assert_eq!(visits[1..], grown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count(&self) -> KTable<Windowed<K>, i64> {
        self.count_into(Materialized::inherit())
    }

    /// As [`count`](Self::count), into the store that `materialized` describes.
    pub fn count_with(&self, materialized: Materialized<K, i64>) -> KTable<Windowed<K>, i64> {
        self.grouped.burn_count_name(&materialized);
        self.count_into(materialized)
    }

    /// Combines the values of each key in each session; sessions that become one are combined by the same `reducer`
    /// (`SessionWindowedKStream.reduce`). Rules as for [`count`](Self::count); the reducer sees null values.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, i64>("readings")
    ///     .group_by_key()
    ///     .windowed_by(SessionWindows::of_inactivity_gap_and_grace(minutes(1), minutes(1)))
    ///     .reduce(i64::max)
    ///     .to_stream()
    ///     .map(|session, highest| (session.to_string(), highest))
    ///     .to("highest");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let readings = driver.create_input_topic::<String, i64>("readings");
    /// readings.pipe("attic".into(), 30, 0)?;
    /// readings.pipe("attic".into(), 28, 100_000)?;
    /// // Comes late, and connects the two.
    /// readings.pipe("attic".into(), 27, 50_000)?;
    /// let highest = driver.create_output_topic::<String, Option<i64>>("highest").read_key_values()?;
    /// let expected = [
    ///     ("[attic@0/0]".into(), Some(30)),
    ///     ("[attic@100000/100000]".into(), Some(28)),
    ///     ("[attic@0/0]".into(), None),
    ///     ("[attic@100000/100000]".into(), None),
    ///     ("[attic@0/100000]".into(), Some(30)),
    /// ];
    /// assert_eq!(highest, expected);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reduce(&self, reducer: impl Fn(V, V) -> V + Send + Sync + 'static) -> KTable<Windowed<K>, V> {
        self.reduce_with(reducer, Materialized::inherit())
    }

    /// As [`reduce`](Self::reduce), into the store that `materialized` describes.
    pub fn reduce_with(
        &self,
        reducer: impl Fn(V, V) -> V + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<Windowed<K>, V> {
        let inherited = self.grouped.value_serde.clone();
        self.add(
            Draft::new(&self.grouped, prefix::REDUCE, materialized, inherited),
            Reduce(move |a, b| Ok(reducer(a, b))),
        )
    }

    /// Folds the values of each key in each session into a state; `merger` makes one of two
    /// (`SessionWindowedKStream.aggregate`).
    ///
    /// Rules as for [`count`](Self::count); the aggregator sees null values. For each record the fold begins with the
    /// initial state, merges the sessions that the record joins into it in the order of their ends, and adds the record
    /// last, so `merger` should leave a state as it is when merged with the initial one.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, i64>("payments")
    ///     .group_by_key()
    ///     .windowed_by(SessionWindows::of_inactivity_gap_with_no_grace(minutes(30)))
    ///     .aggregate(|| 0_i64, |_account, amount, sum| sum + amount, |_account, one, other| one + other)
    ///     .to_stream()
    ///     .map(|session, sum| (session.to_string(), sum))
    ///     .to("sums");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// payments.pipe("alice".into(), 10, 0)?;
    /// payments.pipe("alice".into(), 5, 60_000)?;
    /// let sums = driver.create_output_topic::<String, Option<i64>>("sums").read_key_values()?;
    /// assert_eq!(sums.last(), Some(&("[alice@0/60000]".into(), Some(15))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate<A: Data + DefaultSerde>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> A + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, A> {
        let materialized = Materialized::inherit().with_value_serde(A::default_serde());
        self.aggregate_with(initializer, aggregator, merger, materialized)
    }

    /// As [`aggregate`](Self::aggregate), into the store that `materialized` describes.
    pub fn aggregate_with<A: Data>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> A + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<Windowed<K>, A> {
        let draft = Draft::new(&self.grouped, prefix::AGGREGATE, materialized, None);
        let fold = Aggregate { initializer, aggregator: keyed(aggregator) };
        self.add(draft, SessionAggregate { fold, merger: keyed(merger) })
    }

    /// As [`reduce_with`](Self::reduce_with), with a reducer that may fail: then the sessions stay as they are. See
    /// [`try_map_values`](crate::KStream::try_map_values).
    pub fn try_reduce_with<E: Into<UserError> + 'static>(
        &self,
        reducer: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<Windowed<K>, V> {
        let inherited = self.grouped.value_serde.clone();
        self.add(
            Draft::new(&self.grouped, prefix::REDUCE, materialized, inherited),
            Reduce(move |a, b| user(reducer(a, b))),
        )
    }

    /// As [`aggregate_with`](Self::aggregate_with), with closures that may fail: then the sessions stay as they are. See
    /// [`try_map_values`](crate::KStream::try_map_values).
    pub fn try_aggregate_with<A: Data, E: Into<UserError> + 'static>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> Result<A, E> + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<Windowed<K>, A> {
        let draft = Draft::new(&self.grouped, prefix::AGGREGATE, materialized, None);
        let fold = Aggregate { initializer, aggregator: try_keyed(aggregator) };
        self.add(draft, SessionAggregate { fold, merger: try_keyed(merger) })
    }

    fn count_into(&self, materialized: Materialized<K, i64>) -> KTable<Windowed<K>, i64> {
        let inherited = Some(i64::default_serde());
        self.add(Draft::new(&self.grouped, prefix::AGGREGATE, materialized, inherited), Count)
    }

    fn add<A: Data>(&self, draft: Draft<K, A>, fold: impl MergingFold<K, V, A>) -> KTable<Windowed<K>, A> {
        let (windows, emit, grouped) = (self.windows, self.emit, &self.grouped);
        draft.check(grouped, windows.check());
        // Kafka Streams counts the gap as grace here: until then a session can still grow.
        let grace_ms = windows.grace_ms().saturating_add(windows.inactivity_gap_ms());
        let retention_ms = draft.retention_ms(grouped, grace_ms);
        let aggregation = draft.aggregation(grouped, fold);
        let windowed = |serde| Arc::new(SessionWindowedSerde::new(serde)) as SerdeRef<Windowed<K>>;
        let key_serde = draft.key_serde.clone().map(windowed);
        let getter = session_getter(&draft.store);
        draft.add(grouped, Some(grace_ms), key_serde, getter, move |draft, writer, old_values| {
            let aggregation = Arc::clone(&aggregation);
            let supplier = move |context: &mut InitContext<'_>| {
                SessionProcessor::open(Arc::clone(&aggregation), windows, emit, old_values, context)
            };
            writer.processor::<_, K, V, Windowed<K>, Change<A>>(&draft.name, supplier)?;
            let (key_serde, value_serde) = draft.serdes()?;
            let store = SessionStoreBuilder::new(&draft.store, key_serde, value_serde, retention_ms);
            let store = configured!(store, &draft.materialized, old_values, &writer.store_place);
            writer.add_store(match emit {
                EmitStrategy::OnWindowUpdate => store,
                // No update is forwarded, so none waits.
                EmitStrategy::OnWindowClose => store.with_caching_disabled(),
            })
        })
    }
}

/// Reads single sessions of a windowed table.
pub(super) fn session_getter<K: Data, A: Data>(store: &str) -> ValueGetterSupplier<Windowed<K>, A> {
    let name: Arc<str> = store.into();
    ValueGetterSupplier::new(vec![store.to_owned()], move |stores| {
        Ok(Box::new(SessionGetter { store: stores.get(&name)? }))
    })
}

struct SessionGetter<K, A> {
    store: SessionStore<K, A>,
}

impl<K: Data, A: Data> ValueGetter<Windowed<K>, A> for SessionGetter<K, A> {
    fn get(&self, key: &Windowed<K>) -> ProcessorResult<Option<ValueAndTimestamp<A>>> {
        let (start_ms, end_ms) = (key.window.start_ms, key.window.end_ms);
        let aggregate = self.store.fetch_session(&key.key, start_ms, end_ms)?;
        // A session's time is its end; the store has no other.
        Ok(aggregate.map(|value| ValueAndTimestamp { value, timestamp: end_ms }))
    }
}
