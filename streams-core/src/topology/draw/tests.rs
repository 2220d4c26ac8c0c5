//! Pictures of a small topology.

use crate::topology::fixtures::Drawing;
use crate::topology::{ChangelogKind, SinkTarget, SourceDef, StoreDef};

fn graph() -> Drawing {
    let mut graph = Drawing::default();
    graph.add_source("in", SourceDef::topics(["words"])).unwrap();
    graph.add_processor("count \"all\"", &["in"]).unwrap();
    graph.add_state_store(StoreDef::new("counts", ChangelogKind::KeyValue), &["count \"all\""]).unwrap();
    graph.add_sink("out", SinkTarget::Topic("totals".into()), &["count \"all\""]).unwrap();
    graph
}

#[test]
fn mermaid() {
    let expected = "flowchart TD
  subgraph g0[\"Sub-topology: 0\"]
    n0[\"in\"]
    n1[\"count &quot;all&quot;\"]
    n2[\"out\"]
    s0_3[(\"counts\")]
  end
  t0([\"words\"])
  t1([\"totals\"])
  t0 --> n0
  n0 --> n1
  n1 -.- s0_3
  n1 --> n2
  n2 --> t1
";
    assert_eq!(graph().mermaid(), expected);
}

#[test]
fn dot() {
    let expected = "digraph topology {
  node [shape=box];
  subgraph cluster_0 {
    label=\"Sub-topology: 0\";
    n0 [label=\"in\"];
    n1 [label=\"count \\\"all\\\"\"];
    n2 [label=\"out\"];
    s0_3 [label=\"counts\", shape=cylinder];
  }
  t0 [label=\"words\", shape=ellipse];
  t1 [label=\"totals\", shape=ellipse];
  t0 -> n0;
  n0 -> n1;
  n1 -> s0_3 [dir=none, style=dashed];
  n1 -> n2;
  n2 -> t1;
}
";
    assert_eq!(graph().dot(), expected);
}
