//! A chunk: the records that one producer appended to one partition at once, in one shared buffer.
//!
//! The buffer is held in memory, stored on disk, and borrowed by fetched records. Layout, all numbers
//! big-endian:
//!
//! ```text
//! chunk  = status u8 | tombstones' horizon i64 | last delta u32 | records u32 | greatest timestamp i64 | record*
//! record = offset delta u32 | timestamp i64 | key length i32 | value length i32 | header bytes u32
//!          | key | value | header*            (a length of -1 is null)
//! header = name length u32 | name | value length i32 | value
//! ```

use bytes::Bytes;

use crate::ids::Offset;
use crate::record::Headers;
use crate::time::Timestamp;
use crate::transport::EmbeddedRecord;

/// Bytes before the first record.
const HEADER_BYTES: usize = 25;
/// Bytes of a record before its key.
const RECORD_BYTES: usize = 24;
/// The length that means null.
const NULL: i32 = -1;

/// Who may see a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Visible to all.
    Visible,
    /// Hidden from readers of committed records: its transaction is open. Never on disk.
    Open,
    /// Hidden from readers of committed records: its transaction was aborted.
    Aborted,
    /// Hidden from all: the end of a transaction, which takes an offset as in Kafka.
    Marker,
}

impl Status {
    fn byte(self) -> u8 {
        match self {
            Status::Visible => 0,
            Status::Open => 1,
            Status::Aborted => 2,
            Status::Marker => 3,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Status::Visible, Status::Open, Status::Aborted, Status::Marker]
            .into_iter()
            .find(|status| status.byte() == byte)
    }
}

/// Records of one partition in one buffer. A clone shares the buffer.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    /// The offset from which the records' deltas count.
    pub(super) base: Offset,
    /// The offset after the chunk.
    pub(super) end: Offset,
    /// How many records it holds.
    pub(super) records: u32,
    /// The greatest timestamp in it.
    pub(super) max_timestamp: Timestamp,
    /// When compaction first met tombstones in it; 0 before that.
    pub(super) horizon: Timestamp,
    /// Who may see it.
    pub(super) status: Status,
    buffer: Bytes,
}

impl Chunk {
    /// The end of a transaction.
    pub(super) fn marker(at: Offset) -> Self {
        let mut chunk = ChunkBuilder::default().finish(Status::Marker);
        chunk.place(at);
        chunk
    }

    /// Gives the chunk its place in the log.
    pub(super) fn place(&mut self, base: Offset) {
        self.end = base + (self.end - self.base);
        self.base = base;
    }

    /// The size of the buffer.
    pub(super) fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The bytes to store. They are copied only if its transaction ended otherwise than the chunk was built for.
    pub(super) fn stored(&self) -> std::borrow::Cow<'_, [u8]> {
        if self.buffer.first() == Some(&self.status.byte()) {
            return std::borrow::Cow::Borrowed(&self.buffer);
        }
        let mut copy = self.buffer.to_vec();
        if let Some(first) = copy.first_mut() {
            *first = self.status.byte();
        }
        std::borrow::Cow::Owned(copy)
    }

    /// Reads back what was [stored](Chunk::stored); `None` if the bytes are not a chunk.
    pub(super) fn load(base: Offset, stored: Vec<u8>) -> Option<Self> {
        let status = Status::from_byte(*stored.first()?)?;
        let horizon = i64::from_be_bytes(array(&stored, 1)?);
        let last_delta = u32::from_be_bytes(array(&stored, 9)?);
        let records = u32::from_be_bytes(array(&stored, 13)?);
        let max_timestamp = i64::from_be_bytes(array(&stored, 17)?);
        let end = base + i64::from(last_delta) + 1;
        Some(Chunk { base, end, records, max_timestamp, horizon, status, buffer: Bytes::from(stored) })
    }

    /// The first record.
    pub(super) fn start(&self) -> Cursor {
        Cursor(HEADER_BYTES)
    }

    /// The record at the cursor, which moves past it; `None` at the end.
    pub(super) fn next(&self, cursor: &mut Cursor) -> Option<RecordView<'_>> {
        let data = &self.buffer[..];
        let at = cursor.0;
        let delta = u32::from_be_bytes(array(data, at)?);
        let timestamp = i64::from_be_bytes(array(data, at + 4)?);
        let key_length = i32::from_be_bytes(array(data, at + 12)?);
        let value_length = i32::from_be_bytes(array(data, at + 16)?);
        let header_length = u32::from_be_bytes(array(data, at + 20)?) as usize;
        let key_at = at + RECORD_BYTES;
        let value_at = key_at + usize::try_from(key_length).unwrap_or(0);
        let headers_at = value_at + usize::try_from(value_length).unwrap_or(0);
        let end = headers_at + header_length;
        if end > data.len() {
            return None;
        }
        cursor.0 = end;
        Some(RecordView {
            buffer: &self.buffer,
            offset: self.base + i64::from(delta),
            timestamp,
            key: (key_length != NULL).then_some((key_at, value_at)),
            value: (value_length != NULL).then_some((value_at, headers_at)),
            headers: (headers_at, end),
        })
    }
}

/// A place in a chunk's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor(usize);

/// A record in a chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordView<'a> {
    buffer: &'a Bytes,
    /// Its offset.
    pub(super) offset: Offset,
    /// Event time.
    pub(super) timestamp: Timestamp,
    key: Option<(usize, usize)>,
    value: Option<(usize, usize)>,
    headers: (usize, usize),
}

impl<'a> RecordView<'a> {
    /// The key, or null.
    pub(super) fn key(&self) -> Option<&'a [u8]> {
        self.key.map(|(from, to)| &self.buffer[from..to])
    }

    /// Whether it deletes its key.
    pub(super) fn is_tombstone(&self) -> bool {
        self.value.is_none()
    }

    /// The record as it is returned; it keeps the chunk's buffer alive.
    pub(super) fn to_record(self) -> EmbeddedRecord {
        EmbeddedRecord {
            offset: self.offset,
            timestamp: self.timestamp,
            key: self.key.map(|(from, to)| self.buffer.slice(from..to)),
            value: self.value.map(|(from, to)| self.buffer.slice(from..to)),
            headers: self.headers().unwrap_or_default(),
        }
    }

    fn headers(&self) -> Option<Headers> {
        let (mut at, end) = self.headers;
        let mut headers = Headers::new();
        while at < end {
            let name_at = at + 4;
            let value_length_at = name_at + u32::from_be_bytes(array(self.buffer, at)?) as usize;
            let value_at = value_length_at + 4;
            let value_length = i32::from_be_bytes(array(self.buffer, value_length_at)?);
            at = value_at + usize::try_from(value_length).unwrap_or(0);
            let name = String::from_utf8_lossy(self.buffer.get(name_at..value_length_at)?);
            let value = (value_length != NULL).then(|| self.buffer.slice(value_at..at));
            headers.add(&*name, value);
        }
        Some(headers)
    }
}

/// Collects records into a chunk. Its memory is reused for the next one.
#[derive(Debug)]
pub(super) struct ChunkBuilder {
    buffer: Vec<u8>,
    records: u32,
    last_delta: u32,
    max_timestamp: Timestamp,
    /// When compaction first met tombstones in it.
    pub(super) horizon: Timestamp,
}

impl Default for ChunkBuilder {
    fn default() -> Self {
        let max_timestamp = Timestamp::MIN;
        ChunkBuilder { buffer: vec![0; HEADER_BYTES], records: 0, last_delta: 0, max_timestamp, horizon: 0 }
    }
}

impl ChunkBuilder {
    /// Appends a record at the next offset.
    pub(super) fn push(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &Headers,
    ) {
        self.start_record(self.records, timestamp, key, value);
        let headers_at = self.buffer.len();
        for header in headers {
            self.buffer.extend_from_slice(&(header.key.len() as u32).to_be_bytes());
            self.buffer.extend_from_slice(header.key.as_bytes());
            self.buffer.extend_from_slice(&length(header.value.as_deref()).to_be_bytes());
            self.buffer.extend_from_slice(header.value.as_deref().unwrap_or_default());
        }
        let payload = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        let header_bytes = (self.buffer.len() - headers_at) as u32;
        let length_at = headers_at - payload - 4;
        self.buffer[length_at..length_at + 4].copy_from_slice(&header_bytes.to_be_bytes());
    }

    /// Copies a record from another chunk, at this distance from the chunk's first offset.
    pub(super) fn copy(&mut self, delta: u32, from: &RecordView<'_>) {
        let value = from.value.map(|(from_byte, to)| &from.buffer[from_byte..to]);
        let headers = &from.buffer[from.headers.0..from.headers.1];
        self.start_record(delta, from.timestamp, from.key(), value);
        let payload = from.key().map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        let length_at = self.buffer.len() - payload - 4;
        self.buffer[length_at..length_at + 4].copy_from_slice(&(headers.len() as u32).to_be_bytes());
        self.buffer.extend_from_slice(headers);
    }

    fn start_record(&mut self, delta: u32, timestamp: Timestamp, key: Option<&[u8]>, value: Option<&[u8]>) {
        self.buffer.reserve(RECORD_BYTES + key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len));
        self.buffer.extend_from_slice(&delta.to_be_bytes());
        self.buffer.extend_from_slice(&timestamp.to_be_bytes());
        self.buffer.extend_from_slice(&length(key).to_be_bytes());
        self.buffer.extend_from_slice(&length(value).to_be_bytes());
        self.buffer.extend_from_slice(&[0; 4]);
        self.buffer.extend_from_slice(key.unwrap_or_default());
        self.buffer.extend_from_slice(value.unwrap_or_default());
        self.records += 1;
        self.last_delta = delta;
        self.max_timestamp = self.max_timestamp.max(timestamp);
    }

    /// How many records it holds.
    pub(super) fn records(&self) -> u32 {
        self.records
    }

    /// How many bytes it holds.
    pub(super) fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The chunk, not yet [placed](Chunk::place); the builder is empty again.
    pub(super) fn finish(&mut self, status: Status) -> Chunk {
        // A transaction's chunk is built as it will be stored if the transaction commits.
        let stored = if status == Status::Open { Status::Visible } else { status };
        self.buffer[0] = stored.byte();
        self.buffer[1..9].copy_from_slice(&self.horizon.to_be_bytes());
        self.buffer[9..13].copy_from_slice(&self.last_delta.to_be_bytes());
        self.buffer[13..17].copy_from_slice(&self.records.to_be_bytes());
        self.buffer[17..25].copy_from_slice(&self.max_timestamp.to_be_bytes());
        let chunk = Chunk {
            base: 0,
            end: i64::from(self.last_delta) + 1,
            records: self.records,
            max_timestamp: self.max_timestamp,
            horizon: self.horizon,
            status,
            // One allocation of exactly the right size; the builder keeps its larger buffer.
            buffer: Bytes::copy_from_slice(&self.buffer),
        };
        self.clear();
        chunk
    }

    /// Drops what was collected.
    pub(super) fn clear(&mut self) {
        self.buffer.truncate(HEADER_BYTES);
        self.records = 0;
        self.last_delta = 0;
        self.max_timestamp = Timestamp::MIN;
        self.horizon = 0;
    }
}

fn length(bytes: Option<&[u8]>) -> i32 {
    // Records are limited far below 2 GiB before they come here.
    bytes.map_or(NULL, |bytes| bytes.len() as i32)
}

fn array<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(chunk: &Chunk) -> Vec<EmbeddedRecord> {
        let mut cursor = chunk.start();
        std::iter::from_fn(|| chunk.next(&mut cursor).map(RecordView::to_record)).collect()
    }

    #[test]
    fn records_come_back_as_they_went_in() {
        let mut headers = Headers::new();
        headers.add("a", Some("1"));
        headers.add("b", None::<Bytes>);
        let mut builder = ChunkBuilder::default();
        builder.push(5, Some(b"key"), None, &headers);
        builder.push(3, None, Some(b""), &Headers::new());
        let mut chunk = builder.finish(Status::Open);
        chunk.place(7);
        assert_eq!((chunk.base, chunk.end, chunk.max_timestamp), (7, 9, 5));
        let expected = vec![
            EmbeddedRecord { offset: 7, timestamp: 5, key: Some("key".into()), value: None, headers },
            EmbeddedRecord {
                offset: 8,
                timestamp: 3,
                key: None,
                value: Some(Bytes::new()),
                headers: Headers::new(),
            },
        ];
        assert_eq!(records(&chunk), expected);
        chunk.status = Status::Aborted;
        let loaded = Chunk::load(7, chunk.stored().into_owned()).unwrap();
        assert_eq!((loaded.status, loaded.end, records(&loaded)), (Status::Aborted, 9, expected.clone()));

        let mut cursor = chunk.start();
        chunk.next(&mut cursor);
        builder.copy(1, &chunk.next(&mut cursor).unwrap());
        let mut copy = builder.finish(Status::Visible);
        copy.place(7);
        assert_eq!(records(&copy), expected[1..]);
    }

    #[test]
    fn torn_bytes_are_no_chunk() {
        assert!(Chunk::load(0, vec![0; HEADER_BYTES - 1]).is_none());
        assert!(Chunk::load(0, vec![9; HEADER_BYTES]).is_none());
    }
}
