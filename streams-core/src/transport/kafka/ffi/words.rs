//! The brokers' words about single records, read while they are valid.
//!
//! librdkafka 2.12.1 leaves with each failed message a pointer to the broker's words, and frees them before the message
//! reaches its owner. And where a broker blames one record of a batch alone, the others get the batch's code as well, as if
//! they were to blame. An interceptor sees each message before either matters.

use std::collections::HashMap;
use std::ffi::{c_char, c_void};
use std::ptr::addr_of_mut;
use std::sync::{Arc, Mutex};

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_resp_err_t as E;

use super::client::{Shared, guarded, locked};
use super::conf::Conf;
use super::{Code, OK, raw, text_of};

/// librdkafka's own words for a record whose batch was refused because of another one.
const OTHERS: &str =
    "Failed to append record because it was part of a batch which had one more more invalid records";

/// The words about messages that have not been reported yet, by address.
#[derive(Default)]
pub(super) struct Words(Mutex<HashMap<usize, String>>);

impl Words {
    /// Keeps the words about a failed message, and sets the code that is meant for it.
    ///
    /// # Safety
    /// `message` is a valid message of a producer that is being acknowledged.
    unsafe fn note(&self, message: *mut rd::rd_kafka_message_t) {
        // SAFETY: the caller's promise. The code is read as an integer because it may be unknown to the enum.
        unsafe {
            let code = addr_of_mut!((*message).err);
            if code.cast::<Code>().read() == OK {
                return;
            }
            let words = text_of(rd::rd_kafka_message_produce_errstr(message));
            if words == OTHERS {
                code.write(E::RD_KAFKA_RESP_ERR__INVALID_DIFFERENT_RECORD);
            }
            // Each failed message comes here before it is reported, so no words of an earlier one at its address are left.
            let mut all = locked(&self.0);
            if words.is_empty() {
                all.remove(&message.addr())
            } else {
                all.insert(message.addr(), words)
            };
        }
    }

    /// The words about a message that is reported now.
    pub(super) fn take(&self, message: *const rd::rd_kafka_message_t) -> Option<String> {
        locked(&self.0).remove(&message.addr())
    }
}

/// Makes a client with these settings keep the words about its messages.
pub(super) fn listen(conf: &Conf, shared: &Arc<Shared>) {
    let opaque = Arc::as_ptr(shared).cast_mut().cast();
    // SAFETY: the configuration is ours; the callback has the declared type; the opaque pointer outlives the client, as that
    // of the other callbacks does. The name is copied. It is refused only if it is there already.
    unsafe { raw::rd_kafka_conf_interceptor_add_on_new(conf.as_ptr(), NAME.as_ptr(), Some(on_new), opaque) };
}

const NAME: &std::ffi::CStr = c"words";

unsafe extern "C" fn on_new(
    rk: *mut rd::rd_kafka_t,
    _: *const rd::rd_kafka_conf_t,
    opaque: *mut c_void,
    _: *mut c_char,
    _: usize,
) -> E {
    // SAFETY: the handle that is being made; the callback has the declared type; see `listen` for the pointer.
    unsafe {
        rd::rd_kafka_interceptor_add_on_acknowledgement(rk, NAME.as_ptr(), Some(on_acknowledged), opaque)
    }
}

unsafe extern "C" fn on_acknowledged(
    _: *mut rd::rd_kafka_t,
    message: *mut rd::rd_kafka_message_t,
    opaque: *mut c_void,
) -> E {
    // SAFETY: see `listen`; the message is valid during the call, and nobody else's.
    guarded(|| unsafe { (*opaque.cast::<Shared>()).words.note(message) });
    E::RD_KAFKA_RESP_ERR_NO_ERROR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn librdkafka_still_says_it_so() {
        // SAFETY: never null, and static.
        let version = text_of(unsafe { rd::rd_kafka_version_str() });
        assert_eq!(
            version, "2.12.1",
            "check whether OTHERS and the two faults above are still what they were"
        );
    }
}
