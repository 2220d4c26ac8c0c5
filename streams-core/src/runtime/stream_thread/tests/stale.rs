//! What is known of topics grows old, and is asked for again between two records.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::*;
use crate::processor::Collector;
use crate::runtime::trial::watched::Watched;
use crate::runtime::waits::Waits;
use crate::transport::TransportError;

/// What a question for the partitions of topics showed.
#[derive(Debug)]
struct Question {
    timeout: Duration,
    reasons: Vec<String>,
}

/// Showed before: a question for each topic, of up to six seconds together with that for its limits, which no one could see.
#[test]
fn all_topics_are_asked_for_again_with_one_short_question_that_is_named() -> Result<()> {
    let mut trial = Trial::new(0, 1, &["in", "a", "b"])?;
    let questions = Arc::new(Mutex::new(Vec::new()));
    let is_away = Arc::new(AtomicBool::new(false));
    let waits: Arc<Mutex<Option<Arc<Waits>>>> = Arc::default();
    let (seen, away, of_engine) = (Arc::clone(&questions), Arc::clone(&is_away), Arc::clone(&waits));
    let looked_ms = AtomicI64::new(0);
    trial.transport = Watched::around(&trial.transport, move |call, timeout| {
        if !call.starts_with("partition_count") {
            return Ok(());
        }
        let mut reasons = Vec::new();
        if let Some(waits) = &*of_engine.lock().expect("not poisoned") {
            // The control thread looks, and looks again.
            for _ in 0..2 {
                waits.update(looked_ms.fetch_add(2_000, Ordering::Relaxed));
            }
            reasons = waits.reasons().iter().map(ToString::to_string).collect();
        }
        seen.lock().expect("not poisoned").push(Question { timeout, reasons });
        if away.load(Ordering::Relaxed) {
            Err(TransportError::new(TransportErrorKind::TimedOut, "asking", "no answer"))
        } else {
            Ok(())
        }
    });
    let (engine, producer) = (trial.engine(topology(true)?, config())?, trial.producer()?);
    let mut world = World { trial, engine, producer };
    world.run_until_idle()?;
    *waits.lock().expect("not poisoned") = Some(Arc::clone(world.engine.waits()));
    let collector = Rc::clone(&world.engine.thread().environment.collector);
    let topics = [collector.topic(&"a".into())?, collector.topic(&"b".into())?];
    let counts = || -> Result<Vec<_>> { topics.iter().map(|topic| collector.partitions(*topic)).collect() };
    let asked = || std::mem::take(&mut *questions.lock().expect("not poisoned"));
    assert_eq!((counts()?, asked().len()), (vec![1, 1], 2), "each when it is first needed");

    is_away.store(true, Ordering::Relaxed);
    collector.ask_partitions_again();
    assert_eq!(counts()?, [1, 1], "what was known still counts");
    let questions = asked();
    assert_eq!(questions.len(), 1, "{questions:?}");
    assert!(questions[0].timeout <= Duration::from_secs(1), "{questions:?}");
    assert!(questions[0].reasons.iter().any(|reason| reason.contains("partitions")), "{questions:?}");
    assert_eq!(world.reasons(), [""; 0]);

    is_away.store(false, Ordering::Relaxed);
    world.trial.transport.admin("admin")?.grow_topic(&"a".into(), 3, TIMEOUT)?;
    collector.ask_partitions_again();
    assert_eq!((counts()?, asked().len()), (vec![3, 1], 1));
    Ok(())
}
