//! Global stores whose topic is gone for a moment, on a broker in memory.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::processor::SourceOptions;
use crate::processor::{InitContext, Processor, ProcessorContext, ProcessorResult};
use crate::record::Record;
use crate::runtime::trial::{Trial, count_of, send, source_options, warnings};
use crate::serde::DefaultSerde;
use crate::store::{KeyValueStore, Stores};
use crate::topology::Topology;
use crate::transport::embedded::{Fault, Operation};

/// Counts what reaches it, and keeps it.
struct Keep(Arc<AtomicUsize>);

impl Processor<String, String, (), ()> for Keep {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, (), ()>,
    ) -> ProcessorResult {
        self.0.fetch_add(1, Ordering::Relaxed);
        let store: KeyValueStore<String, String> = context.state_store("rows")?;
        Ok(store.put(&record.key, Some(record.value))?)
    }
}

/// Showed before: what came first of a topic that exists again was put into the store with the rows of the former one.
#[test]
fn nothing_of_a_topic_that_exists_again_is_added_to_the_rows_of_before() -> Result<()> {
    let trial = Trial::new(1_000_000, 1, &["rows"])?;
    let (mut producer, processed) = (trial.producer()?, Arc::new(AtomicUsize::new(0)));
    for key in ["a", "b", "c"] {
        send(&mut *producer, "rows", 0, key, "1")?;
    }
    let mut topology = Topology::new();
    let counted = Arc::clone(&processed);
    let store = Stores::key_value_store::<String, String>("rows").with_logging_disabled();
    let keep = move |_: &mut InitContext<'_>| Ok(Keep(Arc::clone(&counted)));
    topology.add_global_store(store, "globals", &TopicName::from("rows"), source_options(), "keep", keep)?;
    let mut engine = trial.engine(topology, StreamsConfig::new("globals", "embedded:"))?;
    while engine.step()? {}
    assert_eq!(processed.load(Ordering::Relaxed), 3);
    trial.broker.faults().inject(Fault::before(Operation::Fetch, TransportErrorKind::UnknownTopic));
    engine.step()?;
    send(&mut *producer, "rows", 0, "d", "2")?;
    for _ in 0..20 {
        trial.clock.advance_ms(1_000);
        while engine.step()? {}
    }
    assert_eq!(processed.load(Ordering::Relaxed), 3 + 4, "filled again, and nothing before");
    Ok(())
}

struct Take;

impl Processor<String, i64, (), ()> for Take {
    fn process(&mut self, _: Record<String, i64>, _: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
        Ok(())
    }
}

/// Showed before: a warning for each of them.
#[test]
fn letters_about_records_of_a_global_table_are_logged_once_a_minute() -> Result<()> {
    let trial = Trial::new(1_000_000, 1, &["rows", "letters"])?;
    let mut producer = trial.producer()?;
    for key in 0..100 {
        send(&mut *producer, "rows", 0, &key.to_string(), "x")?;
    }
    let mut topology = Topology::new();
    let store = Stores::key_value_store::<String, i64>("rows").with_logging_disabled();
    let options = SourceOptions {
        key_serde: String::default_serde(),
        value_serde: i64::default_serde(),
        extractor: None,
    };
    let take = |_: &mut InitContext<'_>| Ok(Take);
    topology.add_global_store(store, "globals", &TopicName::from("rows"), options, "take", take)?;
    let config = StreamsConfig::new("globals", "embedded:")
        .with("deserialization.exception.handler", "LogAndContinue")
        .and_then(|config| config.with("errors.dead.letter.queue.topic.name", "letters"))?;
    let mut engine = trial.engine(topology, config)?;
    let (done, lines) = warnings(|| -> Result<()> {
        while engine.step()? {}
        Ok(())
    });
    done?;
    assert_eq!(engine.dropped_records().total(), 100);
    assert_eq!(count_of(&lines, "a dead letter about a record of a global table"), 1, "{lines:#?}");
    assert_eq!(count_of(&lines, "a record was left out"), 1, "{lines:#?}");
    Ok(())
}
