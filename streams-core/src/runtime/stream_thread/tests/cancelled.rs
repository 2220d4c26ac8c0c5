//! The restore of a task that is released meanwhile is cancelled.

use super::*;

#[test]
fn a_task_that_is_given_away_lets_its_databases_go() -> Result<()> {
    let mut world = World::new(true)?;
    world.put("a", "1")?;
    let backend = Arc::downgrade(world.task().backends().of(&StorePlace::Disk)?);
    // An open transaction in the changelog: the restore waits for its end.
    let mut stranger = world.trial.stranger("stranger", 60_000)?;
    stranger.begin()?;
    let (topic, headers) = (stranger.topic("owing-store-changelog")?, Default::default());
    let (key, value) = (Some(&b"x"[..]), None);
    stranger.send(OutRecord { topic, partition: 0, key, value, timestamp: 1, headers: &headers, tag: 0 })?;
    stranger.flush(TIMEOUT)?;
    let task: BTreeSet<TaskId> = world.engine.thread().tasks.keys().copied().collect();
    world.reset()?;
    // The thread first probes whether something of its own is left in the changelog.
    let mut steps = 0;
    while world.engine.restoring() == 0 && steps < 300 {
        steps += 1;
        world.trial.clock.advance_ms(COMMIT_MS);
        world.engine.step()?;
    }
    (0..5).try_for_each(|_| world.engine.step().map(drop))?;
    assert_eq!(world.engine.restoring(), 1, "it waits");
    assert!(backend.strong_count() > 0);
    world.engine.thread().close(&task)?;
    world.engine.step()?;
    assert_eq!((world.engine.restoring(), backend.strong_count()), (0, 0));
    stranger.abort(TIMEOUT)?;
    Ok(())
}
