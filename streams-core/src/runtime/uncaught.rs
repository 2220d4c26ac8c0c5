//! What happens when an error or a panic ends a stream thread (`StreamsUncaughtExceptionHandler`, KIP-671).

use crate::error::Error;

/// The answer to an error that ended a stream thread (`StreamThreadExceptionResponse`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamThreadExceptionResponse {
    /// Another thread takes the place of the one that failed, and repeats its work from what is committed. An error that
    /// comes again without a commit in between ends the application once that lasts longer than `task.timeout.ms`. Where
    /// only a restart can help, as for an error of the thread of the global stores, it is as
    /// [`ShutdownClient`](Self::ShutdownClient).
    ReplaceThread,
    /// The application ends, with state ERROR; its other instances take over the tasks. It is what happens without a
    /// handler.
    #[default]
    ShutdownClient,
}

/// Decides about an error that ends a stream thread or the thread of the global stores. It is called on that thread, after
/// its transaction was aborted. A handler that panics is taken to answer
/// [`ShutdownClient`](StreamThreadExceptionResponse::ShutdownClient).
///
/// Records that user code fails on, that do not parse, or that cannot be written have handlers of their own, which come
/// first; what they do not let pass comes here.
pub trait StreamsUncaughtExceptionHandler: Send + Sync {
    /// What to do about `error`.
    fn handle(&self, error: &Error) -> StreamThreadExceptionResponse;
}

impl<F: Fn(&Error) -> StreamThreadExceptionResponse + Send + Sync> StreamsUncaughtExceptionHandler for F {
    fn handle(&self, error: &Error) -> StreamThreadExceptionResponse {
        self(error)
    }
}
