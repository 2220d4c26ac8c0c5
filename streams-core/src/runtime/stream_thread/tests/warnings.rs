//! What each record, each round or each retry would repeat is logged once, and then at most once a minute.

use std::sync::Mutex;

use super::*;
use crate::error::UserError;
use crate::processor::{InitContext, SourceOptions};
use crate::runtime::trial::{count_of, warnings};
use crate::serde::DefaultSerde;
use crate::transport::TransportError;

const LEFT_OUT: &str = "a record was left out";
const REPEATED: &str = "the uncommitted work is dropped and repeated";

/// Takes numbers.
struct Take;

impl Processor<String, i64, String, String> for Take {
    fn process(
        &mut self,
        _: Record<String, i64>,
        _: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        Ok(())
    }
}

/// Fails on each record, with what it is made of.
struct Fail(fn() -> UserError);

impl Processor<String, String, String, String> for Fail {
    fn process(
        &mut self,
        _: Record<String, String>,
        _: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        Err(self.0())
    }

    fn close(&mut self) {
        panic!("not closed");
    }
}

fn failing(error: fn() -> UserError) -> Result<Topology> {
    let mut topology = Topology::new();
    topology.add_source("source", &["in"], None, source_options())?;
    topology.add_processor("fail", move |_| Ok(Fail(error)), &["source"])?;
    Ok(topology)
}

/// The error of a topology's first record.
fn error_of(topology: Topology) -> Result<(Error, Vec<String>)> {
    let mut world = World::with(topology, config(), 1)?;
    world.send("a", "x")?;
    let (done, lines) = warnings(|| world.run_until_idle());
    Ok((done.expect_err("the handler fails"), lines))
}

/// An error that cannot be printed.
#[derive(Debug)]
struct Mute;

impl std::fmt::Display for Mute {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no words");
    }
}

impl std::error::Error for Mute {}

/// Showed before: the handler was to blame.
#[test]
fn an_error_whose_text_panics_is_its_nodes() -> Result<()> {
    let (error, lines) = error_of(failing(|| Mute.into())?)?;
    let text = crate::user_code::caught(|| error.to_string()).expect("a text");
    assert!(matches!(error, Error::Processing { .. }), "{text}");
    assert!(
        text.contains("node fail of task 0_0") && text.contains("(no text: panicked: no words)"),
        "{text}"
    );
    assert_eq!(lines.len(), 1, "{lines:#?}");
    Ok(())
}

/// Showed before: three megabytes in the log, and in the text of the error.
#[test]
fn a_long_text_is_cut_where_it_is_shown() -> Result<()> {
    let long: fn() -> UserError = || "x".repeat(3_000_000).into();
    let (error, mut lines) = error_of(failing(long)?)?;
    lines.push(error.to_string());
    let mut world = World::with(failing(long)?, continuing(), 1)?;
    world.send("a", "x")?;
    let (done, more) = warnings(|| world.run_until_idle());
    done?;
    lines.extend(more);
    assert!(lines.len() >= 3);
    for line in &lines {
        let shown: String = line.chars().take(200).collect();
        assert!(line.len() < 4_000, "{} bytes: {shown}", line.len());
        assert!(line.contains("... (2997952 bytes more)"), "{shown}");
    }
    let Error::Processing { cause, .. } = error else { panic!("{error}") };
    assert_eq!(cause.to_string().len(), 3_000_000, "the error itself is whole");
    Ok(())
}

/// Showed before: an error for each task each time that work is repeated.
#[test]
fn processors_that_fail_to_close_are_logged_once_a_minute() -> Result<()> {
    let mut world = World::with(failing(|| "never".into())?, config(), 4)?;
    let (done, lines) = warnings(|| {
        (0..20).try_for_each(|_| {
            world.reset()?;
            world.pass(COMMIT_MS)
        })
    });
    done?;
    assert_eq!(count_of(&lines, "a processor failed to close"), 1, "{lines:#?}");
    Ok(())
}

fn continuing() -> StreamsConfig {
    let set = |config: StreamsConfig, key| config.with(key, "LogAndContinue").expect("a setting");
    let config = set(config(), "deserialization.exception.handler");
    set(config, "processing.exception.handler")
}

/// Showed before: a warning for each record, and the one of a minute.
#[test]
fn records_that_a_handler_skips_are_logged_once_a_minute() -> Result<()> {
    let mut numbers = Topology::new();
    let options = SourceOptions {
        key_serde: String::default_serde(),
        value_serde: i64::default_serde(),
        extractor: None,
    };
    numbers.add_source("source", &["in"], None, options)?;
    numbers.add_processor("take", |_| Ok(Take), &["source"])?;
    let failing = failing(|| "not today".into())?;
    let of = [
        (numbers, "skipped by the deserialization handler", "node=\"source\"", "8 bytes"),
        (failing, "skipped by the processing handler", "node=\"fail\"", "not today"),
    ];
    for (topology, reason, node, error) in of {
        let mut world = World::with(topology, continuing(), 1)?;
        let (done, lines) = warnings(|| -> Result<()> {
            for number in 0..200 {
                world.send(&number.to_string(), "x")?;
            }
            world.pass(COMMIT_MS)?;
            world.trial.clock.advance_ms(60_000);
            world.send("later", "x")?;
            world.run_until_idle()
        });
        done?;
        assert_eq!(lines.len(), 2, "{lines:#?}");
        for part in
            [LEFT_OUT, reason, node, error, "task=0_0", "at=\"in-0 offset 0\"", "timestamp=1", "\"0\""]
        {
            assert!(lines[0].contains(part), "{part}: {}", lines[0]);
        }
        assert!(lines[1].contains("so_far=201"), "{}", lines[1]);
        assert_eq!(world.engine.dropped_records().total(), 201);
    }
    Ok(())
}

/// Showed before: a warning a second for each thread, for five minutes.
#[test]
fn work_that_is_repeated_is_logged_once_a_minute_and_as_a_wait() -> Result<()> {
    let mut world = World::new(true)?;
    let fault = Fault::before(Operation::Commit, TransportErrorKind::AbortTransaction);
    world.trial.broker.faults().inject(fault.times(usize::MAX));
    world.send("a", "1")?;
    let (done, lines) = warnings(|| -> Result<()> {
        for _ in 0..120 {
            world.trial.clock.advance_ms(1_000);
            for _ in 0..10 {
                world.engine.step()?;
            }
        }
        Ok(())
    });
    done?;
    let repeated = count_of(&lines, REPEATED);
    assert!((2..=3).contains(&repeated), "{repeated}: {lines:#?}");
    assert!(count_of(&lines, "still waiting") >= 4, "{lines:#?}");
    assert!(lines.len() < 20, "{lines:#?}");
    Ok(())
}

/// Showed before: two warnings a second.
#[test]
fn commits_that_are_put_off_one_by_one_are_logged_once_a_minute() {
    let mut puts_off = PutsOff::new("one", &Arc::default(), 300_000);
    let ((), lines) = warnings(|| {
        for number in 0..200 {
            let cause = TransportError::new(TransportErrorKind::TimedOut, "commit", "no answer");
            puts_off.put_off(number * 500, cause.into()).expect("not for long");
            puts_off.committed();
        }
    });
    assert_eq!(count_of(&lines, "the commit is put off"), 2, "{lines:#?}");
}

/// Showed before: a warning for each of them, at each restore.
#[test]
fn changelog_records_without_a_key_are_logged_once_a_minute() -> Result<()> {
    // Of its own changelogs, which are compacted, the broker refuses such records.
    let topology = || -> Result<Topology> {
        let mut topology = super::topology(false)?;
        topology.connect_source_store_and_topic("store", &"in".into())?;
        Ok(topology)
    };
    let mut world = World::of(topology()?)?;
    let (topic, headers) = (world.producer.topic("in")?, Default::default());
    for _ in 0..100 {
        let (key, value, timestamp) = (None, Some(&b"x"[..]), 7);
        let record = OutRecord { topic, partition: 0, key, value, timestamp, headers: &headers, tag: 0 };
        world.producer.send(record)?;
    }
    world.put("a", "1")?;
    let (world, lines) = warnings(|| world.restarted(topology()?));
    assert_eq!(world?.value("a"), text("1"));
    assert_eq!(count_of(&lines, "changelog record without a key skipped"), 1, "{lines:#?}");
    for part in ["at=in-0", "offset=0", "timestamp=7", "so_far=1"] {
        assert!(lines[0].contains(part), "{part}: {lines:?}");
    }
    Ok(())
}

/// Sees what is waited for while its node is made and while it closes, as one that blocks would have others see it.
struct See(Arc<Waits>, Arc<Mutex<Vec<String>>>);

impl See {
    fn look(&self) {
        let begun_ms = 1 << 40;
        self.0.update(begun_ms);
        self.0.update(begun_ms + 2_000);
        self.1.lock().expect("no panic").extend(self.0.reasons().iter().map(ToString::to_string));
    }
}

impl Processor<String, String, String, String> for See {
    fn process(
        &mut self,
        _: Record<String, String>,
        _: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        Ok(())
    }

    fn close(&mut self) {
        self.look();
    }
}

/// Showed before: nothing, and a `close` that waited for either said nothing.
#[test]
fn a_node_that_blocks_while_it_is_made_or_closes_is_waited_for() -> Result<()> {
    let (seen, waits) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Option<Arc<Waits>>>>::default());
    let (into, of) = (Arc::clone(&seen), Arc::clone(&waits));
    let mut topology = Topology::new();
    topology.add_source("source", &["in"], None, source_options())?;
    let see = move |_: &mut InitContext<'_>| {
        let waits = of.lock().expect("no panic").clone().unwrap_or_default();
        let see = See(waits, Arc::clone(&into));
        see.look();
        Ok(see)
    };
    topology.add_processor("see", see, &["source"])?;
    let mut world = World::of(topology)?;
    for _ in 0..2 {
        *waits.lock().expect("no panic") = Some(Arc::clone(world.engine.waits()));
        seen.lock().expect("no panic").clear();
        world.reset()?;
        world.pass(COMMIT_MS)?;
    }
    let seen = seen.lock().expect("no panic").clone();
    let of_node = |what: &str| {
        let wait = format!("thread engine-StreamThread-1 waits for node see of task 0_0 {what} (2.0 s)");
        seen.contains(&wait)
    };
    assert!(of_node("to close") && of_node("to be made"), "{seen:#?}");
    assert!(!world.reasons().iter().any(|reason| reason.contains("node see")), "{:?}", world.reasons());
    Ok(())
}
