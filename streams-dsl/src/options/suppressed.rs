//! How a table's updates are held back (`org.apache.kafka.streams.kstream.Suppressed`).

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

use streams_core::time::Timestamp;
use streams_core::window::Windowed;

use crate::windows::to_ms;

/// What a buffer does when it is full: emits its first rows early. See [`BufferConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eager {}

/// What a buffer does when it is full: stops the application, as it may emit nothing early. See [`BufferConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strict {}

/// A buffer that may emit early (`Suppressed.EagerBufferConfig`).
pub type EagerBufferConfig = BufferConfig<Eager>;

/// A buffer that emits nothing early (`Suppressed.StrictBufferConfig`).
pub type StrictBufferConfig = BufferConfig<Strict>;

/// How large the buffer of a suppression may become and what happens then (`Suppressed.BufferConfig`).
///
/// Sizes are Kafka Streams': of each row its serialized key, its serialized values and some 30 bytes for where it came
/// from.
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::prelude::*;
///
/// let _ = BufferConfig::unbounded();
/// let _ = BufferConfig::max_records(10_000).with_max_bytes(1 << 20).shut_down_when_full();
/// let _ = BufferConfig::max_bytes(1 << 20).emit_early_when_full();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BufferConfig<R> {
    pub(crate) bounds: Bounds,
    rule: PhantomData<R>,
}

/// The bounds of a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) max_records: Option<u64>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) emits_early: bool,
    /// Settings of the changelog, if there is one.
    pub(crate) log: Option<BTreeMap<String, String>>,
}

impl BufferConfig<Eager> {
    /// Holds that many rows; when there are more, emits the first ones early (`BufferConfig.maxRecords`).
    pub fn max_records(limit: u64) -> Self {
        Self::of(Some(limit), None)
    }

    /// Holds that many bytes; when there are more, emits the first rows early (`BufferConfig.maxBytes`).
    pub fn max_bytes(limit: u64) -> Self {
        Self::of(None, Some(limit))
    }

    fn of(max_records: Option<u64>, max_bytes: Option<u64>) -> Self {
        let log = Some(BTreeMap::new());
        let bounds = Bounds { max_records, max_bytes, emits_early: true, log };
        BufferConfig { bounds, rule: PhantomData }
    }
}

impl BufferConfig<Strict> {
    /// Holds as much as there is memory for (`BufferConfig.unbounded`).
    pub fn unbounded() -> Self {
        BufferConfig::of(None, None).shut_down_when_full()
    }
}

impl<R> BufferConfig<R> {
    /// Holds that many rows (`BufferConfig.withMaxRecords`).
    #[must_use]
    pub fn with_max_records(mut self, limit: u64) -> Self {
        self.bounds.max_records = Some(limit);
        self
    }

    /// Holds that many bytes (`BufferConfig.withMaxBytes`).
    #[must_use]
    pub fn with_max_bytes(mut self, limit: u64) -> Self {
        self.bounds.max_bytes = Some(limit);
        self
    }

    /// Takes the bounds away (`BufferConfig.withNoBound`).
    #[must_use]
    pub fn with_no_bound(self) -> BufferConfig<Strict> {
        self.ruled(|bounds| {
            bounds.max_records = None;
            bounds.max_bytes = None;
            bounds.emits_early = false;
        })
    }

    /// Stops the application when the buffer is full (`BufferConfig.shutDownWhenFull`), whatever the processing exception
    /// handler is: in Kafka Streams one that continues lets the buffer grow beyond its bound.
    #[must_use]
    pub fn shut_down_when_full(self) -> BufferConfig<Strict> {
        self.ruled(|bounds| bounds.emits_early = false)
    }

    /// Emits the first rows when the buffer is full, before their time (`BufferConfig.emitEarlyWhenFull`).
    #[must_use]
    pub fn emit_early_when_full(self) -> BufferConfig<Eager> {
        self.ruled(|bounds| bounds.emits_early = true)
    }

    /// Keeps no changelog: what is held back is lost with the process (`BufferConfig.withLoggingDisabled`).
    #[must_use]
    pub fn with_logging_disabled(mut self) -> Self {
        self.bounds.log = None;
        self
    }

    /// Logs the buffer to a changelog topic with these settings in addition to the defaults
    /// (`BufferConfig.withLoggingEnabled`). Logging is on unless disabled.
    #[must_use]
    pub fn with_logging_enabled(mut self, configs: BTreeMap<String, String>) -> Self {
        self.bounds.log = Some(configs);
        self
    }

    fn ruled<S>(mut self, change: impl FnOnce(&mut Bounds)) -> BufferConfig<S> {
        change(&mut self.bounds);
        BufferConfig { bounds: self.bounds, rule: PhantomData }
    }
}

/// For how long updates are held back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait<K> {
    /// Until the window, whose end is read so, is closed.
    WindowCloses(fn(&K) -> Timestamp),
    /// For that many ms.
    TimeLimit(i64),
}

/// How a table's updates are held back, for [`KTable::suppress`](crate::KTable::suppress)
/// (`org.apache.kafka.streams.kstream.Suppressed`).
#[derive(Clone, Debug)]
pub struct Suppressed<K> {
    pub(crate) name: Option<String>,
    pub(crate) wait: Wait<K>,
    pub(crate) bounds: Bounds,
}

impl<K> Suppressed<Windowed<K>> {
    /// Lets only the final result of each window through, once no record can change it
    /// (`Suppressed.untilWindowCloses`). Deleted windows are left out, as nothing was ever emitted for them.
    ///
    /// The grace period is that of the windowed aggregation upstream; without one, building fails.
    /// [`KTable::suppress`](crate::KTable::suppress) has an example.
    pub fn until_window_closes(buffer: StrictBufferConfig) -> Self {
        let wait = Wait::WindowCloses(|windowed: &Windowed<K>| windowed.window.end_ms);
        Suppressed { name: None, wait, bounds: buffer.bounds }
    }
}

impl<K> Suppressed<K> {
    /// Holds the updates of a row back for that long after the first one, and lets the last one through
    /// (`Suppressed.untilTimeLimit`). Time is that of records: nothing is emitted while none come.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let calm = Suppressed::until_time_limit(seconds(10), BufferConfig::max_records(1_000));
    /// builder.table::<String, i64>("prices").suppress(calm).to_stream().to("calm-prices");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let prices = driver.create_input_topic::<String, i64>("prices");
    /// prices.pipe("tea".into(), 100, 0)?;
    /// prices.pipe("tea".into(), 105, 9_000)?;
    /// // Ten seconds after the first update of tea the last one leaves; that of milk begins to wait.
    /// prices.pipe("milk".into(), 80, 10_000)?;
    /// let calm = driver.create_output_topic::<String, Option<i64>>("calm-prices");
    /// assert_eq!(calm.read_key_values()?, [("tea".into(), Some(105))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn until_time_limit<R>(limit: Duration, buffer: BufferConfig<R>) -> Self {
        Suppressed { name: None, wait: Wait::TimeLimit(to_ms(limit)), bounds: buffer.bounds }
    }

    /// Names the operator; the buffer is called `<name>-store` (`Suppressed.withName`).
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rule_counts() {
        let eager = BufferConfig::max_records(3).with_max_bytes(5);
        assert_eq!((eager.bounds.max_records, eager.bounds.max_bytes), (Some(3), Some(5)));
        assert!(eager.bounds.emits_early && !eager.clone().shut_down_when_full().bounds.emits_early);
        assert_eq!(eager.clone().with_no_bound(), BufferConfig::unbounded());
        assert!(eager.shut_down_when_full().emit_early_when_full().bounds.emits_early);
        assert_eq!(BufferConfig::unbounded().with_logging_disabled().bounds.log, None);
    }
}
