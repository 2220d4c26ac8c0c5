//! The operators whose closures may fail: `try_map_values` and its like. A closure's error goes to the processing exception
//! handler with node, task, topic, partition and offset (KIP-1033), as a panic does; if that resumes, the record is
//! dropped and counted. Kafka Streams has no such operators: there any closure may throw.
//!
//! Within operators all closures may fail. The plain methods give them closures that do not, the others what `user` makes
//! of an error.

use streams_core::error::{Error, Result, UserError};

/// The error of a closure, for the processing handler.
#[inline]
pub(crate) fn user<T, E: Into<UserError>>(result: Result<T, E>) -> Result<T> {
    result.map_err(|error| Error::User(error.into()))
}

/// An aggregator, a subtractor or a merger of sessions that does not fail.
pub(crate) fn keyed<K, V, A>(call: impl Fn(&K, V, A) -> A) -> impl Fn(&K, V, A) -> Result<A> {
    move |key, value, aggregate| Ok(call(key, value, aggregate))
}

/// As [`keyed`], of one that may fail.
pub(crate) fn try_keyed<K, V, A, E: Into<UserError>>(
    call: impl Fn(&K, V, A) -> Result<A, E>,
) -> impl Fn(&K, V, A) -> Result<A> {
    move |key, value, aggregate| user(call(key, value, aggregate))
}

/// What a closure makes of what a row was. A failure was reported when that row came, and the row was dropped then: so there
/// was no such row, and the row's next update is not lost for it.
#[inline]
pub(crate) fn before<T>(result: Result<Option<T>>) -> Result<Option<T>> {
    match result {
        Err(Error::User(_)) => Ok(None),
        other => other,
    }
}
