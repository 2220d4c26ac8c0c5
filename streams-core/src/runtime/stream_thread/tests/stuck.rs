//! A task whose work can never be committed ends the application, whatever the others commit meanwhile.

use std::time::Duration;

use super::*;
use crate::processor::{InitContext, Punctuation, PunctuationType};
use crate::time::Timestamp;
use crate::transport::TransportError;

/// In one task, a punctuation that fails as a broker does that is away, however often it is tried.
struct Choke;

impl Processor<String, String, String, String> for Choke {
    fn process(
        &mut self,
        _: Record<String, String>,
        _: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        Ok(())
    }

    fn punctuate(
        &mut self,
        _: Punctuation,
        _: Timestamp,
        _: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        let away = TransportError::new(TransportErrorKind::Retriable, "asking", "away");
        Err(Error::from(away).into())
    }
}

fn choked() -> Result<World> {
    let mut topology = Topology::new();
    topology.add_source("source", &["in"], None, source_options())?;
    let choke = |task: &mut InitContext<'_>| {
        if task.task_id().partition == 0 {
            task.schedule(Duration::from_secs(1), PunctuationType::WallClockTime)?;
        }
        Ok(Choke)
    };
    topology.add_processor("choke", choke, &["source"])?;
    World::with(topology, config(), 2)
}

/// Runs for twice `task.timeout.ms`; `between` is called before each commit interval, with its number.
fn ends_in_an_error(mut between: impl FnMut(&mut World, u32)) -> Result<()> {
    let mut world = choked()?;
    let mut committed = 0;
    for interval in 0..6_000 {
        between(&mut world, interval);
        world.send_to(1, "b", "fine")?;
        world.trial.clock.advance_ms(COMMIT_MS);
        for _ in 0..5 {
            match world.engine.step() {
                Ok(_) => {}
                Err(Error::NoProgress { task, replays, .. }) => {
                    assert_eq!(task, Some(TaskId::new(0, 0)));
                    assert!(replays > 10, "{replays}");
                    assert!(committed > 100, "the other one was committed {committed} times");
                    return Ok(());
                }
                Err(other) => return Err(other),
            }
        }
        committed = world.engine.thread().stats.commits();
    }
    panic!("it is done again forever; {committed} commits of the other task");
}

/// Showed before: replays without end, and without a word but a warning a second.
#[test]
fn one_task_that_is_stuck_ends_in_an_error_that_names_it_though_another_commits() -> Result<()> {
    ends_in_an_error(|_, _| ())
}

/// Showed before: replays without end, since each time that a task came back to the thread, those of the others were
/// forgotten.
#[test]
fn one_task_that_is_stuck_ends_in_an_error_though_another_comes_and_goes() -> Result<()> {
    let (stuck, other) = (TaskId::new(0, 0), TaskId::new(0, 1));
    let mut last = 0;
    ends_in_an_error(|world, interval| {
        // Every two minutes, while the stuck task runs.
        if interval - last > 1_200 && world.engine.thread().tasks.contains_key(&stuck) {
            last = interval;
            let (answer, _received) = mpsc::channel();
            world.engine.command(Command::Revoke([other].into(), answer));
            world.engine.command(Command::Assign([other].into()));
        }
    })
}
