//! Two things are never one: stores of one name, settings that a topology was not built with, and values that a store
//! cannot hold.

use serde::{Deserialize, Serialize};
use streams_core::processor::DropReason;
use streams_core::testing::CommitPolicy;
use streams_dsl::prelude::*;

fn mistake(program: impl FnOnce(&StreamsBuilder)) -> String {
    let builder = StreamsBuilder::new();
    program(&builder);
    builder.build().map(|_| ()).unwrap_err().to_string()
}

/// Showed before: `build` said Ok, both aggregations worked on the same rows, and results came out at the other's topic.
#[test]
fn two_aggregations_of_one_store_name_are_refused() {
    let refused = "A different StateStore has already been added with the name x";
    let sums = |b: &StreamsBuilder, topic: &str, materialized| {
        b.stream::<String, i64>(topic).group_by_key().reduce_with(|a, b| a + b, materialized);
    };
    let named = mistake(|b| {
        sums(b, "in", Materialized::named("x"));
        sums(b, "in2", Materialized::named("x"));
    });
    assert!(named.contains(refused), "{named}");
    // As in Java, where each operator makes its own of the options that it is given.
    let cloned = mistake(|b| {
        let x = Materialized::named("x");
        sums(b, "in", x.clone());
        sums(b, "in2", x);
    });
    assert!(cloned.contains(refused), "{cloned}");
    let tables = mistake(|b| {
        b.table_with::<String, i64>("in", Consumed::new(), Materialized::named("x"));
        b.table_with::<String, i64>("in2", Consumed::new(), Materialized::named("x"));
    });
    assert!(tables.contains(refused), "{tables}");
    let windows = mistake(|b| {
        for topic in ["in", "in2"] {
            let windows = TimeWindows::of_size_with_no_grace(millis(10));
            b.stream::<String, i64>(topic)
                .group_by_key()
                .windowed_by(windows)
                .count_with(Materialized::named("x"));
        }
    });
    assert!(windows.contains(refused), "{windows}");
}

#[test]
fn a_store_that_is_added_twice_is_refused_unless_it_is_the_same_builder() {
    let refused = "A different StateStore has already been added with the name s";
    let types = mistake(|b| {
        b.add_state_store(Stores::key_value_store::<String, i64>("s"));
        b.add_state_store(Stores::key_value_store::<String, String>("s"));
    });
    assert!(types.contains(refused), "{types}");
    let equal = mistake(|b| {
        b.add_state_store(Stores::key_value_store::<String, i64>("s"));
        b.add_state_store(Stores::key_value_store::<String, i64>("s"));
    });
    assert!(equal.contains(refused), "{equal}");
    let builder = StreamsBuilder::new();
    let store = Stores::key_value_store::<String, i64>("s");
    builder.add_state_store(store.clone());
    builder.add_state_store(store.clone());
    builder.stream::<String, i64>("in").for_each(|_, _| ());
    builder.build().unwrap();

    let mut topology = Topology::new();
    topology.add_state_store(store.clone(), &[]).unwrap();
    topology.add_state_store(store, &[]).unwrap();
    let other = topology.add_state_store(Stores::key_value_store::<String, String>("s"), &[]);
    assert!(other.unwrap_err().to_string().contains(refused));
}

/// What shares a store by design still does.
#[test]
fn cogrouped_streams_and_foreign_key_joins_share_their_stores() {
    let builder = StreamsBuilder::new();
    let (one, two) = (builder.stream::<String, i64>("in"), builder.stream::<String, i64>("in2"));
    let sum = |_: &String, value: i64, sum: i64| sum + value;
    let both = one.group_by_key().cogroup(sum).cogroup(&two.group_by_key(), sum);
    both.aggregate_with(|| 0, Materialized::named("sums")).to_stream().to("out");
    let names = builder.table::<String, String>("names");
    let orders = builder.table::<String, String>("orders");
    orders.join_foreign_key(&names, |order: &String| Some(order.clone()), |o, n| format!("{o}{n}"));
    builder.build().unwrap();
}

#[test]
fn a_topology_mistake_says_once_that_it_is_one() {
    let text = mistake(|b| {
        struct Nothing;
        impl Processor<String, i64, String, i64> for Nothing {
            fn process(
                &mut self,
                _: Record<String, i64>,
                _: &mut ProcessorContext<'_, String, i64>,
            ) -> ProcessorResult {
                Ok(())
            }
        }
        b.stream::<String, i64>("in").process(|_| Ok(Nothing), &["nope"]);
    });
    assert_eq!(text.to_lowercase().matches("invalid topology").count(), 1, "{text}");
    assert!(text.contains("StateStore nope is not added yet"), "{text}");
}

#[test]
fn settings_that_the_topology_was_not_built_with_are_refused_at_start() {
    let build = |settings: TopologySettings| {
        let builder = StreamsBuilder::new();
        builder.table_with::<String, i64>("in", Consumed::new(), Materialized::named("rows"));
        builder.build_with(settings).unwrap()
    };
    let cases = [
        ("topology.optimization", "all"),
        ("ensure.explicit.internal.resource.naming", "true"),
        ("dsl.store.suppliers.class", "in_memory"),
    ];
    for (key, value) in cases {
        let config = StreamsConfig::new("test", "embedded:").with(key, value);
        let config = config
            .or_else(|_| StreamsConfig::new("test", "embedded:").with("default.dsl.store", value))
            .unwrap();
        let refused = KafkaStreams::new(build(TopologySettings::new()), config.clone());
        let text = refused.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(text.contains("build_with(&config)"), "{key}: {text}");
        assert!(TopologyTestDriver::new(build(TopologySettings::new()), config.clone()).is_err(), "{key}");
        KafkaStreams::new(build((&config).into()), config).unwrap();
    }
    // What the configuration does not set is the topology's.
    let optimized = TopologySettings::new().with_store_place(StorePlace::Memory).with_explicit_names();
    KafkaStreams::new(build(optimized), StreamsConfig::new("test", "embedded:")).unwrap();
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Mean {
    sum: f64,
    mean: f64,
    last: Option<f64>,
}

fn means(builder: &StreamsBuilder, materialized: Materialized<String, Json<Mean>>) {
    let add = |_: &String, (value, count): (f64, f64), before: Json<Mean>| {
        let sum = before.sum + value;
        Json(Mean { sum, mean: sum / count, last: None })
    };
    let pairs = builder.stream::<String, Json<(f64, f64)>>("in").map_values(Json::into_inner);
    let grouped = pairs.group_by_key_with(Grouped::inherit());
    grouped.aggregate_with(Json::default, add, materialized).to_stream().to("out");
}

/// Showed before: the row was written as `null`, and at the first restart no instance could read it back.
#[test]
fn a_float_that_json_cannot_hold_is_the_error_of_its_record() {
    for commit in [CommitPolicy::EveryRecord, CommitPolicy::OnDemand] {
        let builder = StreamsBuilder::new();
        means(&builder, Materialized::named("means"));
        let config = StreamsConfig::new("test", "embedded:");
        let config = config.with("processing.exception.handler", "LogAndContinue").unwrap();
        let driver = TopologyTestDriver::builder(builder.build().unwrap(), config).with_commit_policy(commit);
        let driver = driver.build().unwrap();
        let input = driver.create_input_topic::<String, Json<(f64, f64)>>("in");
        for (time, pair) in [(0, (4.0, 2.0)), (1, (1.0, 0.0)), (2, (2.0, 2.0))] {
            input.pipe("k".to_owned(), Json(pair), time).unwrap();
        }
        driver.commit().unwrap();
        assert_eq!(driver.dropped().of(DropReason::Processing), 1);
        driver.restart().unwrap();
        input.pipe("k".to_owned(), Json((0.0, 1.0)), 3).unwrap();
        driver.commit().unwrap();
        let out = driver.create_output_topic::<String, Json<Mean>>("out").read_values().unwrap();
        assert_eq!(out.last(), Some(&Json(Mean { sum: 6.0, mean: 6.0, last: None })));
    }
    let builder = StreamsBuilder::new();
    means(&builder, Materialized::named("means"));
    let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
    let input = driver.create_input_topic::<String, Json<(f64, f64)>>("in");
    let text = input.pipe("k".to_owned(), Json((0.0, 0.0)), 0).unwrap_err().to_string();
    for part in ["KSTREAM-AGGREGATE-0000000002", "in-0 offset 0", "store means", "mean is NaN"] {
        assert!(text.contains(part), "{text} lacks {part}");
    }
}

/// A sink's refusal is the production handler's.
#[test]
fn a_float_that_json_cannot_hold_goes_to_no_topic() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, f64>("in").map_values(|value| Json(1.0 / value)).to("out");
    let config = StreamsConfig::new("test", "embedded:");
    let config = config.with("production.exception.handler", "LogAndContinue").unwrap();
    let driver = TopologyTestDriver::new(builder.build().unwrap(), config).unwrap();
    let input = driver.create_input_topic::<String, f64>("in");
    for (time, value) in [(0, 2.0), (1, 0.0), (2, 4.0)] {
        input.pipe("k".to_owned(), value, time).unwrap();
    }
    let out = driver.create_output_topic::<String, Json<f64>>("out").read_values().unwrap();
    assert_eq!(out, [Json(0.5), Json(0.25)]);
    assert_eq!(driver.dropped().of(DropReason::Serialization), 1);
}

/// A row of another type names its key and says what to do.
#[test]
fn a_row_that_cannot_be_read_back_names_its_key() {
    let read = |bytes: &[u8]| match bytes {
        b"v1" => Err(streams_core::serde::SerdeError::invalid("missing field `n`")),
        bytes => Ok(String::from_utf8_lossy(bytes).into_owned()),
    };
    let write = |text: &String, out: &mut Vec<u8>| {
        out.extend_from_slice(text.as_bytes());
        Ok(())
    };
    let serde: SerdeRef<String> = std::sync::Arc::new(streams_core::serde::FnSerde::new(write, read));
    let builder = StreamsBuilder::new();
    let rows = Materialized::with(String::default_serde(), serde).with_name("rows");
    builder.stream::<String, String>("in").group_by_key().aggregate_with(
        String::new,
        |_, value, before| before + &value,
        rows,
    );
    let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
    let input = driver.create_input_topic::<String, String>("in");
    input.pipe("alice".to_owned(), "v1".to_owned(), 0).unwrap();
    driver.restart().unwrap();
    let text = input.pipe("alice".to_owned(), "x".to_owned(), 1).unwrap_err().to_string();
    for part in
        ["\"alice\"", "store rows", "rows-changelog", "missing field", "serde(default)", "in-0 offset 1"]
    {
        assert!(text.contains(part), "{text} lacks {part}");
    }
}

/// A mistyped topic was empty, and each assertion that it is passed.
#[test]
fn the_driver_knows_which_topics_there_are() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, i64>("in").group_by(|_, value| value.to_string()).count().to_stream().to("out");
    let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
    let read = |topic: &str| driver.create_output_topic::<String, i64>(topic).is_empty();
    let text = read("outt").unwrap_err().to_string();
    assert!(text.contains("writes no topic outt") && text.contains("[out]"), "{text}");
    assert!(read("out").unwrap() && read("in").unwrap());
    assert!(driver.read_raw("outt").is_err());
    driver.create_input_topic::<String, i64>("in").pipe("a".to_owned(), 1, 0).unwrap();
    let internal = "test-KSTREAM-AGGREGATE-STATE-STORE-0000000002-";
    for kind in ["repartition", "changelog"] {
        assert_eq!(driver.read_raw(&format!("{internal}{kind}")).unwrap().len(), 1, "{kind}");
    }
}

/// Showed before: written, and after a restore the count was wrong.
#[test]
fn results_are_not_written_to_internal_topics() {
    let counted = |b: &StreamsBuilder| {
        let words = b.stream::<String, i64>("in");
        words.group_by_key().count_with(Materialized::named("rows"));
        words
    };
    let config = || StreamsConfig::new("own", "embedded:");
    let b = StreamsBuilder::new();
    counted(&b).to("own-rows-changelog");
    let said = TopologyTestDriver::new(b.build().unwrap(), config()).err().unwrap().to_string();
    assert!(said.contains("own-rows-changelog, an internal topic"), "{said}");
    for topic in ["own-rows-changelog", "own-other-repartition"] {
        let b = StreamsBuilder::new();
        counted(&b).to_dynamic(move |_: &String, _: &i64, _: Option<&RecordMetadata>| topic.into());
        let driver = TopologyTestDriver::new(b.build().unwrap(), config()).unwrap();
        let input = driver.create_input_topic::<String, i64>("in");
        let said = input.pipe("a".to_owned(), 1, 0).unwrap_err().to_string();
        assert!(said.contains(topic) && said.contains("internal topic of this application"), "{said}");
    }
}
