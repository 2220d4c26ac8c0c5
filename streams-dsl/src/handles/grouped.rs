//! The handle of a grouped stream, in windows or without; its aggregations are in `operators/aggregate`.

use std::cell::Cell;
use std::rc::Rc;

use streams_core::processor::Data;
use streams_core::serde::SerdeRef;

use crate::error::{DslError, OptionError};
use crate::graph::{NodeId, Repartitioning, Step, repartition_node};
use crate::windows::{EmitStrategy, SessionWindows, TimeWindows, Whole, WindowedBy};

/// A stream grouped by key, to be aggregated (`org.apache.kafka.streams.kstream.KGroupedStream`).
///
/// A cheap handle: several aggregations can be made of one. Those share a repartition topic if it has a name
/// (`Grouped::named`), else each has its own. `W` says over what they are: [`Whole`] is all of time, and
/// [`windowed_by`](Self::windowed_by) makes it windows.
///
/// # Nulls
///
/// All aggregations drop records with a null key; those without windows and in sliding windows drop records with a null
/// value, too. Null is what the serde of the key or value calls so; where no serde is known (`Grouped::inherit()`, and none
/// inherited), nothing is.
pub struct KGroupedStream<K, V, W = Whole> {
    pub(crate) step: Step,
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
    pub(crate) repartition_required: bool,
    /// The user's name for the repartition topic (`Grouped.as`).
    pub(crate) repartition_name: Option<Rc<str>>,
    /// The repartition node that aggregations share when the user has named it.
    pub(crate) repartition: Rc<Cell<Option<NodeId>>>,
    pub(crate) windows: W,
    pub(crate) emit: EmitStrategy,
}

/// A grouped stream in windows: tumbling, hopping, sliding, unlimited ones, or your own
/// (`org.apache.kafka.streams.kstream.TimeWindowedKStream`).
pub type TimeWindowedKStream<K, V, W = TimeWindows> = KGroupedStream<K, V, W>;

/// A grouped stream in sessions (`org.apache.kafka.streams.kstream.SessionWindowedKStream`).
pub type SessionWindowedKStream<K, V> = KGroupedStream<K, V, SessionWindows>;

impl<K, V, W: Clone> Clone for KGroupedStream<K, V, W> {
    fn clone(&self) -> Self {
        self.over(self.windows.clone(), self.emit)
    }
}

impl<K, V, W> KGroupedStream<K, V, W> {
    /// The same grouped stream over those windows.
    fn over<W2>(&self, windows: W2, emit: EmitStrategy) -> KGroupedStream<K, V, W2> {
        KGroupedStream {
            step: self.step.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            repartition_required: self.repartition_required,
            repartition_name: self.repartition_name.clone(),
            repartition: Rc::clone(&self.repartition),
            windows,
            emit,
        }
    }
}

impl<K, V> KGroupedStream<K, V> {
    /// A stream that is grouped by its key.
    pub(crate) fn new(
        step: Step,
        key_serde: Option<SerdeRef<K>>,
        value_serde: Option<SerdeRef<V>>,
        repartition_required: bool,
        repartition_name: Option<&str>,
    ) -> Self {
        KGroupedStream {
            step,
            key_serde,
            value_serde,
            repartition_required,
            repartition_name: repartition_name.map(Into::into),
            repartition: Rc::default(),
            windows: Whole,
            emit: EmitStrategy::default(),
        }
    }
}

impl<K: Data, V: Data> KGroupedStream<K, V> {
    /// What this grouped stream shares with its clones alone.
    pub(crate) fn shared(&self) -> &Rc<Cell<Option<NodeId>>> {
        &self.repartition
    }

    /// Aggregates in windows from here on (`KGroupedStream.windowedBy`): in [`TimeWindows`],
    /// [`SlidingWindows`](crate::windows::SlidingWindows), [`SessionWindows`],
    /// [`UnlimitedWindows`](crate::windows::UnlimitedWindows), or [windows of your own](crate::windows::Windows). Rules are
    /// those of the aggregation that follows.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, String>("clicks")
    ///     .group_by_key()
    ///     .windowed_by(TimeWindows::of_size_and_grace(minutes(5), seconds(30)))
    ///     .count();
    /// builder.build()?;
    /// # Ok::<(), DslError>(())
    /// ```
    pub fn windowed_by<W: WindowedBy>(&self, windows: W) -> KGroupedStream<K, V, W> {
        self.over(windows, EmitStrategy::default())
    }
}

impl<K: Data, V: Data, W: Clone> KGroupedStream<K, V, W> {
    /// Names the next aggregation's node (`Named.as`); the store is named by `Materialized`.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, String>("clicks").group_by_key().named("counter").count();
    /// assert!(builder.build()?.describe().to_string().contains("Processor: counter"));
    /// # Ok::<(), DslError>(())
    /// ```
    #[must_use = "the name is for the next aggregation of the returned stream"]
    pub fn named(&self, name: &str) -> Self {
        KGroupedStream { step: self.step.named(name), ..self.clone() }
    }

    /// Where the stream is partitioned by its key: here, or behind a repartition topic that is named after the group or
    /// else after the store of the aggregation, which `stored_by_name` if the user has named it. Takes three numbers
    /// in the latter case.
    pub(crate) fn partitioned_by_key(&self, store: &str, stored_by_name: bool) -> Step {
        if !self.repartition_required {
            return self.step.clone();
        }
        let topic_prefix = self.repartition_name.as_deref().unwrap_or(store);
        let named = self.repartition_name.is_some() || stored_by_name;
        let how = Repartitioning::implicit(named, self.key_serde.clone(), self.value_serde.clone());
        let mut plan = self.step.plan.borrow_mut();
        let node = repartition_node(&mut plan, topic_prefix, how);
        let source = node.name.clone();
        let shared = self.repartition.get().filter(|_| self.repartition_name.is_some());
        let id = match shared {
            // Attached again and so written later, as in Kafka Streams, which adds the same node twice.
            Some(id) => {
                plan.attach(self.step.node, id);
                id
            }
            None => plan.add(&[self.step.node], node),
        };
        self.repartition.set(Some(id));
        drop(plan);
        Step::at_source(&self.step.plan, id, &source)
    }
}

impl<K: Data, V: Data, W: WindowedBy> KGroupedStream<K, V, W> {
    /// When results are emitted (`TimeWindowedKStream.emitStrategy`, `SessionWindowedKStream.emitStrategy`): each update by
    /// default. Windows that never close cannot be emitted when they do: building fails for them.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
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
    /// driver.advance_wall_clock_time(seconds(1))?;
    /// clicks.pipe("home".into(), "carol".into(), 300_000)?;
    /// let counts = driver.create_output_topic::<String, Option<i64>>("clicks-per-five-minutes");
    /// assert_eq!(counts.read_key_values()?, [("home".into(), Some(2))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "the strategy is for the aggregations of the returned stream"]
    pub fn emit_strategy(&self, emit: EmitStrategy) -> Self {
        if emit == EmitStrategy::OnWindowClose && !self.windows.closes() {
            let windows = std::any::type_name::<W>();
            let windows = windows.rsplit("::").next().unwrap_or(windows).to_owned();
            self.step.plan.borrow().report(DslError::Option {
                operator: self.step.name.to_string(),
                cause: OptionError::NeverClose { windows },
            });
        }
        KGroupedStream { emit, ..self.clone() }
    }
}
