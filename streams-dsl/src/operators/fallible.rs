//! The operators whose closures may fail: `try_map_values` and its like. A closure's error goes to the processing exception
//! handler with node, task, topic, partition and offset (KIP-1033), as a panic does; if that resumes, the record is left
//! out and counted. Kafka Streams has no such operators: there any closure may throw.

use streams_core::error::{Error, Result, UserError};

/// The error of a closure as the processing handler is asked about it.
#[inline]
pub(crate) fn user<T, E: Into<UserError>>(result: Result<T, E>) -> Result<T> {
    result.map_err(|error| Error::User(error.into()))
}
