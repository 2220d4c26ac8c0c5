//! What the user wants of the stream threads while the application runs: how many, whether they pause, and what happens
//! after an error. The control thread serves it (`instance/pool.rs`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use super::kafka_streams::lock;
use super::uncaught::{StreamThreadExceptionResponse as Response, StreamsUncaughtExceptionHandler};
use super::waits::Waiting;
use crate::error::{Error, Result};

/// A request about the threads, with where the answer goes.
pub(crate) enum ThreadRequest {
    /// One more. The answer is its name.
    Add(mpsc::Sender<Result<String>>),
    /// One less. The answer is the name of the one that has ended, or none if there was none.
    Remove(mpsc::Sender<Result<Option<String>>>),
}

/// What the user wants.
#[derive(Default)]
pub(crate) struct Requests {
    paused: Arc<AtomicBool>,
    /// How many threads, if it is not what the settings say.
    threads: Mutex<Option<usize>>,
    requests: Mutex<Vec<ThreadRequest>>,
    uncaught: Option<Box<dyn StreamsUncaughtExceptionHandler>>,
}

impl Requests {
    /// With that handler.
    pub fn new(uncaught: Option<Box<dyn StreamsUncaughtExceptionHandler>>) -> Self {
        Requests { uncaught, ..Requests::default() }
    }

    /// Whether processing pauses; threads look at it in each round.
    pub fn paused(&self) -> &Arc<AtomicBool> {
        &self.paused
    }

    /// Whether processing pauses.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Makes a request.
    pub fn request(&self, request: ThreadRequest) {
        lock(&self.requests).push(request);
    }

    /// The requests since the last call.
    pub fn take(&self) -> Vec<ThreadRequest> {
        std::mem::take(&mut *lock(&self.requests))
    }

    /// How many threads are wanted; `configured` unless some were added or removed.
    pub fn threads(&self, configured: usize) -> usize {
        lock(&self.threads).unwrap_or(configured)
    }

    /// Sets how many threads are wanted from now on, also after a restart within the process.
    pub fn set_threads(&self, threads: usize) {
        *lock(&self.threads) = Some(threads);
    }

    /// Asks the handler about an error; its answer is waited for as `calling`.
    pub fn answer_to(&self, error: &Error, mut calling: Waiting) -> Response {
        let Some(handler) = &self.uncaught else { return Response::default() };
        calling.begin(|| format!("the uncaught exception handler to return from: {error}"));
        catch_unwind(AssertUnwindSafe(|| handler.handle(error))).unwrap_or_else(|_| {
            tracing::error!("the uncaught exception handler panicked; the application stops");
            Response::ShutdownClient
        })
    }
}
