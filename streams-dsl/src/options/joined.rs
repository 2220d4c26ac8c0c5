//! How a stream joins a table (`org.apache.kafka.streams.kstream.Joined`).

use std::time::Duration;

use super::common::{OnePair, Options};

/// How a stream joins a table: serdes for the repartition topic, if one is needed, and a grace period
/// (`org.apache.kafka.streams.kstream.Joined`). The name is that of the join's node and of its repartition topic,
/// `<application.id>-<name>-repartition`. The serdes are those of the stream: the table's values are read from its store.
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::prelude::*;
///
/// let joined: Joined<String, i64> = Joined::new().with_name("enrich");
/// # drop(joined);
/// ```
pub type Joined<K, V> = Options<K, V, Joining>;

/// What [`Joined`] has besides serdes and a name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Joining {
    pub(crate) grace: Option<Duration>,
}

impl OnePair for Joining {}

impl<K, V> Joined<K, V> {
    /// Makes records wait for that much stream time before they are joined, so that late updates of the table still count
    /// (`Joined.withGracePeriod`). The table must be versioned, with a history retention of at least the grace period.
    ///
    /// * A record is joined, with the row of its time, when the largest timestamp of the stream's records has reached
    ///   its own and the grace period; what waits is in a buffer with a changelog. One that is later is joined at once.
    /// * Time: the records that waited leave in the order of their times.
    /// * Nulls: a record with a null key does not wait (left join).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
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
        self.own.grace = Some(grace);
        self
    }
}
