//! Sending records, in transactions or not.

use std::ffi::{c_int, c_void};
use std::ptr::{NonNull, null, null_mut};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_resp_err_t as E;
use rdkafka::bindings::{rd_kafka_vtype_t as V, rd_kafka_vu_s__bindgen_ty_1 as Value};

use super::apart::apart;
use super::client::{Client, topic_new};
use super::group::GroupMetadata;
use super::list::{PartitionList, entries_of};
use super::{Code, KafkaError, OK, millis, raw};
use crate::ids::PartitionId;
use crate::record::Headers;
use crate::time::Timestamp;

/// How much later than its time-out a call may return.
const LATE: Duration = Duration::from_secs(2);

/// A topic's handle, so that its name is looked up once and not per record.
pub(in crate::transport::kafka) struct Topic {
    topic: NonNull<rd::rd_kafka_topic_t>,
    _client: Arc<Client>,
}

// SAFETY: a reference-counted handle, locked inside librdkafka.
unsafe impl Send for Topic {}

impl Topic {
    pub(in crate::transport::kafka) fn new(client: &Arc<Client>, name: &str) -> Result<Self, KafkaError> {
        Ok(Topic { topic: topic_new(client, name)?, _client: Arc::clone(client) })
    }

    pub(super) fn as_ptr(&self) -> *mut rd::rd_kafka_topic_t {
        self.topic.as_ptr()
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: our reference, given back once and before the client goes.
        unsafe { rd::rd_kafka_topic_destroy(self.topic.as_ptr()) };
    }
}

/// A record to send.
pub(in crate::transport::kafka) struct Outgoing<'a> {
    pub(in crate::transport::kafka) partition: PartitionId,
    pub(in crate::transport::kafka) key: Option<&'a [u8]>,
    pub(in crate::transport::kafka) value: Option<&'a [u8]>,
    pub(in crate::transport::kafka) timestamp: Timestamp,
    pub(in crate::transport::kafka) headers: &'a Headers,
    /// Given back with a failed delivery.
    pub(in crate::transport::kafka) tag: u64,
}

/// Null for Kafka's null. An empty slice has an address that is not null, which is how librdkafka tells them apart.
fn memory(bytes: Option<&[u8]>) -> Value {
    let (ptr, size) = bytes.map_or((null_mut(), 0), |bytes| (bytes.as_ptr().cast_mut().cast(), bytes.len()));
    Value { mem: rd::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr, size } }
}

/// The headers as librdkafka's list, owned by the caller; null when there are none.
fn header_list(headers: &Headers) -> Result<*mut rd::rd_kafka_headers_t, KafkaError> {
    if headers.is_empty() {
        return Ok(null_mut());
    }
    // SAFETY: names and values are copied by each call; sizes are given, so a NUL in a name is kept. The list is freed
    // here when it does not go to the caller.
    unsafe {
        let list = rd::rd_kafka_headers_new(headers.len());
        for header in headers {
            let value = header.value.as_ref();
            let code = raw::rd_kafka_header_add(
                list,
                header.key.as_ptr().cast(),
                header.key.len().cast_signed(),
                value.map_or(null(), |value| value.as_ptr().cast::<c_void>()),
                value.map_or(0, |value| value.len().cast_signed()),
            );
            if code != OK {
                rd::rd_kafka_headers_destroy(list);
                return Err(KafkaError::from_code(code));
            }
        }
        Ok(list)
    }
}

impl Client {
    /// Queues a record; everything is copied.
    pub(in crate::transport::kafka) fn produce(
        &self,
        topic: &Topic,
        record: &Outgoing<'_>,
    ) -> Result<(), KafkaError> {
        let headers = header_list(record.headers)?;
        let arguments = [
            rd::rd_kafka_vu_t { vtype: V::RD_KAFKA_VTYPE_RKT, u: Value { rkt: topic.as_ptr() } },
            rd::rd_kafka_vu_t { vtype: V::RD_KAFKA_VTYPE_PARTITION, u: Value { i32_: record.partition } },
            rd::rd_kafka_vu_t {
                vtype: V::RD_KAFKA_VTYPE_MSGFLAGS,
                u: Value { i: rd::RD_KAFKA_MSG_F_COPY as c_int },
            },
            rd::rd_kafka_vu_t { vtype: V::RD_KAFKA_VTYPE_KEY, u: memory(record.key) },
            rd::rd_kafka_vu_t { vtype: V::RD_KAFKA_VTYPE_VALUE, u: memory(record.value) },
            rd::rd_kafka_vu_t { vtype: V::RD_KAFKA_VTYPE_TIMESTAMP, u: Value { i64_: record.timestamp } },
            rd::rd_kafka_vu_t {
                vtype: V::RD_KAFKA_VTYPE_OPAQUE,
                // Never dereferenced: librdkafka only carries it.
                u: Value { ptr: std::ptr::without_provenance_mut(record.tag as usize) },
            },
            rd::rd_kafka_vu_t { vtype: V::RD_KAFKA_VTYPE_HEADERS, u: Value { headers } },
        ];
        let count = if headers.is_null() { arguments.len() - 1 } else { arguments.len() };
        // SAFETY: the first `count` arguments are set to what their types say and live through the call; key and value
        // are copied (F_COPY). The header list goes to librdkafka only on success.
        let outcome =
            KafkaError::take(unsafe { rd::rd_kafka_produceva(self.as_ptr(), arguments.as_ptr(), count) });
        if outcome.is_err() && !headers.is_null() {
            // SAFETY: refused above, so still ours.
            unsafe { rd::rd_kafka_headers_destroy(headers) };
        }
        outcome
    }

    /// Sends what is queued without lingering and waits for the answers; returns whether nothing is left.
    pub(in crate::transport::kafka) fn flush(&self, timeout: Duration) -> bool {
        // SAFETY: a valid producer handle; serves delivery callbacks meanwhile.
        unsafe { raw::rd_kafka_flush(self.as_ptr(), millis(timeout)) == OK }
    }

    /// Pauses or resumes sending to these partitions. Waits until that is so.
    pub(in crate::transport::kafka) fn hold(
        &self,
        list: &PartitionList,
        held: bool,
    ) -> Result<(), KafkaError> {
        // SAFETY: a valid producer handle and list; the list's errors are set by the call and read after it.
        let entries = unsafe {
            let code = if held {
                raw::rd_kafka_pause_partitions(self.as_ptr(), list.as_ptr())
            } else {
                raw::rd_kafka_resume_partitions(self.as_ptr(), list.as_ptr())
            };
            KafkaError::check(code)?;
            entries_of(list.as_ptr())
        };
        match entries.iter().find(|entry| entry.error != OK) {
            Some(entry) => Err(KafkaError::from_code(entry.error)),
            None => Ok(()),
        }
    }

    /// Records and delivery reports that are still on their way.
    pub(in crate::transport::kafka) fn outstanding(&self) -> usize {
        // SAFETY: a valid handle.
        usize::try_from(unsafe { rd::rd_kafka_outq_len(self.as_ptr()) }).unwrap_or(0)
    }

    pub(in crate::transport::kafka) fn init_transactions(&self, timeout: Duration) -> Result<(), KafkaError> {
        // SAFETY: a valid producer handle; the error, if any, is ours. The same holds for the four calls below.
        KafkaError::take(unsafe { rd::rd_kafka_init_transactions(self.as_ptr(), millis(timeout)) })
    }

    pub(in crate::transport::kafka) fn begin_transaction(&self) -> Result<(), KafkaError> {
        // SAFETY: see `init_transactions`.
        KafkaError::take(unsafe { rd::rd_kafka_begin_transaction(self.as_ptr()) })
    }

    pub(in crate::transport::kafka) fn commit_transaction(
        &self,
        timeout: Duration,
    ) -> Result<(), KafkaError> {
        // SAFETY: see `init_transactions`.
        KafkaError::take(unsafe { rd::rd_kafka_commit_transaction(self.as_ptr(), millis(timeout)) })
    }

    /// Why the open transaction must be aborted. Call it only after librdkafka has purged its records by itself, which
    /// it does when it has failed: a commit is then refused with the reason, and does nothing.
    pub(in crate::transport::kafka) fn transaction_error(&self) -> Option<KafkaError> {
        self.commit_transaction(Duration::from_secs(1)).err().filter(|error| error.requires_abort)
    }

    pub(in crate::transport::kafka) fn abort_transaction(&self, timeout: Duration) -> Result<(), KafkaError> {
        // SAFETY: see `init_transactions`.
        KafkaError::take(unsafe { rd::rd_kafka_abort_transaction(self.as_ptr(), millis(timeout)) })
    }

    /// On a thread of its own, as librdkafka may wait for the group's coordinator forever, whatever `timeout` says
    /// (librdkafka#5456), and nothing can stop it. Such a call is left behind with the client, which must not be used again:
    /// a fatal error says so.
    pub(in crate::transport::kafka) fn send_offsets(
        self: &Arc<Self>,
        offsets: PartitionList,
        group: GroupMetadata,
        timeout: Duration,
    ) -> Result<(), KafkaError> {
        let client = Arc::clone(self);
        let call = move || {
            // SAFETY: see `init_transactions`; list and metadata are copied.
            KafkaError::take(unsafe {
                rd::rd_kafka_send_offsets_to_transaction(
                    client.as_ptr(),
                    offsets.as_ptr(),
                    group.as_ptr(),
                    millis(timeout),
                )
            })
        };
        let answered = apart("send-offsets", timeout + LATE, call).map_err(|error| {
            let reason = format!("no thread for the call: {error}");
            let error = KafkaError::with_reason(E::RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE as Code, reason);
            KafkaError { requires_abort: true, ..error }
        })?;
        answered.unwrap_or_else(|| {
            let reason = format!(
                "no answer in {} s, and librdkafka does not end the call: the producer is replaced",
                (timeout + LATE).as_secs()
            );
            let error = KafkaError::with_reason(E::RD_KAFKA_RESP_ERR__TIMED_OUT as Code, reason);
            Err(KafkaError { fatal: true, ..error })
        })
    }
}
