//! Dropped records by reason: each is counted; the first is logged, and then at most one a minute.

use std::fmt::{Debug, Display, Formatter};
use std::ops::{Add, AddAssign};

use state_stores::excerpt::{EXCERPT_BYTES, Excerpt};

use crate::time::{LastTime, Timestamp};

macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident = $text:literal,)*) => {
        /// Why a record was dropped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum DropReason {
            $($(#[$doc])* $reason,)*
        }

        impl DropReason {
            /// Every reason.
            pub const ALL: &[DropReason] = &[$(DropReason::$reason),*];
        }

        impl Display for DropReason {
            fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    $(DropReason::$reason => $text,)*
                })
            }
        }
    };
}

reasons! {
    /// Its key is null, and the source's type or the operator needs one.
    NullKey = "null key",
    /// Its value is null, and the source's type or the operator needs one.
    NullValue = "null value",
    /// The key by which it would be joined is null.
    NullJoinKey = "null join key",
    /// Its event time is negative: it has none, or the extractor left it out.
    InvalidTimestamp = "invalid timestamp",
    /// Its event time is further in the future than the extractor allows.
    FutureTimestamp = "timestamp too far in the future",
    /// It came after its window had closed.
    Late = "late: its window is closed",
    /// It is older than what the store keeps, and was not stored.
    Expired = "older than the store's retention",
    /// It is an update of a versioned table that is not to the latest version of its row.
    OutOfOrder = "out-of-order update of a versioned table",
    /// It answers an earlier state of a row in a foreign-key join. The later state gets its own answer.
    StaleAnswer = "answer to a row that has changed",
    /// It could not be deserialized, and the handler skipped it.
    Deserialization = "skipped by the deserialization handler",
    /// User code failed on it, and the handler skipped it.
    Processing = "skipped by the processing handler",
    /// A result could not be serialized, and the handler skipped it.
    Serialization = "result skipped by the production handler: it cannot be serialized",
    /// A result was refused, and the handler skipped it.
    Production = "result skipped by the production handler: it was refused",
    /// The partitioner of a sink dropped it.
    Partitioner = "left out by the partitioner",
    /// A custom processor dropped it.
    User = "left out by a processor",
}

const REASONS: usize = DropReason::ALL.len();

/// How many records were dropped, by reason.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DroppedRecords([u64; REASONS]);

impl Default for DroppedRecords {
    fn default() -> Self {
        DroppedRecords([0; REASONS])
    }
}

impl DroppedRecords {
    /// How many were dropped for that reason.
    pub fn of(&self, reason: DropReason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// How many were dropped in all (`dropped-records-total`).
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The reasons that occurred, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.iter().map(|reason| (*reason, self.of(*reason))).filter(|(_, count)| *count > 0)
    }

    /// Counts more.
    pub(crate) fn note(&mut self, reason: DropReason, records: u64) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count += records;
        }
    }
}

impl AddAssign for DroppedRecords {
    fn add_assign(&mut self, other: Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }
}

impl Add for DroppedRecords {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl Debug for DroppedRecords {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Counts what one task, or a thread's collector, drops, and decides when to log it again.
#[derive(Debug, Default)]
pub(crate) struct DropCounter {
    counts: DroppedRecords,
    logged_at: [LastTime; REASONS],
}

impl DropCounter {
    pub(crate) fn counts(&self) -> DroppedRecords {
        self.counts
    }

    /// Counts records; true if a warning is due at `now`. All calls use one clock.
    pub(crate) fn count(&mut self, reason: DropReason, records: u64, now: Timestamp) -> bool {
        self.counts.note(reason, records);
        self.logged_at.get_mut(reason as usize).is_some_and(|last| last.is_to_log(now))
    }
}

/// The first bytes of a record's key, or of a value, to be shown when the record is dropped or refused. Copied for each
/// record, so it is small and allocates nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyExcerpt {
    bytes: [u8; EXCERPT_BYTES],
    /// The length of the whole key; -1 for a null key, -2 if it is not known.
    length: i64,
}

impl KeyExcerpt {
    pub(super) const UNKNOWN: KeyExcerpt = KeyExcerpt { bytes: [0; EXCERPT_BYTES], length: -2 };

    #[inline]
    pub(crate) fn of(key: Option<&[u8]>) -> Self {
        let mut excerpt = KeyExcerpt { bytes: [0; EXCERPT_BYTES], length: -1 };
        if let Some(key) = key {
            let shown = key.len().min(EXCERPT_BYTES);
            excerpt.bytes[..shown].copy_from_slice(&key[..shown]);
            excerpt.length = i64::try_from(key.len()).unwrap_or(i64::MAX);
        }
        excerpt
    }
}

impl Display for KeyExcerpt {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self.length {
            -2 => f.write_str("unknown"),
            -1 => f.write_str("null"),
            length => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                Display::fmt(&Excerpt::of_first(&self.bytes[..length.min(EXCERPT_BYTES)], length), f)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_reason_and_tells_once_a_minute() {
        let mut counter = DropCounter::default();
        assert!(counter.count(DropReason::Late, 1, 1_000));
        assert!(!counter.count(DropReason::Late, 2, 60_999));
        assert!(counter.count(DropReason::NullKey, 1, 60_999), "each reason for itself");
        assert!(counter.count(DropReason::Late, 1, 61_000));
        assert!(counter.count(DropReason::Late, 1, 500), "the clock was set back");
        let counts = counter.counts() + counter.counts();
        assert_eq!((counts.of(DropReason::Late), counts.total()), (10, 12));
        assert_eq!(format!("{counts:?}"), "{NullKey: 2, Late: 10}");
    }

    #[test]
    fn keys_are_shown_as_text_or_in_hexadecimal_and_cut() {
        let shown = |key: Option<&[u8]>| KeyExcerpt::of(key).to_string();
        assert_eq!(shown(None), "null");
        assert_eq!(shown(Some(b"")), "\"\"");
        assert_eq!(shown(Some(b"alice")), "\"alice\"");
        assert_eq!(shown(Some(&[0, 255])), "0x00ff");
        let long = "ä".repeat(40);
        assert_eq!(shown(Some(long.as_bytes())), format!("\"{}\"... (80 bytes)", "ä".repeat(16)));
        let odd = format!("x{long}");
        assert_eq!(shown(Some(odd.as_bytes())), format!("\"x{}\"... (81 bytes)", "ä".repeat(15)));
        assert_eq!(KeyExcerpt::UNKNOWN.to_string(), "unknown");
    }
}
