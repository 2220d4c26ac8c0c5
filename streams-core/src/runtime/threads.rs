//! The threads of an application: each knows its application, and none is waited for without end.

use std::cell::Cell;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::kafka_streams::Shared;
use crate::error::{Error, IllegalStateError, Result};
use crate::stack::THREAD_BYTES;
use crate::user_code::{UserPanic, caught};

thread_local! {
    /// The address of the shared state of this thread's application; 0 for other threads.
    static OF: Cell<usize> = const { Cell::new(0) };
}

/// One step of waiting for a thread's end.
const SLICE: Duration = Duration::from_millis(10);

fn address(shared: &Arc<Shared>) -> usize {
    Arc::as_ptr(shared).addr()
}

/// Whether the calling thread belongs to that application: it must not wait for the application's end.
pub(crate) fn is_own(shared: &Arc<Shared>) -> bool {
    OF.get() == address(shared)
}

/// Starts a thread of that application.
pub(crate) fn spawn(
    shared: &Arc<Shared>,
    name: String,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>> {
    let of = address(shared);
    let spawned = std::thread::Builder::new().name(name.clone()).stack_size(THREAD_BYTES).spawn(move || {
        OF.set(of);
        body();
    });
    Ok(spawned.map_err(|cause| IllegalStateError::NoThread { name, cause })?)
}

/// Waits for threads, all together at most so long, which is asked at each step. Those that have not ended by then are left
/// behind, with an error in the log that names them. The wait is counted in steps, so that it needs no clock. Returns how
/// long it took.
pub(crate) fn join(threads: Vec<JoinHandle<()>>, at_most: impl Fn() -> Duration) -> Duration {
    let mut waited = Duration::ZERO;
    for thread in threads {
        while !thread.is_finished() && waited < at_most() {
            waited += SLICE;
            #[allow(clippy::disallowed_methods, reason = "waits for a thread's end, off the record path")]
            std::thread::sleep(SLICE);
        }
        if thread.is_finished() {
            drop(thread.join())
        } else {
            tracing::error!(
                thread = thread.thread().name(),
                "the thread has not ended and is left behind: it hangs in user code, or in a call to a broker that is away. \
                 It can commit nothing more; what it holds, such as databases, is free when the process ends"
            )
        }
    }
    waited
}

/// Runs the work of a thread. A panic is an error that names the thread.
pub(crate) fn run<T>(thread: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let panicked = |panic: UserPanic| Error::Panicked { thread: thread.to_owned(), message: panic.message };
    caught(work).unwrap_or_else(|panic| Err(panicked(panic)))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::mpsc;

    use super::*;

    /// Ends with its channel.
    fn hangs(ends: mpsc::Receiver<()>) -> JoinHandle<()> {
        std::thread::spawn(move || {
            let _ended = ends.recv();
        })
    }

    /// Showed before: what a call of `close` gave later did not count.
    #[test]
    fn a_thread_is_waited_for_while_there_is_time_which_may_become_more() {
        let (end, ends) = mpsc::channel::<()>();
        let (end, looks) = (Cell::new(Some(end)), Cell::new(0));
        join(vec![hangs(ends)], || {
            looks.set(looks.get() + 1);
            if looks.get() == 3 {
                drop(end.take());
            }
            SLICE * (looks.get() + 1)
        });
        assert!(looks.get() >= 3, "{}", looks.get());
        let (_end, ends) = mpsc::channel::<()>();
        let waited = join(vec![hangs(ends)], || SLICE);
        assert_eq!(waited, SLICE);
    }
}
