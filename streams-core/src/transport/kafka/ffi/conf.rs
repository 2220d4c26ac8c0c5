//! A client's settings before the client is made.

use std::ffi::c_char;
use std::ptr::{self, NonNull};

use rdkafka::bindings as rd;

use super::{c_string, text_of};

/// The kind of a client, which decides its callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport::kafka) enum Role {
    /// Writes records.
    Producer,
    /// Reads partitions that are assigned by hand.
    Consumer,
    /// Is a member of a group and reads nothing.
    Member,
    /// Makes administrative requests; neither reads nor writes records.
    Admin,
}

/// `rd_kafka_conf_t`.
pub(in crate::transport::kafka) struct Conf(NonNull<rd::rd_kafka_conf_t>);

/// Longest error text that we ask librdkafka for.
pub(super) const ERROR_BYTES: usize = 512;

impl Conf {
    /// librdkafka's defaults.
    #[allow(clippy::expect_used, reason = "rd_kafka_conf_new aborts the process itself when memory is out")]
    pub(in crate::transport::kafka) fn new() -> Self {
        // SAFETY: no preconditions.
        let conf = unsafe { rd::rd_kafka_conf_new() };
        Conf(NonNull::new(conf).expect("rd_kafka_conf_new never returns null"))
    }

    /// Sets one key; the error is librdkafka's own text.
    pub(in crate::transport::kafka) fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        if key.contains('\0') || value.contains('\0') {
            return Err("contains a NUL character".to_string());
        }
        let (key, value) = (c_string(key), c_string(value));
        let mut reason = [0 as c_char; ERROR_BYTES];
        // SAFETY: the configuration is ours, the strings live through the call (they are copied), and the buffer has the
        // size that is passed.
        let result = unsafe {
            rd::rd_kafka_conf_set(
                self.0.as_ptr(),
                key.as_ptr(),
                value.as_ptr(),
                reason.as_mut_ptr(),
                reason.len(),
            )
        };
        if result as i32 == rd::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK as i32 {
            Ok(())
        } else {
            Err(text_of(reason.as_ptr()))
        }
    }

    /// What a setting takes, in librdkafka's words: a range, or names. `None` if that is any text, or there is no such
    /// setting.
    pub(in crate::transport::kafka) fn allowed(key: &str) -> Option<String> {
        let table = all_properties();
        let row = table.lines().find(|line| line.split('|').next().is_some_and(|name| name.trim() == key))?;
        let range = row.split('|').nth(2)?.trim();
        (!range.is_empty()).then(|| range.to_owned())
    }

    /// The raw configuration, still owned by this value.
    pub(super) fn as_ptr(&self) -> *mut rd::rd_kafka_conf_t {
        self.0.as_ptr()
    }

    /// Does not free the configuration: `rd_kafka_new` has it.
    pub(super) fn release(self) {
        std::mem::forget(self);
    }
}

/// librdkafka's own table of its settings; empty if memory is out.
fn all_properties() -> String {
    let (mut text, mut bytes): (*mut c_char, usize) = (ptr::null_mut(), 0);
    // SAFETY: both places outlive the stream, which is closed before they are read; `open_memstream` then has set the text,
    // which ends with a NUL and is ours to free.
    unsafe {
        let stream = libc::open_memstream(&raw mut text, &raw mut bytes);
        if stream.is_null() {
            return String::new();
        }
        rd::rd_kafka_conf_properties_show(stream);
        libc::fclose(stream);
        let table = text_of(text);
        libc::free(text.cast());
        table
    }
}

impl Drop for Conf {
    fn drop(&mut self) {
        // SAFETY: ours, and not given away (see `release`).
        unsafe { rd::rd_kafka_conf_destroy(self.0.as_ptr()) };
    }
}
