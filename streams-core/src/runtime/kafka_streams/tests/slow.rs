//! Listeners and handlers that take long: what waits for them is named.

use super::restore::keeping;
use super::*;
use crate::error::Error;
use crate::runtime::{StateRestoreListener, StreamThreadExceptionResponse as Response};

fn wait_reason(app: &KafkaStreams, reason: &str) {
    let is_named = || app.reasons().iter().any(|named| named.to_string().starts_with(reason));
    wait(is_named, reason);
}

/// User code that waits for its end.
#[derive(Clone, Default)]
struct Slow(Arc<AtomicBool>);

impl Slow {
    fn call(&self) {
        wait(|| self.0.load(Ordering::SeqCst), "the end of the call");
    }

    fn end(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// An application whose listener takes long with the change to that state.
    fn at(&self, world: &World, slow: State) -> KafkaStreams {
        let this = self.clone();
        let listener = move |now, _| {
            if now == slow {
                this.call();
            }
        };
        let app = world.app(world.config(), Arc::new(|_| ())).with_state_listener(listener);
        app.build().expect("an application")
    }
}

impl StateRestoreListener for Slow {
    fn on_restore_start(&self, _: &TopicPartition, _: &str, _: i64, _: i64) {
        self.call();
    }
}

/// Showed before: the start waits for the stream threads to start.
#[test]
fn a_start_that_waits_for_the_state_listener_says_so() {
    let (world, slow) = (World::new(1), Slow::default());
    let app = slow.at(&world, State::Rebalancing);
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| app.start());
        wait_reason(
            &app,
            "the application waits for the state listener to return from the change of CREATED to REBALANCING (",
        );
        wait(|| app.reasons().len() == 1, "no other reason");
        slow.end();
        starting.join().expect("no panic").expect("it starts");
    });
    assert!(app.close(LIMIT));
}

/// Showed before: no reason.
#[test]
fn a_close_that_waits_for_the_state_listener_says_so() {
    let (world, slow) = (World::new(1), Slow::default());
    let app = slow.at(&world, State::Running);
    app.start().expect("it starts");
    let reason = "the application waits for the state listener to return from the change of";
    let of_running = format!("{reason} REBALANCING to RUNNING (");
    wait_reason(&app, &of_running);
    assert!(!app.close(Duration::from_millis(10)));
    wait_reason(&app, &of_running);
    slow.end();
    assert!(app.close(LIMIT));

    // Mostly on the thread that closes it, after all others have ended; else on the control thread.
    let (world, slow) = (World::new(1), Slow::default());
    let app = slow.at(&world, State::PendingShutdown);
    app.start().expect("it starts");
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| app.close(LIMIT));
        wait_reason(&app, reason);
        slow.end();
        assert!(closing.join().expect("no panic"));
    });
}

/// Showed before: only that there are tasks to be opened.
#[test]
fn a_restore_that_waits_for_its_listener_says_so() {
    let (mut world, slow) = (World::new(1), Slow::default());
    world.send(0, numbers(10));
    let run = || {
        let app = KafkaStreams::builder(keeping(), world.config()).with_broker(Arc::clone(&world.broker));
        let app = app.with_state_restore_listener(slow.clone()).build().expect("an application");
        app.start().expect("it starts");
        app
    };
    let first = run();
    wait(|| first.totals().processed_records == 10, "records");
    assert!(first.close(LIMIT));
    first.clean_up().expect("cleaned up");
    let second = run();
    wait_reason(&second, "the restore waits for the state restore listener to return (");
    slow.end();
    assert!(second.wait_for(LIMIT, |state| state == State::Running), "{:?}", second.reasons());
    assert!(second.close(LIMIT));
}

/// Showed before: that the stream threads had to take over the tasks.
#[test]
fn a_thread_that_waits_for_the_uncaught_exception_handler_says_so() {
    let (mut world, slow) = (World::new(1), Slow::default());
    let this = slow.clone();
    let bad: Act = Arc::new(|_| panic!("bad"));
    let handler = move |_: &Error| {
        this.call();
        Response::ShutdownClient
    };
    let app = world.app(world.config(), bad).with_uncaught_exception_handler(handler);
    let app = app.build().expect("an application");
    app.start().expect("it starts");
    world.send(0, numbers(1));
    let named = |reason: &WaitReason| {
        reason.who.starts_with("thread app-")
            && reason.what.starts_with("the uncaught exception handler to return from: ")
    };
    wait(|| app.reasons().iter().any(named), "a reason");
    slow.end();
    assert!(app.wait_for(LIMIT, State::is_final), "{}", app.state());
}
