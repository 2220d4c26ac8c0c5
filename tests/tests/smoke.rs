//! The thinnest path on a real broker: a count through the Processor API, exactly once, restarted.

use std::collections::BTreeMap;
use std::time::Duration;

use streams_core::config::StreamsConfig;
use streams_core::error::Result;
use streams_core::processor::{Processor, ProcessorContext, SinkOptions, SourceOptions, TopicTarget};
use streams_core::record::Record;
use streams_core::runtime::{KafkaStreams, State};
use streams_core::serde::DefaultSerde;
use streams_core::store::{KeyValueStore, Stores};
use streams_core::topology::Topology;
use tests::lab::{TestRecord, shared};

struct Count {
    store: Option<KeyValueStore<String, i64>>,
}

impl Processor<String, String, String, i64> for Count {
    fn init(&mut self, context: &mut ProcessorContext<'_, String, i64>) -> Result<()> {
        self.store = Some(context.state_store("counts")?);
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, i64>,
    ) -> Result<()> {
        let store = self.store.as_ref().expect("initialised");
        let count = store.get(&record.key)?.unwrap_or(0) + 1;
        store.put(&record.key, Some(count))?;
        context.forward(record.with_value(count))
    }
}

fn topology(input: &str, output: &str) -> Topology {
    let mut topology = Topology::new();
    let source = SourceOptions {
        key_serde: String::default_serde(),
        value_serde: String::default_serde(),
        extractor: None,
    };
    topology.add_source("source", &[input.into()], None, source).expect("source");
    topology.add_processor("count", || Count { store: None }, &["source"]).expect("processor");
    topology.add_state_store(Stores::key_value_store::<String, i64>("counts"), &["count"]).expect("store");
    let sink = SinkOptions {
        target: TopicTarget::Topic(output.into()),
        key_serde: String::default_serde(),
        value_serde: i64::default_serde(),
        partitioner: None,
    };
    topology.add_sink("sink", sink, &["count"]).expect("sink");
    topology
}

#[test]
fn a_count_survives_a_restart() {
    let _ = tracing_subscriber::fmt().with_env_filter("info").with_test_writer().try_init();
    let cluster = shared().expect("a broker");
    let client = cluster.client();
    client.create_topic("smoke-in", 4, &[]).expect("topic");
    client.create_topic("smoke-out", 4, &[]).expect("topic");
    let state = tempfile::tempdir().expect("dir");
    let config = || StreamsConfig::new("smoke", cluster.bootstrap()).with_state_dir(state.path());
    let mut expected = BTreeMap::new();
    for round in 0..2 {
        let app = KafkaStreams::new(topology("smoke-in", "smoke-out"), config()).expect("app");
        app.start().expect("start");
        let records: Vec<_> = (0..1000)
            .map(|n| {
                *expected.entry(format!("k{}", n % 10)).or_insert(0i64) += 1;
                TestRecord::new(format!("k{}", n % 10), "v").at(1_700_000_000_000 + n)
            })
            .collect();
        client.produce("smoke-in", records).expect("produce");
        assert!(app.wait_for(Duration::from_secs(30), |s| s == State::Running), "{:?}", app.error());
        let total = 1000 * (round + 1);
        let mut seen = 0;
        for _ in 0..300 {
            seen = client.consume_all("smoke-out", true).expect("consume").len();
            if seen >= total {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(seen, total, "{:?} {:?}", app.metrics(), app.error());
        println!("{:?}", app.metrics());
        if round == 1 {
            assert_eq!(app.metrics().restored_records, 0);
        }
        assert!(app.close(Duration::from_secs(30)));
        assert_eq!(app.state(), State::NotRunning);
    }
    let mut last = BTreeMap::new();
    for record in client.consume_all("smoke-out", true).expect("consume") {
        let value = i64::from_be_bytes(record.value.as_deref().expect("value").try_into().expect("8"));
        last.insert(record.key_text(), value);
    }
    assert_eq!(last, expected);
}
