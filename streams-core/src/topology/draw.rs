//! A topology as a picture: Mermaid for Markdown pages, Graphviz for everything else.

use std::fmt::Write;

use super::defs::SinkTarget;
use super::describe::{DescribedKind, DescribedNode, TopologyDescription};
use super::graph::TopologyGraph;
use crate::ids::NodeName;

impl TopologyGraph {
    /// A Mermaid flow chart: one box per sub-topology; topics are rounded, stores are cylinders.
    pub fn mermaid(&self) -> String {
        self.describe().mermaid()
    }

    /// A Graphviz graph: one cluster per sub-topology; topics are ellipses, stores are cylinders.
    pub fn dot(&self) -> String {
        self.describe().dot()
    }
}

impl TopologyDescription {
    /// A Mermaid flow chart: one box per sub-topology; topics are rounded, stores are cylinders.
    #[doc(hidden)]
    pub fn mermaid(&self) -> String {
        let mut picture = Picture::default();
        picture.fill(self);
        let mut text = String::from("flowchart TD\n");
        for group in &picture.groups {
            put(&mut text, format_args!("  subgraph g{}[\"{}\"]\n", group.id, escape_mermaid(&group.title)));
            for shape in &group.shapes {
                let label = escape_mermaid(&shape.label);
                match shape.kind {
                    ShapeKind::Store => put(&mut text, format_args!("    {}[(\"{label}\")]\n", shape.id)),
                    _ => put(&mut text, format_args!("    {}[\"{label}\"]\n", shape.id)),
                }
            }
            text.push_str("  end\n");
        }
        for topic in &picture.topics {
            put(&mut text, format_args!("  {}([\"{}\"])\n", topic.id, escape_mermaid(&topic.label)));
        }
        for edge in &picture.edges {
            let arrow = if edge.to_store { "-.-" } else { "-->" };
            put(&mut text, format_args!("  {} {arrow} {}\n", edge.from, edge.to));
        }
        text
    }

    /// A Graphviz graph: one cluster per sub-topology; topics are ellipses, stores are cylinders.
    #[doc(hidden)]
    pub fn dot(&self) -> String {
        let mut picture = Picture::default();
        picture.fill(self);
        let mut text = String::from("digraph topology {\n  node [shape=box];\n");
        for group in &picture.groups {
            put(&mut text, format_args!("  subgraph cluster_{} {{\n", group.id));
            put(&mut text, format_args!("    label=\"{}\";\n", escape_dot(&group.title)));
            for shape in &group.shapes {
                let style = if matches!(shape.kind, ShapeKind::Store) { ", shape=cylinder" } else { "" };
                put(
                    &mut text,
                    format_args!("    {} [label=\"{}\"{style}];\n", shape.id, escape_dot(&shape.label)),
                );
            }
            text.push_str("  }\n");
        }
        for topic in &picture.topics {
            let label = escape_dot(&topic.label);
            put(&mut text, format_args!("  {} [label=\"{label}\", shape=ellipse];\n", topic.id));
        }
        for edge in &picture.edges {
            let style = if edge.to_store { " [dir=none, style=dashed]" } else { "" };
            put(&mut text, format_args!("  {} -> {}{style};\n", edge.from, edge.to));
        }
        text.push_str("}\n");
        text
    }
}

/// What is drawn, in any notation.
#[derive(Default)]
struct Picture {
    groups: Vec<Group>,
    topics: Vec<Shape>,
    edges: Vec<DrawnEdge>,
    /// The names of the nodes drawn so far; a node's place is its number.
    nodes: Vec<NodeName>,
}

struct Group {
    id: u32,
    title: String,
    shapes: Vec<Shape>,
}

struct Shape {
    id: String,
    label: String,
    kind: ShapeKind,
}

#[derive(Clone, Copy)]
enum ShapeKind {
    Node,
    Store,
    Topic,
}

struct DrawnEdge {
    from: String,
    to: String,
    to_store: bool,
}

impl Picture {
    fn fill(&mut self, description: &TopologyDescription) {
        for subtopology in &description.subtopologies {
            let title = format!("Sub-topology: {}", subtopology.id);
            self.add_group(subtopology.id, title, subtopology.nodes.iter().collect());
        }
        for global in &description.global_stores {
            let title = format!("Sub-topology: {} for global store", global.id);
            self.add_group(global.id, title, vec![&global.source, &global.processor]);
        }
        self.groups.sort_by_key(|group| group.id);
    }

    fn add_group(&mut self, id: u32, title: String, nodes: Vec<&DescribedNode>) {
        let mut group = Group { id, title, shapes: Vec::new() };
        for node in &nodes {
            self.nodes.push(node.name.clone());
            let id = format!("n{}", self.nodes.len() - 1);
            group.shapes.push(Shape { id, label: node.name.to_string(), kind: ShapeKind::Node });
        }
        for node in nodes {
            self.add_edges(&mut group, node);
        }
        self.groups.push(group);
    }

    fn add_edges(&mut self, group: &mut Group, node: &DescribedNode) {
        let Some(own) = self.node_id(&node.name) else { return };
        match &node.kind {
            DescribedKind::Source { topics, pattern } => {
                let topics = topics.iter().map(|topic| &**topic);
                // A pattern is drawn as one topic.
                let all: Vec<&str> =
                    pattern.as_ref().map_or_else(|| topics.collect(), |one| vec![one.as_str()]);
                for topic in all {
                    let from = self.topic(topic);
                    self.edges.push(DrawnEdge { from, to: own.clone(), to_store: false });
                }
            }
            DescribedKind::Processor { stores } => {
                for store in stores {
                    let to = store_shape(group, store);
                    self.edges.push(DrawnEdge { from: own.clone(), to, to_store: true });
                }
            }
            DescribedKind::Sink(SinkTarget::Topic(topic)) => {
                let to = self.topic(topic);
                self.edges.push(DrawnEdge { from: own.clone(), to, to_store: false });
            }
            DescribedKind::Sink(SinkTarget::Dynamic(extractor)) => {
                let to = self.topic(&format!("chosen by {extractor}"));
                self.edges.push(DrawnEdge { from: own.clone(), to, to_store: false });
            }
        }
        for successor in &node.successors {
            if let Some(to) = self.node_id(successor) {
                self.edges.push(DrawnEdge { from: own.clone(), to, to_store: false });
            }
        }
    }

    fn node_id(&self, name: &NodeName) -> Option<String> {
        self.nodes.iter().position(|known| known == name).map(|at| format!("n{at}"))
    }

    fn topic(&mut self, label: &str) -> String {
        shape(&mut self.topics, "t", label, ShapeKind::Topic)
    }
}

/// The store's id within its group; a store belongs to one group only.
fn store_shape(group: &mut Group, store: &str) -> String {
    let prefix = format!("s{}_", group.id);
    shape(&mut group.shapes, &prefix, store, ShapeKind::Store)
}

/// The id of the shape with that label, drawn if it is not there yet.
fn shape(shapes: &mut Vec<Shape>, prefix: &str, label: &str, kind: ShapeKind) -> String {
    let same = |shape: &&Shape| {
        shape.label == label && std::mem::discriminant(&shape.kind) == std::mem::discriminant(&kind)
    };
    if let Some(known) = shapes.iter().find(same) {
        return known.id.clone();
    }
    let id = format!("{prefix}{}", shapes.len());
    shapes.push(Shape { id: id.clone(), label: label.to_owned(), kind });
    id
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(arguments);
}

fn escape_mermaid(label: &str) -> String {
    label.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

fn escape_dot(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests;
