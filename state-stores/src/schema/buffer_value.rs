//! The changelog values of a buffer of table updates (`BufferValue`), in all versions that Kafka Streams has written.
//!
//! | version | header `v` | bytes |
//! |---|---|---|
//! | 3 | 3 | context ‖ prior ‖ old ‖ new ‖ int64 buffer time |
//! | 2 | 2 | context ‖ (old ‖ new) ‖ prior ‖ int64 buffer time; or version 3, which some releases wrote so |
//! | 1 | 1 | int64 buffer time ‖ context ‖ (old ‖ new) |
//! | 0 | none | int64 buffer time ‖ old ‖ new; the context is the changelog record's own |
//!
//! Each value follows its length as int32, -1 for null; the part in brackets has another length for all of it. In version
//! 3 the length -2 means that the old value is the prior one. Version 3 is written.

use bytes::Bytes;

use super::record_context::{RecordContext, append, take, take_i32, take_i64, take_sized};
use crate::headers::Headers;

/// The name of the header with the version.
pub const VERSION_HEADER: &str = "v";
/// The version that is written.
pub const VERSION: u8 = 3;

/// The length that means that the old value is the prior one.
const SAME_AS_PRIOR: i32 = -2;

/// A held-back update of a row. Values are serialized; `None` is a missing row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BufferValue {
    /// The origin of the last update.
    pub context: RecordContext,
    /// The row before the first held-back update: what the reader of the buffer still sees.
    pub prior: Option<Bytes>,
    /// The row before the last update.
    pub old: Option<Bytes>,
    /// The row after it.
    pub new: Option<Bytes>,
}

impl BufferValue {
    /// Kafka Streams' estimate of its bytes in memory: equal prior and old values count once.
    pub fn resident_bytes(&self) -> usize {
        let bytes = |value: &Option<Bytes>| value.as_ref().map_or(0, Bytes::len);
        let old = if self.old == self.prior { 0 } else { bytes(&self.old) };
        bytes(&self.prior) + old + bytes(&self.new) + self.context.resident_bytes()
    }

    /// Appends the bytes of version 3.
    pub fn encode(&self, buffer_time: i64, out: &mut Vec<u8>) {
        self.context.encode(out);
        append(self.prior.as_deref(), out);
        match &self.old {
            Some(old) if Some(old) == self.prior.as_ref() => {
                out.extend_from_slice(&SAME_AS_PRIOR.to_be_bytes());
            }
            old => append(old.as_deref(), out),
        }
        append(self.new.as_deref(), out);
        out.extend_from_slice(&buffer_time.to_be_bytes());
    }

    /// Decodes a value and its buffer time, in version 3.
    pub fn decode(bytes: &[u8]) -> Option<(Self, i64)> {
        let mut input = bytes;
        let context = RecordContext::decode(&mut input)?;
        let prior = take(&mut input)?.map(Bytes::copy_from_slice);
        let old = match take_i32(&mut input)? {
            SAME_AS_PRIOR => prior.clone(),
            length => take_sized(&mut input, length)?.map(Bytes::copy_from_slice),
        };
        let new = take(&mut input)?.map(Bytes::copy_from_slice);
        Some((BufferValue { context, prior, old, new }, take_i64(&mut input)?))
    }

    /// A changelog value of version 2, which may be one of version 3.
    pub(crate) fn decode_v2(bytes: &[u8]) -> Option<(Self, i64)> {
        let exactly = || {
            let mut input = bytes;
            let context = RecordContext::decode(&mut input)?;
            let (old, new) = change(take(&mut input)??)?;
            let prior = take(&mut input)?.map(Bytes::copy_from_slice);
            Some((BufferValue { context, prior, old, new }, take_i64(&mut input)?))
        };
        exactly().or_else(|| BufferValue::decode(bytes))
    }

    /// A changelog value of version 1. `prior` is the prior value of the row that the buffer holds, if it does.
    pub(crate) fn decode_v1(bytes: &[u8], prior: Option<Bytes>) -> Option<(Self, i64)> {
        let mut input = bytes;
        let time = take_i64(&mut input)?;
        let context = RecordContext::decode(&mut input)?;
        let (old, new) = change(take(&mut input)??)?;
        Some((BufferValue { context, prior: prior.or_else(|| old.clone()), old, new }, time))
    }

    /// A changelog value of version 0, of a changelog record of that time and headers.
    pub(crate) fn decode_v0(
        bytes: &[u8],
        prior: Option<Bytes>,
        timestamp: i64,
        headers: &Headers,
    ) -> Option<(Self, i64)> {
        let mut input = bytes;
        let time = take_i64(&mut input)?;
        let (old, new) = change(input)?;
        // The changelog's own position is useless: nothing can be read there again.
        let (source, headers) = ("".into(), headers.clone());
        let context = RecordContext { timestamp, source, partition: -1, offset: -1, headers };
        Some((BufferValue { context, prior: prior.or_else(|| old.clone()), old, new }, time))
    }
}

/// Old and new value.
type Sides = (Option<Bytes>, Option<Bytes>);

/// Both sides of a change as they were once written (`FullChangeSerde`).
fn change(bytes: &[u8]) -> Option<Sides> {
    let mut input = bytes;
    let old = take(&mut input)?.map(Bytes::copy_from_slice);
    Some((old, take(&mut input)?.map(Bytes::copy_from_slice)))
}
