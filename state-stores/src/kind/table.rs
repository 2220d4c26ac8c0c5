//! What all kinds share: typed values under byte keys, an overlay over a keyspace of the backend.

use std::ops::Bound;

use super::change::{Change, Changes, Old, RawChange, Tracking};
use super::merge::{Merge, OwnedRange};
use super::staging::Staging;
use super::time::Time;
use super::timestamped::ValueFormat;
use crate::backend::batch::Batch;
use crate::backend::{BackendRef, Direction, KeyRange, Keyspace, RawEntry, is_empty_range};
use crate::codec::CodecError;
use crate::error::{Result, StoreError};
use crate::headers::Headers;
use crate::keyspaces::store_keyspace;
use crate::overlay::{NO_CHANGE, Overlay, State};
use crate::schema::segments::{OBSERVED_KEY, SEGMENT_BYTES};
use crate::store::{Log, LogRecord};

static NO_HEADERS: Headers = Headers::new();

/// The reciprocal of how much of the memory for entries clean ones may take beyond their bound between commits.
const EVICTION_SLACK: usize = 8;

/// How a table is opened.
pub(crate) struct TableSpec<T> {
    pub(crate) name: String,
    pub(crate) backend: BackendRef,
    pub(crate) format: ValueFormat<T>,
    pub(crate) cache_bytes: usize,
    pub(crate) tracking: Tracking,
    pub(crate) log_headers: bool,
}

/// A map from local keys to values of `T`.
pub(crate) struct Table<T> {
    name: String,
    backend: BackendRef,
    keyspace: Keyspace,
    format: ValueFormat<T>,
    /// Whether values are checked when they are put.
    checks: bool,
    cache_bytes: usize,
    log_headers: bool,
    overlay: Overlay<T>,
    changes: Changes<T>,
    time: Option<Time>,
    staging: Staging,
}

impl<T> Table<T> {
    /// Opens the keyspace of that name. `time` is given for windowed kinds.
    pub(crate) fn open(
        spec: TableSpec<T>,
        time: impl FnOnce(&str, &BackendRef, Keyspace) -> Result<Option<Time>>,
    ) -> Result<Self> {
        let TableSpec { name, backend, format, cache_bytes, tracking, log_headers } = spec;
        let keyspace = store_keyspace(&*backend, &name)?;
        let time = time(&name, &backend, keyspace)?;
        Ok(Table {
            name,
            backend,
            keyspace,
            checks: format.checks(),
            format,
            cache_bytes,
            log_headers,
            overlay: Overlay::new(),
            changes: Changes::new(tracking),
            time,
            staging: Staging::default(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn time(&self) -> Option<&Time> {
        self.time.as_ref()
    }

    pub(crate) fn time_mut(&mut self) -> Option<&mut Time> {
        self.time.as_mut()
    }

    pub(crate) fn uncommitted_bytes(&self) -> usize {
        self.overlay.uncommitted_bytes()
    }

    pub(crate) fn owed_bytes(&self) -> usize {
        self.overlay.owed_bytes()
    }

    pub(crate) fn owes(&self) -> bool {
        self.overlay.owes()
    }

    pub(crate) fn approximate_entries(&self) -> Result<u64> {
        self.backend.approximate_entries(self.keyspace)
    }

    /// The value of a key.
    pub(crate) fn get(&mut self, key: &[u8]) -> Result<Option<&T>> {
        let position = match self.overlay.find(key) {
            Some(position) => position,
            None if knows_absent(&self.time, key) => return Ok(None),
            None => {
                // An eviction looks at all entries, so there must be many to evict.
                self.trim(self.overlay.slab_bytes() / EVICTION_SLACK);
                let hides = |time: &Time| time.is_cached() && time.of_local(key) < time.stored_ms();
                let value = if self.time.as_ref().is_some_and(hides) { None } else { self.read(key)? };
                self.overlay.load(key, value)
            }
        };
        let entry = self.overlay.entry_mut(position);
        entry.touched = true;
        Ok(entry.value.as_ref())
    }

    /// Gives a key a value, or with `None` deletes it.
    pub(crate) fn put(
        &mut self,
        key: &[u8],
        value: Option<T>,
        timestamp: i64,
        headers: Headers,
    ) -> Result<()> {
        if let (true, Some(value)) = (self.checks, &value) {
            self.format.check(value).map_err(|source| self.value_error(key, source))?;
        }
        let time = &self.time;
        let is_absent = || knows_absent(time, key);
        let is_delete = value.is_none();
        let replaced = self.overlay.update(key, value, timestamp, headers, is_absent);
        if self.overlay.entry(replaced.position).change != NO_CHANGE {
            return Ok(());
        }
        if self.changes.tracking == Tracking::Off {
            if is_delete && self.is_nothing(replaced.position) && is_absent() {
                self.overlay.discard(replaced.position);
            }
            return Ok(());
        }
        let old = match replaced.old {
            Some(known) => self.changes.old(known),
            None if knows_absent(&self.time, key) => Old::Absent,
            // The backend still holds the value before: nothing uncommitted was in between.
            None if self.changes.tracking == Tracking::NewAndOld => {
                let stored = self.read(key)?;
                self.changes.old(stored)
            }
            None => Old::Unknown,
        };
        self.overlay.entry_mut(replaced.position).change = self.changes.list.len() as u32;
        self.changes.list.push(Change { position: replaced.position, old, pinned: replaced.uncommitted });
        Ok(())
    }

    /// The entries of the ranges, one range after the other. `in_memory` promises that the overlay holds all
    /// of them.
    pub(crate) fn scan<'a>(
        &'a mut self,
        ranges: Vec<OwnedRange>,
        direction: Direction,
        in_memory: bool,
        wanted: impl Fn(&[u8]) -> bool + 'a,
    ) -> Merge<'a, T> {
        let cached = self.time.as_ref().filter(|time| time.is_cached());
        let stored_from = cached.map(|time| (time.time_of, time.stored_ms()));
        let mut merge = self.scan_live(ranges, direction, in_memory, wanted);
        merge.stored_from = stored_from;
        merge
    }

    /// As [`Table::scan`], with what the backend still has of expired times.
    pub(crate) fn scan_live<'a>(
        &'a mut self,
        ranges: Vec<OwnedRange>,
        direction: Direction,
        in_memory: bool,
        wanted: impl Fn(&[u8]) -> bool + 'a,
    ) -> Merge<'a, T> {
        self.overlay.indexed();
        let backend = (!in_memory).then_some((&*self.backend, self.keyspace));
        Merge::new(&self.overlay, backend, &self.format, &self.name, ranges, direction, Box::new(wanted))
    }

    /// Serializes what changed since the last stage, and what is owed to the backend.
    pub(crate) fn stage(&mut self, log: &mut Log<'_>, batch: &mut Batch) -> Result<()> {
        self.staging.clear();
        self.log_dirty(log, false)?;
        let owed = self.overlay.take_owed();
        let encoded = owed.iter().try_for_each(|position| self.stage_owed(*position));
        self.overlay.paid(owed);
        encoded?;
        self.staging.write(&self.overlay, self.keyspace, batch);
        if let Some(time) = &mut self.time {
            time.stage(self.keyspace, batch);
        }
        Ok(())
    }

    /// Serializes what changed since the last stage for the changelog; the backend is owed it.
    pub(crate) fn stage_log(&mut self, log: &mut Log<'_>) -> Result<()> {
        self.staging.clear();
        self.log_dirty(log, true)
    }

    fn log_dirty(&mut self, log: &mut Log<'_>, owe: bool) -> Result<()> {
        let mut dirty = self.overlay.take_dirty();
        let staged = dirty.iter().try_for_each(|position| self.stage_entry(*position, log, owe));
        if staged.is_ok() {
            dirty.clear();
        }
        self.overlay.restore_dirty(dirty);
        staged
    }

    /// Puts an entry that was logged before into the batch.
    fn stage_owed(&mut self, position: u32) -> Result<()> {
        let entry = self.overlay.entry(position);
        if entry.state != State::Logged || self.time.as_ref().is_some_and(|time| time.has_expired(&entry.key))
        {
            return Ok(());
        }
        let start = self.staging.values.len();
        if let Some(value) = &entry.value {
            let encoded = self.format.encode(value, &mut self.staging.values);
            encoded.map_err(|source| self.value_error(&entry.key, source))?;
        }
        self.staging.add(position, start);
        Ok(())
    }

    /// The value of that local key is refused by its codec.
    fn value_error(&self, key: &[u8], source: CodecError) -> StoreError {
        let prefix = if self.time.is_some() { SEGMENT_BYTES } else { 0 };
        super::value_error(&self.name, key.get(prefix..).unwrap_or_default(), source)
    }

    fn stage_entry(&mut self, position: u32, log: &mut Log<'_>, owe: bool) -> Result<()> {
        let entry = self.overlay.entry(position);
        if entry.state != State::Dirty {
            return Ok(());
        }
        if self.is_nothing(position) {
            let time = &self.time;
            self.overlay.cancel(position, |key| knows_absent(time, key));
            return Ok(());
        }
        let mut timestamp = entry.timestamp;
        let start = self.staging.values.len();
        if let Some(value) = &entry.value {
            timestamp = self.format.timestamp(value, timestamp);
            let encoded = self.format.encode(value, &mut self.staging.values);
            encoded.map_err(|source| self.value_error(&entry.key, source))?;
        }
        let local = &self.staging.values[start..];
        let prefix = if self.time.is_some() { SEGMENT_BYTES } else { 0 };
        let record = LogRecord {
            key: &entry.key[prefix..],
            value: entry.value.is_some().then(|| &local[self.format.log_from()..]),
            timestamp,
            headers: if self.log_headers { &entry.headers } else { &NO_HEADERS },
        };
        log(record).map_err(|source| StoreError::Log { store: self.name.clone(), source })?;
        let bytes = local.len();
        if let Some(change) = self.changes.list.get_mut(entry.change as usize) {
            change.pinned = true;
        }
        if owe {
            self.staging.clear();
            self.overlay.log(position, bytes);
            return Ok(());
        }
        // An entry may have expired after it was put. The changelog has it in Kafka Streams too; the backend has not.
        if !self.time.as_ref().is_some_and(|time| time.has_expired(&entry.key)) {
            self.staging.add(position, start);
        }
        self.overlay.stage(position, bytes);
        Ok(())
    }

    pub(crate) fn committed(&mut self) {
        let time = &self.time;
        self.overlay.committed(|key| knows_absent(time, key));
        if let Some(time) = &mut self.time {
            time.committed();
        }
        self.trim(0);
    }

    pub(crate) fn rollback(&mut self) {
        for change in self.changes.list.drain(..) {
            self.overlay.entry_mut(change.position).change = NO_CHANGE;
        }
        let time = &mut self.time;
        self.overlay.rollback(|key| {
            if let Some(time) = time {
                time.forget(time.of_local(key));
            }
        });
        if let Some(time) = time {
            time.rollback();
        }
    }

    /// What nobody has taken is no one's change any more. What came and went is logged, as it was never compared with what
    /// was there before.
    pub(crate) fn end_flush(&mut self) {
        let mut changes = std::mem::take(&mut self.changes.list);
        for change in changes.drain(..) {
            let entry = self.overlay.entry_mut(change.position);
            entry.change = NO_CHANGE;
            entry.fresh &= entry.state != State::Dirty;
            if let Some(time) = &mut self.time {
                time.pass(&self.overlay.entry(change.position).key, true);
            }
        }
        self.changes.list = changes;
    }

    /// Whether an entry came and went between two commits, like most sessions that are merged: there is nothing to
    /// take away. One of the latest time is something: its changelog record tells a restored store of that time. So is the
    /// deletion of what never was there, which Kafka Streams logs.
    fn is_nothing(&self, position: u32) -> bool {
        let entry = self.overlay.entry(position);
        let is_latest = || self.time.as_ref().is_some_and(|time| time.is_latest(&entry.key));
        entry.fresh && entry.came && entry.value.is_none() && !is_latest()
    }

    /// Keeps the clean entries within their bound, which they may exceed by `slack_bytes`.
    fn trim(&mut self, slack_bytes: usize) {
        let expired_ms = self.time.as_mut().and_then(Time::newly_expired_ms);
        if expired_ms.is_none() && self.overlay.clean_bytes() <= self.cache_bytes.saturating_add(slack_bytes)
        {
            return;
        }
        let Some(time) = &mut self.time else { return self.overlay.evict_unused(self.cache_bytes) };
        let expired_ms = expired_ms.unwrap_or(i64::MIN);
        let evicted = self.overlay.evict_earliest(self.cache_bytes, expired_ms, |key| time.of_local(key));
        if let Some(latest) = evicted {
            time.forget(latest);
        }
    }

    fn read(&mut self, key: &[u8]) -> Result<Option<T>> {
        let Some(bytes) = self.backend.get(self.keyspace, key)? else { return Ok(None) };
        self.overlay.note_value(bytes.len());
        self.format.decode_stored(&self.name, key, &bytes).map(Some)
    }
}

impl<T: Clone> Table<T> {
    /// Every entry that has not expired: the changelog key and the stored value.
    pub(crate) fn entries(&mut self) -> Result<Vec<RawEntry>> {
        let (prefix, earliest_ms) = match &self.time {
            Some(time) => (SEGMENT_BYTES, time.segments.earliest_ms()),
            None => (0, i64::MIN),
        };
        let time_of = self.time.as_ref().map(|time| time.time_of);
        let wanted = move |key: &[u8]| {
            // The entry that holds the observed stream time is none of the store's.
            key != OBSERVED_KEY
                && time_of.is_none_or(|time_of| {
                    key.get(SEGMENT_BYTES..).and_then(time_of).is_some_and(|time| time >= earliest_ms)
                })
        };
        let (store, format) = (self.name.clone(), self.format.clone());
        let all = vec![(Bound::Unbounded, Bound::Unbounded)];
        self.scan(all, Direction::Forward, false, wanted)
            .map(|entry| {
                let (key, value) = entry?;
                let mut bytes = Vec::new();
                let encoded = format.encode(&value, &mut bytes);
                encoded.map_err(|source| super::value_error(&store, &key[prefix..], source))?;
                Ok((key[prefix..].into(), bytes.into()))
            })
            .collect()
    }

    /// Every entry updated since the last call, in the order of last updates.
    pub(crate) fn take_changes(&mut self) -> Result<Vec<RawChange<T>>> {
        let mut changes = std::mem::take(&mut self.changes.list);
        changes.sort_by_cached_key(|change| self.overlay.order(change.position));
        let mut flushed = Vec::with_capacity(changes.len());
        for change in changes.drain(..) {
            let entry = self.overlay.entry_mut(change.position);
            entry.change = NO_CHANGE;
            let (key, new) = (entry.key.clone(), entry.value.clone());
            let (timestamp, headers) = (entry.timestamp, entry.headers.clone());
            let stored = self.time.as_mut().is_none_or(|time| time.pass(&key, false));
            let old = if stored { change.old } else { Old::Absent };
            let existed = match &old {
                Old::Absent => false,
                Old::Present(_) => true,
                Old::Unknown => new.is_some() || self.backend.get(self.keyspace, &key)?.is_some(),
            };
            if new.is_none() && !existed {
                // Never seen outside the overlay, and gone again: neither forwarded nor logged, as in Kafka
                // Streams.
                if !change.pinned && self.overlay.entry(change.position).state == State::Dirty {
                    let time = &self.time;
                    self.overlay.cancel(change.position, |key| knows_absent(time, key));
                }
                continue;
            }
            if let Some(time) = &mut self.time {
                time.pass(&key, true);
            }
            let old = if let Old::Present(value) = old { value } else { None };
            flushed.push(RawChange { key, new, old, timestamp, headers });
        }
        self.changes.list = changes;
        Ok(flushed)
    }
}

/// Whether a key that the overlay does not have is not in the backend either.
fn knows_absent(time: &Option<Time>, key: &[u8]) -> bool {
    time.as_ref().is_some_and(|time| time.is_in_memory(time.of_local(key)))
}

/// Whether no key lies in an owned range.
pub(crate) fn is_empty(range: &OwnedRange) -> bool {
    is_empty_range(&as_range(range))
}

/// An owned range, borrowed.
pub(crate) fn as_range(range: &OwnedRange) -> KeyRange<'_> {
    (range.0.as_ref().map(Vec::as_slice), range.1.as_ref().map(Vec::as_slice))
}
