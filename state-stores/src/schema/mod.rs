//! The bytes of window and session keys, their local time segments, and the bytes of buffers.

pub mod buffer_value;
pub mod record_context;
pub mod segments;
pub mod session_key;
pub mod window_key;

/// Reads the int64 (big-endian) that ends `from_end` bytes before the end of `bytes`; `None` if they are too
/// few.
pub(crate) fn int64_before_end(bytes: &[u8], from_end: usize) -> Option<i64> {
    let end = bytes.len().checked_sub(from_end)?;
    let number = bytes.get(end.checked_sub(8)?..end)?;
    Some(i64::from_be_bytes(number.try_into().ok()?))
}

/// The serialized record keys of a scan.
#[derive(Debug)]
pub(crate) enum KeyBounds {
    One(Vec<u8>),
    /// From one to another, both inclusive; `None` means no bound.
    Range(Option<Vec<u8>>, Option<Vec<u8>>),
}

/// More bytes of 0xFF than any suffix (times, seqnum) of a key has: past all suffixes.
const PAST_SUFFIXES: [u8; 17] = [0xFF; 17];

impl KeyBounds {
    /// All keys.
    pub(crate) const ALL: Self = KeyBounds::Range(None, None);

    /// Whether the range is exactly one key.
    pub(crate) fn is_one(&self) -> bool {
        match self {
            KeyBounds::One(_) => true,
            KeyBounds::Range(from, to) => from.is_some() && from == to,
        }
    }

    /// Whether the range contains a record key.
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        match self {
            KeyBounds::One(one) => key == one,
            KeyBounds::Range(from, to) => {
                from.as_deref().is_none_or(|from| key >= from) && to.as_deref().is_none_or(|to| key <= to)
            }
        }
    }

    /// The local keys of a segment between which the requested keys are. For one key, both are the prefix of
    /// its keys. For several, the second is past the last one, and there may be others in between.
    pub(crate) fn local(&self, segment: i64) -> (Vec<u8>, Vec<u8>) {
        let with_key = |segment: i64, key: &[u8]| {
            let mut local = Vec::with_capacity(segments::SEGMENT_BYTES + key.len() + PAST_SUFFIXES.len());
            local.extend_from_slice(&segment.to_be_bytes());
            local.extend_from_slice(key);
            local
        };
        let (from, to) = match self {
            KeyBounds::One(key) => return (with_key(segment, key), with_key(segment, key)),
            KeyBounds::Range(from, to) => (from, to),
        };
        let lower = with_key(segment, from.as_deref().unwrap_or_default());
        let upper = match to.as_deref() {
            None => with_key(segment.saturating_add(1), &[]),
            Some(to) if self.is_one() => with_key(segment, to),
            Some(to) => {
                // A key that `to` starts with is below `to`, but its suffix may sort after the rest of `to`
                // if that is a zero byte, as suffixes start with one.
                let plain = to.iter().position(|byte| *byte == 0).unwrap_or(to.len());
                let mut upper = with_key(segment, &to[..plain]);
                upper.extend_from_slice(&PAST_SUFFIXES);
                upper
            }
        };
        (lower, upper)
    }
}
