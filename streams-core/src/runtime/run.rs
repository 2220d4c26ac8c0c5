//! Runs an application in one call: starts it and waits for its end, as a service's `main` does.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};

use super::kafka_streams::KafkaStreams;
use crate::error::{Error, IllegalStateError, Result};

impl KafkaStreams {
    /// Starts the application and waits until it has ended: closed by [`close`](Self::close), which is `Ok`, or stopped by
    /// an error. Works on any executor, whose threads it does not block.
    ///
    /// Dropping the future does not end the application; dropping the application does.
    pub async fn run(&self) -> Result<()> {
        self.run_until(std::future::pending::<()>()).await
    }

    /// As [`run`](Self::run), and closes the application once `signal` is ready: tasks commit, the process leaves the group,
    /// and threads that have not ended after half a minute are left behind. For example
    /// [`shutdown_signal()`](super::shutdown_signal), or `tokio::signal::ctrl_c()`, whose answer does not matter.
    pub async fn run_until<S: Future>(&self, signal: S) -> Result<()> {
        let starting = self.begin()?;
        // It reports what the start waits for; the state shows the result.
        let name = "streams-start".to_owned();
        std::thread::Builder::new()
            .name(name.clone())
            .spawn(move || drop(starting.wait()))
            .map_err(|cause| IllegalStateError::NoThread { name, cause })?;
        let ended = pin!(poll_fn(|context| self.poll_ended(context)));
        let signal = pin!(signal);
        if let Either::Right((_, ended)) = select(ended, signal).await {
            self.begin_to_end();
            ended.await;
        }
        self.outcome()
    }

    /// As [`run`](Self::run), blocking the calling thread.
    pub fn run_blocking(&self) -> Result<()> {
        let was_closed = self.is_closing();
        match self.start() {
            // It was closed before it ran.
            Err(_) if !was_closed && self.error().is_none() && self.is_closing() => {}
            started => started?,
        }
        self.wait_for(Duration::MAX, super::State::is_final);
        self.outcome()
    }

    /// As [`run_until`](Self::run_until) with [`shutdown_signal()`](super::shutdown_signal), blocking the calling thread:
    /// a service without an executor, which ends on SIGTERM and Ctrl-C.
    #[cfg(unix)]
    pub fn run_until_shutdown_signal(&self) -> Result<()> {
        let signal = super::shutdown_signal().map_err(|cause| IllegalStateError::NoSignals { cause })?;
        futures::executor::block_on(self.run_until(signal))
    }

    fn is_closing(&self) -> bool {
        use super::State::{NotRunning, PendingShutdown};
        matches!(self.state(), PendingShutdown | NotRunning)
    }

    fn outcome(&self) -> Result<()> {
        self.error().map_or(Ok(()), |error| Err(Error::Ended(error)))
    }
}
