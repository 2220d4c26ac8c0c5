//! Reads what `Topology::describe` prints, here and in Java.

use streams_core::topology::{
    DescribedGlobalStore, DescribedKind, DescribedNode, DescribedSubtopology, SinkTarget, TopicPattern,
    TopologyDescription,
};

/// Reads a description. Whatever stands before `Topologies:` is passed over, as in a log; an empty line or the end of the
/// text ends a sub-topology.
pub fn parse(text: &str) -> Result<TopologyDescription, String> {
    let mut reading = Reading::default();
    let mut begun = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if !begun {
            begun = line.ends_with("Topologies:");
            continue;
        }
        reading.line(line).map_err(|why| format!("line {number}: {why}"))?;
    }
    if !begun {
        return Err("there is no line 'Topologies:', which begins what Topology::describe prints".to_owned());
    }
    reading.end_group()?;
    Ok(reading.found)
}

/// A sub-topology that has begun.
struct Group {
    id: u32,
    is_global: bool,
    nodes: Vec<DescribedNode>,
}

#[derive(Default)]
struct Reading {
    found: TopologyDescription,
    group: Option<Group>,
}

impl Reading {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() {
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix("Sub-topology: ") {
            self.end_group()?;
            let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            let id = number.parse().map_err(|_| format!("'{number}' is not the number of a sub-topology"))?;
            let is_global = rest.starts_with("for global store");
            self.group = Some(Group { id, is_global, nodes: Vec::new() });
            return Ok(());
        }
        let Some(group) = &mut self.group else {
            return Err(format!("'{line}' stands before the first sub-topology"));
        };
        if let Some((arrow, others)) =
            ["-->", "<--"].into_iter().find_map(|arrow| Some((arrow, line.strip_prefix(arrow)?.trim())))
        {
            let node =
                group.nodes.last_mut().ok_or_else(|| format!("'{line}' stands before the first node"))?;
            let names = match others {
                "none" => Vec::new(),
                others => others.split(", ").map(Into::into).collect(),
            };
            match arrow {
                "-->" => node.successors = names,
                _ => node.predecessors = names,
            }
            return Ok(());
        }
        group.nodes.push(node(line)?);
        Ok(())
    }

    fn end_group(&mut self) -> Result<(), String> {
        let Some(Group { id, is_global, nodes }) = self.group.take() else { return Ok(()) };
        if !is_global {
            self.found.subtopologies.push(DescribedSubtopology { id, nodes });
            return Ok(());
        }
        let [source, processor] = <[DescribedNode; 2]>::try_from(nodes)
            .map_err(|nodes| format!("global store {id} has {} nodes instead of 2", nodes.len()))?;
        self.found.global_stores.push(DescribedGlobalStore { id, source, processor });
        Ok(())
    }
}

/// `Kind: NAME (what: value)`.
fn node(line: &str) -> Result<DescribedNode, String> {
    let unknown = || format!("'{line}' is not a node");
    let (kind, rest) = line.split_once(": ").ok_or_else(unknown)?;
    let (name, rest) = rest.split_once(" (").ok_or_else(unknown)?;
    let (what, value) = rest.strip_suffix(')').and_then(|rest| rest.split_once(": ")).ok_or_else(unknown)?;
    let kind = match (kind, what) {
        ("Source", "topics") => source(value)?,
        ("Processor", "stores") => DescribedKind::Processor { stores: list(value).ok_or_else(unknown)? },
        ("Sink", "topic") => DescribedKind::Sink(SinkTarget::Topic(value.into())),
        ("Sink", "extractor class") => DescribedKind::Sink(SinkTarget::Dynamic(value.to_owned())),
        _ => return Err(unknown()),
    };
    Ok(DescribedNode { name: name.into(), kind, predecessors: Vec::new(), successors: Vec::new() })
}

/// Topics in brackets, or a pattern without.
pub(super) fn source(value: &str) -> Result<DescribedKind, String> {
    if let Some(topics) = list(value) {
        return Ok(DescribedKind::Source { topics, pattern: None });
    }
    let pattern = TopicPattern::new(value).map_err(|error| error.to_string())?;
    Ok(DescribedKind::Source { topics: Vec::new(), pattern: Some(pattern) })
}

/// `[a, b]`. A pattern may begin and end so as well (`[ab]`), but a topic's name has no other brackets and no other signs.
fn list(value: &str) -> Option<Vec<std::sync::Arc<str>>> {
    let inner = value.strip_prefix('[')?.strip_suffix(']')?;
    Some(inner.split(", ").filter(|name| !name.is_empty()).map(Into::into).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Java printed for many topologies, read and printed again.
    #[test]
    fn what_java_prints_is_read_without_loss() {
        let transcripts = [
            include_str!("../../../../streams-core/src/topology/testdata/describe.txt"),
            include_str!("../../../../streams-dsl/tests/suite/java/stateful_describe.txt"),
        ];
        let mut read = 0;
        for text in transcripts {
            for case in text.split("Topologies:\n").skip(1) {
                // Transcripts end a case in one of these ways.
                let end = ["\n.\n", "\n###"].iter().filter_map(|end| case.find(end)).min();
                let case = format!("Topologies:\n{}", &case[..end.unwrap_or(case.len())]);
                let found = parse(&case).unwrap_or_else(|why| panic!("{why} in:\n{case}"));
                assert_eq!(found.to_string().trim_end(), case.trim_end());
                let json = super::super::to_json(&found).to_string();
                assert_eq!(super::super::from_json(&json).as_ref(), Ok(&found), "{json}");
                read += 1;
            }
        }
        assert!(read > 90, "{read}");
    }

    #[test]
    fn a_line_that_is_not_understood_is_named() {
        let of = |text: &str| parse(text).expect_err("refused");
        assert!(of("digraph {").contains("Topologies:"));
        assert!(of("Topologies:\n  Sub-topology: x\n").starts_with("line 2: 'x' is not the number"));
        assert!(of("Topologies:\n  Sub-topology: 0\n  Table: a (b: c)\n").contains("line 3"));
        assert!(of("Topologies:\n  Sub-topology: 0\n   --> a\n").contains("before the first node"));
        assert!(of("Topologies:\n  Source: a (topics: [b])\n").contains("before the first sub-topology"));
        let global = "Topologies:\n  Sub-topology: 0 for global store (x)\n  Source: a (topics: [b])\n";
        assert!(of(global).contains("has 1 nodes"));
    }

    #[test]
    fn a_log_line_may_stand_before() {
        let text = "12:00 INFO topology Topologies:\n   Sub-topology: 0\n    Source: in (topics: [a])\n      --> none\n";
        assert_eq!(parse(text).expect("a topology").subtopologies.len(), 1);
        assert_eq!(parse("Topologies:\n ").expect("an empty one"), TopologyDescription::default());
    }
}
