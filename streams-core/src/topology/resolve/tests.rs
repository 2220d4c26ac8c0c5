//! Tasks, partitions and internal topics against Java's, and what is refused.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::topology::fixtures::Drawing;
use crate::topology::fixtures::{Built, cases};
use crate::topology::{
    ChangelogKind, InternalTopicDef, ResolveSettings, ResolvedTopology, SinkTarget, SourceDef, StoreDef,
    TopologyError,
};

/// What Java's program prints.
fn print(built: &Built) -> String {
    let resolved = match built.graph.resolve(&built.settings, &|topic| built.existing.get(topic).copied()) {
        Ok(resolved) => resolved,
        Err(error) => return format!("! {error}\n"),
    };
    let tasks: Vec<_> =
        resolved.subtopologies.iter().map(|one| format!("{}={}", one.id, one.tasks)).collect();
    let mut text = format!("tasks {{{}}}\n", tasks.join(", "));
    for topic in &resolved.internal_topics {
        let configs: Vec<_> = topic.configs.iter().map(|(key, value)| format!("{key}={value}")).collect();
        writeln!(text, "topic {} {} {{{}}}", topic.name, topic.partitions, configs.join(", ")).unwrap();
    }
    text
}

#[test]
fn tasks_and_internal_topics_are_javas() {
    let transcript = cases(include_str!("../testdata/resolve.txt"));
    assert!(transcript.len() > 14);
    for case in transcript {
        let built = case.build().unwrap_or_else(|error| panic!("{}: {error}", case.title));
        let printed = print(&built);
        if case.printed.starts_with('!') {
            // A refusal continues with what to do.
            let java = case.printed.trim_end().trim_end_matches('.');
            assert!(printed.starts_with(java), "{}: {printed}", case.title);
        } else {
            assert_eq!(printed, case.printed, "{}", case.title);
        }
    }
}

fn source(graph: &mut Drawing, name: &str, topic: &str) {
    graph.add_source(name, SourceDef::topics([topic])).unwrap();
}

/// Two topics joined without repartitioning.
fn join() -> Drawing {
    let mut graph = Drawing::default();
    source(&mut graph, "left", "l");
    source(&mut graph, "right", "r");
    graph.add_processor("join", &["left", "right"]).unwrap();
    graph.copartition(&["left", "right"]);
    graph
}

/// `in` repartitioned through `r`, then counted.
fn count() -> Drawing {
    let mut graph = Drawing::default();
    source(&mut graph, "in", "in");
    graph.add_internal_topic("r", InternalTopicDef::default()).unwrap();
    graph.add_sink("out", SinkTarget::Topic("r".into()), &["in"]).unwrap();
    source(&mut graph, "again", "r");
    graph.add_processor("count", &["again"]).unwrap();
    graph.add_state_store(StoreDef::new("counts", ChangelogKind::KeyValue), &["count"]).unwrap();
    graph
}

fn resolve(graph: &Drawing, existing: &[(&str, i32)]) -> Result<ResolvedTopology, TopologyError> {
    let existing: BTreeMap<_, _> = existing.iter().copied().collect();
    graph.resolve(&ResolveSettings::new("app"), &|topic| existing.get(topic).copied())
}

#[test]
fn joined_topics_must_agree_even_without_repartition_topics() {
    assert_eq!(resolve(&join(), &[("l", 2), ("r", 2)]).unwrap().subtopologies[0].tasks, 2);
    let error = resolve(&join(), &[("l", 2), ("r", 3)]).unwrap_err();
    let topics = BTreeMap::from([("l".into(), 2), ("r".into(), 3)]);
    assert_eq!(error, TopologyError::NotCopartitioned { topics });
    assert!(error.to_string().contains("[{l=2, r=3}]") && error.to_string().contains("repartition()"));
}

#[test]
fn missing_source_topics_are_named_by_subtopology() {
    let mut graph = join();
    source(&mut graph, "other", "o");
    let error = resolve(&graph, &[("l", 1)]).unwrap_err();
    let subtopologies = BTreeMap::from([(0, vec!["r".into()]), (1, vec!["o".into()])]);
    assert_eq!(
        error,
        TopologyError::MissingSourceTopics { topics: vec!["o".into(), "r".into()], subtopologies }
    );
    assert_eq!(
        error.to_string(),
        "Missing source topics [o, r] for subtopology 0 (r) and subtopology 1 (o). Create them before \
         starting the application; it creates only its internal topics."
    );
}

#[test]
fn global_topics_are_resolved_and_must_exist() {
    let mut graph = join();
    let store = StoreDef::new("rates", ChangelogKind::KeyValue);
    graph.add_global_store(store, "rates-source", "rates", "rates-processor").unwrap();
    let error = resolve(&graph, &[("l", 2), ("r", 2)]).unwrap_err();
    assert_eq!(error, TopologyError::MissingGlobalTopic { topic: "rates".into(), store: "rates".into() });
    let resolved = resolve(&graph, &[("l", 2), ("r", 2), ("rates", 7)]).unwrap();
    assert_eq!(resolved.global_topics, [("rates".into(), 7)]);
    assert_eq!(resolved.subtopologies.len(), 1);
}

#[test]
fn existing_internal_topics_must_have_the_right_count() {
    assert!(resolve(&count(), &[("in", 4), ("app-r", 4), ("app-counts-changelog", 4)]).is_ok());
    let error = resolve(&count(), &[("in", 4), ("app-r", 3), ("app-counts-changelog", 4)]).unwrap_err();
    assert_eq!(
        error,
        TopologyError::InternalTopicCount { topics: BTreeMap::from([("app-r".into(), (4, 3))]) }
    );
    assert!(
        error
            .to_string()
            .starts_with("Existing internal topic app-r has invalid partitions: expected: 4; actual: 3. ")
    );
}

#[test]
fn internal_topics_need_names_that_topics_can_have() {
    for (application_id, reason) in [("a b", "contains ' '"), (&"x".repeat(250), "maximum is 249")] {
        let error = count().resolve(&ResolveSettings::new(application_id), &|_| Some(1)).unwrap_err();
        assert!(matches!(error, TopologyError::InvalidTopicName { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn a_repartition_topic_without_writer_has_no_count() {
    let mut graph = Drawing::default();
    graph.add_internal_topic("r", InternalTopicDef::default()).unwrap();
    source(&mut graph, "in", "r");
    let error = resolve(&graph, &[]).unwrap_err();
    assert_eq!(error, TopologyError::UnknownPartitionCount { topics: vec!["app-r".into()] });
}

#[test]
fn repartition_topics_in_a_circle_take_what_is_known() {
    let mut graph = Drawing::default();
    graph.add_internal_topic("r1", InternalTopicDef::default()).unwrap();
    graph.add_internal_topic("r2", InternalTopicDef::default()).unwrap();
    graph.add_source("a", SourceDef::topics(["in", "r2"])).unwrap();
    graph.add_sink("to-r1", SinkTarget::Topic("r1".into()), &["a"]).unwrap();
    source(&mut graph, "b", "r1");
    graph.add_sink("to-r2", SinkTarget::Topic("r2".into()), &["b"]).unwrap();
    let resolved = resolve(&graph, &[("in", 3)]).unwrap();
    let counts: Vec<_> =
        resolved.internal_topics.iter().map(|topic| (&*topic.name, topic.partitions)).collect();
    assert_eq!(counts, [("app-r1", 3), ("app-r2", 3)]);
}

#[test]
fn an_empty_topology_is_refused() {
    assert_eq!(resolve(&Drawing::default(), &[]).unwrap_err(), TopologyError::Empty);
}
