//! A foreign-key join over several partitions: tables of different widths, custom partitioners, and caches.

use std::collections::BTreeSet;

use streams_core::partitioner::partition_for_key;
use streams_core::testing::TopologyTestDriver;
use streams_dsl::prelude::*;

const LEFT: i32 = 3;
const RIGHT: i32 = 5;

fn build(joined: TableJoined<String, String, String, String>) -> Topology {
    let builder = StreamsBuilder::new();
    let (left, right) = (builder.table::<String, String>("left"), builder.table::<String, String>("right"));
    let key = |value: &String| value.split_once(':').map(|(key, _)| key.to_owned());
    let plus = |l: String, r: Option<String>| format!("{l}+{}", r.unwrap_or_default());
    left.left_join_foreign_key_with(&right, key, plus, joined, Materialized::new()).to_stream().to("out");
    builder.build().unwrap()
}

fn driver(topology: Topology, cache_bytes: usize) -> TopologyTestDriver {
    let config = StreamsConfig::new("app", "embedded:").with_statestore_cache_max_bytes(cache_bytes);
    TopologyTestDriver::builder(topology, config)
        .with_topic_partitions("left", LEFT)
        .with_topic_partitions("right", RIGHT)
        .build()
        .unwrap()
}

/// Rows that name each other across partitions; the last value of each result.
fn last_results(driver: &TopologyTestDriver) -> Vec<(String, Option<String>)> {
    let left = driver.create_input_topic::<String, String>("left");
    let right = driver.create_input_topic::<String, String>("right");
    for n in 0..20 {
        left.pipe(format!("l{n}"), format!("r{}:{n}", n % 7), n).unwrap();
        right.pipe(format!("r{}", n % 7), format!("v{n}"), n).unwrap();
    }
    left.pipe("l0".into(), "nothing".into(), 30).unwrap();
    driver.commit().unwrap();
    let mut last = std::collections::BTreeMap::new();
    for (key, value) in driver.create_output_topic("out").read_key_values().unwrap() {
        last.insert(key, value);
    }
    last.into_iter().collect()
}

fn expected() -> Vec<(String, Option<String>)> {
    let row = |n: usize| {
        let latest = (0..20).rev().find(|m| m % 7 == n % 7).unwrap();
        (format!("l{n}"), Some(format!("r{}:{n}+v{latest}", n % 7)))
    };
    let mut rows: Vec<_> = (0..20).map(row).collect();
    rows[0].1 = Some("nothing+".to_owned());
    rows.sort();
    rows
}

#[test]
fn tables_of_different_widths_are_joined() {
    let driver = driver(build(TableJoined::new()), 0);
    assert_eq!(last_results(&driver), expected());
    let sent = driver.read_raw("app-KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-0000000006-topic").unwrap();
    for (key, at) in sent.iter().filter_map(|record| Some((record.key.as_deref()?, record.partition))) {
        assert_eq!(at, partition_for_key(key, RIGHT), "a subscription goes to its foreign row");
    }
    let sent = driver.read_raw("app-KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-0000000014-topic").unwrap();
    let responses: BTreeSet<i32> = sent.iter().map(|record| record.partition).collect();
    assert_eq!(responses, (0..LEFT).collect(), "answers go to the partitions of the left table");
}

#[test]
fn caches_change_no_final_result() {
    assert_eq!(last_results(&driver(build(TableJoined::new()), 1 << 20)), expected());
}

#[test]
fn partitioners_choose_one_partition() {
    let last = |_: &str, _: &String, _: &(), count: i32| Partitions::One(count - 1);
    let driver = driver(build(TableJoined::new().with_other_partitioner(last)), 0);
    let left = driver.create_input_topic::<String, String>("left");
    left.pipe("l".into(), "r:1".into(), 0).unwrap();
    left.pipe("m".into(), "none".into(), 0).unwrap();
    let sent = driver.read_raw("app-KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-0000000006-topic").unwrap();
    let of = |key: Option<&[u8]>| sent.iter().find(|record| record.key.as_deref() == key).unwrap().partition;
    assert_eq!(of(Some(b"r")), RIGHT - 1);
    assert!((0..RIGHT).contains(&of(None)), "a row without foreign key goes anywhere");
}

#[test]
fn several_partitions_are_refused() {
    let all = |_: &str, _: &String, _: &(), count: i32| Partitions::all(count);
    let driver = driver(build(TableJoined::new().with_partitioner(all)), 0);
    let left = driver.create_input_topic::<String, String>("left");
    let error = left.pipe("l".into(), "r:1".into(), 0).unwrap_err().to_string();
    assert!(error.contains("partitioner") && error.contains("SINK"), "{error}");
}
