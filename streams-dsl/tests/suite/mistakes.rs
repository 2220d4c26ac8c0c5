//! Mistakes that compile and run are warned of.

use std::time::Duration;

use crate::support::warnings;
use streams_dsl::prelude::*;

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

/// Before: the pair of both was named as the type of the key.
#[test]
fn a_missing_serde_names_the_type_that_lacks_it() {
    #[derive(Clone)]
    struct Account;

    let builder = StreamsBuilder::new();
    builder.stream_with::<Account, i64>("in", Consumed::inherit()).for_each(|_, _| ());
    let error = builder.build().unwrap_err();
    let DslError::MissingSerde { operator, part, type_name } = &error else { panic!("{error}") };
    assert_eq!((operator.as_str(), *part), ("KSTREAM-SOURCE-0000000000", "key"));
    assert!(type_name.ends_with("Account"), "{type_name}");
}

/// Before: "which it is not".
#[test]
fn a_store_of_another_type_is_named_with_its_own() {
    struct Idle;
    impl Processor<String, i64, String, i64> for Idle {
        fn process(
            &mut self,
            _: Record<String, i64>,
            _: &mut ProcessorContext<'_, String, i64>,
        ) -> ProcessorResult {
            Ok(())
        }
    }

    let builder = StreamsBuilder::new();
    builder.add_state_store(Stores::key_value_store::<String, i64>("seen"));
    let supplier = |context: &mut InitContext<'_>| {
        let _: WindowStore<String, i64> = context.state_store("seen")?;
        Ok(Idle)
    };
    builder.stream::<String, i64>("in").process::<_, String, i64>(supplier, &["seen"]);
    let driver = TopologyTestDriver::of(builder.build().unwrap());
    let error = driver.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("WindowStore<alloc::string::String, i64>, but its builder makes it"), "{error}");
    assert!(error.contains("KeyValueStore<alloc::string::String, i64>; ask for that type"), "{error}");
}
