//! Mistakes that compile and run are warned of.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::time::Duration;

use streams_dsl::prelude::*;
use support::warnings;

fn app(builder: StreamsBuilder) -> KafkaStreams {
    let config = StreamsConfig::new("payments-app", "embedded:");
    KafkaStreams::new(builder.build().unwrap(), config).unwrap()
}

/// The warnings that contain `part`.
fn count(warnings: &[String], part: &str) -> usize {
    warnings.iter().filter(|text| text.contains(part)).count()
}

#[test]
fn an_application_that_is_never_started_is_warned_of() {
    const NEVER: &str = "the application was never started";
    let warned = warnings(|| {
        let builder = StreamsBuilder::new();
        builder.stream::<String, i64>("in").to("out");
        let app = app(builder);
        assert!(!app.wait_for(Duration::ZERO, |state| state == State::Running));
        // Who waits for what it is has forgotten nothing.
        assert!(app.wait_for(Duration::ZERO, |state| state == State::Created));
        app.close(Duration::ZERO);
    });
    assert_eq!(count(&warned, NEVER), 1, "{warned:?}");
    let warned = warnings(|| {
        let builder = StreamsBuilder::new();
        builder.stream::<String, i64>("in").to("out");
        drop(app(builder));
    });
    assert_eq!(count(&warned, NEVER), 1, "{warned:?}");
}

#[test]
fn a_topology_that_reads_its_own_results_is_warned_of() {
    const OWN: &str = "the topology reads its own results";
    let warned = warnings(|| {
        let builder = StreamsBuilder::new();
        builder.stream::<String, i64>("in").map_values(|n| n + 1).to("in");
        app(builder).close(Duration::ZERO);
    });
    assert_eq!(count(&warned, OWN), 1, "{warned:?}");
    assert_eq!(count(&warned, "node=KSTREAM-SINK-0000000002 topic=in"), 1, "{warned:?}");
    let warned = warnings(|| {
        let builder = StreamsBuilder::new();
        builder.stream::<String, i64>("in").group_by(|_, n| *n).count().to_stream().to("out");
        builder.stream::<i64, i64>("out").to("copies");
        app(builder).close(Duration::ZERO);
    });
    assert_eq!(count(&warned, OWN), 0, "{warned:?}");
}
