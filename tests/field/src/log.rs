//! What is logged, kept to be looked at, and shown.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        print!("{}", String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// From now on warnings are kept.
pub fn keep_log() {
    let log =
        tracing_subscriber::fmt().with_env_filter("warn,rdkafka=off").with_ansi(false).with_writer(|| Log);
    // The first one of the process wins.
    let _kept_already = log.try_init();
}

/// The lines that were logged with this text in them.
pub fn logged(text: &str) -> Vec<String> {
    let logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    let logged = String::from_utf8_lossy(&logged);
    logged.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}
