//! Offsets of partitions without new records are committed again, so that the broker does not expire them (decision 0016).

use super::*;

impl World {
    fn commits(&mut self) -> u64 {
        self.engine.thread().stats.commits()
    }
}

#[test]
fn the_offset_of_an_idle_partition_is_committed_again_each_interval() -> Result<()> {
    let mut world = World::new(true)?;
    world.put("key", "1")?;
    let interval_ms = world.engine.thread().limits.recommit_ms;
    let before = world.commits();
    for _ in 0..10 {
        world.pass(COMMIT_MS)?;
    }
    assert_eq!(world.commits(), before, "nothing is due");
    for round in 1..=3 {
        world.pass(interval_ms)?;
        world.pass(COMMIT_MS)?;
        assert_eq!(world.commits(), before + round);
    }
    // Opened again by the same thread it is not due: a commit without work would look like progress.
    world.reset()?;
    world.pass(COMMIT_MS)?;
    world.pass(COMMIT_MS)?;
    assert_eq!(world.commits(), before + 3);
    Ok(())
}

#[test]
fn it_is_committed_again_by_a_process_that_opens_its_task() -> Result<()> {
    let mut world = World::new(true)?;
    world.put("key", "1")?;
    let mut world = world.restarted(topology(true)?)?;
    world.pass(COMMIT_MS)?;
    world.pass(COMMIT_MS)?;
    assert_eq!(world.commits(), 1);
    Ok(())
}

#[test]
fn what_was_never_committed_is_not_committed_without_need() -> Result<()> {
    let mut world = World::new(true)?;
    world.pass(COMMIT_MS)?;
    let interval_ms = world.engine.thread().limits.recommit_ms;
    world.pass(interval_ms)?;
    assert_eq!(world.commits(), 0);
    Ok(())
}
