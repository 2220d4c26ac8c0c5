//! How a stream joins a table (`org.apache.kafka.streams.kstream.Joined`).

use std::time::Duration;

use streams_core::serde::{DefaultSerde, SerdeRef};

use super::SerdeChoice;

/// How a stream joins a table: serdes for the repartition topic, if one is needed, a name, and a grace period
/// (`org.apache.kafka.streams.kstream.Joined`). The table's own values are read from its store, so no serde for them is
/// asked for.
pub struct Joined<K, V> {
    pub(crate) key_serde: SerdeChoice<K>,
    pub(crate) value_serde: SerdeChoice<V>,
    pub(crate) name: Option<String>,
    pub(crate) grace: Option<Duration>,
}

impl<K: DefaultSerde, V: DefaultSerde> Default for Joined<K, V> {
    fn default() -> Self {
        Joined::new()
    }
}

impl<K, V> Joined<K, V> {
    /// With inherited serdes, else the types' own.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let joined: Joined<String, i64> = Joined::new().with_name("enrich");
    /// # drop(joined);
    /// ```
    pub fn new() -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::of(SerdeChoice::by_type(), SerdeChoice::by_type())
    }

    /// With these serdes for the stream's keys and values (`Joined.with`).
    pub fn with(key_serde: SerdeRef<K>, value_serde: SerdeRef<V>) -> Self {
        Self::of(SerdeChoice::explicit(key_serde), SerdeChoice::explicit(value_serde))
    }

    /// With the serdes that the stream inherits; for types without a serde of their own.
    pub fn inherit() -> Self {
        Self::of(SerdeChoice::inherit(), SerdeChoice::inherit())
    }

    /// As [`new`](Self::new), with a name (`Joined.as`).
    pub fn named(name: &str) -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::new().with_name(name)
    }

    fn of(key_serde: SerdeChoice<K>, value_serde: SerdeChoice<V>) -> Self {
        Joined { key_serde, value_serde, name: None, grace: None }
    }

    /// Names the join's node and its repartition topic, `<application.id>-<name>-repartition` (`Joined.withName`).
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Writes keys so (`Joined.withKeySerde`).
    #[must_use]
    pub fn with_key_serde(mut self, serde: SerdeRef<K>) -> Self {
        self.key_serde = self.key_serde.or_explicit(serde);
        self
    }

    /// Writes the stream's values so (`Joined.withValueSerde`).
    #[must_use]
    pub fn with_value_serde(mut self, serde: SerdeRef<V>) -> Self {
        self.value_serde = self.value_serde.or_explicit(serde);
        self
    }

    /// Has records wait for that much stream time before they are joined, so that late updates of the table still count
    /// (`Joined.withGracePeriod`). The table must be versioned, with a history retention of at least the grace period.
    ///
    /// * A record is joined, with the row of its time, when the largest timestamp of the stream's records has reached
    ///   its own and the grace period; what waits is in a buffer with a changelog. One that is later is joined at once.
    /// * Time: the records that waited leave in the order of their times.
    /// * Nulls: a record with a null key does not wait (left join).
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let rates = Materialized::as_store(Stores::persistent_versioned_key_value_store("rates", minutes(1)));
    /// let rates = builder.table_with("rates", Consumed::<String, i64>::new(), rates);
    /// let waiting = Joined::named("convert").with_grace_period(seconds(30));
    /// let amounts = builder.stream::<String, i64>("amounts");
    /// amounts.join_with(&rates, |amount, rate| amount * rate, waiting).to("converted");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let amounts = driver.create_input_topic::<String, i64>("amounts");
    /// let rates = driver.create_input_topic::<String, i64>("rates");
    /// rates.pipe("EUR".into(), 2, 0)?;
    /// amounts.pipe("EUR".into(), 10, 5_000)?;
    /// // The rate of 4 s comes after the amount of 5 s, but while that waits.
    /// rates.pipe("EUR".into(), 3, 4_000)?;
    /// amounts.pipe("EUR".into(), 20, 35_000)?;
    /// assert_eq!(driver.create_output_topic::<String, i64>("converted").read_values()?, [30]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_grace_period(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }
}
