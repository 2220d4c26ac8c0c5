//! A service's whole life in one call: it ends when it is closed, gets a signal, or is stopped by an error.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::future::ready;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures::channel::oneshot;
use futures::executor::block_on;
use streams_dsl::core::transport::embedded::EmbeddedBroker;
use streams_dsl::core::transport::{NewTopic, Transport};
use streams_dsl::prelude::*;

const LONG: Duration = Duration::from_secs(120);

struct Service {
    app: Arc<KafkaStreams>,
    // Deleted last.
    _state: tempfile::TempDir,
}

/// Reads `in`, which exists if `is_complete`.
fn service(is_complete: bool) -> Service {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").group_by_key().count().to_stream().to("out");
    let broker = EmbeddedBroker::in_memory();
    if is_complete {
        let topics = ["in", "out"].map(|name| NewTopic {
            name: name.into(),
            partitions: 1,
            replication_factor: 1,
            configs: Default::default(),
        });
        broker.transport().admin("test").unwrap().create_topics(&topics, LONG).unwrap();
    }
    let state = tempfile::tempdir().unwrap();
    let config = StreamsConfig::new("app", "embedded:").with_state_dir(state.path());
    let app = KafkaStreams::builder(builder.build().unwrap(), config).with_broker(broker).build().unwrap();
    Service { app: Arc::new(app), _state: state }
}

/// Does something to the application once it runs.
fn once_running(service: &Service, then: impl FnOnce(&KafkaStreams) + Send + 'static) -> JoinHandle<()> {
    let app = Arc::clone(&service.app);
    thread::spawn(move || {
        assert!(app.wait_for(LONG, |state| state == State::Running), "{}", app.state());
        then(&app);
    })
}

#[test]
fn a_close_ends_a_run_well() {
    let service = service(true);
    let closing = once_running(&service, |app| assert!(app.close(LONG)));
    block_on(service.app.run()).unwrap();
    closing.join().unwrap();
    assert_eq!(service.app.state(), State::NotRunning);
}

#[test]
fn a_signal_ends_a_run_well() {
    let service = service(true);
    let (sender, signal) = oneshot::channel();
    let telling = once_running(&service, |_| sender.send(()).unwrap());
    block_on(service.app.run_until(signal)).unwrap();
    telling.join().unwrap();
    assert_eq!(service.app.state(), State::NotRunning);
}

#[test]
fn a_signal_before_the_start_has_ended_ends_it() {
    let service = service(true);
    block_on(service.app.run_until(ready(()))).unwrap();
    assert_eq!(service.app.state(), State::NotRunning);
}

#[test]
fn a_failed_start_is_what_a_run_returns() {
    let service = service(false);
    let said = block_on(service.app.run()).unwrap_err();
    assert!(said.to_string().contains("Missing source topics [in]"), "{said}");
    // A `main` that returns the error shows it so.
    assert_eq!(format!("{said:?}"), said.to_string());
    assert_eq!(service.app.state(), State::Error);
}

#[test]
fn a_second_run_is_refused() {
    let service = service(true);
    block_on(service.app.run_until(ready(()))).unwrap();
    let said = block_on(service.app.run()).unwrap_err().to_string();
    assert!(said.contains("started once"), "{said}");
}

#[test]
fn a_blocking_run_ends_with_a_close_at_any_time() {
    for closed_when_running in [true, false] {
        let service = service(true);
        let app = Arc::clone(&service.app);
        let running = thread::spawn(move || app.run_blocking());
        if closed_when_running {
            assert!(service.app.wait_for(LONG, |state| state == State::Running));
        } else {
            assert!(service.app.wait_for(LONG, |state| state != State::Created));
        }
        assert!(service.app.close(LONG));
        running.join().unwrap().unwrap();
        assert_eq!(service.app.state(), State::NotRunning);
    }
}

#[cfg(unix)]
#[test]
fn sigterm_ends_a_service() {
    let service = service(true);
    let killing =
        once_running(&service, |_| signal_hook::low_level::raise(signal_hook::consts::SIGTERM).unwrap());
    service.app.run_until_shutdown_signal().unwrap();
    killing.join().unwrap();
    assert_eq!(service.app.state(), State::NotRunning);
}
