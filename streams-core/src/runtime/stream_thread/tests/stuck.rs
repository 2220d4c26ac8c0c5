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

/// Showed before: replays without end, and without a word but a warning a second.
#[test]
fn one_task_that_is_stuck_ends_in_an_error_that_names_it_though_another_commits() -> Result<()> {
    let mut topology = Topology::new();
    topology.add_source("source", &["in".into()], None, source_options())?;
    let choke = |task: &mut InitContext<'_>| {
        if task.task_id().partition == 0 {
            task.schedule(Duration::from_secs(1), PunctuationType::WallClockTime)?;
        }
        Ok(Choke)
    };
    topology.add_processor("choke", choke, &["source"])?;
    let mut world = World::with(topology, config(), 2)?;
    let mut committed = 0;
    // Twice task.timeout.ms.
    for _ in 0..6_000 {
        world.send_to(1, "b", "fine")?;
        world.trial.clock.advance(COMMIT_MS);
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
