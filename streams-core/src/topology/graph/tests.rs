//! What the graph refuses, each against Java's message, and what it answers.

use crate::ids::TopicName;
use crate::topology::fixtures::Drawing;
use crate::topology::fixtures::cases;
use crate::topology::{
    AutoOffsetReset, ChangelogKind, InternalTopicDef, NodeKind, SinkTarget, SourceDef, StoreDef,
    TopicPattern, TopologyError,
};

/// The error of each case of the transcript, in its order.
fn expected_errors() -> Vec<TopologyError> {
    use TopologyError::*;
    let counts = [("r1".into(), 2), ("r2".into(), 3)].into();
    vec![
        DuplicateNode("a".into()),
        NoTopics("a".into()),
        TopicAlreadyRegistered("t".into()),
        TopicAlreadyRegistered("t".into()),
        TopicAlreadyRegistered("t".into()),
        TopicAlreadyRegistered("t".into()),
        NoParents("p".into()),
        NoParents("p".into()),
        UnknownParent { node: "p".into(), parent: "q".into() },
        UnknownParent { node: "p".into(), parent: "s".into() },
        SelfParent("p".into()),
        SinkAsParent { node: "p".into(), sink: "s".into() },
        DuplicateStore("s".into()),
        DuplicateGlobalStore("g".into()),
        DuplicateStore("g".into()),
        DuplicateGlobalStore("g".into()),
        GlobalNamesEqual("x".into()),
        DuplicateNode("a".into()),
        NoStores("p".into()),
        UnknownStore { processor: "p".into(), store: "s".into() },
        UnknownProcessor { processor: "p".into(), store: "s".into() },
        UnknownProcessor { processor: "p".into(), store: "s".into() },
        GlobalStoreConnected { processor: "p".into(), store: "g".into() },
        StoreOnSourceOrSink { node: "a".into(), store: "s".into() },
        StoreOnSourceOrSink { node: "o".into(), store: "s".into() },
        SourceStoreTwice("s".into()),
        SourceStoreTwice("g".into()),
        RepartitionCountsDiffer { topics: counts },
    ]
}

#[test]
fn refusals_are_javas_and_go_on_with_what_to_do() {
    let transcript = cases(include_str!("../testdata/errors.txt"));
    let expected = expected_errors();
    assert_eq!(transcript.len(), expected.len());
    for (case, expected) in transcript.iter().zip(expected) {
        let Err(error) = case.build() else { panic!("{}: not refused", case.title) };
        assert_eq!(error, expected, "{}", case.title);
        let java = case.printed.strip_prefix("! ").unwrap().trim_end();
        let message = error.to_string();
        assert!(message.starts_with(java) && message.len() > java.len(), "{}: {message}", case.title);
    }
}

fn small() -> Drawing {
    let mut graph = Drawing::default();
    graph.add_source("in", SourceDef::topics(["words"])).unwrap();
    graph.add_processor("split", &["in"]).unwrap();
    graph
}

fn kv(name: &str) -> StoreDef {
    StoreDef::new(name, ChangelogKind::KeyValue)
}

#[test]
fn an_empty_topology_is_refused() {
    assert_eq!(Drawing::default().validate(), Err(TopologyError::Empty));
    assert_eq!(small().validate(), Ok(()));
    let mut global = Drawing::default();
    global.add_global_store(kv("g"), "gs", "t", "gp").unwrap();
    assert_eq!(global.validate(), Ok(()));
}

#[test]
fn names_that_no_topic_can_have_are_refused() {
    let mut source = Drawing::default();
    source.add_source("in", SourceDef::topics(["words", "two words"])).unwrap();
    let mut sink = small();
    sink.add_sink("out", SinkTarget::Topic("größe".into()), &["split"]).unwrap();
    let mut global = Drawing::default();
    global.add_global_store(kv("g"), "gs", "", "gp").unwrap();
    for (graph, parts) in [
        (source, ["in", "\"two words\"", "it contains ' '", "'.', '_' and '-'"]),
        (sink, ["out", "\"größe\"", "it contains 'ö'", "'.', '_' and '-'"]),
        (global, ["gs", "\"\"", "the empty string", "Name another one"]),
    ] {
        let text = graph.validate().unwrap_err().to_string();
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

fn pattern(text: &str) -> SourceDef {
    SourceDef::pattern(TopicPattern::new(text).unwrap())
}

#[test]
fn a_pattern_reads_what_matches_it_whole() {
    let mut graph = small();
    graph.add_source("orders", pattern("orders-[a-z]+|app-.*")).unwrap();
    graph.add_internal_topic("r", InternalTopicDef::default()).unwrap();
    let existing: Vec<TopicName> = [
        "orders-rome",
        "orders-7",
        "old-orders-x",
        "words",
        "app-r",
        "app-other",
        "app-subtopology-1-tasks",
        "__orders",
    ]
    .map(Into::into)
    .to_vec();
    graph.match_topics("app", &existing).unwrap();
    // Own topics are not read by a pattern.
    assert_eq!(graph.topics_of_source("orders"), ["app-other".into(), TopicName::from("orders-rome")]);
    graph.match_topics("app", &existing[..1]).unwrap();
    assert_eq!(graph.topics_of_source("orders"), [TopicName::from("orders-rome")]);
    assert!(graph.source_of_topic("app", "app-other").is_none(), "it is gone");
    assert!(graph.describe().to_string().contains("Source: orders (topics: orders-[a-z]+|app-.*)\n"));
}

#[test]
fn two_sources_read_no_topic_both() {
    let mut graph = small();
    let error = graph.add_source("all", pattern("w.*")).unwrap_err();
    let read = TopologyError::PatternMatchesRead { pattern: "w.*".into(), topic: "words".into() };
    assert_eq!(error, read);
    graph.add_source("a", pattern("a.*")).unwrap();
    let error = graph.add_source("apples", SourceDef::topics(["apples"])).unwrap_err();
    assert_eq!(error, TopologyError::ReadMatchesPattern { topic: "apples".into(), pattern: "a.*".into() });
    graph.add_source("b", pattern(".*b")).unwrap();
    let error = graph.match_topics("app", &["ab".into()]).unwrap_err();
    let (topic, first, second) = ("ab".into(), "a.*".into(), ".*b".into());
    assert_eq!(error, TopologyError::MatchedTwice { topic, first, second });
}

#[test]
fn a_dynamic_sink_is_no_parent_either() {
    let mut graph = small();
    graph.add_sink("out", SinkTarget::Dynamic("Router".into()), &["in"]).unwrap();
    let error = graph.add_processor("after", &["out"]).unwrap_err();
    assert_eq!(error, TopologyError::SinkAsParent { node: "after".into(), sink: "out".into() });
}

#[test]
fn a_global_stores_nodes_stay_apart() {
    let mut graph = small();
    graph.add_global_store(kv("g"), "gs", "t", "gp").unwrap();
    graph.add_state_store(kv("s"), &["split"]).unwrap();
    for parent in ["gs", "gp"] {
        let error = graph.add_processor("after", &[parent]).unwrap_err();
        assert_eq!(error, TopologyError::GlobalNodeAsParent { node: "after".into(), parent: parent.into() });
    }
    let error = graph.connect_processor_and_state_stores("gp", &["s"]).unwrap_err();
    assert_eq!(error, TopologyError::StoreOnGlobalProcessor { processor: "gp".into(), store: "s".into() });
}

#[test]
fn an_internal_topic_needs_a_partition() {
    let def = InternalTopicDef { partitions: Some(0) };
    let error = small().add_internal_topic("r", def).unwrap_err();
    assert_eq!(error, TopologyError::InvalidPartitionCount { topic: "r".into(), partitions: 0 });
}

#[test]
fn a_refused_call_changes_nothing() {
    let mut graph = small();
    let before = format!("{graph:?}");
    graph.add_source("more", SourceDef::topics(["new", "words"])).unwrap_err();
    graph.add_state_store(kv("s"), &["split", "unknown"]).unwrap_err();
    graph.add_sink("out", SinkTarget::Topic("t".into()), &["split", "unknown"]).unwrap_err();
    graph.add_global_store(kv("g"), "gs", "words", "gp").unwrap_err();
    assert_eq!(format!("{graph:?}"), before);
}

#[test]
fn an_equal_store_is_only_connected_further() {
    let mut graph = small();
    graph.add_processor("count", &["split"]).unwrap();
    graph.add_state_store(kv("s"), &["split"]).unwrap();
    graph.add_state_store(kv("s"), &["count", "split"]).unwrap();
    assert_eq!(graph.stores().count(), 1);
    let processors: Vec<_> = graph.processors_of_store("s").map(|node| &*node.name).collect();
    assert_eq!(processors, ["split", "count"]);
    assert_eq!(graph.node("split").unwrap().stores, ["s".into()]);
}

#[test]
fn edges_can_be_read_both_ways() {
    let mut graph = small();
    graph.add_sink("z", SinkTarget::Topic("t".into()), &["split"]).unwrap();
    graph.add_processor("a", &["split", "in"]).unwrap();
    let names: Vec<_> = graph.nodes().iter().map(|node| &*node.name).collect();
    assert_eq!(names, ["in", "split", "z", "a"]);
    assert_eq!(graph.node("split").unwrap().children.join(" "), "z a");
    assert_eq!(graph.node("a").unwrap().parents.join(" "), "split in");
    assert_eq!(graph.node("z").unwrap().kind, NodeKind::Sink(SinkTarget::Topic("t".into())));
    assert!(graph.node("b").is_none());
}

#[test]
fn topics_are_found_by_their_full_names() {
    let mut graph = small();
    graph.add_internal_topic("r", InternalTopicDef::default()).unwrap();
    let reset = Some(AutoOffsetReset::Latest);
    let def = SourceDef { topics: vec!["r".into()], pattern: None, reset };
    graph.add_source("again", def).unwrap();
    let source = |topic| graph.source_of_topic("app", topic).map(|node| &*node.name);
    assert_eq!(source("words"), Some("in"));
    assert_eq!(source("app-words"), None);
    assert_eq!(source("app-r"), Some("again"));
    assert_eq!(source("r"), None);
    assert_eq!(graph.offset_reset("app", "app-r"), reset);
    assert_eq!(graph.offset_reset("app", "words"), None);
    assert_eq!(graph.source_topics("app").join(" "), "app-r words");
}

#[test]
fn a_stores_topics_are_those_of_its_first_processor() {
    let mut graph = small();
    graph.add_internal_topic("r", InternalTopicDef::default()).unwrap();
    graph.add_source("again", SourceDef::topics(["r"])).unwrap();
    graph.add_processor("join", &["again"]).unwrap();
    graph.add_state_store(kv("table"), &["split"]).unwrap();
    graph.connect_processor_and_state_stores("join", &["table"]).unwrap();
    graph.add_state_store(kv("seen"), &["join"]).unwrap();
    assert_eq!(graph.source_topics_of_store("app", "table").join(" "), "words");
    assert_eq!(graph.source_topics_of_store("app", "seen").join(" "), "app-r");
    assert_eq!(graph.changelog_of_store("app", "table").as_deref(), Some("app-table-changelog"));
    assert_eq!(graph.changelog_of_store("app", "unknown"), None);
}

#[test]
fn sinks_whose_results_come_back_are_found() {
    let mut graph = Drawing::default();
    graph.add_source("one", SourceDef::topics(["a"])).unwrap();
    graph.add_source("two", SourceDef::topics(["b"])).unwrap();
    graph.add_source("any", SourceDef::pattern(TopicPattern::new("x-.*").unwrap())).unwrap();
    graph.add_internal_topic("r", InternalTopicDef::default()).unwrap();
    graph.add_source("repartitioned", SourceDef::topics(["r"])).unwrap();
    let mut sink = |name: &str, topic: &str, parent: &str| {
        graph.add_sink(name, SinkTarget::Topic(topic.into()), &[parent]).unwrap();
        graph.sinks_that_feed_back().into_iter().map(|(sink, _)| sink.to_string()).collect::<Vec<_>>()
    };
    assert!(sink("out", "c", "one").is_empty());
    assert!(sink("to-b", "b", "one").is_empty());
    assert!(sink("to-r", "r", "two").is_empty());
    assert_eq!(sink("to-x", "x-1", "any"), ["to-x"], "by its pattern");
    assert_eq!(sink("to-a", "a", "repartitioned"), ["to-b", "to-x", "to-a"], "through other topics");
}
