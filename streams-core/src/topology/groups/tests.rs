//! Which nodes, topics and stores a sub-topology holds.

use std::collections::BTreeSet;

use crate::topology::fixtures::Drawing;
use crate::topology::{ChangelogKind, InternalTopicDef, NodeGroup, SinkTarget, SourceDef, StoreDef};

/// A table and a global store; a stream that is repartitioned and joined with the table.
fn graph() -> Drawing {
    let mut graph = Drawing::default();
    let kv = |name: &str| StoreDef::new(name, ChangelogKind::KeyValue);
    graph.add_source("clicks", SourceDef::topics(["clicks", "views"])).unwrap();
    graph.add_global_store(kv("rates"), "rates-source", "rates", "rates-processor").unwrap();
    graph.add_internal_topic("by-user", InternalTopicDef::default()).unwrap();
    graph.add_sink("by-user-sink", SinkTarget::Topic("by-user".into()), &["clicks"]).unwrap();
    graph.add_source("by-user-source", SourceDef::topics(["by-user"])).unwrap();
    graph.add_source("users", SourceDef::topics(["users"])).unwrap();
    graph.add_processor("table", &["users"]).unwrap();
    graph.add_processor("join", &["by-user-source"]).unwrap();
    graph.add_state_store(kv("user").without_logging(), &["table"]).unwrap();
    graph.connect_source_store_and_topic("user", "users").unwrap();
    graph.add_state_store(kv("seen"), &["join"]).unwrap();
    graph.add_state_store(kv("cache").without_logging(), &["join"]).unwrap();
    graph.add_state_store(kv("unused"), &[]).unwrap();
    graph.connect_processor_and_state_stores("join", &["user"]).unwrap();
    graph.add_sink("out", SinkTarget::Dynamic("Router".into()), &["join"]).unwrap();
    graph.copartition(&["by-user-source", "users"]);
    graph
}

#[test]
fn subtopologies_are_numbered_in_order_and_global_ones_count() {
    let subtopologies = graph().subtopologies("app");
    let nodes: Vec<_> =
        subtopologies.iter().map(|one| (one.id, one.nodes.join(" "), one.is_global)).collect();
    let expected = [
        (0, "clicks by-user-sink".to_owned(), false),
        (1, "rates-source rates-processor".to_owned(), true),
        (2, "by-user-source users table join out".to_owned(), false),
    ];
    assert_eq!(nodes, expected);
}

#[test]
fn topics_have_their_full_names() {
    let subtopologies = graph().subtopologies("app");
    let [clicks, rates, join] = subtopologies.as_slice() else { panic!("{subtopologies:?}") };
    assert_eq!(clicks.source_topics.join(" "), "clicks views");
    assert_eq!(clicks.sink_topics.join(" "), "app-by-user");
    assert_eq!(rates.source_topics.join(" "), "rates");
    assert_eq!(join.source_topics.join(" "), "app-by-user users");
    assert_eq!(join.repartition_topics.join(" "), "app-by-user");
    assert!(join.sink_topics.is_empty());
    assert_eq!(join.copartition_groups, [BTreeSet::from(["app-by-user".into(), "users".into()])]);
    assert!(clicks.copartition_groups.is_empty());
}

#[test]
fn stores_come_with_their_changelogs() {
    let subtopologies = graph().subtopologies("app");
    let [clicks, rates, join] = subtopologies.as_slice() else { panic!("{subtopologies:?}") };
    let stores = |part: &NodeGroup| {
        let all = part.stores.iter();
        all.map(|store| (store.name.to_string(), store.changelog.clone(), store.is_source))
            .collect::<Vec<_>>()
    };
    assert!(clicks.stores.is_empty());
    let store = |name: &str, changelog: Option<&str>, is_source| {
        (name.to_owned(), changelog.map(Into::into), is_source)
    };
    assert_eq!(stores(rates), [store("rates", Some("rates"), true)]);
    let expected = [
        store("user", Some("users"), true),
        store("seen", Some("app-seen-changelog"), false),
        store("cache", None, false),
    ];
    assert_eq!(stores(join), expected);
}
