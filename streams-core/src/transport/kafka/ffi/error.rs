//! librdkafka's errors as values.

use std::fmt;

use rdkafka::bindings as rd;

use super::{Code, OK, raw, text_of};
use crate::transport::ErrorCode;

/// An error of librdkafka.
#[derive(Clone, Debug)]
pub(in crate::transport::kafka) struct KafkaError {
    pub(in crate::transport::kafka) code: Code,
    pub(in crate::transport::kafka) reason: String,
    /// The client must be replaced.
    pub(in crate::transport::kafka) fatal: bool,
    /// The call may be repeated.
    pub(in crate::transport::kafka) retriable: bool,
    /// The open transaction has to be aborted.
    pub(in crate::transport::kafka) requires_abort: bool,
}

/// The code with its name.
pub(in crate::transport::kafka) fn name_of(code: Code) -> ErrorCode {
    // SAFETY: takes any integer and returns a static string.
    ErrorCode { number: code, name: text_of(unsafe { raw::rd_kafka_err2name(code) }) }
}

impl KafkaError {
    /// An error of that code, in librdkafka's words.
    pub(in crate::transport::kafka) fn from_code(code: Code) -> Self {
        // SAFETY: takes any integer and returns a static string.
        let reason = text_of(unsafe { raw::rd_kafka_err2str(code) });
        KafkaError::with_reason(code, reason)
    }

    /// An error of that code, in other words than librdkafka's.
    pub(in crate::transport::kafka) fn with_reason(code: Code, reason: String) -> Self {
        KafkaError { code, reason, fatal: false, retriable: false, requires_abort: false }
    }

    /// `Ok` for no error.
    pub(super) fn check(code: Code) -> Result<(), KafkaError> {
        if code == OK { Ok(()) } else { Err(KafkaError::from_code(code)) }
    }

    /// Takes over an error object that librdkafka returned; null is success.
    pub(super) fn take(error: *mut rd::rd_kafka_error_t) -> Result<(), KafkaError> {
        let Some(found) = KafkaError::peek(error) else { return Ok(()) };
        // SAFETY: not null, returned to us as its owner, destroyed once.
        unsafe { rd::rd_kafka_error_destroy(error) };
        Err(found)
    }

    /// Reads an error object without taking ownership; null and the code 0 are success.
    pub(super) fn peek(error: *const rd::rd_kafka_error_t) -> Option<KafkaError> {
        if error.is_null() {
            return None;
        }
        // SAFETY: a valid error object; these only read it.
        unsafe {
            let code = raw::rd_kafka_error_code(error);
            (code != OK).then(|| KafkaError {
                code,
                reason: text_of(rd::rd_kafka_error_string(error)),
                fatal: rd::rd_kafka_error_is_fatal(error) != 0,
                retriable: rd::rd_kafka_error_is_retriable(error) != 0,
                requires_abort: rd::rd_kafka_error_txn_requires_abort(error) != 0,
            })
        }
    }
}

impl fmt::Display for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
