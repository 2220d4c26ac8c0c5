//! Threads that are added, removed and replaced, and pauses, on an embedded broker and the machine's clock.

use super::*;
use crate::runtime::StreamThreadExceptionResponse as Response;

fn is_running(app: &KafkaStreams) {
    assert!(app.wait_for(LIMIT, |state| state == State::Running), "{:?}", app.reasons());
}

#[test]
fn a_pause_stops_processing_until_it_ends() {
    let mut world = World::new(1);
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&seen);
    let app = world.run(world.config(), move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    is_running(&app);
    world.send(0, numbers(10));
    world.wait_committed(1, 10);
    app.pause();
    wait(|| app.reasons().iter().any(|reason| reason.what.contains("resume()")), "a reason");
    world.send(0, (10..20).map(|number| number.to_string()));
    // Rounds and commits continue meanwhile.
    let begin = Instant::now();
    wait(|| begin.elapsed() > Duration::from_millis(500), "some rounds");
    assert_eq!((seen.load(Ordering::SeqCst), app.state()), (10, State::Running));
    assert!(app.is_paused());
    app.resume();
    world.wait_committed(1, 20);
    wait(|| app.reasons().is_empty(), "the end of the wait");
    assert!(app.close(LIMIT));
}

#[test]
fn a_paused_application_can_be_started_and_closed() {
    let mut world = World::new(1);
    world.send(0, numbers(10));
    let app = world.app(world.config(), Arc::new(|_| ())).build().expect("an application");
    app.pause();
    app.start().expect("it starts");
    is_running(&app);
    assert!(app.close(LIMIT));
    assert_eq!(world.committed(1), (0, true));
}

#[test]
fn threads_come_and_go_and_every_record_is_processed_once() {
    let mut world = World::new(6);
    let app = world.run(world.config(), |_| ());
    is_running(&app);
    let mut sent = 0;
    let mut send = |world: &mut World| {
        for partition in 0..6 {
            world.send(partition, (sent..sent + 50).map(|number| number.to_string()));
            sent += 50;
        }
    };
    send(&mut world);
    let names: Vec<_> = (0..2).map(|_| app.add_stream_thread().expect("added")).collect();
    assert!(names[0].ends_with("-StreamThread-2") && names[1].ends_with("-StreamThread-3"), "{names:?}");
    send(&mut world);
    is_running(&app);
    assert_eq!(app.totals().running_tasks, 6);
    assert_eq!(app.remove_stream_thread().expect("removed").as_ref(), names.last());
    send(&mut world);
    world.wait_committed(6, 900);
    is_running(&app);
    assert!(app.close(LIMIT));
    assert!(app.add_stream_thread().unwrap_err().to_string().contains("NOT_RUNNING"));
}

#[test]
fn all_threads_may_be_removed_and_one_added_again() {
    let mut world = World::new(2);
    let app = world.run(world.config().with_num_stream_threads(2), |_| ());
    is_running(&app);
    for _ in 0..2 {
        assert!(app.remove_stream_thread().expect("removed").is_some());
    }
    assert_eq!(app.remove_stream_thread().expect("none is left"), None);
    assert!(app.wait_for(LIMIT, |state| state == State::Rebalancing));
    wait(|| app.reasons().iter().any(|reason| reason.what.contains("add_stream_thread()")), "a reason");
    world.send(0, numbers(10));
    assert_eq!(world.committed(2), (0, true));
    app.add_stream_thread().expect("added");
    is_running(&app);
    world.wait_committed(2, 10);
    assert!(app.close(LIMIT));
}

#[test]
fn threads_cannot_be_asked_for_on_a_thread_of_the_application() {
    let mut world = World::new(1);
    let app: Arc<Mutex<Option<Arc<KafkaStreams>>>> = Arc::default();
    let (to, said) = mpsc::channel();
    let (of_thread, to) = (Arc::clone(&app), Mutex::new(to));
    let act = move |_: &str| {
        if let Some(app) = &*lock(&of_thread) {
            let asked = [app.add_stream_thread().err(), app.remove_stream_thread().err()];
            lock(&to).send(asked.map(|error| error.map(|error| error.to_string()))).expect("received");
        }
    };
    let running = Arc::new(world.run(world.config(), act));
    *lock(&app) = Some(Arc::clone(&running));
    is_running(&running);
    world.send(0, numbers(1));
    for error in said.recv_timeout(LIMIT).expect("asked") {
        assert!(error.as_ref().is_some_and(|error| error.contains("not the application's own")), "{error:?}");
    }
    lock(&app).take();
    assert!(running.close(LIMIT));
}

/// Counts how often the handler is asked.
fn replacing(asked: &Arc<AtomicUsize>) -> impl Fn(&Error) -> Response + Send + Sync + 'static {
    let asked = Arc::clone(asked);
    move |_: &Error| {
        asked.fetch_add(1, Ordering::SeqCst);
        Response::ReplaceThread
    }
}

#[test]
fn a_thread_that_fails_is_replaced_and_its_work_repeated() {
    let mut world = World::new(4);
    let (asked, failures) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
    let act = move |value: &str| {
        assert!(value != "70" || failures.fetch_add(1, Ordering::SeqCst) >= 2, "twice");
    };
    let app = world.app(world.config().with_num_stream_threads(2), Arc::new(act));
    let app = app.with_uncaught_exception_handler(replacing(&asked)).build().expect("an application");
    app.start().expect("it starts");
    is_running(&app);
    for partition in 0..4 {
        world.send(partition, (partition * 50..partition * 50 + 50).map(|number| number.to_string()));
    }
    world.wait_committed(4, 200);
    is_running(&app);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(app.error().is_none());
    assert!(app.close(LIMIT));
}

#[test]
fn replacing_ends_with_an_error_when_nothing_comes_of_it() {
    let mut world = World::new(1);
    let asked = Arc::new(AtomicUsize::new(0));
    let config = world.config().with("task.timeout.ms", 1_500).expect("a setting");
    let app = world.app(config, Arc::new(|value| assert!(value != "7", "always")));
    let app = app.with_uncaught_exception_handler(replacing(&asked)).build().expect("an application");
    app.start().expect("it starts");
    world.send(0, numbers(10));
    assert!(app.wait_for(LIMIT, |state| state == State::Error), "{:?}", app.reasons());
    let error = app.error().expect("an error").to_string();
    assert!(error.contains("always"), "{error}");
    assert!(asked.load(Ordering::SeqCst) >= 2);
}

#[test]
fn a_handler_may_panic_and_an_answer_may_be_to_end() {
    for panics in [true, false] {
        let mut world = World::new(1);
        let app = world.app(world.config(), Arc::new(|value| assert!(value != "7", "always")));
        let handler = move |_: &Error| {
            assert!(!panics, "the handler");
            Response::ShutdownClient
        };
        let app = app.with_uncaught_exception_handler(handler).build().expect("an application");
        app.start().expect("it starts");
        world.send(0, numbers(10));
        assert!(app.wait_for(LIMIT, |state| state == State::Error), "{:?}", app.reasons());
        assert!(app.error().is_some_and(|error| error.to_string().contains("always")));
    }
}
