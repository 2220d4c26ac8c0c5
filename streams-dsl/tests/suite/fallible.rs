//! Every operator whose closure may fail: its error goes to the processing handler; one that continues leaves out what the
//! closure was called for, one that fails names node, task, topic, partition and offset.

use std::fmt::Debug;
use std::num::ParseIntError;
use std::time::Duration;

use streams_core::error::{Error, Result};
use streams_core::processor::DropReason;
use streams_dsl::prelude::*;

type Parsed<T = i64> = Result<T, ParseIntError>;

/// One twin: what is built with it, what comes in (topic, value, time; all of key "k"), and what is expected.
struct Twin {
    name: &'static str,
    build: fn(&StreamsBuilder),
    input: &'static [(&'static str, &'static str, i64)],
    /// The node that fails, and where the record at which it does was read.
    fails: [&'static str; 2],
    /// What a handler that continues lets through.
    lets_through: &'static [&'static str],
}

const IN: &[(&str, &str, i64)] = &[("in", "1", 0), ("in", "x", 1), ("in", "3", 2)];
const WITH_OTHER: &[(&str, &str, i64)] =
    &[("other", "oo", 0), ("in", "1", 0), ("in", "x", 1), ("in", "3", 2)];

fn stream(builder: &StreamsBuilder, topic: &str) -> KStream<String, String> {
    builder.stream(topic)
}

fn table(builder: &StreamsBuilder) -> KTable<String, String> {
    builder.table("in")
}

fn other(builder: &StreamsBuilder) -> KTable<String, String> {
    builder.table("other")
}

fn grouped(builder: &StreamsBuilder) -> KGroupedStream<String, String> {
    stream(builder, "in").group_by_key()
}

fn windows() -> JoinWindows {
    JoinWindows::of_time_difference_and_grace(millis(10), millis(0))
}

fn shown<K: Clone + Debug + 'static, V: Clone + Debug + 'static>(table: &KTable<K, V>) {
    shown_stream(&table.to_stream());
}

fn shown_stream<K: Clone + Debug + 'static, V: Clone + Debug + 'static>(stream: &KStream<K, V>) {
    stream.map(|_, value| ("k".to_owned(), format!("{value:?}"))).to("out");
}

fn number(text: &str) -> Parsed {
    text.parse()
}

/// The sum of a value and the length of what there is on the other side.
fn joined(text: &str, other: Option<String>) -> Parsed {
    Ok(number(text)? + other.map_or(0, |other| i64::try_from(other.len()).unwrap_or(0)))
}

fn add(_: &String, text: String, sum: i64) -> Parsed {
    Ok(sum + number(&text)?)
}

fn subtract(_: &String, text: String, sum: i64) -> Parsed {
    Ok(sum - number(&text)?)
}

/// Both as numbers.
fn reduced(one: String, two: String) -> Parsed<String> {
    Ok((number(&one)? + number(&two)?).to_string())
}

fn driver(build: fn(&StreamsBuilder), handler: &str) -> TopologyTestDriver {
    let builder = StreamsBuilder::new();
    build(&builder);
    let config = StreamsConfig::new("test", "embedded:").with("processing.exception.handler", handler);
    TopologyTestDriver::new(builder.build().unwrap(), config.unwrap()).unwrap()
}

fn pipe(driver: &TopologyTestDriver, (topic, value, time): (&str, &str, i64)) -> Result<()> {
    driver.create_input_topic::<String, String>(topic).pipe("k".into(), value.into(), time)
}

fn out(driver: &TopologyTestDriver) -> Vec<String> {
    driver.commit().unwrap();
    driver.create_output_topic::<String, String>("out").read_values().unwrap()
}

fn tables() -> Vec<Twin> {
    let twin = |name, build, node| Twin {
        name,
        build,
        input: IN,
        fails: [node, "in-0 offset 1"],
        lets_through: &["Some(1)", "Some(3)"],
    };
    vec![
        Twin {
            lets_through: &["Some(\"1\")", "Some(\"3\")"],
            ..twin(
                "try_filter",
                |b| shown(&table(b).try_filter(|_, text| number(text).map(|n| n > 0))),
                "KTABLE-FILTER-",
            )
        },
        Twin {
            lets_through: &["Some(\"1\")", "Some(\"3\")"],
            ..twin(
                "try_filter_with",
                |b| {
                    let kept = Materialized::named("kept");
                    shown(&table(b).try_filter_with(|_, text| number(text).map(|n| n > 0), kept));
                },
                "KTABLE-FILTER-",
            )
        },
        twin(
            "try_map_values",
            |b| shown(&table(b).try_map_values(|text| number(&text))),
            "KTABLE-MAPVALUES-",
        ),
        twin(
            "try_map_values_with_key_with",
            |b| {
                let numbers = Materialized::named("numbers");
                shown(&table(b).try_map_values_with_key_with(|_, text| number(&text), numbers));
            },
            "KTABLE-MAPVALUES-",
        ),
        // What the row was is read from the store: the sum has what it is now.
        twin(
            "try_map_values_with_key_with, and a sum",
            |b| {
                let numbers = table(b)
                    .try_map_values_with_key_with(|_, text| number(&text), Materialized::named("numbers"));
                shown(
                    &numbers.group_by(|key, n| (key.clone(), n)).reduce(|sum, n| sum + n, |sum, n| sum - n),
                );
            },
            "KTABLE-MAPVALUES-",
        ),
        // Nobody knows what the group still has of the row.
        Twin {
            lets_through: &["Some(1)", "Some(4)"],
            ..twin(
                "try_group_by_with",
                |b| {
                    let by = |key: &String, text: String| number(&text).map(|n| (key.clone(), n));
                    let groups = table(b).try_group_by_with(by, Grouped::new());
                    shown(&groups.reduce(|sum, n| sum + n, |sum, n| sum - n));
                },
                "KTABLE-SELECT-",
            )
        },
    ]
}

fn groups() -> Vec<Twin> {
    let twin = |name, build, node| Twin {
        name,
        build,
        input: IN,
        fails: [node, "in-0 offset 1"],
        lets_through: &["Some(1)", "Some(4)"],
    };
    let of_table = |name, build, node| Twin {
        name,
        build,
        input: &[("in", "1", 0), ("in", "x", 1)],
        fails: [node, "-repartition-0 offset "],
        lets_through: &["Some(1)"],
    };
    fn by_key(b: &StreamsBuilder) -> KGroupedTable<String, String> {
        table(b).group_by(|key, text| (key.clone(), text))
    }
    vec![
        twin(
            "try_cogroup",
            |b| {
                let cogrouped =
                    grouped(b).try_cogroup(add).try_cogroup(&stream(b, "other").group_by_key(), add);
                shown(&cogrouped.aggregate(|| 0));
            },
            "COGROUPKSTREAM-AGGREGATE-",
        ),
        twin(
            "try_cogroup in windows",
            |b| {
                let windows = TimeWindows::of_size_with_no_grace(millis(10));
                shown(&grouped(b).try_cogroup(add).windowed_by(windows).aggregate(|| 0));
            },
            "COGROUPKSTREAM-AGGREGATE-",
        ),
        Twin {
            input: &[("in", "1", 0), ("in", "3", 20), ("in", "x", 10)],
            fails: ["COGROUPKSTREAM-AGGREGATE-", "in-0 offset 2"],
            lets_through: &["Some(1)", "Some(3)"],
            ..twin(
                "try_aggregate_with of cogrouped sessions",
                |b| {
                    let sessions = SessionWindows::of_inactivity_gap_with_no_grace(millis(15));
                    let merge = |_: &String, one: i64, two: i64| number("x").map(|n| n + one + two);
                    let cogrouped =
                        grouped(b).cogroup(|_, text: String, sum| sum + number(&text).unwrap_or(0));
                    // Nothing is merged while there is one session only.
                    let merge =
                        move |key: &String, one, two| if one == 0 { Ok(two) } else { merge(key, one, two) };
                    shown(&cogrouped.windowed_by(sessions).try_aggregate_with(
                        || 0,
                        merge,
                        Materialized::new(),
                    ));
                },
                "",
            )
        },
        twin(
            "try_reduce_with in windows",
            |b| {
                let windows = TimeWindows::of_size_with_no_grace(millis(10));
                let sums = grouped(b).windowed_by(windows).try_reduce_with(reduced, Materialized::inherit());
                shown(&sums.map_values(|sum| sum.parse::<i64>().unwrap_or(-1)));
            },
            "KSTREAM-REDUCE-",
        ),
        of_table(
            "try_reduce_with of a table's groups",
            |b| {
                let sums =
                    by_key(b).try_reduce_with(reduced, |one, _| Parsed::Ok(one), Materialized::inherit());
                shown(&sums.map_values(|sum| sum.parse::<i64>().unwrap_or(-1)));
            },
            "KTABLE-REDUCE-",
        ),
        of_table(
            "try_aggregate_with of a table's groups",
            |b| {
                let sums = Materialized::inherit().with_value_serde(i64::default_serde());
                shown(&by_key(b).try_aggregate_with(|| 0, add, subtract, sums));
            },
            "KTABLE-AGGREGATE-",
        ),
    ]
}

fn joins_with_tables() -> Vec<Twin> {
    let twin = |name, build, node, lets_through| Twin {
        name,
        build,
        input: WITH_OTHER,
        fails: [node, "in-0 offset 1"],
        lets_through,
    };
    const NUMBERS: &[&str] = &["3", "5"];
    const ROWS: &[&str] = &["Some(3)", "Some(5)"];
    vec![
        twin(
            "try_join",
            |b| shown_stream(&stream(b, "in").try_join(&other(b), |text, o| joined(&text, Some(o)))),
            "KSTREAM-JOIN-",
            NUMBERS,
        ),
        twin(
            "try_left_join",
            |b| shown_stream(&stream(b, "in").try_left_join(&other(b), |text, o| joined(&text, o))),
            "KSTREAM-LEFTJOIN-",
            NUMBERS,
        ),
        twin(
            "try_join_global_with_key",
            |b| {
                let other = b.global_table::<String, String>("other");
                let joiner = |_: &String, text: String, o| joined(&text, Some(o));
                shown_stream(&stream(b, "in").try_join_global_with_key(&other, |k, _| k.clone(), joiner));
            },
            "KSTREAM-LEFTJOIN-",
            NUMBERS,
        ),
        twin(
            "try_left_join_global_with_key",
            |b| {
                let other = b.global_table::<String, String>("other");
                let joiner = |_: &String, text: String, o| joined(&text, o);
                shown_stream(&stream(b, "in").try_left_join_global_with_key(
                    &other,
                    |k, _| k.clone(),
                    joiner,
                ));
            },
            "KSTREAM-LEFTJOIN-",
            NUMBERS,
        ),
        twin(
            "try_join of tables",
            |b| shown(&table(b).try_join(&other(b), |text, o| joined(&text, Some(o)))),
            "KTABLE-JOINTHIS-",
            ROWS,
        ),
        twin(
            "try_left_join_with of tables",
            |b| {
                let stored = Materialized::named("stored").with_value_serde(i64::default_serde());
                shown(&table(b).try_left_join_with(&other(b), |text, o| joined(&text, o), stored));
            },
            "KTABLE-JOINTHIS-",
            ROWS,
        ),
        Twin {
            lets_through: &["Some(-1)", "Some(3)", "Some(5)"],
            ..twin(
                "try_outer_join of tables",
                |b| {
                    let joiner = |text: Option<String>, o| text.map_or(Ok(-1), |text| joined(&text, o));
                    shown(&table(b).try_outer_join(&other(b), joiner));
                },
                "KTABLE-JOINTHIS-",
                &[],
            )
        },
        Twin {
            fails: [
                "KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-RESOLVER-PROCESSOR-",
                "test-KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-",
            ],
            ..twin(
                "try_join_foreign_key_with_key_with",
                |b| {
                    let (joined_by, stored) = (TableJoined::new(), Materialized::new());
                    let joiner = |text: String, o| joined(&text, Some(o));
                    let key = |key: &String, _: &String| Some(key.clone());
                    shown(&table(b).try_join_foreign_key_with_key_with(
                        &other(b),
                        key,
                        joiner,
                        joined_by,
                        stored,
                    ));
                },
                "",
                ROWS,
            )
        },
        Twin {
            fails: [
                "KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-RESOLVER-PROCESSOR-",
                "test-KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-",
            ],
            ..twin(
                "try_left_join_foreign_key_with_key_with",
                |b| {
                    let (joined_by, stored) = (TableJoined::new(), Materialized::new());
                    let joiner = |text: String, o| joined(&text, o);
                    let key = |key: &String, _: &String| Some(key.clone());
                    shown(&table(b).try_left_join_foreign_key_with_key_with(
                        &other(b),
                        key,
                        joiner,
                        joined_by,
                        stored,
                    ));
                },
                "",
                ROWS,
            )
        },
    ]
}

fn streams() -> Vec<Twin> {
    let twin = |name, build, node| Twin {
        name,
        build,
        input: WITH_OTHER,
        fails: [node, "in-0 offset 1"],
        lets_through: &["3", "5"],
    };
    vec![
        twin(
            "try_join_stream",
            |b| {
                let joiner = |text: String, o| joined(&text, Some(o));
                shown_stream(&stream(b, "in").try_join_stream(&stream(b, "other"), joiner, windows()));
            },
            "KSTREAM-JOINTHIS-",
        ),
        twin(
            "try_left_join_stream",
            |b| {
                let joiner = |text: String, o| joined(&text, o);
                shown_stream(&stream(b, "in").try_left_join_stream(&stream(b, "other"), joiner, windows()));
            },
            "KSTREAM-JOINTHIS-",
        ),
        twin(
            "try_outer_join_stream",
            |b| {
                let joiner = |text: Option<String>, o| text.map_or(Ok(-1), |text| joined(&text, o));
                shown_stream(&stream(b, "in").try_outer_join_stream(&stream(b, "other"), joiner, windows()));
            },
            "KSTREAM-OUTERTHIS-",
        ),
        Twin {
            input: IN,
            lets_through: &["\"1\"", "\"3\""],
            ..twin(
                "try_branch_with",
                |b| {
                    let split = stream(b, "in").split();
                    let numbers = Branched::with_consumer(|numbers| shown_stream(&numbers));
                    split.try_branch_with(|_, text| number(text).map(|n| n > 0), numbers).no_default_branch();
                },
                "KSTREAM-BRANCH-",
            )
        },
        Twin {
            input: IN,
            lets_through: &["\"1\"", "\"3\""],
            ..twin(
                "try_branch",
                |b| {
                    let split = stream(b, "in").split().try_branch(|_, text| number(text).map(|n| n > 0));
                    split.no_default_branch().values().for_each(shown_stream);
                },
                "KSTREAM-BRANCH-",
            )
        },
        Twin {
            input: IN,
            lets_through: &["Some(1)", "Some(2)"],
            ..twin(
                "try_group_by",
                |b| {
                    shown(&stream(b, "in").try_group_by(|_, text| number(text).map(|n| n % 2)).count());
                },
                "KSTREAM-KEY-SELECT-",
            )
        },
    ]
}

fn twins() -> impl Iterator<Item = Twin> {
    [tables(), groups(), joins_with_tables(), streams()].into_iter().flatten()
}

#[test]
fn a_handler_that_fails_names_node_and_record() {
    for Twin { name, build, input, fails, .. } in twins() {
        let failing = driver(build, "LogAndFail");
        let error = input.iter().find_map(|record| pipe(&failing, *record).err());
        let error = error.unwrap_or_else(|| panic!("{name} does not fail"));
        assert!(matches!(error, Error::Processing { .. }), "{name}: {error:?}");
        let text = error.to_string();
        for part in fails.into_iter().chain(["of task ", "invalid digit"]) {
            assert!(text.contains(part), "{name}: {text} lacks {part}");
        }
    }
}

#[test]
fn a_handler_that_continues_leaves_out_what_the_closure_was_called_for() {
    for Twin { name, build, input, lets_through, .. } in twins() {
        let continuing = driver(build, "LogAndContinue");
        input.iter().for_each(|record| pipe(&continuing, *record).unwrap_or_else(|e| panic!("{name}: {e}")));
        assert_eq!(out(&continuing), lets_through, "{name}");
        assert_eq!(continuing.dropped().of(DropReason::Processing), 1, "{name}");
    }
}

/// The joiner is called for pairs; in Kafka Streams those after the one that fails are lost.
#[test]
fn a_pair_that_fails_costs_no_other() {
    let join: fn(&StreamsBuilder) = |b| {
        let joiner = |o: String, text: String| joined(&text, Some(o));
        shown_stream(&stream(b, "other").try_join_stream(&stream(b, "in"), joiner, windows()));
    };
    let driver = driver(join, "LogAndContinue");
    IN.iter().chain([&("other", "oo", 3)]).for_each(|record| pipe(&driver, *record).unwrap());
    assert_eq!(out(&driver), ["3", "5"]);
    assert_eq!(driver.dropped().of(DropReason::Processing), 1);
}

/// Not those that waited with it, which are not in the store or no longer searched for, and not the record that closed
/// their windows.
#[test]
fn a_record_without_partner_that_fails_costs_no_other() {
    let join: fn(&StreamsBuilder) = |b| {
        let joiner = |text: String, o| joined(&text, o);
        shown_stream(&stream(b, "in").try_left_join_stream(&stream(b, "other"), joiner, windows()));
    };
    let driver = driver(join, "LogAndContinue");
    IN.iter()
        .chain([&("other", "oo", 50), &("in", "7", 50)])
        .for_each(|record| pipe(&driver, *record).unwrap());
    assert_eq!(out(&driver), ["1", "3", "9"]);
    assert_eq!(driver.dropped().of(DropReason::Processing), 1);
}

/// The same of records that wait for a table; each is known by its own place.
#[test]
fn a_record_that_waited_for_a_table_is_named_itself() {
    let join: fn(&StreamsBuilder) = |b| {
        let history = Stores::persistent_versioned_key_value_store("rows", Duration::from_secs(60));
        let rows = b.table_with::<String, String>("other", Consumed::new(), Materialized::as_store(history));
        let waits = Joined::new().with_grace_period(millis(10));
        let joiner = |_: &String, text: String, o| joined(&text, Some(o));
        shown_stream(&stream(b, "in").try_join_with_key_with(&rows, joiner, waits));
    };
    let failing = driver(join, "LogAndFail");
    WITH_OTHER.iter().for_each(|record| pipe(&failing, *record).unwrap());
    let text = pipe(&failing, ("in", "5", 20)).unwrap_err().to_string();
    assert!(text.contains("in-0 offset 1") && text.contains("KSTREAM-JOIN-"), "{text}");
    let continuing = driver(join, "LogAndContinue");
    WITH_OTHER.iter().chain([&("in", "5", 20)]).for_each(|record| pipe(&continuing, *record).unwrap());
    assert_eq!(out(&continuing), ["3", "5"]);
    assert_eq!(continuing.dropped().of(DropReason::Processing), 1);
}

/// A row that failed when it came is not asked about again: its next update is not lost.
#[test]
fn an_update_of_a_row_that_failed_is_taken() {
    let build: fn(&StreamsBuilder) = |b| {
        let rows = b.table_with::<String, String>("in", Consumed::new(), Materialized::named("rows"));
        let numbers = rows.try_map_values(|text| number(&text));
        shown(&numbers.left_join(&other(b), |n, o| n + o.map_or(0, |o| i64::try_from(o.len()).unwrap_or(0))));
    };
    let driver = driver(build, "LogAndContinue");
    WITH_OTHER.iter().for_each(|record| pipe(&driver, *record).unwrap());
    assert_eq!(out(&driver), ["Some(3)", "Some(5)"]);
    assert_eq!(driver.dropped().of(DropReason::Processing), 1);
}
