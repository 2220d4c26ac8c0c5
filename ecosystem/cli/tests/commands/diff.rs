//! Topologies of the DSL that follow each other, as an application changes over its years.

use kstreams::prelude::*;

use super::{Run, file, streams};

/// Compares what two builders describe.
fn diff(old: impl Fn(&StreamsBuilder), new: impl Fn(&StreamsBuilder), more: &[&str]) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let saved = |name: &str, build: &dyn Fn(&StreamsBuilder)| {
        let builder = StreamsBuilder::new();
        build(&builder);
        file(&folder, name, &builder.build().expect("a topology").describe().to_string())
    };
    let (old, new) = (saved("old.txt", &old), saved("new.txt", &new));
    streams(&[&["diff", &old, &new, "--json"], more].concat())
}

/// The changes by kind, with subject and new name.
fn kinds(run: &Run, code: i32) -> Vec<(String, String, String)> {
    let json = run.json(code);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let findings = json["findings"].as_array().expect("a list").iter();
    findings.map(|of| (text(&of["kind"]), text(&of["subject"]), text(&of["becomes"]))).collect()
}

fn kind(kind: &str, subject: &str, becomes: &str) -> (String, String, String) {
    (kind.to_owned(), subject.to_owned(), becomes.to_owned())
}

fn count(builder: &StreamsBuilder) {
    builder.stream::<String, String>("orders").group_by_key().count().to_stream().to("totals");
}

const COUNTS: &str = "KSTREAM-AGGREGATE-STATE-STORE-0000000001";

#[test]
fn the_same_topology_is_compatible() {
    let same = diff(count, count, &[]);
    assert_eq!(kinds(&same, 0), []);
    assert_eq!(same.json(0)["verdict"], "compatible");
}

#[test]
fn an_operator_more_moves_the_number_of_an_unnamed_store_and_the_old_name_keeps_it() {
    let more = |builder: &StreamsBuilder| {
        let orders = builder.stream::<String, String>("orders");
        orders.filter(|_, _| true).group_by_key().count().to_stream().to("totals");
    };
    let renamed = diff(count, more, &[]);
    let moved = kind("store-renamed", COUNTS, "KSTREAM-AGGREGATE-STATE-STORE-0000000002");
    assert_eq!(kinds(&renamed, 4), [moved, kind("no-rolling-deploy", "instances", "")]);
    let json = renamed.json(4);
    assert_eq!(json["verdict"], "state-lost");
    let advice = json["findings"][0]["advice"].as_str().expect("advice");
    assert!(advice.contains(&format!("Materialized::named(\"{COUNTS}\")")), "{advice}");

    // The advice is right: the name that was generated may be given.
    let named = |builder: &StreamsBuilder| {
        let orders = builder.stream::<String, String>("orders");
        let counts = orders.filter(|_, _| true).group_by_key().count_with(Materialized::named(COUNTS));
        counts.to_stream().to("totals");
    };
    let kept = diff(count, named, &[]);
    assert!(kinds(&kept, 0).iter().all(|(kind, ..)| kind != "store-renamed"), "{kept:?}");

    let accepted = diff(count, more, &["--accept", COUNTS]);
    assert_eq!(accepted.json(0)["findings"][0]["accepted"], true);
}

#[test]
fn a_named_store_stays_whatever_stands_in_front_of_it() {
    let named = |builder: &StreamsBuilder, more: bool| {
        let orders = builder.stream::<String, String>("orders");
        let orders = if more { orders.filter(|_, _| true) } else { orders };
        orders.group_by_key().count_with(Materialized::named("counts")).to_stream().to("totals");
    };
    let kept = diff(|builder| named(builder, false), |builder| named(builder, true), &[]);
    let kinds = kinds(&kept, 0);
    assert_eq!(kinds, [kind("nodes-changed", "topology", "")], "instances may be replaced one by one");
}

#[test]
fn two_stores_that_change_their_numbers_are_mixed_up() {
    let both = |builder: &StreamsBuilder, first: &str, second: &str| {
        for topic in [first, second] {
            builder.stream::<String, String>(topic).group_by_key().count().to_stream().to("totals");
        }
    };
    let mixed = diff(|builder| both(builder, "a", "b"), |builder| both(builder, "b", "a"), &[]);
    let found = kinds(&mixed, 4);
    assert_eq!(found.iter().filter(|(kind, ..)| kind == "store-mixed-up").count(), 2, "{found:?}");
}

#[test]
fn stores_come_and_go() {
    let none = |builder: &StreamsBuilder| builder.stream::<String, String>("orders").to("totals");
    let gone = diff(count, none, &[]);
    assert_eq!(kinds(&gone, 4)[0], kind("store-gone", COUNTS, ""));
    assert_eq!(diff(count, none, &["--accept", COUNTS]).json(0)["verdict"], "compatible");
    let fresh = diff(none, count, &[]);
    assert!(kinds(&fresh, 0).contains(&kind("store-new", COUNTS, "")), "{fresh:?}");
}

#[test]
fn records_in_a_repartition_topic_that_is_renamed_are_left_behind() {
    let by_value = |builder: &StreamsBuilder, more: bool| {
        let orders = builder.stream::<String, String>("orders");
        let orders = if more { orders.filter(|_, _| true) } else { orders };
        let groups = orders.group_by(|_, value: &String| value.clone());
        groups.count_with(Materialized::named("counts")).to_stream().to("totals");
    };
    // Named by the store.
    let kept = diff(|builder| by_value(builder, false), |builder| by_value(builder, true), &[]);
    assert!(kinds(&kept, 0).iter().all(|(kind, ..)| !kind.contains("repartition")), "{kept:?}");

    let joined = |builder: &StreamsBuilder, more: bool| {
        let orders = builder.stream::<String, String>("orders");
        let orders = if more { orders.filter(|_, _| true) } else { orders };
        let users =
            builder.table_with("users", Consumed::new(), Materialized::<String, String>::named("users"));
        let keyed = orders.select_key(|_, value: &String| value.clone());
        keyed.join(&users, |order: String, user: String| format!("{order} {user}")).to("totals");
    };
    let moved = diff(|builder| joined(builder, false), |builder| joined(builder, true), &[]);
    let found = kinds(&moved, 3);
    assert_eq!(found[0].0, "repartition-topic-renamed", "{found:?}");
    assert_eq!(moved.json(3)["verdict"], "in-flight-records-lost");
}

#[test]
fn sub_topologies_may_change_their_numbers() {
    let named = |builder: &StreamsBuilder, before: bool| {
        if before {
            builder.stream::<String, String>("users").to("copies");
        }
        let orders = builder.stream::<String, String>("orders").group_by_key();
        orders.count_with(Materialized::named("counts")).to_stream().to("totals");
    };
    let moved = diff(|builder| named(builder, false), |builder| named(builder, true), &[]);
    let found = kinds(&moved, 0);
    for expected in [
        kind("store-moved", "counts", ""),
        kind("subtopology-renumbered", "sub-topology 0", ""),
        kind("input-new", "users", ""),
    ] {
        assert!(found.contains(&expected), "{expected:?} is missing: {found:?}");
    }
}

#[test]
fn changelogs_that_exist_are_compared_with_the_tasks_to_come() {
    let client = lab::shared().expect("a broker").client();
    for (topic, partitions) in [("df-orders", 4), ("df-app-counts-changelog", 2)] {
        client.create_topic(topic, partitions, &[]).expect("topic");
    }
    let named = |builder: &StreamsBuilder| {
        let orders = builder.stream::<String, String>("df-orders").group_by_key();
        orders.count_with(Materialized::named("counts")).to_stream().to("totals");
    };
    let at = ["--bootstrap-servers", client.bootstrap(), "--application-id", "df-app"];
    let found = kinds(&diff(named, named, &at), 4);
    assert_eq!(found, [kind("partitions-differ", "counts", "")]);
    assert_eq!(diff(named, named, &at[..2]).code, 2, "the application's id is missing");
}
