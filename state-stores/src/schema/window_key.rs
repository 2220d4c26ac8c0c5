//! Window keys (`WindowKeySchema`): RK is the record key's bytes.
//!
//! Changelog: RK ‖ int64 start ‖ int32 seqnum. On topics (the time-windowed serde): RK ‖ int64 start. All
//! big-endian.

use super::int64_before_end;

const START_BYTES: usize = 8;
const SEQNUM_BYTES: usize = 4;

/// Appends the changelog key of a window. `start_ms` is the window's start; `seqnum` is 0 unless the store
/// retains duplicates.
pub fn encode(key: &[u8], start_ms: i64, seqnum: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    append_suffix(start_ms, seqnum, out);
}

/// Appends what follows RK in a changelog key.
pub(crate) fn append_suffix(start_ms: i64, seqnum: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&start_ms.to_be_bytes());
    out.extend_from_slice(&seqnum.to_be_bytes());
}

/// RK, the window's start in ms and the seqnum of a changelog key; `None` if it is too short to be one.
pub fn decode(bytes: &[u8]) -> Option<(&[u8], i64, i32)> {
    let start = start_ms(bytes)?;
    let (rest, seqnum) = bytes.split_at(bytes.len() - SEQNUM_BYTES);
    Some((&rest[..rest.len() - START_BYTES], start, i32::from_be_bytes(seqnum.try_into().ok()?)))
}

/// The window's start in ms of a changelog key; `None` if it is too short to be one.
pub fn start_ms(bytes: &[u8]) -> Option<i64> {
    int64_before_end(bytes, SEQNUM_BYTES)
}

/// Appends the key that a windowed key has on topics.
pub fn encode_topic(key: &[u8], start_ms: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    out.extend_from_slice(&start_ms.to_be_bytes());
}

/// RK and the window's start in ms of a windowed key on a topic; `None` if it is too short to be one.
pub fn decode_topic(bytes: &[u8]) -> Option<(&[u8], i64)> {
    let start = int64_before_end(bytes, 0)?;
    Some((&bytes[..bytes.len() - START_BYTES], start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_kafkas_bytes() {
        let mut key = Vec::new();
        encode(b"k", 0x0102, 3, &mut key);
        assert_eq!(key, [b'k', 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3]);
        assert_eq!(decode(&key), Some((&b"k"[..], 0x0102, 3)));
        assert_eq!(decode(&key[2..]), None);
        let mut topic = Vec::new();
        encode_topic(b"k", 0x0102, &mut topic);
        assert_eq!(topic, key[..9]);
        assert_eq!(decode_topic(&topic), Some((&b"k"[..], 0x0102)));
        assert_eq!(decode_topic(b"short"), None);
    }
}
