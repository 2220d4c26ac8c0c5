//! Range reads: the overlay and the backend as one ordered sequence, the overlay's entries first.

use std::cmp::Ordering;
use std::collections::btree_map;
use std::iter::Peekable;
use std::ops::{Bound, RangeInclusive};
use std::vec;

use super::expiry::TimeOf;
use super::format::ValueFormat;
use crate::backend::{Backend, Direction, KeyRange, Keyspace, Scan, is_empty_range};
use crate::error::Result;
use crate::overlay::{KeyBytes, Overlay};
use crate::schema::segments::SEGMENT_BYTES;

/// A range of local keys.
pub(crate) type OwnedRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// An owned range, borrowed.
fn as_range(range: &OwnedRange) -> KeyRange<'_> {
    (range.0.as_ref().map(Vec::as_slice), range.1.as_ref().map(Vec::as_slice))
}

/// From that many segments on, they are looked through as one range, with what lies between their keys.
const SEGMENTS_MAX: u64 = 1_000;

/// The ranges of local keys in some segments, the earliest first. Usually there are three of them; a record far in the future
/// can leave billions between it and what a cache still has, so then it is one range over all, and what is not asked for is
/// left to the scan's filter.
pub(crate) fn ranges_of(segments: RangeInclusive<i64>, range: impl Fn(i64) -> OwnedRange) -> Vec<OwnedRange> {
    let (first, last) = (*segments.start(), *segments.end());
    if segments.is_empty() || last.abs_diff(first) < SEGMENTS_MAX {
        return segments.map(range).collect();
    }
    vec![(range(first).0, range(last).1)]
}

/// Whether a local key is asked for.
pub(crate) type Wanted<'a> = Box<dyn Fn(&[u8]) -> bool + 'a>;

/// The entries of some ranges. A range is opened when the one before it has ended.
pub(crate) struct Merge<'a, T> {
    overlay: &'a Overlay<T>,
    backend: Option<(&'a dyn Backend, Keyspace)>,
    format: &'a ValueFormat<T>,
    pub(crate) store: &'a str,
    ranges: vec::IntoIter<OwnedRange>,
    direction: Direction,
    wanted: Wanted<'a>,
    /// The earliest time that is seen of the backend, if others are in it.
    pub(super) stored_from: Option<(TimeOf, i64)>,
    memory: Option<Peekable<Ordered<'a>>>,
    disk: Option<Peekable<Scan<'a>>>,
}

/// Keys and positions of the overlay in either direction.
struct Ordered<'a> {
    range: btree_map::Range<'a, KeyBytes, u32>,
    direction: Direction,
}

impl<'a> Iterator for Ordered<'a> {
    type Item = (&'a KeyBytes, u32);

    fn next(&mut self) -> Option<Self::Item> {
        let next = match self.direction {
            Direction::Forward => self.range.next(),
            Direction::Backward => self.range.next_back(),
        };
        next.map(|(key, position)| (key, *position))
    }
}

impl<'a, T> Merge<'a, T> {
    pub(super) fn new(
        overlay: &'a Overlay<T>,
        backend: Option<(&'a dyn Backend, Keyspace)>,
        format: &'a ValueFormat<T>,
        store: &'a str,
        ranges: Vec<OwnedRange>,
        direction: Direction,
        wanted: Wanted<'a>,
    ) -> Self {
        let ranges = ranges.into_iter();
        Merge {
            overlay,
            backend,
            format,
            store,
            ranges,
            direction,
            wanted,
            stored_from: None,
            memory: None,
            disk: None,
        }
    }

    /// Opens the next range; false if there is none.
    fn advance(&mut self) -> Result<bool> {
        let Some(range) = self.ranges.find(|range| !is_empty_range(&as_range(range))) else {
            return Ok(false);
        };
        let bounds = as_range(&range);
        let direction = self.direction;
        self.memory = self.overlay.index().map(|index| {
            let range = index.range::<[u8], _>(bounds);
            Ordered { range, direction }.peekable()
        });
        self.disk = match self.backend {
            Some((backend, keyspace)) => Some(backend.scan(keyspace, bounds, direction)?.peekable()),
            None => None,
        };
        Ok(true)
    }

    /// Whether the next entry is the overlay's; `None` if the range has ended.
    fn next_is_memory(&mut self) -> Option<bool> {
        let memory = self.memory.as_mut().and_then(|memory| memory.peek());
        let disk = self.disk.as_mut().and_then(|disk| disk.peek());
        let (memory, disk) = match (memory, disk) {
            (None, None) => return None,
            (Some(_), None) => return Some(true),
            (None, Some(_)) | (Some(_), Some(Err(_))) => return Some(false),
            (Some((memory, _)), Some(Ok((disk, _)))) => (&memory[..], &disk[..]),
        };
        match (memory.cmp(disk), self.direction) {
            (Ordering::Equal, _) => {
                // The overlay's entry is the newer one.
                self.disk.as_mut().and_then(Iterator::next);
                Some(true)
            }
            (Ordering::Less, Direction::Forward) | (Ordering::Greater, Direction::Backward) => Some(true),
            _ => Some(false),
        }
    }
}

impl<T: Clone> Merge<'_, T> {
    /// The next entry of memory, unless it is unwanted or known to be absent.
    fn take_memory(&mut self) -> Option<(KeyBytes, T)> {
        let (key, position) = self.memory.as_mut()?.next()?;
        let value = self.overlay.entry(position).value.as_ref()?;
        (self.wanted)(key).then(|| (key.clone(), value.clone()))
    }

    fn hides(&self, local: &[u8]) -> bool {
        self.stored_from.is_some_and(|(time_of, from_ms)| {
            local.get(SEGMENT_BYTES..).and_then(time_of).is_some_and(|time| time < from_ms)
        })
    }

    fn take_disk(&mut self) -> Option<Result<(KeyBytes, T)>> {
        match self.disk.as_mut()?.next()? {
            Err(error) => Some(Err(error)),
            Ok((key, _)) if !(self.wanted)(&key) || self.hides(&key) => None,
            Ok((key, value)) => {
                let decoded = self.format.decode_stored(self.store, &key, &value);
                Some(decoded.map(|value| (KeyBytes::from_slice(&key), value)))
            }
        }
    }
}

impl<T: Clone> Iterator for Merge<'_, T> {
    type Item = Result<(KeyBytes, T)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = match self.next_is_memory() {
                Some(true) => self.take_memory().map(Ok),
                Some(false) => self.take_disk(),
                None => match self.advance() {
                    Ok(true) => None,
                    Ok(false) => return None,
                    Err(error) => Some(Err(error)),
                },
            };
            if entry.is_some() {
                return entry;
            }
        }
    }
}
