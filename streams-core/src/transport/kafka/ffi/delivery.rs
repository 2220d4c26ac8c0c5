//! Records that could not be delivered, as librdkafka reports them.

use std::ffi::c_void;
use std::ptr::{addr_of, null, null_mut};

use bytes::Bytes;
use rdkafka::bindings as rd;

use super::words::Words;
use super::{Code, KafkaError, OK, raw, text_of};
use crate::ids::PartitionId;
use crate::record::Headers;
use crate::transport::FailedRecord;

/// A record that could not be delivered.
#[derive(Clone, Debug)]
pub(in crate::transport::kafka) struct Delivery {
    pub(in crate::transport::kafka) topic: String,
    pub(in crate::transport::kafka) partition: PartitionId,
    pub(in crate::transport::kafka) error: KafkaError,
    /// The sender's tag.
    pub(in crate::transport::kafka) tag: u64,
    /// Only if it was requested.
    pub(in crate::transport::kafka) record: Option<Box<FailedRecord>>,
}

impl Delivery {
    /// Reads the report of one message; `None` if it was delivered. `words` has what the broker said about it, `keep` says
    /// for which codes the record is copied.
    ///
    /// # Safety
    /// `message` is a valid message of a delivery report that no other thread has.
    pub(super) unsafe fn read(
        message: *const rd::rd_kafka_message_t,
        words: &Words,
        keep: impl FnOnce(Code) -> bool,
    ) -> Option<Delivery> {
        // SAFETY: the caller's promise. The code is read as an integer because it may be unknown to the enum; no reference
        // to the message is made for the same reason.
        unsafe {
            let code = addr_of!((*message).err).cast::<Code>().read();
            if code == OK {
                return None;
            }
            let error = match words.take(message) {
                None => KafkaError::from_code(code),
                Some(told) => KafkaError::with_reason(code, told),
            };
            Some(Delivery {
                topic: text_of(rd::rd_kafka_topic_name(addr_of!((*message).rkt).read())),
                partition: addr_of!((*message).partition).read(),
                error,
                tag: addr_of!((*message)._private).read() as usize as u64,
                record: keep(code).then(|| Box::new(record_of(message))),
            })
        }
    }
}

/// Copies a record out.
///
/// # Safety
/// As for [`Delivery::read`].
unsafe fn record_of(message: *const rd::rd_kafka_message_t) -> FailedRecord {
    // SAFETY: the caller's promise; key and payload describe memory that lives as long as the message.
    unsafe {
        FailedRecord {
            key: bytes_of(addr_of!((*message).key).read(), addr_of!((*message).key_len).read()),
            value: bytes_of(addr_of!((*message).payload).read(), addr_of!((*message).len).read()),
            // librdkafka does not have it for a message with an error.
            timestamp: None,
            headers: headers_of(message),
        }
    }
}

/// # Safety
/// As for [`Delivery::read`].
unsafe fn headers_of(message: *const rd::rd_kafka_message_t) -> Headers {
    let mut found = Headers::new();
    let mut list = null_mut();
    // SAFETY: a valid message; the list stays the message's. An index past the list's end is answered with an error, and
    // each value describes memory of the list.
    unsafe {
        if raw::rd_kafka_message_headers(message, &mut list) != OK {
            return found;
        }
        for index in 0.. {
            let (mut name, mut value, mut size) = (null(), null(), 0);
            if raw::rd_kafka_header_get_all(list, index, &mut name, &mut value, &mut size) != OK {
                break;
            }
            found.add(text_of(name), bytes_of(value.cast_mut(), size).map(Bytes::from));
        }
    }
    found
}

/// The bytes behind a pointer of librdkafka's; null is Kafka's null, a length of 0 is empty.
///
/// # Safety
/// `start` is null or points at `size` bytes.
unsafe fn bytes_of(start: *mut c_void, size: usize) -> Option<Vec<u8>> {
    // SAFETY: the caller's promise.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast::<u8>(), size) }.to_vec())
}
