//! `count`, `reduce` and `aggregate` in windows of a fixed length: tumbling, hopping, unlimited and sliding ones
//! (`TimeWindowedKStreamImpl`, `SlidingWindowedKStreamImpl`).

use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, InitContext, ProcessorResult};
use streams_core::record::Change;
use streams_core::serde::{DefaultSerde, SerdeRef, TimeWindowedSerde};
use streams_core::store::{TimestampedWindowStore, TimestampedWindowStoreBuilder, ValueAndTimestamp};
use streams_core::window::Windowed;

use super::aggregate::Aggregate;
use super::count::Count;
use super::draft::{Draft, configured};
use super::fold::Fold;
use super::layout::Layout;
use super::reduce::Reduce;
use crate::error::DslError;
use crate::handles::{KTable, TimeWindowedKStream};
use crate::naming::prefix;
use crate::operators::fallible::{keyed, try_keyed, user};
use crate::options::Materialized;
use crate::rows::{ValueGetter, ValueGetterSupplier};
use crate::windows::EmitStrategy;

impl<K: Data, V: Data, W: Layout> TimeWindowedKStream<K, V, W> {
    /// Counts the records of each key in each window (`TimeWindowedKStream.count`).
    ///
    /// * Nulls: a record with a null key is dropped and counted in `dropped-records`; one with a null value counts, but
    ///   in sliding windows is dropped too.
    /// * Time: an update has the largest timestamp of the records it counts. A window that ended at least the grace
    ///   period (of sliding windows, whose end is inclusive: longer) before the largest timestamp that this operator
    ///   has seen takes no more records; they are dropped and counted.
    /// * Repartition: as [`KGroupedStream::count`](crate::KGroupedStream::count).
    /// * Store: a window store that keeps windows for size and grace (sliding ones for twice their length and grace),
    ///   with a changelog.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, String>("payments")
    ///     .group_by_key()
    ///     .windowed_by(TimeWindows::of_size_and_grace(minutes(5), seconds(30)))
    ///     .count()
    ///     .to_stream()
    ///     .filter(|_window, count| count.is_some_and(|n| n > 1))
    ///     .map(|window, count| (window.to_string(), count))
    ///     .to("suspicious-accounts");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let payments = driver.create_input_topic::<String, String>("payments");
    /// payments.pipe("alice".into(), "book".into(), 0)?;
    /// payments.pipe("alice".into(), "bike".into(), 299_999)?;
    /// payments.pipe("alice".into(), "boat".into(), 300_000)?;
    /// let suspicious = driver.create_output_topic::<String, Option<i64>>("suspicious-accounts");
    /// assert_eq!(suspicious.read_key_values()?, [("[alice@0/300000]".into(), Some(2))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count(&self) -> KTable<Windowed<K>, i64> {
        self.count_into(Materialized::inherit())
    }

    /// As [`count`](Self::count), into the store that `materialized` describes.
    pub fn count_with(&self, materialized: Materialized<K, i64>) -> KTable<Windowed<K>, i64> {
        if W::COUNT_BURNS_A_NAME {
            self.grouped.burn_count_name(&materialized);
        }
        self.count_into(materialized)
    }

    /// Combines the values of each key in each window (`TimeWindowedKStream.reduce`). Rules as for
    /// [`count`](Self::count); the reducer sees the null values that are not dropped.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, i64>("readings")
    ///     .group_by_key()
    ///     .windowed_by(TimeWindows::of_size_with_no_grace(minutes(1)))
    ///     .reduce(i64::max)
    ///     .to_stream()
    ///     .map(|window, highest| (window.to_string(), highest))
    ///     .to("highest");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let readings = driver.create_input_topic::<String, i64>("readings");
    /// readings.pipe("attic".into(), 30, 0)?;
    /// readings.pipe("attic".into(), 28, 59_999)?;
    /// readings.pipe("attic".into(), 27, 60_000)?;
    /// let highest = driver.create_output_topic::<String, Option<i64>>("highest").read_key_values()?;
    /// let (first, second) = ("[attic@0/60000]".to_owned(), "[attic@60000/120000]".to_owned());
    /// assert_eq!(highest, [(first.clone(), Some(30)), (first, Some(30)), (second, Some(27))]);
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

    /// Folds the values of each key in each window into a state (`TimeWindowedKStream.aggregate`). Rules as for
    /// [`count`](Self::count); the aggregator sees the null values that are not dropped. With an `Option` as state,
    /// `None` deletes the window.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let hopping = TimeWindows::of_size_with_no_grace(minutes(5)).advance_by(minutes(4));
    /// builder
    ///     .stream::<String, i64>("payments")
    ///     .group_by_key()
    ///     .windowed_by(hopping)
    ///     .aggregate(|| 0_i64, |_account, amount, sum| sum + amount)
    ///     .to_stream()
    ///     .map(|window, sum| (window.to_string(), sum))
    ///     .to("sums");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// payments.pipe("alice".into(), 10, 0)?;
    /// payments.pipe("alice".into(), 5, 240_000)?;
    /// let sums = driver.create_output_topic::<String, Option<i64>>("sums").read_key_values()?;
    /// let (first, second) = ("[alice@0/300000]".to_owned(), "[alice@240000/540000]".to_owned());
    /// assert_eq!(sums, [(first.clone(), Some(10)), (first, Some(15)), (second, Some(5))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate<A: Data + DefaultSerde>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, A> {
        let materialized = Materialized::inherit().with_value_serde(A::default_serde());
        self.aggregate_with(initializer, aggregator, materialized)
    }

    /// As [`aggregate`](Self::aggregate), into the store that `materialized` describes.
    pub fn aggregate_with<A: Data>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<Windowed<K>, A> {
        let draft = Draft::new(&self.grouped, prefix::AGGREGATE, materialized, None);
        self.add(draft, Aggregate { initializer, aggregator: keyed(aggregator) })
    }

    /// As [`reduce_with`](Self::reduce_with), with a reducer that may fail; see
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

    /// As [`aggregate_with`](Self::aggregate_with), with an aggregator that may fail; see
    /// [`try_map_values`](crate::KStream::try_map_values).
    pub fn try_aggregate_with<A: Data, E: Into<UserError> + 'static>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<Windowed<K>, A> {
        let draft = Draft::new(&self.grouped, prefix::AGGREGATE, materialized, None);
        self.add(draft, Aggregate { initializer, aggregator: try_keyed(aggregator) })
    }

    /// Emits results so (`TimeWindowedKStream.emitStrategy`); each update by default. Unlimited windows never close, so
    /// that building fails for them.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, String>("clicks")
    ///     .group_by_key()
    ///     .windowed_by(TimeWindows::of_size_with_no_grace(minutes(5)))
    ///     .emit_strategy(EmitStrategy::OnWindowClose)
    ///     .count()
    ///     .to_stream()
    ///     .map(|window, count| (window.key, count))
    ///     .to("clicks-per-five-minutes");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let clicks = driver.create_input_topic::<String, String>("clicks");
    /// clicks.pipe("home".into(), "alice".into(), 0)?;
    /// clicks.pipe("home".into(), "bob".into(), 1)?;
    /// driver.advance_wall_clock_time(1_000)?;
    /// clicks.pipe("home".into(), "carol".into(), 300_000)?;
    /// let counts = driver.create_output_topic::<String, Option<i64>>("clicks-per-five-minutes");
    /// assert_eq!(counts.read_key_values()?, [("home".into(), Some(2))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "the strategy is for the aggregations of the returned stream"]
    pub fn emit_strategy(&self, emit: EmitStrategy) -> Self {
        if emit == EmitStrategy::OnWindowClose && !self.windows.closes() {
            self.grouped.step.plan.borrow().report(DslError::Option {
                operator: "emit_strategy".to_owned(),
                reason: "ON_WINDOW_CLOSE emit strategy cannot be used for UnlimitedWindows".to_owned(),
            });
        }
        TimeWindowedKStream { emit, ..self.clone() }
    }

    fn count_into(&self, materialized: Materialized<K, i64>) -> KTable<Windowed<K>, i64> {
        let inherited = Some(i64::default_serde());
        self.add(Draft::new(&self.grouped, prefix::AGGREGATE, materialized, inherited), Count)
    }

    fn add<A: Data>(&self, draft: Draft<K, A>, fold: impl Fold<K, V, A>) -> KTable<Windowed<K>, A> {
        let (windows, emit, grouped) = (self.windows, self.emit, &self.grouped);
        draft.check(grouped, windows.mistake());
        let (size_ms, grace_ms) = (windows.length_ms(), windows.late_ms());
        let retention_ms = draft.retention_ms(grouped, windows.kept_ms());
        let aggregation = draft.aggregation(grouped, fold);
        let windowed = |serde| Arc::new(TimeWindowedSerde::new(serde, size_ms)) as SerdeRef<Windowed<K>>;
        let key_serde = draft.key_serde.clone().map(windowed);
        let getter = window_getter(&draft.store);
        draft.add(grouped, Some(grace_ms), key_serde, getter, move |draft, writer, old_values| {
            let aggregation = Arc::clone(&aggregation);
            let supplier = move |context: &mut InitContext<'_>| {
                windows.processor(Arc::clone(&aggregation), emit, old_values, context)
            };
            writer.processor::<_, K, V, Windowed<K>, Change<A>>(&draft.name, supplier)?;
            let (key_serde, value_serde) = draft.serdes()?;
            let store =
                TimestampedWindowStoreBuilder::new(&draft.store, key_serde, value_serde, retention_ms);
            let store = configured!(store, &draft.materialized, old_values, &writer.store_place);
            writer.add_store(match emit {
                EmitStrategy::OnWindowUpdate => store,
                EmitStrategy::OnWindowClose if W::CACHED_ON_CLOSE => store.emit_on_close(),
                EmitStrategy::OnWindowClose => store.emit_on_close().with_caching_disabled(),
            })
        })
    }
}

/// Reads single windows of a windowed table.
pub(super) fn window_getter<K: Data, A: Data>(store: &str) -> ValueGetterSupplier<Windowed<K>, A> {
    let name: Arc<str> = store.into();
    ValueGetterSupplier::new(vec![store.to_owned()], move |stores| {
        Ok(Box::new(WindowGetter { store: stores.get(&name)? }))
    })
}

struct WindowGetter<K, A> {
    store: TimestampedWindowStore<K, A>,
}

impl<K: Data, A: Data> ValueGetter<Windowed<K>, A> for WindowGetter<K, A> {
    fn get(&self, key: &Windowed<K>) -> ProcessorResult<Option<ValueAndTimestamp<A>>> {
        Ok(self.store.fetch(&key.key, key.window.start_ms)?)
    }
}
