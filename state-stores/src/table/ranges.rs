//! Ranges of local keys, as scans go through them.

use std::ops::{Bound, RangeInclusive};

use crate::backend::KeyRange;

/// A range of local keys.
pub(crate) type OwnedRange = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// From this many segments on, one scan reads them as one range, with what lies between their keys.
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

/// An owned range, borrowed.
pub(crate) fn as_range(range: &OwnedRange) -> KeyRange<'_> {
    (range.0.as_ref().map(Vec::as_slice), range.1.as_ref().map(Vec::as_slice))
}
