//! Long chains of operators: each runs within the call of the one before, on one stack.

use std::thread::Builder;

use streams_core::testing::TopologyTestDriver;
use streams_dsl::error::DslError;
use streams_dsl::prelude::*;

fn on_a_stack_of(bytes: usize, run: impl FnOnce() + Send + 'static) {
    Builder::new().stack_size(bytes).spawn(run).unwrap().join().unwrap();
}

/// A stream and a table, each mapped this often, and joined.
fn chains(of_stream: usize, of_table: usize, settings: TopologySettings) -> Result<Topology, DslError> {
    let builder = StreamsBuilder::new();
    let mut stream = builder.stream::<String, String>("in");
    let mut table = builder.table::<String, String>("table");
    for _ in 0..of_stream {
        stream = stream.map_values(|value| value.clone());
    }
    for _ in 0..of_table {
        table = table.map_values(|value| value.clone());
    }
    stream.join(&table, |left, right| format!("{left}{right}")).to("out");
    builder.build_with(settings)
}

/// Nothing of it is recursive but the search for the table that a value is read from, which takes few bytes a table.
#[test]
fn long_plans_are_built_and_described_on_a_small_stack() {
    on_a_stack_of(256 << 10, || {
        let all = StreamsConfig::new("a", "embedded:").with("topology.optimization", "all").unwrap();
        for settings in [TopologySettings::new(), TopologySettings::from(&all)] {
            let error = chains(5_000, 300, settings.clone()).unwrap_err().to_string();
            assert!(error.contains("at most 2048"), "{error}");
            let topology = chains(2_000, 300, settings).unwrap();
            assert!(topology.describe().to_string().contains("KSTREAM-MAPVALUES-"));
        }
    });
}

/// A join looks the value up along the table's chain, at the end of the stream's.
#[test]
fn what_a_driver_takes_fits_on_the_stack_of_a_test() {
    on_a_stack_of(2 << 20, || {
        let driver = TopologyTestDriver::of(chains(100, 100, TopologySettings::new()).unwrap()).unwrap();
        driver.create_input_topic::<String, String>("table").pipe("k".into(), "b".into(), 0).unwrap();
        driver.create_input_topic::<String, String>("in").pipe("k".into(), "a".into(), 0).unwrap();
        assert_eq!(driver.create_output_topic::<String, String>("out").read_values().unwrap(), ["ab"]);
    });
}
