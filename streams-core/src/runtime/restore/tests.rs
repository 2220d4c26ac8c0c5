//! Restores that a broker refuses for a moment, on a broker in memory.

use super::*;
use crate::error::Error;
use crate::processor::{Processor, ProcessorContext, ProcessorResult};
use crate::record::Record;
use crate::runtime::engine::Engine;
use crate::runtime::refusals::REFUSED_MAX_MS;
use crate::runtime::trial::{TIMEOUT, Trial, send, source_options};
use crate::store::Stores;
use crate::topology::Topology;
use crate::transport::TransportErrorKind;
use crate::transport::embedded::{Fault, Operation};

struct Idle;

impl Processor<String, String, (), ()> for Idle {
    fn process(
        &mut self,
        _: Record<String, String>,
        _: &mut ProcessorContext<'_, (), ()>,
    ) -> ProcessorResult {
        Ok(())
    }
}

const CHANGELOG: &str = "app-rows-changelog";

fn engine(trial: &Trial) -> Result<Engine> {
    let mut topology = Topology::new();
    topology.add_source("in", &["in"], None, source_options())?;
    topology.add_processor("idle", |_| Ok(Idle), &["in"])?;
    topology.add_state_store(Stores::key_value_store::<String, String>("rows"), &["idle"])?;
    trial.engine(topology, StreamsConfig::new("app", "embedded:"))
}

fn pass(trial: &Trial, engine: &mut Engine, ms: i64) -> Result<()> {
    for _ in 0..ms / 100 {
        trial.clock.advance_ms(100);
        while engine.step()? {}
    }
    Ok(())
}

/// Showed before: ERROR, as if the right had been missing all the time.
#[test]
fn a_changelog_without_records_that_is_refused_twice_for_a_moment_is_restored() -> Result<()> {
    let trial = Trial::new(1_000_000, 1, &["in"])?;
    let mut engine = engine(&trial)?;
    // A transaction that is open: the restore waits for it, and no records come.
    let mut stranger = trial.stranger("stranger", 600_000)?;
    stranger.begin()?;
    send(&mut *stranger, CHANGELOG, 0, "a", "1")?;
    for _ in 0..2 {
        let denied = Fault::before(Operation::Fetch, TransportErrorKind::Denied).on("app-rows-changelog-0");
        trial.broker.faults().inject(denied);
        pass(&trial, &mut engine, REFUSED_MAX_MS + 1_000)?;
        assert_eq!((trial.broker.faults().left(), engine.restoring()), (0, 1));
    }
    stranger.abort(TIMEOUT)?;
    pass(&trial, &mut engine, 5_000)?;
    assert_eq!(engine.restoring(), 0);
    Ok(())
}

/// Its bounds may be asked for all the time.
#[test]
fn a_changelog_that_is_refused_for_long_is_an_error() -> Result<()> {
    let trial = Trial::new(1_000_000, 1, &["in"])?;
    let mut engine = engine(&trial)?;
    let mut producer = trial.producer()?;
    send(&mut *producer, CHANGELOG, 0, "a", "1")?;
    let denied = Fault::before(Operation::Fetch, TransportErrorKind::Denied).on("app-rows-changelog-0");
    trial.broker.faults().inject(denied.times(usize::MAX));
    pass(&trial, &mut engine, REFUSED_MAX_MS - 1_000)?;
    assert_eq!(engine.restoring(), 1);
    let error = pass(&trial, &mut engine, 10_000).unwrap_err();
    assert!(
        matches!(&error, Error::Transport(error) if error.kind() == TransportErrorKind::Denied),
        "{error}"
    );
    Ok(())
}
