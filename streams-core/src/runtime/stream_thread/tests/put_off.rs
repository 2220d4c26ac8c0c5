//! Commits of at-least-once that are never acknowledged: nothing is lost, they are reported, and finally end the application.

use super::*;

const TASK_TIMEOUT_MS: i64 = 20_000;

fn world() -> Result<World> {
    let mut config = config();
    config.set("processing.guarantee", "at_least_once")?;
    config.set("task.timeout.ms", TASK_TIMEOUT_MS)?;
    World::with(topology(true)?, config, 1)
}

fn group_is_silent(world: &World, times: usize) {
    let fault = Fault::before(Operation::GroupCommit, TransportErrorKind::TimedOut);
    world.trial.broker.faults().inject(fault.times(times));
}

#[test]
fn a_commit_that_has_no_answer_is_made_again_and_nothing_is_given_up() -> Result<()> {
    let mut world = world()?;
    world.put("a", "1")?;
    let commits = world.engine.thread().stats.commits();
    group_is_silent(&world, 13);
    world.send("a", "2")?;
    for second in 0..6 {
        world.pass(1_000)?;
        assert_eq!(world.value("a"), text("2"), "the task runs on");
        if second == 5 {
            let reasons = world.reasons();
            assert!(reasons[0].contains("waits for a commit, which is put off"), "{reasons:?}");
            assert!(reasons[0].contains("GroupCommit owing"), "{reasons:?}");
        }
    }
    assert_eq!(world.engine.thread().stats.commits(), commits);
    for _ in 0..20 {
        world.pass(500)?;
    }
    assert_eq!(world.trial.broker.faults().left(), 0);
    assert_eq!(world.engine.thread().stats.commits(), commits + 1);
    assert_eq!(world.reasons(), [""; 0]);
    world.put("a", "3")?;
    assert_eq!(world.value("a"), text("3"));
    Ok(())
}

#[test]
fn a_commit_that_is_never_taken_ends_the_application_after_task_timeout_ms() -> Result<()> {
    let mut world = world()?;
    group_is_silent(&world, usize::MAX);
    world.send("a", "1")?;
    world.run_until_idle()?;
    for _ in 0..TASK_TIMEOUT_MS / 500 + 2 {
        let Err(error) = world.pass(500) else { continue };
        let text = error.to_string();
        assert!(matches!(error, Error::NoCommit { .. }), "{text}");
        assert!(text.contains("task.timeout.ms") && text.contains("GroupCommit owing"), "{text}");
        return Ok(());
    }
    panic!("it is postponed forever");
}

#[test]
fn records_that_are_not_acknowledged_in_time_put_the_commit_off() -> Result<()> {
    let mut world = world()?;
    let fault = Fault::before(Operation::Flush, TransportErrorKind::TimedOut).on("engine-producer");
    world.trial.broker.faults().inject(fault.times(3));
    let generation = world.engine.thread().environment.collector.generation();
    world.send("a", "1")?;
    for _ in 0..6 {
        world.pass(500)?;
    }
    assert_eq!(world.trial.broker.faults().left(), 0);
    // What was sent stays with its producer.
    assert_eq!(world.engine.thread().environment.collector.generation(), generation);
    assert_eq!(world.engine.thread().stats.commits(), 1);
    Ok(())
}
