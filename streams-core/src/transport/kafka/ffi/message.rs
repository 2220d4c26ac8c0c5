//! A fetched message, still in librdkafka's receive buffer.

use std::cell::Cell;
use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{NonNull, addr_of, null, null_mut};
use std::sync::Arc;

use bytes::Bytes;
use rdkafka::bindings as rd;

use super::client::Client;
use super::{Code, OK, raw, text_of};
use crate::ids::Offset;
use crate::record::Headers;
use crate::time::Timestamp;

/// An owned `rd_kafka_message_t`. It keeps the whole fetch response it came in, and its client, alive.
pub(in crate::transport::kafka) struct Message {
    message: NonNull<rd::rd_kafka_message_t>,
    // Dropped after the message: librdkafka wants every message destroyed before its client.
    _client: Arc<Client>,
    // `headers` parses lazily, which changes the message behind a shared reference: never `Sync`.
    _not_sync: PhantomData<Cell<()>>,
}

// SAFETY: a message is reference counted inside librdkafka with atomics, belongs to us alone once dequeued, and may be
// read and destroyed by any thread. `headers` parses lazily and therefore takes no part in `Sync`, which is not given.
unsafe impl Send for Message {}

impl Message {
    /// Takes over a message that `rd_kafka_consume_batch_queue` handed out.
    ///
    /// # Safety
    /// The message came from a queue of `client`, is not null and has no other owner.
    pub(super) unsafe fn own(message: NonNull<rd::rd_kafka_message_t>, client: &Arc<Client>) -> Self {
        Message { message, _client: Arc::clone(client), _not_sync: PhantomData }
    }

    /// The error that takes the place of a record, or 0.
    pub(super) fn error(&self) -> Code {
        // SAFETY: valid for as long as `self`; read as an integer because it may be a code unknown to the enum.
        unsafe { addr_of!((*self.message.as_ptr()).err).cast::<Code>().read() }
    }

    /// librdkafka's words for the error.
    pub(super) fn error_text(&self) -> String {
        // SAFETY: valid for as long as `self`; the text lives as long as the message.
        text_of(unsafe { rd::rd_kafka_message_errstr(self.message.as_ptr()) })
    }

    pub(in crate::transport::kafka) fn offset(&self) -> Offset {
        // SAFETY: valid for as long as `self`; only this thread has it. No reference to the whole is made, whose error may be
        // unknown to the enum.
        unsafe { addr_of!((*self.message.as_ptr()).offset).read() }
    }

    pub(in crate::transport::kafka) fn timestamp(&self) -> Timestamp {
        // SAFETY: a valid message; the type of the timestamp is not asked for.
        unsafe { rd::rd_kafka_message_timestamp(self.message.as_ptr(), null_mut()) }
    }

    pub(in crate::transport::kafka) fn key(&self) -> Option<&[u8]> {
        // SAFETY: key and length describe memory that lives as long as the message.
        unsafe {
            let message = self.message.as_ptr();
            bytes_of((*message).key, (*message).key_len)
        }
    }

    pub(in crate::transport::kafka) fn value(&self) -> Option<&[u8]> {
        // SAFETY: payload and length describe memory that lives as long as the message.
        unsafe {
            let message = self.message.as_ptr();
            bytes_of((*message).payload, (*message).len)
        }
    }

    /// The headers, copied out; what is not UTF-8 in a name is replaced, and a NUL ends it (librdkafka's C strings).
    pub(in crate::transport::kafka) fn headers(&self) -> Headers {
        let mut found = Headers::new();
        let mut list = null_mut();
        // SAFETY: a valid message that no other thread has; the list stays the message's.
        let code = unsafe { raw::rd_kafka_message_headers(self.message.as_ptr(), &mut list) };
        if code != OK {
            return found;
        }
        for index in 0.. {
            let (mut name, mut value, mut size) = (null(), null(), 0);
            // SAFETY: the list is valid; an index past its end is answered with an error.
            let code = unsafe { raw::rd_kafka_header_get_all(list, index, &mut name, &mut value, &mut size) };
            if code != OK {
                break;
            }
            // SAFETY: value and size describe memory of the list.
            let value = unsafe { bytes_of(value, size) }.map(Bytes::copy_from_slice);
            found.add(text_of(name), value);
        }
        found
    }
}

/// The bytes behind a pointer of librdkafka's; null is Kafka's null, a length of 0 is empty.
///
/// # Safety
/// `start` is null or points at `size` bytes that live for `'a`.
unsafe fn bytes_of<'a>(start: *const c_void, size: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast::<u8>(), size) })
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once, and before its client.
        unsafe { rd::rd_kafka_message_destroy(self.message.as_ptr()) };
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("offset", &self.offset()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::c_int;
    use std::time::Duration;

    use rdkafka::bindings::{rd_kafka_vtype_t as V, rd_kafka_vu_s__bindgen_ty_1 as Value};

    use super::super::mock::client;
    use super::super::{Batch, Dequeued, PartitionQueue, Role, Topic};
    use super::*;
    use crate::ids::TopicPartition;

    /// Sends one record to partition 0 whose header name is not UTF-8, which no client of this project can.
    fn send_hostile(producer: &Client, topic: &Topic) {
        // SAFETY: name and value are copied by the first call; the arguments live through the second, which takes the
        // header list over.
        let outcome = unsafe {
            let headers = rd::rd_kafka_headers_new(1);
            raw::rd_kafka_header_add(headers, b"a\xff".as_ptr().cast(), 2, b"v".as_ptr().cast(), 1);
            let arguments = [
                rd::rd_kafka_vu_t { vtype: V::RD_KAFKA_VTYPE_RKT, u: Value { rkt: topic.as_ptr() } },
                rd::rd_kafka_vu_t { vtype: V::RD_KAFKA_VTYPE_PARTITION, u: Value { i32_: 0 as c_int } },
                rd::rd_kafka_vu_t { vtype: V::RD_KAFKA_VTYPE_HEADERS, u: Value { headers } },
            ];
            rd::rd_kafka_produceva(producer.as_ptr(), arguments.as_ptr(), arguments.len())
        };
        assert!(outcome.is_null());
        assert!(producer.flush(Duration::from_secs(20)));
    }

    /// With `Sync` for messages two implementations would apply here, and it would not compile.
    #[test]
    fn a_message_is_for_one_thread_at_a_time() {
        trait Ambiguous<A> {
            fn of(&self) {}
        }
        struct IfSync;
        impl<T> Ambiguous<()> for T {}
        impl<T: Sync> Ambiguous<IfSync> for T {}
        let _compiles: fn(&Message) = <Message as Ambiguous<_>>::of;
    }

    #[test]
    fn a_header_name_that_is_no_utf_8_is_read_with_replacements() {
        let settings = [("test.mock.num.brokers", "1"), ("delivery.report.only.error", "true")];
        let producer = client(Role::Producer, &settings).expect("is made");
        let servers = producer.mock_servers();
        let topic = Topic::new(&producer, "t").expect("is made");
        send_hostile(&producer, &topic);

        let settings = [("bootstrap.servers", servers.as_str()), ("group.id", "g")];
        let consumer = client(Role::Consumer, &settings).expect("is made");
        let partition = TopicPartition::new("t", 0);
        let mut queue = PartitionQueue::new(&consumer, &partition).expect("has a queue");
        consumer.start(&partition, 0).expect("starts");
        let (mut batch, mut found) = (Batch::new(), None);
        for _ in 0..200 {
            consumer.wait(Duration::from_millis(100));
            queue.take(&mut batch, 1, |entry| {
                if let Dequeued::Record(message) = entry {
                    found = Some(message);
                }
            });
            if found.is_some() {
                break;
            }
        }
        let message = found.expect("the record arrives");
        assert_eq!((message.key(), message.value()), (None, None));
        let headers = message.headers();
        assert_eq!(headers.len(), 1);
        assert_eq!(headers.last("a\u{fffd}").and_then(|header| header.value.as_deref()), Some(&b"v"[..]));
        drop((queue, consumer));
        assert_eq!(message.offset(), 0, "outlives its consumer");
    }
}
