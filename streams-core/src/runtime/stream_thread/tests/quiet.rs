//! Sources that deliver nothing: the reason is reported, if there is one, and all others continue.

use super::*;

fn pass(world: &mut World, seconds: i64) -> Result<()> {
    for number in 0..seconds {
        world.send_to(1, "b", &number.to_string())?;
        world.pass(1_000)?;
    }
    Ok(())
}

#[test]
fn a_source_without_a_leader_is_named_while_the_others_go_on() -> Result<()> {
    let mut world = World::with(topology(true)?, config(), 2)?;
    pass(&mut world, 20)?;
    assert_eq!(world.reasons(), [""; 0], "an empty source is not a reason");
    let commits = world.engine.thread().stats.commits();
    let fault = Fault::before(Operation::Offsets, TransportErrorKind::Retriable).on("in-0");
    world.trial.broker.faults().inject(fault.times(usize::MAX));
    pass(&mut world, 15)?;
    let reasons = world.reasons();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(reasons[0].starts_with("task 0_0 waits for source partition in-0 to be readable"), "{reasons:?}");
    assert!(world.engine.thread().stats.commits() >= commits + 15, "the other one continues");
    world.trial.broker.faults().clear();
    pass(&mut world, 5)?;
    assert_eq!(world.reasons(), [""; 0]);
    Ok(())
}

#[test]
fn a_source_that_another_ones_transaction_holds_back_is_named() -> Result<()> {
    let mut world = World::with(topology(true)?, config(), 2)?;
    let mut other = world.trial.stranger("other", 600_000)?;
    other.begin()?;
    send(&mut *other, "in", 0, "a", "1")?;
    pass(&mut world, 15)?;
    let reasons = world.reasons();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(
        reasons[0].starts_with("task 0_0 waits for source partition in-0 from offset 0 on"),
        "{reasons:?}"
    );
    assert!(reasons[0].contains("find-hanging"), "{reasons:?}");
    other.commit(TIMEOUT)?;
    pass(&mut world, 12)?;
    assert_eq!(world.reasons(), [""; 0]);
    assert_eq!(world.value("a"), text("1"));
    Ok(())
}

#[test]
fn records_that_do_not_come_are_named() -> Result<()> {
    let mut world = World::with(topology(true)?, config(), 2)?;
    pass(&mut world, 5)?;
    let other = &TopicPartition::new("in", 1);
    let end = world.trial.transport.admin("a")?.offsets(
        std::slice::from_ref(other),
        crate::transport::OffsetQuery::Latest(crate::transport::Isolation::ReadCommitted),
        TIMEOUT,
    )?[other];
    let source = crate::runtime::quiet::QuietSource {
        who: "task 0_1".to_owned(),
        partition: other.clone(),
        position: end - 1,
    };
    let told = Request::Quiet("another thread".to_owned(), vec![source]);
    let _ = world.engine.thread().restorer.send(told);
    for _ in 0..4 {
        world.pass(1_000)?;
    }
    let reasons = world.reasons();
    assert!(reasons[0].contains("records of source partition in-1 from offset 4 on"), "{reasons:?}");
    Ok(())
}
