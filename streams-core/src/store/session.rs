//! Session stores (`SessionStore`).

use std::cell::RefCell;
use std::rc::Rc;

use state_stores::{ClosedOrder, SessionKey, StateStore};

use super::handle::Handle;
use super::{FlushedChange, RecordClock};
use crate::error::Result;
use crate::ids::TaskId;
use crate::time::Timestamp;
use crate::window::{Window, Windowed};

/// An aggregate for each key and session (`org.apache.kafka.streams.state.SessionStore`). Sessions whose end is older
/// than the retention, counted back from the largest end ever put, are neither taken nor found.
///
/// ```
/// use streams_core::store::{SessionStore, Stores};
/// use streams_core::window::{Window, Windowed};
/// # use streams_core::processor::{Processor, ProcessorContext, ProcessorResult, SourceOptions};
/// # use streams_core::record::Record;
/// # use streams_core::serde::DefaultSerde;
/// # struct Ignore;
/// # impl Processor<String, String, (), ()> for Ignore {
/// #     fn process(&mut self, _: Record<String, String>, _: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
/// #         Ok(())
/// #     }
/// # }
/// # let mut topology = streams_core::topology::Topology::new();
/// # let text = || String::default_serde();
/// # let from = SourceOptions { key_serde: text(), value_serde: text(), extractor: None };
/// # topology.add_source("source", &["in".into()], None, from)?;
/// # topology.add_processor("processor", |_| Ok(Ignore), &["source"])?;
///
/// topology.add_state_store(Stores::session_store::<String, i64>("visits", 60_000), &["processor"])?;
/// # let driver = streams_core::testing::TopologyTestDriver::of(topology)?;
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
    store: Handle<state_stores::SessionStore<K, A>>,
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
    pub(super) fn new(
        inner: Rc<RefCell<state_stores::SessionStore<K, A>>>,
        clock: Rc<RecordClock>,
        task: TaskId,
        caching: bool,
        closed_order: ClosedOrder,
    ) -> Self {
        SessionStore { store: Handle::new(inner, task), clock, caching, closed_order }
    }

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
    pub fn fetch_session(&self, key: &K, start: Timestamp, end: Timestamp) -> Result<Option<A>> {
        self.store.run(|store| store.fetch_session(key, start, end))
    }

    /// All sessions of a key, by end, then start (`fetch`, with `.rev()` `backwardFetch`).
    pub fn fetch<'a>(
        &'a self,
        key: &K,
    ) -> Result<impl DoubleEndedIterator<Item = Result<(Windowed<K>, A)>> + use<'a, K, A>> {
        self.find_sessions(key, 0, Timestamp::MAX)
    }

    /// The sessions of a key that end at `earliest_end` or later and start at `latest_start` or earlier, by end, then start
    /// (`findSessions`, with `.rev()` `backwardFindSessions`). The [module](super) says what a scan sees of puts in
    /// the middle of it.
    pub fn find_sessions<'a>(
        &'a self,
        key: &K,
        earliest_end: Timestamp,
        latest_start: Timestamp,
    ) -> Result<impl DoubleEndedIterator<Item = Result<(Windowed<K>, A)>> + use<'a, K, A>> {
        Ok(self.store.scan(|store| store.find_sessions(key, earliest_end, latest_start))?.map(windowed))
    }

    /// [`find_sessions`](Self::find_sessions) for the keys from one to another (both inclusive, `None` for no bound, in the
    /// order of serialized keys): by segments of time, in each by key, then end, then start.
    pub fn find_sessions_of_keys<'a>(
        &'a self,
        first: Option<&K>,
        last: Option<&K>,
        earliest_end: Timestamp,
        latest_start: Timestamp,
    ) -> Result<impl DoubleEndedIterator<Item = Result<(Windowed<K>, A)>> + use<'a, K, A>> {
        let found =
            self.store.scan(|store| store.find_sessions_of_keys(first, last, earliest_end, latest_start))?;
        Ok(found.map(windowed))
    }

    /// The sessions of all keys that end within `earliest_end..=latest_end`, in the order in which Kafka Streams' store
    /// of the same type has them, for which they are gathered.
    #[doc(hidden)]
    pub fn find_closed(
        &self,
        earliest_end: Timestamp,
        latest_end: Timestamp,
    ) -> Result<Vec<(Windowed<K>, A)>> {
        let order = self.closed_order;
        let closed = self.store.run(|store| store.find_closed(earliest_end, latest_end, order))?;
        Ok(closed.into_iter().map(|(session, aggregate)| (window(session), aggregate)).collect())
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
