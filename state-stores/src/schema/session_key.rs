//! Session keys (`SessionKeySchema`), the same in changelogs and on topics: RK ‖ int64 end ‖ int64 start,
//! big-endian.

use super::int64_before_end;

const TIME_BYTES: usize = 8;

/// Appends the key of a session. Both times are inclusive, in ms.
pub fn encode(key: &[u8], start_ms: i64, end_ms: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    append_suffix(start_ms, end_ms, out);
}

/// Appends what follows RK.
pub(crate) fn append_suffix(start_ms: i64, end_ms: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&end_ms.to_be_bytes());
    out.extend_from_slice(&start_ms.to_be_bytes());
}

/// RK, start and end in ms; `None` if the bytes are too short to be a session key.
pub fn decode(bytes: &[u8]) -> Option<(&[u8], i64, i64)> {
    let (end, start) = (end_ms(bytes)?, int64_before_end(bytes, 0)?);
    Some((&bytes[..bytes.len() - 2 * TIME_BYTES], start, end))
}

/// The session's end in ms; `None` if the bytes are too short to be a session key.
pub fn end_ms(bytes: &[u8]) -> Option<i64> {
    int64_before_end(bytes, TIME_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_kafkas_bytes() {
        let mut key = Vec::new();
        encode(b"k", 1, 0x0203, &mut key);
        assert_eq!(key, [b'k', 0, 0, 0, 0, 0, 0, 2, 3, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(decode(&key), Some((&b"k"[..], 1, 0x0203)));
        assert_eq!(decode(&key[2..]), None);
    }
}
