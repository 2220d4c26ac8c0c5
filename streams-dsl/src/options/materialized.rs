//! How a table is stored (`org.apache.kafka.streams.kstream.Materialized`).

use std::collections::BTreeMap;

use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::store::{StorePlace, StoreSupplier};

use super::SerdeChoice;

/// Where a store keeps its rows (`Materialized.StoreType`, `dsl.store.suppliers.class`); see
/// [`Materialized::with_store_type`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreType {
    /// On disk, in RocksDB.
    #[default]
    RocksDb,
    /// In memory; restored from its changelog after a restart.
    InMemory,
}

impl From<StoreType> for StorePlace {
    fn from(store_type: StoreType) -> Self {
        match store_type {
            StoreType::RocksDb => StorePlace::Disk,
            StoreType::InMemory => StorePlace::Memory,
        }
    }
}

/// How a table is stored: name, serdes, changelog, cache, kind (`org.apache.kafka.streams.kstream.Materialized`).
///
/// ```
/// use streams_dsl::prelude::*;
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
/// # use streams_dsl::core::store::TimestampedKeyValueStore;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Materialized<K, V> {
    pub(crate) name: Option<String>,
    pub(crate) key_serde: SerdeChoice<K>,
    pub(crate) value_serde: SerdeChoice<V>,
    pub(crate) logged: bool,
    pub(crate) log_configs: BTreeMap<String, String>,
    pub(crate) cached: bool,
    pub(crate) retention_ms: Option<i64>,
    /// Where the store is kept, if not where the topology keeps its stores.
    pub(crate) place: Option<StorePlace>,
    /// The user's choice of a store.
    pub(crate) supplier: Option<StoreSupplier>,
}

impl<K, V> Clone for Materialized<K, V> {
    fn clone(&self) -> Self {
        Materialized {
            name: self.name.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            logged: self.logged,
            log_configs: self.log_configs.clone(),
            cached: self.cached,
            retention_ms: self.retention_ms,
            place: self.place.clone(),
            supplier: self.supplier.clone(),
        }
    }
}

impl<K: DefaultSerde, V: DefaultSerde> Default for Materialized<K, V> {
    fn default() -> Self {
        Materialized::new()
    }
}

impl<K, V> Materialized<K, V> {
    /// With inherited serdes, else the types' own, under a generated name, so that the store cannot be queried.
    pub fn new() -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::of(SerdeChoice::by_type(), SerdeChoice::by_type())
    }

    /// With these serdes (`Materialized.with`).
    pub fn with(key_serde: SerdeRef<K>, value_serde: SerdeRef<V>) -> Self {
        Self::of(SerdeChoice::explicit(key_serde), SerdeChoice::explicit(value_serde))
    }

    /// With the serdes that the stream inherits; for types without a serde of their own.
    pub fn inherit() -> Self {
        Self::of(SerdeChoice::inherit(), SerdeChoice::inherit())
    }

    /// As [`new`](Self::new), under that name: the store can be queried, its changelog is
    /// `<application.id>-<name>-changelog` (`Materialized.as`).
    pub fn named(name: &str) -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::new().with_name(name)
    }

    /// As [`new`](Self::new), in the store that the supplier names: one of another kind, such as
    /// [versioned](streams_core::store::Stores::persistent_versioned_key_value_store), or at another place
    /// (`Materialized.as(supplier)`).
    ///
    /// ```
    /// use streams_dsl::prelude::*;
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

    fn of(key_serde: SerdeChoice<K>, value_serde: SerdeChoice<V>) -> Self {
        Materialized {
            name: None,
            key_serde,
            value_serde,
            logged: true,
            log_configs: BTreeMap::new(),
            cached: true,
            retention_ms: None,
            place: None,
            supplier: None,
        }
    }

    /// Names the store, so that it can be queried (`Materialized.as`).
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Writes keys so (`Materialized.withKeySerde`).
    #[must_use]
    pub fn with_key_serde(mut self, serde: SerdeRef<K>) -> Self {
        self.key_serde = self.key_serde.or_explicit(serde);
        self
    }

    /// Writes values so (`Materialized.withValueSerde`).
    #[must_use]
    pub fn with_value_serde(mut self, serde: SerdeRef<V>) -> Self {
        self.value_serde = self.value_serde.or_explicit(serde);
        self
    }

    /// Logs changes to a changelog topic with these settings beside the defaults (`Materialized.withLoggingEnabled`).
    /// Logging is on unless disabled.
    #[must_use]
    pub fn with_logging_enabled(mut self, configs: BTreeMap<String, String>) -> Self {
        (self.logged, self.log_configs) = (true, configs);
        self
    }

    /// Keeps no changelog: what an instance loses is lost (`Materialized.withLoggingDisabled`).
    #[must_use]
    pub fn with_logging_disabled(mut self) -> Self {
        (self.logged, self.log_configs) = (false, BTreeMap::new());
        self
    }

    /// Holds updates back until a commit, so that several of one key become one (`Materialized.withCachingEnabled`). On
    /// unless disabled.
    #[must_use]
    pub fn with_caching_enabled(mut self) -> Self {
        self.cached = true;
        self
    }

    /// Forwards every update at once (`Materialized.withCachingDisabled`).
    #[must_use]
    pub fn with_caching_disabled(mut self) -> Self {
        self.cached = false;
        self
    }

    /// For windows: how long they are kept (`Materialized.withRetention`); at least as long as they take records, which
    /// is the default: size and grace, of sliding windows two time differences and grace, of sessions gap and grace.
    #[must_use]
    pub fn with_retention_ms(mut self, retention_ms: i64) -> Self {
        self.retention_ms = Some(retention_ms);
        self
    }

    /// Where the store keeps its rows: a [`StoreType`], or a place of your own. Takes precedence over the place that
    /// the topology's stores have (`Materialized.withStoreType`).
    #[must_use]
    pub fn with_store_type(mut self, place: impl Into<StorePlace>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Names and makes the store as the supplier says (`Materialized.as(supplier)`); see [`as_store`](Self::as_store).
    /// It says where the store is kept, too.
    #[must_use]
    pub fn with_store(mut self, supplier: impl Into<StoreSupplier>) -> Self {
        let supplier = supplier.into();
        self.name = Some(supplier.name().to_string());
        self.supplier = Some(supplier);
        self
    }

    /// Where the store is kept, if `default` is where the topology keeps its stores.
    pub(crate) fn place_or(&self, default: &StorePlace) -> StorePlace {
        match &self.supplier {
            Some(StoreSupplier::Window(supplier)) => supplier.place.clone(),
            Some(StoreSupplier::Session(supplier)) => supplier.place.clone(),
            _ => self.place.as_ref().unwrap_or(default).clone(),
        }
    }

    /// Whether the store is versioned.
    pub(crate) fn is_versioned(&self) -> bool {
        self.supplier.as_ref().is_some_and(StoreSupplier::is_versioned)
    }

    /// The same options, with whatever serdes are inherited.
    pub(crate) fn without_serdes(mut self) -> Self {
        (self.key_serde, self.value_serde) = (SerdeChoice::inherit(), SerdeChoice::inherit());
        self
    }

    /// The user's name, under which the store can be queried.
    pub(crate) fn queryable_name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}
