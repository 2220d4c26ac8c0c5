//! How two streams are joined (`org.apache.kafka.streams.kstream.StreamJoined`).

use std::collections::BTreeMap;

use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::store::{StoreOptions, StorePlace, WindowSupplier};
use streams_core::time::{from_ms, to_ms};

use super::SerdeChoice;
use super::common::Options;
use crate::error::OptionError;
use crate::windows::JoinWindows;

/// How two streams are joined: serdes for the stores of both and for repartition topics, changelogs, names of stores
/// (`org.apache.kafka.streams.kstream.StreamJoined`). The name is that of the join's nodes (`<name>-this-join` and so on) and
/// of its repartition topics (`<name>-left-repartition`, `<name>-right-repartition`). `V` is of this stream, `V2` of the
/// other.
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::prelude::*;
///
/// let joined: StreamJoined<String, i64, String> = StreamJoined::new().with_store_name("orders-payments");
/// # drop(joined);
/// ```
pub type StreamJoined<K, V, V2> = Options<K, V, StreamJoining<V2>>;

/// What [`StreamJoined`] has besides serdes and a name.
pub struct StreamJoining<V2> {
    pub(crate) other_value_serde: SerdeChoice<V2>,
    pub(crate) store_name: Option<String>,
    /// Of the stores that the user does not bring.
    pub(crate) options: StoreOptions,
    pub(crate) this_store_supplier: Option<WindowSupplier>,
    pub(crate) other_store_supplier: Option<WindowSupplier>,
}

impl<V2> StreamJoining<V2> {
    fn of(other_value_serde: SerdeChoice<V2>) -> Self {
        StreamJoining {
            other_value_serde,
            store_name: None,
            options: StoreOptions::default(),
            this_store_supplier: None,
            other_store_supplier: None,
        }
    }
}

impl<V2: DefaultSerde> Default for StreamJoining<V2> {
    fn default() -> Self {
        StreamJoining::of(SerdeChoice::by_type())
    }
}

impl<K, V, V2> StreamJoined<K, V, V2> {
    /// With these serdes for the keys, this stream's values and the other stream's (`StreamJoined.with`).
    pub fn with(key: SerdeRef<K>, value: SerdeRef<V>, other_value: SerdeRef<V2>) -> Self {
        let other = StreamJoining::of(SerdeChoice::explicit(other_value));
        Self::of(SerdeChoice::explicit(key), SerdeChoice::explicit(value), other)
    }

    /// With the serdes that the streams inherit; for types without a serde of their own.
    pub fn inherit() -> Self {
        let other = StreamJoining::of(SerdeChoice::inherit());
        Self::of(SerdeChoice::inherit(), SerdeChoice::inherit(), other)
    }

    /// Names the stores, `<name>-this-join-store` and `<name>-other-join-store`, and with them their changelogs
    /// (`StreamJoined.as`, `withStoreName`). Of a left join they are `<name>-this-join-store`,
    /// `<name>-outer-other-join-store` and `<name>-left-shared-join-store`; of an outer join
    /// `<name>-outer-this-join-store`, `<name>-outer-other-join-store` and `<name>-outer-shared-join-store`.
    #[must_use]
    pub fn with_store_name(mut self, name: &str) -> Self {
        self.own.store_name = Some(name.to_owned());
        self
    }

    /// Sets the serde of the other stream's values (`StreamJoined.withOtherValueSerde`).
    #[must_use]
    pub fn with_other_value_serde(mut self, serde: SerdeRef<V2>) -> Self {
        self.own.other_value_serde = self.own.other_value_serde.or_explicit(serde);
        self
    }

    /// Logs the stores to changelogs with these settings in addition to the defaults (`StreamJoined.withLoggingEnabled`).
    /// Logging is on unless disabled.
    #[must_use]
    pub fn with_logging_enabled(mut self, configs: BTreeMap<String, String>) -> Self {
        self.own.options.logging = Some(configs);
        self
    }

    /// Keeps no changelogs: records that wait for a partner are lost with their instance
    /// (`StreamJoined.withLoggingDisabled`).
    #[must_use]
    pub fn with_logging_disabled(mut self) -> Self {
        self.own.options.logging = None;
        self
    }

    /// Where the stores keep their records (`StreamJoined.withDslStoreSuppliers`).
    #[must_use]
    pub fn with_store_type(mut self, place: impl Into<StorePlace>) -> Self {
        self.own.options.place = Some(place.into());
        self
    }

    /// Keeps this stream's records in that store (`StreamJoined.withThisStoreSupplier`). It must fit the join's windows: as
    /// long as they are, kept for as long as they and their grace, with duplicates. Its changelog has Kafka Streams'
    /// settings for window stores, whatever the other options say.
    ///
    /// In a left or outer join, the store of records that wait for a partner is called
    /// `<its name>-left-shared-join-store` or `<its name>-outer-shared-join-store` then, and is where it is, unless
    /// [`with_store_type`](Self::with_store_type) says otherwise.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let windows = JoinWindows::of_time_difference_and_grace(minutes(10), minutes(1));
    /// let orders = Stores::persistent_window_store("orders-of-late", minutes(21), minutes(20), true);
    /// let joined: StreamJoined<String, String, i64> = StreamJoined::new().with_this_store_supplier(orders);
    /// # drop((windows, joined));
    /// ```
    #[must_use]
    pub fn with_this_store_supplier(mut self, supplier: WindowSupplier) -> Self {
        self.own.this_store_supplier = Some(supplier);
        self
    }

    /// Keeps the other stream's records in that store (`StreamJoined.withOtherStoreSupplier`).
    #[must_use]
    pub fn with_other_store_supplier(mut self, supplier: WindowSupplier) -> Self {
        self.own.other_store_supplier = Some(supplier);
        self
    }

    /// What keeps the stores that the user brings from serving a join with these windows.
    pub(crate) fn check_suppliers(&self, windows: &JoinWindows) -> Result<(), OptionError> {
        let suppliers = [&self.own.this_store_supplier, &self.own.other_store_supplier];
        suppliers.into_iter().flatten().try_for_each(|supplier| check(supplier, windows))
    }
}

/// What keeps a store from serving a join with these windows (`KStreamImplJoin.assertWindowSettings`).
fn check(supplier: &WindowSupplier, windows: &JoinWindows) -> Result<(), OptionError> {
    let WindowSupplier { name, retention, window_size, retain_duplicates, .. } = supplier;
    let store = name.to_string();
    if !retain_duplicates {
        return Err(OptionError::NoDuplicates { store });
    }
    if (to_ms(*retention), to_ms(*window_size)) != (windows.retention_ms(), windows.size_ms()) {
        return Err(OptionError::JoinStore {
            store,
            window_size: *window_size,
            retention: *retention,
            needed_size: from_ms(windows.size_ms()),
            needed_retention: from_ms(windows.retention_ms()),
        });
    }
    Ok(())
}
