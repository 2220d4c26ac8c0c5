//! `aggregate`: a key's values folded into a state of any type; and the processor of all unwindowed aggregations
//! (`KStreamAggregate`, `KStreamReduce`).

use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, DropReason, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Record};
use streams_core::serde::DefaultSerde;

use super::draft::{Aggregation, Draft};
use super::fold::{Fold, MergingFold};
use super::forward::{Forward, timestamped_update};
use crate::handles::{KGroupedStream, KTable};
use crate::naming::prefix;
use crate::operators::fallible::{keyed, try_keyed};
use crate::options::Materialized;
use crate::rows::{RowStore, RowStoreSettings, TableForwarder, ValueGetterSupplier, row_store};

impl<K: Data, V: Data> KGroupedStream<K, V> {
    /// Folds the values of each key into a state, which `initializer` begins and `aggregator` continues
    /// (`KGroupedStream.aggregate`).
    ///
    /// The state is moved into the aggregator and back, so that one that grows a collection need not copy it. Null,
    /// time, repartition and store rules are those of [`count`](Self::count). With an `Option` as state, `None` deletes
    /// the row, and the next value begins again from `initializer`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let payments = builder.stream::<String, i64>("payments");
    /// payments.group_by_key().aggregate(|| 0_i64, |_account, amount, sum| sum + amount).to_stream().to("sums");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// payments.pipe("alice".into(), 10, 0)?;
    /// payments.pipe("alice".into(), 5, 1)?;
    /// let sums = driver.create_output_topic::<String, Option<i64>>("sums").read_key_values()?;
    /// assert_eq!(sums, [("alice".into(), Some(10)), ("alice".into(), Some(15))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate<A: Data + DefaultSerde>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> KTable<K, A> {
        let materialized = Materialized::inherit().with_value_serde(A::default_serde());
        self.aggregate_with(initializer, aggregator, materialized)
    }

    /// As [`aggregate`](Self::aggregate), into the store that `materialized` describes.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let payments = builder.stream::<String, i64>("payments");
    /// let sums = payments.group_by_key().aggregate_with(
    ///     || 0_i64,
    ///     |_account, amount, sum| sum + amount,
    ///     Materialized::named("sums"),
    /// );
    /// assert_eq!(sums.queryable_store_name(), Some("sums"));
    /// ```
    pub fn aggregate_with<A: Data>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<K, A> {
        let draft = Draft::new(self, prefix::AGGREGATE, materialized, None);
        add_unwindowed(self, draft, Aggregate { initializer, aggregator: keyed(aggregator) })
    }

    /// As [`aggregate`](Self::aggregate), with an aggregator that may fail: its error goes to the processing exception
    /// handler, and the aggregate stays as it is. See [`try_map_values`](crate::KStream::try_map_values).
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let add = |_: &String, text: String, sum: i64| text.parse::<i64>().map(|number| sum + number);
    /// builder.stream::<String, String>("texts").group_by_key().try_aggregate(|| 0, add).to_stream().to("sums");
    ///
    /// let config = StreamsConfig::new("test", "embedded:").with("processing.exception.handler", "LogAndContinue")?;
    /// let driver = TopologyTestDriver::new(builder.build()?, config)?;
    /// let texts = driver.create_input_topic::<String, String>("texts");
    /// for (time, text) in [(0, "1"), (1, "one"), (2, "3")] {
    ///     texts.pipe("k".into(), text.into(), time)?;
    /// }
    /// assert_eq!(driver.create_output_topic::<String, i64>("sums").read_values()?, [1, 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_aggregate<A: Data + DefaultSerde, E: Into<UserError> + 'static>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
    ) -> KTable<K, A> {
        let materialized = Materialized::inherit().with_value_serde(A::default_serde());
        self.try_aggregate_with(initializer, aggregator, materialized)
    }

    /// As [`try_aggregate`](Self::try_aggregate), into the store that `materialized` describes.
    pub fn try_aggregate_with<A: Data, E: Into<UserError> + 'static>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<K, A> {
        let draft = Draft::new(self, prefix::AGGREGATE, materialized, None);
        add_unwindowed(self, draft, Aggregate { initializer, aggregator: try_keyed(aggregator) })
    }
}

/// Adds an unwindowed aggregation to the plan.
pub(super) fn add_unwindowed<K: Data, V: Data, A: Data>(
    grouped: &KGroupedStream<K, V>,
    draft: Draft<K, A>,
    fold: impl Fold<K, V, A>,
) -> KTable<K, A> {
    let aggregation = draft.aggregation(grouped, fold);
    let (key_serde, getter) = (draft.key_serde.clone(), ValueGetterSupplier::of_store(&draft.store));
    draft.add(grouped, None, key_serde, getter, move |draft, writer, old_values| {
        let aggregation = Arc::clone(&aggregation);
        let supplier = move |context: &mut InitContext<'_>| {
            AggregateProcessor::open(Arc::clone(&aggregation), old_values, context)
        };
        writer.processor::<_, K, V, K, Change<A>>(&draft.name, supplier)?;
        let (key_serde, value_serde) = draft.serdes()?;
        let settings = RowStoreSettings {
            name: &draft.store,
            operator: &draft.name,
            track_old_values: old_values,
            logged: true,
            place: &writer.store_place,
        };
        let store = row_store(&settings, key_serde, value_serde, &draft.materialized)?;
        writer.add_store(store)
    })
}

/// A user's fold.
pub(crate) struct Aggregate<I, F> {
    pub(crate) initializer: I,
    pub(crate) aggregator: F,
}

impl<K, V, A, I, F> Fold<K, V, A> for Aggregate<I, F>
where
    I: Fn() -> A + Send + Sync + 'static,
    F: Fn(&K, V, A) -> Result<A> + Send + Sync + 'static,
{
    fn initial(&self) -> Option<A> {
        Some((self.initializer)())
    }

    #[inline]
    fn add(&self, key: &K, value: V, aggregate: Option<A>) -> Result<A> {
        (self.aggregator)(key, value, aggregate.unwrap_or_else(&self.initializer))
    }
}

/// A user's fold over sessions, which can become one.
pub(crate) struct SessionAggregate<I, F, M> {
    pub(crate) fold: Aggregate<I, F>,
    pub(crate) merger: M,
}

impl<K, V, A, I, F, M> Fold<K, V, A> for SessionAggregate<I, F, M>
where
    I: Fn() -> A + Send + Sync + 'static,
    F: Fn(&K, V, A) -> Result<A> + Send + Sync + 'static,
    M: Fn(&K, A, A) -> Result<A> + Send + Sync + 'static,
{
    fn initial(&self) -> Option<A> {
        Some((self.fold.initializer)())
    }

    fn add(&self, key: &K, value: V, aggregate: Option<A>) -> Result<A> {
        self.fold.add(key, value, aggregate)
    }
}

impl<K, V, A, I, F, M> MergingFold<K, V, A> for SessionAggregate<I, F, M>
where
    I: Fn() -> A + Send + Sync + 'static,
    F: Fn(&K, V, A) -> Result<A> + Send + Sync + 'static,
    M: Fn(&K, A, A) -> Result<A> + Send + Sync + 'static,
{
    fn merge(&self, key: &K, aggregate: Option<A>, session: A) -> Result<A> {
        (self.merger)(key, aggregate.unwrap_or_else(&self.fold.initializer), session)
    }
}

/// Folds each value into the aggregate of its key.
///
/// 1. A null key or a null value is dropped and counted.
/// 2. The result's time is the larger one of the record's and the aggregate's; a first value gives its own time.
/// 3. A null aggregate deletes the row; the next value starts again.
/// 4. The old value that goes along with the first update of a key is the fold's initial aggregate, not nothing, while
///    updates are forwarded at once: Kafka Streams does it so, and `suppress` shows it.
pub(crate) struct AggregateProcessor<K, V, A, F> {
    aggregation: Arc<Aggregation<K, V, A, F>>,
    forward: Forward,
    store: RowStore<K, A>,
}

impl<K: Data, V: Data, A: Data, F> AggregateProcessor<K, V, A, F> {
    /// The instance of one task.
    pub(crate) fn open(
        aggregation: Arc<Aggregation<K, V, A, F>>,
        send_old_values: bool,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        let store = RowStore::open(&aggregation.store, &context.stores())?;
        let forward = Forward::of(store.caching(), send_old_values, context);
        if let Some(cached) = store.cached() {
            TableForwarder::on_flush(context, move || {
                let changes = cached.take_changes()?;
                Ok(changes.into_iter().map(|change| timestamped_update(change, std::convert::identity)))
            })?;
        }
        Ok(AggregateProcessor { aggregation, forward, store })
    }
}

impl<K, V, A, F> Processor<K, V, K, Change<A>> for AggregateProcessor<K, V, A, F>
where
    K: Data,
    V: Data,
    A: Data,
    F: Fold<K, V, A>,
{
    fn process(
        &mut self,
        record: Record<K, V>,
        context: &mut ProcessorContext<'_, K, Change<A>>,
    ) -> ProcessorResult {
        let Aggregation { fold, keys, values, aggregates, .. } = &*self.aggregation;
        if keys.contain(&record.key) || values.contain(&record.value) {
            let null_key = keys.contain(&record.key);
            let reason = if null_key { DropReason::NullKey } else { DropReason::NullValue };
            context.drop_record_as(reason, "an aggregation needs both");
            return Ok(());
        }
        let store = &self.store;
        let Record { key, value, timestamp, headers } = record;
        let (aggregate, timestamp) = match store.get(&key)? {
            None => (fold.initial(), timestamp),
            Some(stored) => (Some(stored.value), timestamp.max(stored.timestamp)),
        };
        let old = if self.forward.with_old() { aggregate.clone() } else { None };
        let new = aggregates.reject(fold.add(&key, value, aggregate)?);
        if !self.forward.at_once() {
            store.put(&key, new, timestamp)?;
            return Ok(());
        }
        let Some(is_latest) = store.put_copy(&key, new.as_ref(), timestamp)? else { return Ok(()) };
        let old = old.and_then(|old| aggregates.reject(old));
        context.forward(Record { key, value: Change { new, old, is_latest }, timestamp, headers })
    }
}
