//! A source that may not be read, while the thread drops its work for other reasons.

use super::*;

/// Before, each reset restarted the wait, so that it never ended.
#[test]
fn what_is_refused_ends_the_application_in_time_however_often_the_thread_is_reset() -> Result<()> {
    let mut config = config();
    config.set("task.timeout.ms", 20_000)?;
    let mut world = World::with(topology(true)?, config, 2)?;
    let fault = Fault::before(Operation::Fetch, TransportErrorKind::Denied).on("in-0");
    world.trial.broker.faults().inject(fault.times(usize::MAX));
    for second in 1..60 {
        if second % 5 == 0 {
            world.reset()?;
        }
        world.send_to(1, "b", "fine")?;
        let Err(error) = world.pass(1_000) else { continue };
        assert!(
            matches!(&error, Error::Transport(error) if error.kind() == TransportErrorKind::Denied),
            "{error}"
        );
        assert!(second >= 20, "{second}");
        assert!(world.engine.thread().stats.commits() > 10, "the other task continues");
        return Ok(());
    }
    panic!("{:?}", world.reasons());
}
