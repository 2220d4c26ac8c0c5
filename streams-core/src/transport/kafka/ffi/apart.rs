//! Calls that librdkafka may never end.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Runs a call on a thread of its own. `None` if it has not ended in that time: nothing can stop it, so it is left behind
/// with all that it holds. An error if there is no thread; then nothing was called.
pub(super) fn apart<T: Send + 'static>(
    name: &str,
    limit: Duration,
    call: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Option<T>> {
    let (answer, answered) = mpsc::channel();
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Nobody listens if it was left behind.
        let _ = answer.send(call());
    })?;
    Ok(answered.recv_timeout(limit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_does_not_end_is_left_behind() {
        let (end, ended) = mpsc::channel::<()>();
        let never = move || ended.recv().is_err();
        assert_eq!(apart("never", Duration::from_millis(1), never).unwrap(), None);
        assert_eq!(apart("at-once", Duration::from_secs(60), || 1).unwrap(), Some(1));
        drop(end);
    }
}
