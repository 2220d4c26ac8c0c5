//! What operators ask of an application that runs: other numbers of threads, and pauses.

use std::sync::atomic::Ordering;
use std::sync::mpsc;

use super::{KafkaStreams, START_SLICE};
use crate::error::{IllegalStateError, Result};
use crate::runtime::requests::ThreadRequest;
use crate::runtime::threads;

impl KafkaStreams {
    /// Adds a stream thread, which takes over its part of the tasks, and returns its name (`KafkaStreams.addStreamThread`,
    /// KIP-663). Its stores and clients may use as much memory as those of one thread of `num.stream.threads`.
    ///
    /// Returns once the tasks of the others are committed as far as they move. Errors: an application that does not run, a
    /// topology with global tables only, a call on a thread of the application itself.
    pub fn add_stream_thread(&self) -> Result<String> {
        self.ask("add_stream_thread", ThreadRequest::Add)
    }

    /// Ends one of the stream threads and returns its name: it commits and closes its tasks, and the others take them over
    /// (`KafkaStreams.removeStreamThread`, KIP-663). `None` if there is no thread. The last one may be removed as well: the
    /// process leaves the group then, and joins it again with the next [`add_stream_thread`](Self::add_stream_thread).
    ///
    /// Errors: an application that does not run, threads that do not answer because user code takes long, a call on a
    /// thread of the application itself.
    pub fn remove_stream_thread(&self) -> Result<Option<String>> {
        self.ask("remove_stream_thread", ThreadRequest::Remove)
    }

    /// Requests something of the control thread and waits for its answer.
    fn ask<T>(
        &self,
        call: &'static str,
        request: impl FnOnce(mpsc::Sender<Result<T>>) -> ThreadRequest,
    ) -> Result<T> {
        if threads::is_own(&self.shared) {
            return Err(IllegalStateError::OwnThread { call }.into());
        }
        self.check_running(call)?;
        let (answer, answered) = mpsc::channel();
        self.shared.requests.request(request(answer));
        loop {
            match answered.recv_timeout(START_SLICE) {
                Ok(result) => return result,
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    let state = self.state().name();
                    return Err(IllegalStateError::NotRunning { call, state }.into());
                }
                Err(mpsc::RecvTimeoutError::Timeout) => self.check_running(call)?,
            }
        }
    }

    fn check_running(&self, call: &'static str) -> Result<()> {
        match self.state() {
            state if state.is_running_or_rebalancing() => Ok(()),
            state => Err(IllegalStateError::NotRunning { call, state: state.name() }.into()),
        }
    }

    /// Pauses processing in this process: no record is processed and no punctuation is called, but tasks are taken over and
    /// restored, what was processed is committed, and global stores are kept up to date (`KafkaStreams.pause`, KIP-834).
    /// Other processes continue. The state stays what it is; [`reasons`](Self::reasons) says that it is paused, and after a
    /// while a warning does. It may be called before the start. A record that is being processed is finished.
    pub fn pause(&self) {
        if !self.shared.requests.paused().swap(true, Ordering::Relaxed) {
            tracing::info!("processing pauses");
        }
    }

    /// Ends a pause (`KafkaStreams.resume`). Wall-clock punctuations that were missed are called once.
    pub fn resume(&self) {
        if self.shared.requests.paused().swap(false, Ordering::Relaxed) {
            tracing::info!("processing continues");
        }
    }

    /// Whether processing is paused (`KafkaStreams.isPaused`).
    pub fn is_paused(&self) -> bool {
        self.shared.requests.is_paused()
    }
}
