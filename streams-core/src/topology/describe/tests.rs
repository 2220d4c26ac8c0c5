//! The text of `describe()` against Java's, and its programmatic form.

use crate::topology::fixtures::Drawing;
use crate::topology::fixtures::cases;
use crate::topology::{DescribedKind, SinkTarget, SourceDef};

#[test]
fn the_text_is_javas() {
    let transcript = cases(include_str!("../testdata/describe.txt"));
    assert!(transcript.len() > 40);
    for case in transcript {
        let built = case.build().unwrap_or_else(|error| panic!("{}: {error}", case.title));
        assert_eq!(built.graph.describe().to_string(), case.printed, "{}", case.title);
    }
}

#[test]
fn nodes_can_be_read() {
    let mut graph = Drawing::default();
    graph.add_source("in", SourceDef::topics(["payments"])).unwrap();
    graph.add_sink("out", SinkTarget::Topic("checked".into()), &["in"]).unwrap();
    let description = graph.describe();
    let [subtopology] = description.subtopologies.as_slice() else { panic!("{description}") };
    let [source, sink] = subtopology.nodes.as_slice() else { panic!("{description}") };
    assert_eq!(source.kind, DescribedKind::Source { topics: vec!["payments".into()], pattern: None });
    assert_eq!(source.successors, ["out".into()]);
    assert_eq!(sink.kind, DescribedKind::Sink(SinkTarget::Topic("checked".into())));
    assert_eq!(sink.predecessors, ["in".into()]);
}

#[test]
fn many_diamonds_are_described_at_once() {
    let mut graph = Drawing::default();
    graph.add_source("top0", SourceDef::topics(["in"])).unwrap();
    for level in 0..60 {
        let (top, next) = (format!("top{level}"), format!("top{}", level + 1));
        let (left, right) = (format!("left{level}"), format!("right{level}"));
        graph.add_processor(left.as_str(), &[&top]).unwrap();
        graph.add_processor(right.as_str(), &[&top]).unwrap();
        graph.add_processor(next.as_str(), &[&left, &right]).unwrap();
    }
    assert_eq!(graph.describe().subtopologies[0].nodes.len(), 181);
}
