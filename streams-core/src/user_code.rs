//! Runs user code so that its panics become errors: a record that makes a closure panic is the handler's to decide about
//! (KIP-1033), like one on which it returns an error.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use state_stores::{drop_payload, panic_message};

/// What a panic in user code becomes: the error that the processing exception handler is asked about. The panic hook has
/// printed where in the code it happened.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("panicked: {message}")]
pub struct UserPanic {
    /// The message of the panic.
    pub message: String,
}

state_stores::debug_as_display!(UserPanic);

impl UserPanic {
    /// Reads the message of what `catch_unwind` caught.
    #[doc(hidden)]
    #[cold]
    pub fn of(panic: &(dyn Any + Send)) -> Self {
        UserPanic { message: panic_message(panic).to_owned() }
    }
}

/// Runs user code; a panic is returned like an error of its own.
///
/// What the code had changed stays changed, as with an error: state behind it is rolled back by the runtime if the handler
/// fails, and kept if it resumes. Borrows of stores and processors end while the stack unwinds.
#[inline]
pub(crate) fn guarded<T, E: From<UserPanic>>(call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    caught(call).unwrap_or_else(|panic| Err(panic.into()))
}

/// Runs user code; the panic, if it did.
#[inline]
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Result<T, UserPanic> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let told = UserPanic::of(&*panic);
        drop_payload(panic);
        told
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        let text = |result: Result<(), Error>| result.map_err(|error| error.to_string());
        assert_eq!(text(guarded(|| Ok(()))), Ok(()));
        assert_eq!(text(guarded(|| panic!("a {}", "reason"))), Err("panicked: a reason".to_owned()));
        assert_eq!(text(guarded(|| panic!("a reason"))), Err("panicked: a reason".to_owned()));
        // Before: the second panic was nobody's, and ended the thread.
        struct Payload;
        impl Drop for Payload {
            fn drop(&mut self) {
                panic!("once more");
            }
        }
        assert!(guarded(|| -> Result<(), Error> { std::panic::panic_any(Payload) }).is_err());
        let odd = guarded(|| std::panic::panic_any(7));
        assert_eq!(text(odd), Err("panicked: no message".to_owned()));
    }
}
