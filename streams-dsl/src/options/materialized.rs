//! How a table is stored (`org.apache.kafka.streams.kstream.Materialized`).

use std::collections::BTreeMap;
use std::time::Duration;

use streams_core::serde::DefaultSerde;
use streams_core::store::{StoreOptions, StorePlace, StoreSupplier};

use super::SerdeChoice;
use super::common::{OnePair, Options};

/// How a table is stored: serdes, changelog, cache, kind (`org.apache.kafka.streams.kstream.Materialized`). The name is that
/// of the store, under which it can be queried, and of its changelog, `<application.id>-<name>-changelog`; without one, both
/// have a generated name.
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let counts = Materialized::named("counts").with_store_type(StoreType::InMemory).with_caching_disabled();
/// builder.stream::<String, String>("clicks").group_by_key().count_with(counts).to_stream().to("clicks-per-page");
///
/// let driver = TopologyTestDriver::of(builder.build()?)?;
/// driver.create_input_topic::<String, String>("clicks").pipe("home".into(), "alice".into(), 7)?;
/// let store: TimestampedKeyValueStore<String, i64> = driver.state_store("counts").ok_or("no such store")?;
/// let row = store.get(&"home".into())?.map(|row| (row.value, row.timestamp));
/// assert_eq!(row, Some((1, 7)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Materialized<K, V> = Options<K, V, Storing>;

/// What [`Materialized`] has besides serdes and a name.
#[derive(Clone, Debug)]
pub struct Storing {
    /// Its place is that of the topology's stores if the user does not say it.
    pub(crate) options: StoreOptions,
    /// For how long windows are kept, if the user says it.
    pub(crate) retention: Option<Duration>,
    /// The user's choice of a store.
    pub(crate) supplier: Option<StoreSupplier>,
}

impl Default for Storing {
    fn default() -> Self {
        let options = StoreOptions { caching: true, ..StoreOptions::default() };
        Storing { options, retention: None, supplier: None }
    }
}

impl OnePair for Storing {}

impl<K, V> Materialized<K, V> {
    /// As [`new`](Self::new), in the store that the supplier names: one of another kind, such as
    /// [versioned](streams_core::store::Stores::persistent_versioned_key_value_store), or at another place
    /// (`Materialized.as(supplier)`).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let rates = Stores::persistent_versioned_key_value_store("rates", hours(1));
    /// let builder = StreamsBuilder::new();
    /// let rates: KTable<String, f64> =
    ///     builder.table_with("rates", Consumed::new(), Materialized::as_store(rates));
    /// assert_eq!(rates.queryable_store_name(), Some("rates"));
    /// ```
    pub fn as_store(supplier: impl Into<StoreSupplier>) -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::new().with_store(supplier)
    }

    /// Logs changes to a changelog topic with these settings in addition to the defaults (`Materialized.withLoggingEnabled`).
    /// Logging is on unless disabled.
    #[must_use]
    pub fn with_logging_enabled(mut self, configs: BTreeMap<String, String>) -> Self {
        self.own.options.logging = Some(configs);
        self
    }

    /// Keeps no changelog: what an instance loses is lost (`Materialized.withLoggingDisabled`).
    #[must_use]
    pub fn with_logging_disabled(mut self) -> Self {
        self.own.options.logging = None;
        self
    }

    /// Holds updates back until a commit, so that several of one key become one (`Materialized.withCachingEnabled`). On
    /// unless disabled.
    #[must_use]
    pub fn with_caching_enabled(mut self) -> Self {
        self.own.options.caching = true;
        self
    }

    /// Forwards every update at once (`Materialized.withCachingDisabled`).
    #[must_use]
    pub fn with_caching_disabled(mut self) -> Self {
        self.own.options.caching = false;
        self
    }

    /// For windows: how long they are kept (`Materialized.withRetention`); at least as long as they take records, which
    /// is the default: size and grace, of sliding windows two time differences and grace, of sessions gap and grace.
    #[must_use]
    pub fn with_retention(mut self, retention: Duration) -> Self {
        self.own.retention = Some(retention);
        self
    }

    /// Where the store keeps its rows: a [`StoreType`](super::StoreType), or a place of your own. Takes precedence over the
    /// place that the topology's stores have (`Materialized.withStoreType`).
    #[must_use]
    pub fn with_store_type(mut self, place: impl Into<StorePlace>) -> Self {
        self.own.options.place = Some(place.into());
        self
    }

    /// Names and makes the store as the supplier says (`Materialized.as(supplier)`); see [`as_store`](Self::as_store).
    /// It says where the store is kept, too.
    #[must_use]
    pub fn with_store(mut self, supplier: impl Into<StoreSupplier>) -> Self {
        let supplier = supplier.into();
        self.name = Some(supplier.name().to_string());
        self.own.supplier = Some(supplier);
        self
    }

    /// The options of the store, if `default` is where the topology keeps its stores.
    pub(crate) fn store_options(&self, track_old_values: bool, default: &StorePlace) -> StoreOptions {
        let place =
            self.own.supplier.as_ref().and_then(StoreSupplier::place).or(self.own.options.place.as_ref());
        let place = Some(place.unwrap_or(default).clone());
        StoreOptions { place, track_old_values, ..self.own.options.clone() }
    }

    /// Whether the store is versioned.
    pub(crate) fn is_versioned(&self) -> bool {
        self.own.supplier.as_ref().is_some_and(StoreSupplier::is_versioned)
    }

    /// The same options, with whatever serdes are inherited.
    pub(crate) fn without_serdes(mut self) -> Self {
        self.key_serde = SerdeChoice::inherit();
        self.value_serde = SerdeChoice::inherit();
        self
    }

    /// The user's name, under which the store can be queried.
    pub(crate) fn queryable_name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}
