//! Session stores (`SessionStore`).

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use state_stores::{ClosedOrder, SessionKey, SessionSpec, StateStore, Tracking, ValueFormat};

use crate::error::Result;
use crate::record::Data;
use crate::serde::SerdeRef;
use crate::store::handle::Handle;
use crate::store::{
    Cached, ChangelogKind, FlushedChange, Opened, Opening, RecordClock, RestoreFormat, StoreBuilder,
    StoreKind,
};
use crate::time::{IntoTimestamp, Timestamp, to_ms};
use crate::window::{Window, Windowed};

/// An aggregate for each key and session (`org.apache.kafka.streams.state.SessionStore`). Sessions whose end is older
/// than the retention, counted back from the largest end ever put, are neither taken nor found.
///
/// ```
/// # use streams_core as kstreams;
/// use kstreams::store::{SessionStore, Stores};
/// use kstreams::window::{Window, Windowed};
/// # use kstreams::processor::{Processor, ProcessorContext, ProcessorResult, SourceOptions};
/// # use kstreams::record::Record;
/// # use kstreams::serde::DefaultSerde;
/// # struct Ignore;
/// # impl Processor<String, String, (), ()> for Ignore {
/// #     fn process(&mut self, _: Record<String, String>, _: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
/// #         Ok(())
/// #     }
/// # }
/// # let mut topology = kstreams::topology::Topology::new();
/// # let text = || String::default_serde();
/// # let from = SourceOptions { key_serde: text(), value_serde: text(), extractor: None };
/// # topology.add_source("source", &["in"], None, from)?;
/// # topology.add_processor("processor", |_| Ok(Ignore), &["source"])?;
///
/// let minute = std::time::Duration::from_secs(60);
/// topology.add_state_store(Stores::session_store::<String, i64>("visits", minute), &["processor"])?;
/// # let driver = kstreams::testing::TopologyTestDriver::of(topology)?;
/// let visits: SessionStore<String, i64> = driver.state_store("visits").ok_or("no such store")?;
/// let morning = Windowed::new("alice".to_owned(), Window::new(0, 5_000));
/// visits.put(&morning, Some(3))?;
/// assert_eq!(visits.fetch_session(&morning.key, 0, 5_000)?, Some(3));
/// // Which sessions are within 2 s of a record at 6 s?
/// let mut near = visits.find_sessions(&morning.key, 4_000, 8_000)?;
/// assert_eq!(near.next().transpose()?, Some((morning.clone(), 3)));
/// visits.remove(&morning)?;
/// assert_eq!(visits.fetch(&morning.key)?.count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SessionStore<K, A> {
    store: Handle<state_stores::SessionTable<K, A>>,
    clock: Rc<RecordClock>,
    caching: bool,
    closed_order: ClosedOrder,
}

impl<K, A> Clone for SessionStore<K, A> {
    fn clone(&self) -> Self {
        SessionStore {
            store: self.store.clone(),
            clock: Rc::clone(&self.clock),
            caching: self.caching,
            closed_order: self.closed_order,
        }
    }
}

fn window<K>(session: SessionKey<K>) -> Windowed<K> {
    Windowed::new(session.key, Window::new(session.start, session.end))
}

/// What a scan gives, as users know it.
fn windowed<K, A>(entry: Result<(SessionKey<K>, A)>) -> Result<(Windowed<K>, A)> {
    entry.map(|(session, aggregate)| (window(session), aggregate))
}

impl<K: Clone + 'static, A: Clone + 'static> SessionStore<K, A> {
    /// Sets a session's aggregate; `None` removes the session. A session that has expired is left out and counted.
    pub fn put(&self, session: &Windowed<K>, aggregate: Option<A>) -> Result<()> {
        let timestamp = self.clock.timestamp();
        let headers = self.clock.headers();
        let session = SessionKey {
            key: session.key.clone(),
            start: session.window.start_ms,
            end: session.window.end_ms,
        };
        let sets = aggregate.is_some();
        self.store.run(|store| {
            let expired = store.expired_puts();
            store.put_with(&session, aggregate, timestamp, headers)?;
            if sets && store.expired_puts() > expired {
                self.clock.note_expired(store.name());
            }
            Ok(())
        })
    }

    /// Removes a session.
    pub fn remove(&self, session: &Windowed<K>) -> Result<()> {
        self.put(session, None)
    }

    /// The aggregate of exactly that session.
    pub fn fetch_session(
        &self,
        key: &K,
        start: impl IntoTimestamp,
        end: impl IntoTimestamp,
    ) -> Result<Option<A>> {
        self.store.run(|store| store.fetch_session(key, start.into_timestamp(), end.into_timestamp()))
    }

    /// All sessions of a key, by end, then start (`fetch`, with `.rev()` `backwardFetch`).
    pub fn fetch<'a>(
        &'a self,
        key: &K,
    ) -> Result<impl DoubleEndedIterator<Item = Result<(Windowed<K>, A)>> + use<'a, K, A>> {
        self.find_sessions(key, 0, Timestamp::MAX)
    }

    /// The sessions of a key that end at `earliest_end` or later and start at `latest_start` or earlier, by end, then start
    /// (`findSessions`, with `.rev()` `backwardFindSessions`). The [module](crate::store) says what a scan sees of puts in
    /// the middle of it.
    pub fn find_sessions<'a, End: IntoTimestamp, Start: IntoTimestamp>(
        &'a self,
        key: &K,
        earliest_end: End,
        latest_start: Start,
    ) -> Result<impl DoubleEndedIterator<Item = Result<(Windowed<K>, A)>> + use<'a, K, A, End, Start>> {
        let (earliest_end, latest_start) = (earliest_end.into_timestamp(), latest_start.into_timestamp());
        Ok(self.store.scan(|store| store.find_sessions(key, earliest_end, latest_start))?.map(windowed))
    }

    /// [`find_sessions`](Self::find_sessions) for the keys from one to another (both inclusive, `None` for no bound, in the
    /// order of serialized keys): by segments of time, in each by key, then end, then start.
    pub fn find_sessions_of_keys<'a, End: IntoTimestamp, Start: IntoTimestamp>(
        &'a self,
        first: Option<&K>,
        last: Option<&K>,
        earliest_end: End,
        latest_start: Start,
    ) -> Result<impl DoubleEndedIterator<Item = Result<(Windowed<K>, A)>> + use<'a, K, A, End, Start>> {
        let (earliest_end, latest_start) = (earliest_end.into_timestamp(), latest_start.into_timestamp());
        let found =
            self.store.scan(|store| store.find_sessions_of_keys(first, last, earliest_end, latest_start))?;
        Ok(found.map(windowed))
    }

    /// The sessions of all keys that end within `earliest_end..=latest_end`, in the order in which Kafka Streams' store
    /// of the same type has them, for which they are gathered; an error in the place of each that cannot be read back.
    #[doc(hidden)]
    pub fn find_closed(
        &self,
        earliest_end: Timestamp,
        latest_end: Timestamp,
    ) -> Result<impl Iterator<Item = Result<(Windowed<K>, A)>> + use<'_, K, A>> {
        let order = self.closed_order;
        let closed = self.store.run(|store| store.find_closed(earliest_end, latest_end, order))?;
        Ok(closed.into_iter().map(|entry| windowed(entry.map_err(|cause| self.store.failed(cause)))))
    }

    /// Deletes the row that [`StoreError::Row`](state_stores::StoreError::Row) names.
    #[doc(hidden)]
    pub fn delete_row(&self, row: &[u8]) -> Result<()> {
        let timestamp = self.clock.timestamp();
        self.store.run(|store| {
            store.delete_row(row, timestamp);
            Ok(())
        })
    }

    /// All sessions that have not expired, in the order of [`find_sessions_of_keys`](Self::find_sessions_of_keys).
    pub fn all(&self) -> Result<impl DoubleEndedIterator<Item = Result<(Windowed<K>, A)>> + use<'_, K, A>> {
        Ok(self.store.scan(|store| Ok(store.all()))?.map(windowed))
    }

    /// Whether updates wait in the record cache until the next flush.
    #[doc(hidden)]
    pub fn caching(&self) -> bool {
        self.caching
    }

    /// Every session updated since the last call, each once, in the order of last updates.
    #[doc(hidden)]
    pub fn take_changes(&self) -> Result<Vec<FlushedChange<Windowed<K>, A>>> {
        let changes = self.store.run(|store| store.take_changes())?;
        let windowed = |change: FlushedChange<SessionKey<K>, A>| FlushedChange {
            key: window(change.key),
            new: change.new,
            old: change.old,
            timestamp: change.timestamp,
            headers: change.headers,
        };
        Ok(changes.into_iter().map(windowed).collect())
    }
}

/// The kind of session stores.
#[derive(Clone)]
pub struct SessionStoreKind<K, A> {
    key: SerdeRef<K>,
    value: SerdeRef<A>,
    retention_ms: i64,
}

/// Builds a session store.
pub type SessionStoreBuilder<K, A> = StoreBuilder<SessionStoreKind<K, A>>;

impl<K: Data, A: Data> StoreBuilder<SessionStoreKind<K, A>> {
    /// A logged, uncached store in RocksDB that keeps sessions for `retention` of stream time after their end.
    pub fn new(name: &str, key: SerdeRef<K>, value: SerdeRef<A>, retention: Duration) -> Self {
        StoreBuilder::of(name, SessionStoreKind { key, value, retention_ms: to_ms(retention) })
    }
}

impl<K: Data, A: Data> Cached for SessionStoreKind<K, A> {}

impl<K: Data, A: Data> StoreKind for SessionStoreKind<K, A> {
    type Handle = SessionStore<K, A>;
    type Reader = ();

    fn changelog(&self) -> ChangelogKind {
        ChangelogKind::Window { retention_ms: self.retention_ms }
    }

    fn restore_format(&self) -> RestoreFormat {
        RestoreFormat::Session { retention_ms: self.retention_ms }
    }

    fn open(&self, opening: &Opening<'_>) -> Result<Opened<Self::Handle>> {
        let (key, value) = (opening.codec(&self.key), ValueFormat::plain(opening.codec(&self.value)));
        let environment = opening.environment;
        let spec = SessionSpec {
            cache_bytes: environment.cache_bytes,
            tracking: opening.tracking(),
            log_headers: opening.options.log_headers,
            ..SessionSpec::new(&**opening.name, opening.backend(), key, value, self.retention_ms)
        };
        let caching = spec.tracking != Tracking::Off;
        let inner = Rc::new(RefCell::new(state_stores::SessionTable::open(spec)?));
        let store = Handle::new(Rc::clone(&inner), environment.task);
        let clock = Rc::clone(&environment.clock);
        let closed_order =
            if opening.is_in_memory() { ClosedOrder::EndKeyStart } else { ClosedOrder::EndStartKey };
        Ok((SessionStore { store, clock, caching, closed_order }, inner))
    }
}
