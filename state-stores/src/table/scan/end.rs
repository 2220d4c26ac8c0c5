//! One end of a scan: a place in the overlay, and one in the backend.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::ops::Bound;

use super::super::Table;
use super::super::expiry::Expiry;
use super::super::ranges::{OwnedRange, as_range};
use crate::backend::{Backend, Direction, KeyRange, RawEntry, Scan, is_empty_range};
use crate::error::Result;

/// How many entries of the overlay are looked up at once.
const AHEAD: usize = 8;

/// What is scanned.
pub(super) struct Place<'p, 'a, T, E> {
    pub(super) table: &'p Table<T, E>,
    pub(super) backend: &'a dyn Backend,
    pub(super) ranges: &'p [OwnedRange],
    pub(super) memory_from: Option<i64>,
}

/// Where the next entry is.
pub(super) enum Source {
    /// In the overlay, at that position.
    Memory(u32),
    Disk,
}

/// One end of a scan. It opens the ranges one after the other.
pub(super) struct End<'a> {
    direction: Direction,
    /// How many ranges it has opened; the last of them is the current one.
    opened: usize,
    ahead: Ahead,
    /// `None` if memory has everything.
    disk: Option<Peekable<Scan<'a>>>,
    /// Of the overlay when `ahead` was filled, and of the table when `disk` was opened.
    epoch: u64,
    commits: u64,
    /// The last key that it gave, if it has given one.
    last: Vec<u8>,
    has_last: bool,
}

/// The positions of the entries that come next in the overlay.
#[derive(Default)]
struct Ahead {
    positions: [u32; AHEAD],
    taken: usize,
    filled: usize,
    /// There are no others in the range.
    is_all: bool,
}

impl<'a> End<'a> {
    pub(super) fn new(direction: Direction) -> Self {
        let ahead = Ahead::default();
        let (last, has_last) = (Vec::new(), false);
        End { direction, opened: 0, ahead, disk: None, epoch: 0, commits: 0, last, has_last }
    }

    /// Catches up with what has changed in the table since the last step.
    pub(super) fn refresh<T, E: Expiry>(&mut self, place: &Place<'_, 'a, T, E>) -> Result<()> {
        let table = place.table;
        if self.opened == 0 || (self.epoch, self.commits) == (table.overlay.epoch(), table.commits) {
            return Ok(());
        }
        // What was in memory may have been evicted.
        if self.commits != table.commits || self.disk.is_none() {
            return self.open(place);
        }
        self.ahead = Ahead::default();
        self.epoch = table.overlay.epoch();
        Ok(())
    }

    /// Opens the next range; false if there is none.
    pub(super) fn advance<T, E: Expiry>(&mut self, place: &Place<'_, 'a, T, E>) -> Result<bool> {
        if self.opened == place.ranges.len() {
            return Ok(false);
        }
        self.opened += 1;
        self.open(place)?;
        Ok(true)
    }

    /// Opens what is left of the current range.
    fn open<T, E: Expiry>(&mut self, place: &Place<'_, 'a, T, E>) -> Result<()> {
        let table = place.table;
        self.epoch = table.overlay.epoch();
        self.commits = table.commits;
        let left = self.left(place, self.last());
        let is_empty = is_empty_range(&left);
        let in_memory = place.memory_from.is_some_and(|from_ms| table.expiry.is_in_memory(from_ms));
        self.disk = if is_empty || in_memory {
            None
        } else {
            Some(place.backend.scan(table.keyspace, left, self.direction)?.peekable())
        };
        self.ahead = Ahead { is_all: is_empty, ..Ahead::default() };
        Ok(())
    }

    /// What is left of the current range after a key.
    fn left<'r, T, E>(&self, place: &Place<'r, 'a, T, E>, after: Option<&'r [u8]>) -> KeyRange<'r> {
        let at = match self.direction {
            Direction::Forward => self.opened - 1,
            Direction::Backward => place.ranges.len() - self.opened,
        };
        let (lower, upper) = as_range(&place.ranges[at]);
        match (after, self.direction) {
            (None, _) => (lower, upper),
            (Some(after), Direction::Forward) => (inner(lower, after, Ordering::Greater), upper),
            (Some(after), Direction::Backward) => (lower, inner(upper, after, Ordering::Less)),
        }
    }

    /// Where the next entry of the current range is; `None` if it has ended.
    pub(super) fn next_source<T, E>(&mut self, place: &Place<'_, 'a, T, E>) -> Option<Source> {
        if self.opened == 0 {
            return None;
        }
        let memory = self.peek_memory(place);
        let disk = self.disk.as_mut().and_then(|disk| disk.peek());
        let (position, disk) = match (memory, disk) {
            (None, None) => return None,
            (Some(position), None) => return Some(Source::Memory(position)),
            (None, Some(_)) | (Some(_), Some(Err(_))) => return Some(Source::Disk),
            (Some(position), Some(Ok((disk, _)))) => (position, &disk[..]),
        };
        let order = place.table.overlay.entry(position).key[..].cmp(disk);
        let is_disk = match self.direction {
            Direction::Forward => order == Ordering::Greater,
            Direction::Backward => order == Ordering::Less,
        };
        Some(if is_disk { Source::Disk } else { Source::Memory(position) })
    }

    fn peek_memory<T, E>(&mut self, place: &Place<'_, 'a, T, E>) -> Option<u32> {
        if self.ahead.taken == self.ahead.filled && !self.ahead.is_all {
            self.look_ahead(place);
        }
        self.ahead.positions[..self.ahead.filled].get(self.ahead.taken).copied()
    }

    fn look_ahead<T, E>(&mut self, place: &Place<'_, 'a, T, E>) {
        let overlay = &place.table.overlay;
        let taken = self.ahead.positions[..self.ahead.filled].last();
        let taken = taken.map(|position| &overlay.entry(*position).key[..]);
        let left = self.left(place, taken.or(self.last()));
        let mut ahead = Ahead { is_all: true, ..Ahead::default() };
        if let Some(index) = overlay.index()
            && !is_empty_range(&left)
        {
            let mut found = index.range::<[u8], _>(left);
            let mut next = || match self.direction {
                Direction::Forward => found.next(),
                Direction::Backward => found.next_back(),
            };
            while ahead.filled < AHEAD
                && let Some((_, position)) = next()
            {
                ahead.positions[ahead.filled] = *position;
                ahead.filled += 1;
            }
            ahead.is_all = ahead.filled < AHEAD;
        }
        self.ahead = ahead;
    }

    /// Takes the next row of the backend.
    pub(super) fn take_disk(&mut self) -> Result<Option<RawEntry>> {
        self.disk.as_mut().and_then(Iterator::next).transpose()
    }

    /// Takes the next entry of the overlay, which is at that position, and its row of the backend; says whether there is
    /// one.
    pub(super) fn take_memory<T, E>(&mut self, place: &Place<'_, 'a, T, E>, position: u32) -> Result<bool> {
        self.ahead.taken += 1;
        let key = &place.table.overlay.entry(position).key[..];
        let same = |row: &Result<RawEntry>| row.as_ref().is_ok_and(|(stored, _)| **stored == *key);
        let stored = self.disk.as_mut().and_then(|disk| disk.next_if(same));
        Ok(stored.transpose()?.is_some())
    }

    fn last(&self) -> Option<&[u8]> {
        self.has_last.then_some(&*self.last)
    }

    /// Notes the key that was given.
    pub(super) fn gave(&mut self, key: &[u8]) {
        self.last.clear();
        self.last.extend_from_slice(key);
        self.has_last = true;
    }

    /// Whether this end has given a key already that the other one has reached.
    pub(super) fn has_given(&self, key: &[u8]) -> bool {
        self.last().is_some_and(|last| match self.direction {
            Direction::Forward => key <= last,
            Direction::Backward => key >= last,
        })
    }
}

/// The bound of a range, or the key before which (or after which) the scan stands: whichever lies further inside.
fn inner<'r>(bound: Bound<&'r [u8]>, key: &'r [u8], inside: Ordering) -> Bound<&'r [u8]> {
    match bound {
        Bound::Included(of) | Bound::Excluded(of) if of.cmp(key) == inside => bound,
        _ => Bound::Excluded(key),
    }
}
