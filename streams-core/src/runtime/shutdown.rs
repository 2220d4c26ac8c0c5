//! The signals that end a service: SIGTERM, as from a container platform, and SIGINT, as from Ctrl-C.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use futures::channel::oneshot;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// Ready at the first SIGTERM or SIGINT (Ctrl-C) that the process gets from now on. A second one ends the process at once,
/// as it would by default. Works on any executor. Errors: the operating system refuses a handler or a thread.
///
/// For [`KafkaStreams::run_until`](super::KafkaStreams::run_until).
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()> + Send> {
    let (sender, received) = oneshot::channel();
    let told = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order, so that the first signal is not the one that ends the process.
        flag::register_conditional_default(signal, Arc::clone(&told))?;
        flag::register(signal, Arc::clone(&told))?;
    }
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    std::thread::Builder::new().name("streams-signals".to_owned()).spawn(move || {
        if signals.forever().next().is_some() {
            // The receiver may be gone.
            let _ = sender.send(());
        }
    })?;
    Ok(async {
        if received.await.is_err() {
            // The thread has ended without a signal, which cannot happen.
            std::future::pending::<()>().await;
        }
    })
}
