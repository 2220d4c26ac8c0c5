//! A driver that commits each record takes any fan-out.

use streams_core::testing::TopologyTestDriver;
use streams_dsl::prelude::*;

/// Showed before: "the topology did not come to rest in 10000 rounds".
#[test]
fn one_record_becomes_twenty_thousand_on_a_repartition_topic() {
    const WORDS: usize = 20_000;
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("lines")
        .flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .group_by(|_, word| word.clone())
        .count()
        .to_stream()
        .to("counts");
    let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
    let line: Vec<String> = (0..WORDS).map(|number| (number % 100).to_string()).collect();
    driver.create_input_topic::<String, String>("lines").pipe("k".to_owned(), line.join(" "), 0).unwrap();
    let counts = driver.create_output_topic::<String, i64>("counts").read_values().unwrap();
    assert_eq!((counts.len(), counts.last()), (WORDS, Some(&200)));
}
