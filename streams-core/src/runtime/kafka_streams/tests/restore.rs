//! What a restore listener sees, on an embedded broker.

use super::*;
use crate::runtime::StateRestoreListener;
use crate::store::Stores;

/// What it was called with.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn add(&self, what: String) {
        lock(&self.0).push(what);
    }

    fn all(&self) -> Vec<String> {
        lock(&self.0).clone()
    }
}

impl StateRestoreListener for Seen {
    fn on_restore_start(&self, partition: &TopicPartition, store: &str, from: i64, to: i64) {
        self.add(format!("{store} of {partition} from {from} to {}", to > from));
    }

    fn on_batch_restored(&self, _: &TopicPartition, _: &str, next: i64, records: u64) {
        assert!(next > 0 && records > 0);
    }

    fn on_restore_end(&self, partition: &TopicPartition, store: &str, total: u64) {
        self.add(format!("{store} of {partition}: {total}"));
    }
}

struct Keeping(crate::store::KeyValueStore<String, String>);

impl Processor<String, String, (), ()> for Keeping {
    fn process(
        &mut self,
        record: Record<String, String>,
        _: &mut ProcessorContext<'_, (), ()>,
    ) -> ProcessorResult {
        self.0.put(&record.key, Some(record.value))?;
        Ok(())
    }
}

pub(super) fn keeping() -> Topology {
    let serde = String::default_serde;
    let build = || -> Result<Topology> {
        let mut topology = Topology::new();
        let source = SourceOptions { key_serde: serde(), value_serde: serde(), extractor: None };
        topology.add_source("source", &["in"], None, source)?;
        topology.add_processor("keep", |init| Ok(Keeping(init.state_store("rows")?)), &["source"])?;
        topology.add_state_store(Stores::key_value_store::<String, String>("rows"), &["keep"])?;
        Ok(topology)
    };
    build().expect("a topology")
}

#[test]
fn a_listener_sees_the_restore_of_a_store() {
    let mut world = World::new(1);
    world.send(0, numbers(10));
    let seen = Seen::default();
    for _ in 0..2 {
        let app = KafkaStreams::builder(keeping(), world.config())
            .with_broker(Arc::clone(&world.broker))
            .with_state_restore_listener(seen.clone())
            .build()
            .expect("an application");
        app.start().expect("it starts");
        assert!(app.wait_for(LIMIT, |state| state == State::Running), "{:?}", app.reasons());
        wait(|| app.totals().processed_records == 10 || !seen.all().is_empty(), "records");
        assert!(app.close(LIMIT));
        app.clean_up().expect("cleaned up");
    }
    assert_eq!(
        seen.all(),
        ["rows of app-rows-changelog-0 from 0 to true", "rows of app-rows-changelog-0: 10"]
    );
}

#[test]
fn a_listener_that_panics_ends_the_application() {
    struct Bad;
    impl StateRestoreListener for Bad {
        fn on_restore_start(&self, _: &TopicPartition, _: &str, _: i64, _: i64) {
            panic!("bad");
        }
    }
    let mut world = World::new(1);
    world.send(0, numbers(10));
    let run = |builder: KafkaStreamsBuilder| {
        let app = builder.with_broker(Arc::clone(&world.broker)).build().expect("an application");
        app.start().expect("it starts");
        app
    };
    let first = run(KafkaStreams::builder(keeping(), world.config()));
    wait(|| first.totals().processed_records == 10, "records");
    assert!(first.close(LIMIT));
    first.clean_up().expect("cleaned up");
    let second = run(KafkaStreams::builder(keeping(), world.config()).with_state_restore_listener(Bad));
    assert!(second.wait_for(LIMIT, |state| state == State::Error), "{:?}", second.reasons());
    assert!(
        second
            .error()
            .is_some_and(|error| error.to_string().contains("state restore listener panicked: bad"))
    );
}
