//! Everything unsafe of this crate: safe wrappers around the parts of librdkafka's C interface that we use.
//!
//! Ownership, stated once: a [`Client`] owns its `rd_kafka_t`. Everything librdkafka lends out of it (a message, a queue,
//! a topic) holds an `Arc<Client>`, so the client is destroyed after the last of them, which is the order that
//! librdkafka demands. The rdkafka crate's own client is not used: its flush and commit cost 100 ms each, it leaks
//! errors, and it panics on header names that are not UTF-8.
//!
//! Every `unsafe` block says which rule of librdkafka (`rdkafka.h`, 2.12.1) makes it sound.
#![allow(unsafe_code, reason = "the one place that calls a C library")]

mod access;
mod admin;
mod apart;
mod client;
mod clock;
mod conf;
mod delivery;
mod describe;
mod error;
mod group;
mod leaders;
mod list;
mod members;
mod message;
mod metadata;
#[cfg(test)]
pub(super) mod mock;
mod oauth;
mod operations;
mod produce;
mod queue;
mod raw;
#[cfg(test)]
mod stress;
mod words;

use std::ffi::{CStr, CString, c_char, c_int};
use std::time::Duration;

pub(super) use access::{Denial, Door, bar_of};
pub(super) use admin::{AdminCall, TopicToCreate};
pub(super) use client::{Client, Rebalance, Ties};
pub(super) use conf::{Conf, Role};
pub(super) use delivery::Delivery;
pub(super) use describe::Described;
pub(super) use error::{KafkaError, name_of};
pub(super) use group::GroupMetadata;
pub(super) use leaders::Led;
pub(super) use list::{Entry, PartitionList};
pub(super) use message::Message;
pub(super) use oauth::{TokenParts, TokenWanted};
pub(super) use produce::{Outgoing, Topic};
pub(super) use queue::{Batch, Dequeued, PartitionQueue};

use rdkafka::bindings::rd_kafka_resp_err_t;

/// librdkafka's own codes are negative, the broker's are positive, 0 is none. Kept as an integer because a broker may
/// send a code that the Rust enum does not know, and such an enum value must never exist.
pub(super) type Code = i32;

/// No error.
const OK: Code = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR as Code;

/// Milliseconds for librdkafka: rounded up, so that a short wait does not become a busy loop.
fn millis(time: Duration) -> c_int {
    c_int::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
}

/// A C string; a NUL inside (which no name of Kafka's may contain) ends it.
fn c_string(text: &str) -> CString {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(&text.as_bytes()[..end]).unwrap_or_default()
}

/// The text behind a C string, or nothing for null.
fn text_of(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and librdkafka ends every string it lends with a NUL.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
