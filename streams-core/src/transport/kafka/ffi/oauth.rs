//! Tokens of SASL/OAUTHBEARER: librdkafka requests one when it needs it, and gets it later, from any thread.

use std::ffi::{CString, c_char, c_void};
use std::sync::Weak;

use rdkafka::bindings as rd;

use super::client::{Client, Shared, guarded};
use super::conf::{Conf, ERROR_BYTES};
use super::{KafkaError, OK, c_string, raw, text_of};

/// Called when a client needs a token. Runs on a thread of librdkafka's and returns at once.
pub(in crate::transport::kafka) type TokenWanted = std::sync::Arc<dyn Fn(Weak<Client>) + Send + Sync>;

/// A token, as librdkafka takes it.
pub(in crate::transport::kafka) struct TokenParts<'a> {
    pub(in crate::transport::kafka) value: &'a str,
    pub(in crate::transport::kafka) expires_at_ms: i64,
    pub(in crate::transport::kafka) principal: &'a str,
    pub(in crate::transport::kafka) extensions: &'a [(String, String)],
}

/// Makes a client with these settings request its tokens: from us with `ours`, otherwise from librdkafka's own sources.
pub(super) fn prepare(conf: &Conf, ours: bool) {
    // SAFETY: valid settings; the callback has the declared type. The queue of its own is served by librdkafka's
    // background thread, so that tokens do not wait for a poll.
    unsafe {
        rd::rd_kafka_conf_enable_sasl_queue(conf.as_ptr(), 1);
        if ours {
            rd::rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf.as_ptr(), Some(on_token_wanted));
        }
    }
}

impl Client {
    /// Makes librdkafka's background thread serve what [`prepare`] set up, and requests the first token.
    pub(super) fn serve_tokens(&self) -> Result<(), KafkaError> {
        // SAFETY: a valid handle; the error, if any, is ours.
        KafkaError::take(unsafe { rd::rd_kafka_sasl_background_callbacks_enable(self.as_ptr()) })
    }

    /// Passes a token to librdkafka; the error says what is wrong with it.
    pub(in crate::transport::kafka) fn set_token(&self, token: &TokenParts<'_>) -> Result<(), String> {
        let (value, principal) = (c_string(token.value), c_string(token.principal));
        let texts: Vec<CString> =
            token.extensions.iter().flat_map(|(name, value)| [c_string(name), c_string(value)]).collect();
        let mut extensions: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        let mut reason = [0 as c_char; ERROR_BYTES];
        // SAFETY: a valid handle; all strings live through the call, which copies them; `extensions` has as many entries as
        // is said, name and value in turn; the buffer has the size that is passed.
        let code = unsafe {
            raw::rd_kafka_oauthbearer_set_token(
                self.as_ptr(),
                value.as_ptr(),
                token.expires_at_ms,
                principal.as_ptr(),
                extensions.as_mut_ptr(),
                extensions.len(),
                reason.as_mut_ptr(),
                reason.len(),
            )
        };
        if code == OK { Ok(()) } else { Err(text_of(reason.as_ptr())) }
    }

    /// Reports that there is no token now. librdkafka asks again in ten seconds and uses the last one meanwhile.
    pub(in crate::transport::kafka) fn set_token_failure(&self, reason: &str) {
        let reason = c_string(if reason.is_empty() { "no reason was given" } else { reason });
        // SAFETY: a valid handle; the text is copied. Refused only where tokens are of no use.
        unsafe { raw::rd_kafka_oauthbearer_set_token_failure(self.as_ptr(), reason.as_ptr()) };
    }
}

unsafe extern "C" fn on_token_wanted(_: *mut rd::rd_kafka_t, _: *const c_char, opaque: *mut c_void) {
    // SAFETY: the pointer given to `rd_kafka_conf_set_opaque`, which lives as long as the handle.
    let shared = unsafe { &*opaque.cast::<Shared>() };
    guarded(|| shared.token_wanted());
}
