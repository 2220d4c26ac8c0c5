//! A changelog that is cut short while it is read.

use super::*;

/// Showed before: restored forever.
#[test]
fn a_changelog_that_is_trimmed_again_and_again_ends_the_application() -> Result<()> {
    let mut world = World::new(true)?;
    world.put("a", "1")?;
    let fault = Fault::before(Operation::Fetch, TransportErrorKind::OffsetOutOfRange);
    world.trial.broker.faults().inject(fault.on("owing-store-changelog-0").times(usize::MAX));
    let mut world = world.restarted(topology(true)?)?;
    for second in 1..900 {
        let Err(error) = world.pass(1_000) else { continue };
        assert!(matches!(error, Error::ChangelogTrimmed { .. }), "{error}");
        assert!(error.to_string().contains("owing-store-changelog-0"), "{error}");
        assert!(second >= 300, "{second}: a start of the log that moves is not an error yet");
        return Ok(());
    }
    panic!("{:?}", world.reasons());
}
