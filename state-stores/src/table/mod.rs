//! What all kinds share: typed values under byte keys, an overlay over a keyspace of the backend.

pub(crate) mod change;
pub(crate) mod expiry;
pub(crate) mod format;
pub(crate) mod ranges;
pub(crate) mod scan;
mod staging;
pub(crate) mod timed;

use std::ops::Bound;

use self::change::{Old, PendingChange, PendingChanges, RawChange, Tracking};
use self::expiry::{Expiry, TimeOf, Untimed, Wanted};
use self::format::ValueFormat;
use self::ranges::OwnedRange;
use self::scan::TableScan;
use self::staging::Staging;
use crate::backend::batch::Batch;
use crate::backend::{BackendRef, Direction, Keyspace, RawEntry};
use crate::codec::CodecError;
use crate::error::{Result, StoreError};
use crate::headers::Headers;
use crate::keyspaces::store_keyspace;
use crate::overlay::{EntryState, NO_CHANGE, Overlay};
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

/// A map from local keys to values of `T`, whose entries expire as `E` says.
pub(crate) struct Table<T, E = Untimed> {
    name: String,
    backend: BackendRef,
    keyspace: Keyspace,
    format: ValueFormat<T>,
    /// Whether values are checked when they are put.
    checks: bool,
    cache_bytes: usize,
    log_headers: bool,
    overlay: Overlay<T>,
    changes: PendingChanges<T>,
    expiry: E,
    /// Counts commits, for scans that are under way.
    commits: u64,
    staging: Staging,
}

impl<T> Table<T> {
    /// Opens the keyspace of that name.
    pub(crate) fn open(spec: TableSpec<T>) -> Result<Self> {
        Table::open_with(spec, |_, _, _| Ok(Untimed))
    }
}

impl<T, E: Expiry> Table<T, E> {
    /// Opens the keyspace of that name. `expiry` is handed the name, where the table is, and its keyspace.
    pub(crate) fn open_with(
        spec: TableSpec<T>,
        expiry: impl FnOnce(&str, &BackendRef, Keyspace) -> Result<E>,
    ) -> Result<Self> {
        let TableSpec { name, backend, format, cache_bytes, tracking, log_headers } = spec;
        let keyspace = store_keyspace(&*backend, &name)?;
        let expiry = expiry(&name, &backend, keyspace)?;
        Ok(Table {
            name,
            backend,
            keyspace,
            checks: format.checks(),
            format,
            cache_bytes,
            log_headers,
            overlay: Overlay::new(),
            changes: PendingChanges::new(tracking),
            expiry,
            commits: 0,
            staging: Staging::default(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn backend(&self) -> &BackendRef {
        &self.backend
    }

    pub(crate) fn expiry(&self) -> &E {
        &self.expiry
    }

    pub(crate) fn expiry_mut(&mut self) -> &mut E {
        &mut self.expiry
    }

    pub(crate) fn uncommitted_bytes(&self) -> usize {
        self.overlay.uncommitted_bytes()
    }

    pub(crate) fn deferred_bytes(&self) -> usize {
        self.overlay.deferred_bytes()
    }

    pub(crate) fn has_deferred(&self) -> bool {
        self.overlay.has_deferred()
    }

    pub(crate) fn approximate_num_entries(&self) -> Result<u64> {
        self.backend.approximate_num_entries(self.keyspace)
    }

    /// The value of a key.
    pub(crate) fn get(&mut self, key: &[u8]) -> Result<Option<&T>> {
        let position = match self.overlay.find(key) {
            Some(position) => position,
            None if self.expiry.knows_absent(key) => return Ok(None),
            None => {
                // An eviction looks at all entries, so there must be many to evict.
                self.trim(self.overlay.slab_bytes() / EVICTION_SLACK);
                let value = if self.expiry.hides_stored(key) { None } else { self.read(key)? };
                self.overlay.load(key, value)
            }
        };
        let entry = self.overlay.entry_mut(position);
        entry.referenced = true;
        Ok(entry.value.as_ref())
    }

    /// The bytes of a key's value in the backend, if they are those of its value now: as they were logged, without a
    /// timestamp. `None` also for a value that is not written yet.
    pub(crate) fn stored_bytes(&mut self, key: &[u8]) -> Result<Option<Box<[u8]>>> {
        let state = self.overlay.find(key).map(|position| self.overlay.entry(position).state);
        if state.is_some_and(|state| state != EntryState::Clean) {
            return Ok(None);
        }
        let stored = self.backend.get(self.keyspace, key)?;
        Ok(stored.and_then(|bytes| bytes.get(self.format.log_from()..).map(Into::into)))
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
        let expiry = &self.expiry;
        let is_absent = || expiry.knows_absent(key);
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
            None if self.expiry.knows_absent(key) => Old::Absent,
            // The backend still holds the value before: nothing uncommitted was in between.
            None if self.changes.tracking == Tracking::NewAndOld => {
                let stored = self.read(key)?;
                self.changes.old(stored)
            }
            None => Old::Unknown,
        };
        self.overlay.entry_mut(replaced.position).change = self.changes.list.len() as u32;
        self.changes.list.push(PendingChange {
            position: replaced.position,
            old,
            pinned: replaced.uncommitted,
        });
        Ok(())
    }

    /// Deletes a row that cannot be read back. The change is not tracked: what the row was is unknown.
    pub(crate) fn delete_row(&mut self, key: &[u8], timestamp: i64) {
        let expiry = &self.expiry;
        self.overlay.update(key, None, timestamp, Headers::new(), || expiry.knows_absent(key));
    }

    /// A scan of ranges, which are in ascending order. The backend is left alone if memory has everything from the time
    /// `memory_from` on.
    pub(crate) fn scan<'a>(
        &mut self,
        ranges: Vec<OwnedRange>,
        memory_from: Option<i64>,
        wanted: impl Fn(&[u8]) -> bool + 'static,
    ) -> TableScan<'a> {
        self.start(ranges, Box::new(wanted), self.expiry.stored_from(), memory_from)
    }

    /// As [`Table::scan`], with what the backend still has of expired times.
    pub(crate) fn scan_live<'a>(
        &mut self,
        ranges: Vec<OwnedRange>,
        memory_from: Option<i64>,
        wanted: impl Fn(&[u8]) -> bool + 'static,
    ) -> TableScan<'a> {
        self.start(ranges, Box::new(wanted), None, memory_from)
    }

    fn start<'a>(
        &mut self,
        ranges: Vec<OwnedRange>,
        wanted: Wanted,
        stored_from: Option<(TimeOf, i64)>,
        memory_from: Option<i64>,
    ) -> TableScan<'a> {
        self.overlay.build_index();
        TableScan::new(ranges, wanted, stored_from, memory_from, self.overlay.updates())
    }

    /// Serializes what changed since the last stage, and pending writes.
    pub(crate) fn stage(&mut self, log: &mut Log<'_>, batch: &mut Batch) -> Result<()> {
        self.staging.clear();
        self.log_dirty(log, false)?;
        let deferred = self.overlay.take_deferred();
        let encoded = deferred.iter().try_for_each(|position| self.stage_deferred(*position));
        self.overlay.put_back_deferred(deferred);
        encoded?;
        self.staging.write(&self.overlay, self.keyspace, batch);
        self.expiry.stage(self.keyspace, batch);
        Ok(())
    }

    /// Serializes what changed since the last stage for the changelog; the write to the backend stays pending.
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
    fn stage_deferred(&mut self, position: u32) -> Result<()> {
        let entry = self.overlay.entry(position);
        if entry.state != EntryState::Logged || self.expiry.has_expired(&entry.key) {
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
        StoreError::of_value(&self.name, key.get(E::PREFIX_BYTES..).unwrap_or_default(), source)
    }

    fn stage_entry(&mut self, position: u32, log: &mut Log<'_>, owe: bool) -> Result<()> {
        let entry = self.overlay.entry(position);
        if entry.state != EntryState::Dirty {
            return Ok(());
        }
        if self.is_nothing(position) {
            let expiry = &self.expiry;
            self.overlay.cancel(position, |key| expiry.knows_absent(key));
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
        let record = LogRecord {
            key: &entry.key[E::PREFIX_BYTES..],
            value: entry.value.is_some().then(|| &local[self.format.log_from()..]),
            timestamp,
            headers: if self.log_headers { &entry.headers } else { &NO_HEADERS },
        };
        log(record).map_err(|cause| StoreError::Log { store: self.name.clone(), cause })?;
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
        if !self.expiry.has_expired(&entry.key) {
            self.staging.add(position, start);
        }
        self.overlay.stage(position, bytes);
        Ok(())
    }

    pub(crate) fn committed(&mut self) {
        let expiry = &self.expiry;
        self.overlay.committed(|key| expiry.knows_absent(key));
        self.expiry.committed();
        self.commits += 1;
        self.trim(0);
    }

    pub(crate) fn rollback(&mut self) {
        for change in self.changes.list.drain(..) {
            self.overlay.entry_mut(change.position).change = NO_CHANGE;
        }
        self.overlay.rollback(|key| self.expiry.forget(key));
        self.expiry.rollback();
    }

    /// Drops the changes that nobody has taken. An entry that was created and deleted within the commit is logged all the
    /// same, as it was never compared with what was there before.
    pub(crate) fn end_flush(&mut self) {
        for change in self.changes.list.drain(..) {
            let entry = self.overlay.entry_mut(change.position);
            entry.change = NO_CHANGE;
            entry.is_new &= entry.state != EntryState::Dirty;
            self.expiry.pass(&entry.key, true);
        }
    }

    /// Whether an entry was created and deleted between two commits, like most sessions that are merged, so that there is
    /// nothing to delete. One of the latest time is not nothing: its changelog record tells a restored store of that time.
    /// Nor is the deletion of what never was there, which Kafka Streams logs.
    fn is_nothing(&self, position: u32) -> bool {
        let entry = self.overlay.entry(position);
        entry.is_new && entry.had_value && entry.value.is_none() && !self.expiry.is_latest(&entry.key)
    }

    /// Keeps the clean entries within their bound, which they may exceed by `slack_bytes`.
    fn trim(&mut self, slack_bytes: usize) {
        self.expiry.trim(&mut self.overlay, self.cache_bytes, slack_bytes);
    }

    fn read(&mut self, key: &[u8]) -> Result<Option<T>> {
        let Some(bytes) = self.backend.get(self.keyspace, key)? else { return Ok(None) };
        self.overlay.note_value(bytes.len());
        self.format.decode_stored(&self.name, key, &bytes).map(Some)
    }
}

impl<T: Clone, E: Expiry> Table<T, E> {
    /// Every entry that has not expired: the changelog key and the stored value.
    pub(crate) fn entries(&mut self) -> Result<Vec<RawEntry>> {
        let all = vec![(Bound::Unbounded, Bound::Unbounded)];
        let live = self.expiry.live();
        let mut scan = self.start(all, live, None, None);
        let read = |local: &[u8], value: T| -> Result<RawEntry> {
            let mut bytes = Vec::new();
            let encoded = self.format.encode(&value, &mut bytes);
            encoded.map_err(|source| self.value_error(local, source))?;
            Ok((local[E::PREFIX_BYTES..].into(), bytes.into()))
        };
        let mut entries = Vec::new();
        while let Some(entry) = scan.step(self, &*self.backend, Direction::Forward, read) {
            entries.push(entry?);
        }
        Ok(entries)
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
            let stored = self.expiry.pass(&key, false);
            let old = if stored { change.old } else { Old::Absent };
            let existed = match &old {
                Old::Absent => false,
                Old::Present(_) => true,
                Old::Unknown => new.is_some() || self.backend.get(self.keyspace, &key)?.is_some(),
            };
            if new.is_none() && !existed {
                // Never seen outside the overlay, and gone again: neither forwarded nor logged, as in Kafka
                // Streams.
                if !change.pinned && self.overlay.entry(change.position).state == EntryState::Dirty {
                    let expiry = &self.expiry;
                    self.overlay.cancel(change.position, |key| expiry.knows_absent(key));
                }
                continue;
            }
            self.expiry.pass(&key, true);
            let old = if let Old::Present(value) = old { value } else { None };
            flushed.push(RawChange { key, new, old, timestamp, headers });
        }
        self.changes.list = changes;
        Ok(flushed)
    }
}
