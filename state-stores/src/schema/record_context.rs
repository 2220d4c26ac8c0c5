//! The origin of a buffered record, in the bytes of Kafka Streams' `ProcessorRecordContext`: int64 time ‖ int64
//! offset ‖ text source ‖ int32 partition ‖ int32 number of headers ‖ for each its name as text and its value as bytes
//! that may be null. Text and bytes have their length in front, as int32; -1 is null. All big-endian.

use std::sync::Arc;

use bytes::Bytes;

use crate::headers::Headers;

/// The length that means null.
const NULL: i32 = -1;

/// Where and when a record that is kept for later was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordContext {
    /// Its time in ms.
    pub timestamp: i64,
    /// The topic that it was read from; empty if unknown.
    pub source: Arc<str>,
    /// The partition of the source; -1 if unknown.
    pub partition: i32,
    /// Its offset there; -1 if unknown.
    pub offset: i64,
    /// Its headers.
    pub headers: Headers,
}

impl RecordContext {
    /// Kafka Streams' estimate of its bytes in memory. Names count as UTF-16, as in Java.
    pub fn resident_bytes(&self) -> usize {
        let chars = |text: &str| if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
        let fixed = 2 * size_of::<i64>() + size_of::<i32>();
        let header = |header: &crate::headers::Header| {
            chars(&header.key) + header.value.as_ref().map_or(0, Bytes::len)
        };
        fixed + chars(&self.source) + self.headers.iter().map(header).sum::<usize>()
    }

    /// Appends the bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.offset.to_be_bytes());
        append(Some(self.source.as_bytes()), out);
        out.extend_from_slice(&self.partition.to_be_bytes());
        out.extend_from_slice(&length(self.headers.len()));
        for header in &self.headers {
            append(Some(header.key.as_bytes()), out);
            append(header.value.as_deref(), out);
        }
    }

    /// Reads a context and moves `input` past it; `None` if the bytes are not a context.
    pub fn decode(input: &mut &[u8]) -> Option<Self> {
        let (timestamp, offset) = (take_i64(input)?, take_i64(input)?);
        let source = text(take(input)??)?;
        let partition = take_i32(input)?;
        let mut headers = Headers::new();
        match take_i32(input)? {
            // What early versions wrote for no headers.
            NULL => {}
            count => {
                for _ in 0..u32::try_from(count).ok()? {
                    let name = text(take(input)??)?;
                    headers.add(name, take(input)?.map(Bytes::copy_from_slice));
                }
            }
        }
        Some(RecordContext { timestamp, source, partition, offset, headers })
    }
}

fn text(bytes: &[u8]) -> Option<Arc<str>> {
    std::str::from_utf8(bytes).ok().map(Into::into)
}

fn length(length: usize) -> [u8; 4] {
    // A buffered record fits into a message, which is shorter than 2 GiB.
    i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes()
}

/// Appends bytes with their length.
pub(super) fn append(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    match bytes {
        None => out.extend_from_slice(&NULL.to_be_bytes()),
        Some(bytes) => {
            out.extend_from_slice(&length(bytes.len()));
            out.extend_from_slice(bytes);
        }
    }
}

/// Reads bytes of that length, where -1 is null.
pub(super) fn take_sized<'a>(input: &mut &'a [u8], length: i32) -> Option<Option<&'a [u8]>> {
    if length == NULL {
        return Some(None);
    }
    let (bytes, rest) = input.split_at_checked(usize::try_from(length).ok()?)?;
    *input = rest;
    Some(Some(bytes))
}

/// Reads bytes with their length in front.
pub(super) fn take<'a>(input: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = take_i32(input)?;
    take_sized(input, length)
}

pub(super) fn take_i32(input: &mut &[u8]) -> Option<i32> {
    let (number, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(i32::from_be_bytes(*number))
}

pub(super) fn take_i64(input: &mut &[u8]) -> Option<i64> {
    let (number, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(i64::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_too_short_is_a_context() {
        let mut headers = Headers::new();
        headers.add("name", None::<Bytes>);
        headers.add("name", Some("value"));
        let context = RecordContext { timestamp: 1, source: "t".into(), partition: 2, offset: 3, headers };
        let mut bytes = Vec::new();
        context.encode(&mut bytes);
        for end in 0..bytes.len() {
            assert_eq!(RecordContext::decode(&mut &bytes[..end]), None, "{end}");
        }
        let mut input = &bytes[..];
        assert_eq!(RecordContext::decode(&mut input), Some(context));
        assert!(input.is_empty());
    }
}
