//! Scans of a table: the overlay and the backend as one ordered sequence, the overlay's entries first. [`crate::cursor`] has
//! the rules.

mod end;

use self::end::{End, Place, Source};
use super::Table;
use super::expiry::{Expiry, TimeOf, Wanted};
use super::ranges::OwnedRange;
use crate::backend::{Backend, Direction};
use crate::error::Result;
use crate::schema::segments::SEGMENT_BYTES;

/// The entries of some ranges, from both ends, while the table may change between two steps.
pub struct TableScan<'a> {
    /// In ascending order, and apart from each other.
    ranges: Vec<OwnedRange>,
    wanted: Wanted,
    /// The earliest time that is seen of the backend, if others are in it.
    stored_from: Option<(TimeOf, i64)>,
    /// The backend has nothing to add if memory has everything from that time on.
    memory_from: Option<i64>,
    /// The number of the last update before the scan.
    began: u32,
    front: End<'a>,
    back: End<'a>,
    /// The ends have met, or the backend has failed.
    ended: bool,
}

impl<'a> TableScan<'a> {
    pub(super) fn new(
        ranges: Vec<OwnedRange>,
        wanted: Wanted,
        stored_from: Option<(TimeOf, i64)>,
        memory_from: Option<i64>,
        began: u32,
    ) -> Self {
        let (front, back) = (End::new(Direction::Forward), End::new(Direction::Backward));
        TableScan { ranges, wanted, stored_from, memory_from, began, front, back, ended: false }
    }

    /// The next entry from one end: what `read` makes of its local key and value.
    pub(crate) fn step<T: Clone, E: Expiry, R>(
        &mut self,
        table: &Table<T, E>,
        backend: &'a dyn Backend,
        from: Direction,
        read: impl FnOnce(&[u8], T) -> Result<R>,
    ) -> Option<Result<R>> {
        if self.ended {
            return None;
        }
        let next = self.find(table, backend, from);
        self.ended = !matches!(next, Ok(Some(_)));
        match next.transpose()? {
            Ok(Found::Memory(key, value)) => Some(read(key, value.clone())),
            Ok(Found::Disk(key, value)) => {
                let value = table.format.decode_stored(&table.name, &key, &value);
                Some(value.and_then(|value| read(&key, value)))
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Finds the next entry from one end that passes the filter; `None` if there is none, or if the other end has given it.
    fn find<'t, T, E: Expiry>(
        &mut self,
        table: &'t Table<T, E>,
        backend: &'a dyn Backend,
        from: Direction,
    ) -> Result<Option<Found<'t, T>>> {
        let (end, other) = match from {
            Direction::Forward => (&mut self.front, &self.back),
            Direction::Backward => (&mut self.back, &self.front),
        };
        let place = Place { table, backend, ranges: &self.ranges, memory_from: self.memory_from };
        end.refresh(&place)?;
        loop {
            let found = match end.next_source(&place) {
                None if end.advance(&place)? => continue,
                None => return Ok(None),
                Some(Source::Disk) => {
                    let Some((key, value)) = end.take_disk()? else { continue };
                    let seen = (self.wanted)(&key) && !hides(self.stored_from, &key);
                    seen.then_some(Found::Disk(key, value))
                }
                Some(Source::Memory(position)) => {
                    let stored = end.take_memory(&place, position)?;
                    let entry = table.overlay.entry(position);
                    let was_stored = stored && !hides(self.stored_from, &entry.key);
                    let is_new = table.overlay.is_new(position, self.began, was_stored);
                    let value = entry.value.as_ref().filter(|_| !is_new && (self.wanted)(&entry.key));
                    value.map(|value| Found::Memory(&entry.key, value))
                }
            };
            let Some(found) = found else { continue };
            if other.has_given(found.key()) {
                return Ok(None);
            }
            end.gave(found.key());
            return Ok(Some(found));
        }
    }
}

/// What a scan has come to.
enum Found<'t, T> {
    Memory(&'t [u8], &'t T),
    Disk(Box<[u8]>, Box<[u8]>),
}

impl<T> Found<'_, T> {
    fn key(&self) -> &[u8] {
        match self {
            Found::Memory(key, _) => key,
            Found::Disk(key, _) => key,
        }
    }
}

/// Whether a key is earlier than what is seen of the backend.
fn hides(stored_from: Option<(TimeOf, i64)>, key: &[u8]) -> bool {
    stored_from.is_some_and(|(time_of, from_ms)| {
        key.get(SEGMENT_BYTES..).and_then(time_of).is_some_and(|time_ms| time_ms < from_ms)
    })
}
