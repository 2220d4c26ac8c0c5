//! An atomic list of writes in one contiguous buffer.
//!
//! The buffer *is* RocksDB's `WriteBatch` representation, so a RocksDB backend passes it on as it is: 8
//! bytes sequence, 4 bytes count (little-endian), then records: tag, varint keyspace, varint-prefixed byte
//! strings.

use super::Keyspace;

const HEADER_BYTES: usize = 12;
const COUNT_AT: usize = 8;
const TAG_DELETE: u8 = 0x04;
const TAG_PUT: u8 = 0x05;
const TAG_DELETE_RANGE: u8 = 0x0E;

/// One write of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write<'a> {
    /// Sets the value of a key.
    Put(Keyspace, &'a [u8], &'a [u8]),
    /// Deletes a key.
    Delete(Keyspace, &'a [u8]),
    /// Deletes all keys from the first (inclusive) to the second (exclusive).
    DeleteRange(Keyspace, &'a [u8], &'a [u8]),
}

/// The keys of a keyspace from `from` (inclusive) to `to` (exclusive).
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "rocksdb"), expect(dead_code, reason = "memory is freed at once"))]
pub(crate) struct DeletedRange {
    pub(crate) keyspace: Keyspace,
    pub(crate) from: Box<[u8]>,
    pub(crate) to: Box<[u8]>,
}

/// Writes to any keyspaces of one backend, applied in their order and all at once by
/// [`super::Backend::write`].
#[derive(Clone, Debug)]
pub struct Batch {
    data: Vec<u8>,
    count: u32,
    ranges: Vec<DeletedRange>,
    /// The positions of the eight-byte values of [`Batch::put_number`].
    numbers: Vec<(Keyspace, &'static [u8], usize)>,
}

impl Default for Batch {
    fn default() -> Self {
        Batch::new()
    }
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Batch { data: vec![0; HEADER_BYTES], count: 0, ranges: Vec::new(), numbers: Vec::new() }
    }

    /// Sets the value of `key`.
    pub fn put(&mut self, keyspace: Keyspace, key: &[u8], value: &[u8]) {
        self.record(TAG_PUT, keyspace, key);
        append_bytes(&mut self.data, value);
    }

    /// Deletes `key`, if it is there.
    pub fn delete(&mut self, keyspace: Keyspace, key: &[u8]) {
        self.record(TAG_DELETE, keyspace, key);
    }

    /// Deletes every key from `from` (inclusive) to `to` (exclusive), and frees their disk space.
    pub fn delete_range(&mut self, keyspace: Keyspace, from: &[u8], to: &[u8]) {
        self.hide_range(keyspace, from, to);
        self.ranges.push(DeletedRange { keyspace, from: from.into(), to: to.into() });
    }

    /// Deletes everything in a keyspace, as before a store is restored from the start of its changelog. (Except a key that
    /// starts with 64 bytes of 0xFF and is longer, which no store here writes with any sensible serialization.) RocksDB
    /// frees the disk space by compaction: dropping whole files could delete what is written meanwhile.
    pub fn delete_all(&mut self, keyspace: Keyspace) {
        self.hide_range(keyspace, &[], &[0xFF; 64]);
    }

    fn hide_range(&mut self, keyspace: Keyspace, from: &[u8], to: &[u8]) {
        self.record(TAG_DELETE_RANGE, keyspace, from);
        append_bytes(&mut self.data, to);
    }

    /// Sets `key` to the int64 `value` (big-endian). A second call for the same key replaces the value in place, so a
    /// number that changes with every entry costs one record a batch.
    pub(crate) fn put_number(&mut self, keyspace: Keyspace, key: &'static [u8], value: i64) {
        let known = self.numbers.iter().find(|(of, name, _)| *of == keyspace && *name == key);
        let bytes = value.to_be_bytes();
        if let Some(&(_, _, at)) = known {
            self.data[at..at + bytes.len()].copy_from_slice(&bytes);
        } else {
            self.put(keyspace, key, &bytes);
            self.numbers.push((keyspace, key, self.data.len() - bytes.len()));
        }
    }

    /// Clears the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.data.clear();
        self.data.resize(HEADER_BYTES, 0);
        self.count = 0;
        self.ranges.clear();
        self.numbers.clear();
    }

    /// Whether it holds no write.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many writes it holds.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// How many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.data.len()
    }

    /// Wraps a `WriteBatch` representation, without its index of ranges.
    #[cfg(feature = "rocksdb")]
    pub(crate) fn load(&mut self, data: &[u8]) {
        self.clear();
        self.data.clear();
        self.data.extend_from_slice(data);
        self.data.resize(data.len().max(HEADER_BYTES), 0);
    }

    /// The `WriteBatch` representation.
    #[cfg(feature = "rocksdb")]
    pub(crate) fn data(&self) -> &[u8] {
        &self.data
    }

    /// The ranges that the batch deletes.
    #[cfg(feature = "rocksdb")]
    pub(crate) fn ranges(&self) -> &[DeletedRange] {
        &self.ranges
    }

    /// The writes in their order.
    pub fn writes(&self) -> Writes<'_> {
        Writes { rest: &self.data[HEADER_BYTES..] }
    }

    fn record(&mut self, tag: u8, keyspace: Keyspace, key: &[u8]) {
        self.data.push(tag);
        append_varint(&mut self.data, keyspace.0);
        append_bytes(&mut self.data, key);
        self.count += 1;
        self.data[COUNT_AT..HEADER_BYTES].copy_from_slice(&self.count.to_le_bytes());
    }
}

fn append_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    // RocksDB's own limit: a key or value is shorter than 4 GiB.
    assert!(u32::try_from(bytes.len()).is_ok(), "a key or value of {} bytes", bytes.len());
    append_varint(out, bytes.len() as u32);
    out.extend_from_slice(bytes);
}

fn append_varint(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The writes of a batch in their order.
pub struct Writes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Writes<'a> {
    type Item = Write<'a>;

    fn next(&mut self) -> Option<Write<'a>> {
        let (&tag, rest) = self.rest.split_first()?;
        self.rest = rest;
        let keyspace = Keyspace(self.varint());
        let key = self.bytes();
        Some(match tag {
            TAG_PUT => Write::Put(keyspace, key, self.bytes()),
            TAG_DELETE_RANGE => Write::DeleteRange(keyspace, key, self.bytes()),
            _ => Write::Delete(keyspace, key),
        })
    }
}

impl<'a> Writes<'a> {
    fn varint(&mut self) -> u32 {
        let mut number = 0;
        for shift in (0..32).step_by(7) {
            let Some((&byte, rest)) = self.rest.split_first() else { break };
            self.rest = rest;
            number |= u32::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = self.varint() as usize;
        let (bytes, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_everything_away_gives_no_range_to_a_reclaimer_that_may_come_after_a_refill() {
        let mut batch = Batch::new();
        batch.delete_all(Keyspace(1));
        assert!(batch.len() == 1 && batch.ranges().is_empty());
    }

    #[test]
    fn gives_back_its_writes_in_order() {
        let (one, far) = (Keyspace(1), Keyspace(300));
        let long = vec![7; 200];
        let mut batch = Batch::new();
        batch.put(one, b"a", &long);
        batch.delete(far, b"");
        batch.delete_range(one, b"b", b"c");
        batch.put_number(far, b"n", 1);
        batch.put(one, b"z", b"");
        batch.put_number(far, b"n", 2);
        let number = 2i64.to_be_bytes();
        let expected = [
            Write::Put(one, b"a", &long),
            Write::Delete(far, b""),
            Write::DeleteRange(one, b"b", b"c"),
            Write::Put(far, b"n", &number),
            Write::Put(one, b"z", b""),
        ];
        assert_eq!(batch.writes().collect::<Vec<_>>(), expected);
        assert_eq!((batch.len(), batch.ranges().len()), (5, 1));
        batch.clear();
        assert!(batch.is_empty() && batch.writes().next().is_none() && batch.bytes() == HEADER_BYTES);
    }
}
