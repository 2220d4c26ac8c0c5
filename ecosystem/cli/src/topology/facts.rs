//! What a topology's description says of state: stores with what fills them, internal topics, topics that are joined.

use std::collections::{BTreeMap, BTreeSet};

use streams_core::topology::{DescribedKind, DescribedNode, SinkTarget, TopologyDescription};

/// The digits of a generated name.
const NUMBER_DIGITS: usize = 10;

/// How the names of internal topics end, after `<application.id>-`.
const INTERNAL: &[&str] =
    &["-changelog", "-repartition", "-subscription-registration-topic", "-subscription-response-topic"];

/// What the generated names of a foreign-key join's topics contain; a number and `-topic` follow.
const FOREIGN_KEY: &[&str] =
    &["KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-", "KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-"];

/// Whether a topic is an internal one, by its name after `<application.id>-`.
pub fn is_internal(name: &str) -> bool {
    let of_a_join = || {
        let number =
            name.strip_suffix("-topic").and_then(|name| name.rsplit_once('-')).map(|(_, number)| number);
        let has_number = number
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        has_number && FOREIGN_KEY.iter().any(|part| name.contains(part))
    };
    INTERNAL.iter().any(|end| name.ends_with(end)) || of_a_join()
}

/// A generated name without its number, as `KSTREAM-AGGREGATE` of `KSTREAM-AGGREGATE-0000000003`; `None` for a name that was
/// given. Stores and topics have their number in the middle or at the end.
pub fn without_number(name: &str) -> Option<String> {
    let mut generated = false;
    let parts: Vec<&str> = name
        .split('-')
        .filter(|part| {
            let is_number = part.len() == NUMBER_DIGITS && part.bytes().all(|byte| byte.is_ascii_digit());
            generated |= is_number;
            !is_number
        })
        .collect();
    let is_ours =
        ["KSTREAM", "KTABLE", "GLOBAL", "COGROUPKSTREAM"].iter().any(|begin| name.starts_with(begin));
    (generated && is_ours).then(|| parts.join("-"))
}

/// A store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Store {
    /// The sub-topology whose tasks have it; `None` for a global store.
    pub subtopology: Option<u32>,
    /// What the nodes that use it do, as far as their names say so.
    pub operators: BTreeSet<String>,
    /// The topics whose records reach it, through repartition topics as well.
    pub inputs: BTreeSet<String>,
    /// What the nodes on the way from these topics do.
    pub way: BTreeSet<String>,
}

/// What a description says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Stores by name.
    pub stores: BTreeMap<String, Store>,
    /// Topics that the application makes for itself between sub-topologies, without `<application.id>-`: the sub-topologies
    /// that read each.
    pub repartition: BTreeMap<String, BTreeSet<u32>>,
    /// Topics that each sub-topology reads; internal ones without `<application.id>-`.
    pub sources: BTreeMap<u32, BTreeSet<String>>,
    /// Patterns that each sub-topology reads.
    pub patterns: BTreeMap<u32, BTreeSet<String>>,
    /// Topics of global stores.
    pub global_topics: BTreeSet<String>,
    /// Topics that are written and are not internal.
    pub sinks: BTreeSet<String>,
    /// Topics that meet in a join, by its node: they need equally many partitions.
    pub joins: BTreeMap<String, BTreeSet<String>>,
    /// How many nodes of each name there are without their numbers, which tells whether anything changed.
    pub shape: BTreeMap<(u32, String), usize>,
}

impl Facts {
    /// Reads a description.
    pub fn of(topology: &TopologyDescription) -> Self {
        let mut facts = Facts::default();
        let graph = Graph::of(topology);
        for global in &topology.global_stores {
            let inputs: BTreeSet<String> = match &global.source.kind {
                DescribedKind::Source { topics, .. } => {
                    topics.iter().map(|topic| topic.to_string()).collect()
                }
                _ => BTreeSet::new(),
            };
            facts.global_topics.extend(inputs.iter().cloned());
            if let DescribedKind::Processor { stores } = &global.processor.kind {
                let store = Store { inputs, ..Store::default() };
                facts.stores.extend(stores.iter().map(|name| (name.to_string(), store.clone())));
            }
        }
        for subtopology in &topology.subtopologies {
            for node in &subtopology.nodes {
                facts.add(subtopology.id, node, &graph);
            }
        }
        facts
    }

    fn add(&mut self, id: u32, node: &DescribedNode, graph: &Graph<'_>) {
        let operator = without_number(&node.name);
        *self.shape.entry((id, operator.clone().unwrap_or_else(|| node.name.to_string()))).or_default() += 1;
        match &node.kind {
            DescribedKind::Source { topics, pattern } => {
                self.sources.entry(id).or_default().extend(topics.iter().map(|topic| topic.to_string()));
                let pattern = pattern.iter().map(|pattern| pattern.as_str().to_owned());
                self.patterns.entry(id).or_default().extend(pattern);
                for topic in topics.iter().filter(|topic| is_internal(topic)) {
                    self.repartition.entry(topic.to_string()).or_default().insert(id);
                }
            }
            DescribedKind::Sink(SinkTarget::Topic(topic)) if !is_internal(topic) => {
                self.sinks.insert(topic.to_string());
            }
            DescribedKind::Sink(_) => {}
            DescribedKind::Processor { stores } => {
                let above = graph.above(&node.name);
                for name in stores {
                    let store = self.stores.entry(name.to_string()).or_default();
                    store.subtopology = Some(id);
                    store.operators.extend(operator.clone());
                    store.inputs.extend(above.inputs.iter().cloned());
                    store.way.extend(above.way.iter().cloned());
                }
                if operator.as_deref().is_some_and(|operator| operator.contains("JOIN")) && !stores.is_empty()
                {
                    let topics = graph.joined(&node.name, stores);
                    self.joins.insert(node.name.to_string(), topics);
                }
            }
        }
    }

    /// The topics that all sub-topologies and global stores read from others.
    pub fn inputs(&self) -> BTreeSet<&str> {
        let own = self.sources.values().flatten().filter(|topic| !is_internal(topic));
        own.chain(&self.global_topics).map(String::as_str).collect()
    }
}

/// What is above a node.
#[derive(Default)]
struct Above {
    inputs: BTreeSet<String>,
    /// Internal topics included, and nothing behind them.
    nearest: BTreeSet<String>,
    way: BTreeSet<String>,
}

/// Nodes by name, and who writes each topic.
struct Graph<'a> {
    nodes: BTreeMap<&'a str, &'a DescribedNode>,
    writers: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Graph<'a> {
    fn of(topology: &'a TopologyDescription) -> Self {
        let mut graph = Graph { nodes: BTreeMap::new(), writers: BTreeMap::new() };
        for node in topology.subtopologies.iter().flat_map(|subtopology| &subtopology.nodes) {
            graph.nodes.insert(&node.name, node);
            if let DescribedKind::Sink(SinkTarget::Topic(topic)) = &node.kind {
                graph.writers.entry(topic).or_default().push(&node.name);
            }
        }
        graph
    }

    fn above(&self, name: &str) -> Above {
        let mut above = Above::default();
        let (mut seen, mut left) = (BTreeSet::from([name]), vec![(name, true)]);
        while let Some((name, is_near)) = left.pop() {
            let Some(node) = self.nodes.get(name) else { continue };
            above.way.extend(without_number(name));
            let mut next: Vec<(&str, bool)> =
                node.predecessors.iter().map(|name| (&**name, is_near)).collect();
            if let DescribedKind::Source { topics, pattern } = &node.kind {
                above.inputs.extend(pattern.iter().map(|pattern| pattern.as_str().to_owned()));
                for topic in topics {
                    if is_near {
                        above.nearest.insert(topic.to_string());
                    }
                    match self.writers.get(&**topic).filter(|_| is_internal(topic)) {
                        Some(writers) => next.extend(writers.iter().map(|writer| (*writer, false))),
                        None => _ = above.inputs.insert(topic.to_string()),
                    }
                }
            }
            left.extend(next.into_iter().filter(|(name, _)| seen.insert(name)));
        }
        above
    }

    /// The topics nearest to a join, on its own side and on those of the stores that it reads.
    fn joined(&self, join: &str, stores: &[std::sync::Arc<str>]) -> BTreeSet<String> {
        let users = self.nodes.values().filter(|node| match &node.kind {
            DescribedKind::Processor { stores: used } => used.iter().any(|store| stores.contains(store)),
            _ => false,
        });
        users.map(|node| &*node.name).chain([join]).flat_map(|name| self.above(name).nearest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::parse;

    const COUNTS: &str = "Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: [orders])
      --> KSTREAM-KEY-SELECT-0000000001
    Processor: KSTREAM-KEY-SELECT-0000000001 (stores: [])
      --> counts-repartition-sink
      <-- KSTREAM-SOURCE-0000000000
    Sink: counts-repartition-sink (topic: counts-repartition)
      <-- KSTREAM-KEY-SELECT-0000000001

  Sub-topology: 1
    Source: counts-repartition-source (topics: [counts-repartition])
      --> KSTREAM-AGGREGATE-0000000002
    Source: KSTREAM-SOURCE-0000000005 (topics: [users])
      --> KSTREAM-JOIN-0000000006
    Processor: KSTREAM-AGGREGATE-0000000002 (stores: [counts])
      --> none
      <-- counts-repartition-source
    Processor: KSTREAM-JOIN-0000000006 (stores: [counts])
      --> out
      <-- KSTREAM-SOURCE-0000000005
    Sink: out (topic: totals)
      <-- KSTREAM-JOIN-0000000006

";

    #[test]
    fn stores_have_the_topics_that_fill_them() {
        let facts = Facts::of(&parse(COUNTS).expect("a topology"));
        let store = &facts.stores["counts"];
        assert_eq!(store.subtopology, Some(1));
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(store.inputs, set(&["orders", "users"]));
        assert_eq!(store.operators, set(&["KSTREAM-AGGREGATE", "KSTREAM-JOIN"]));
        assert_eq!(facts.repartition["counts-repartition"], BTreeSet::from([1]));
        assert_eq!(facts.inputs(), BTreeSet::from(["orders", "users"]));
        assert_eq!(facts.sinks, set(&["totals"]));
        assert_eq!(facts.joins["KSTREAM-JOIN-0000000006"], set(&["counts-repartition", "users"]));
    }

    #[test]
    fn generated_names_have_numbers() {
        let of = |name: &str| without_number(name);
        assert_eq!(of("KSTREAM-AGGREGATE-0000000003").as_deref(), Some("KSTREAM-AGGREGATE"));
        let topic = of("KSTREAM-AGGREGATE-STATE-STORE-0000000003-repartition");
        assert_eq!(topic.as_deref(), Some("KSTREAM-AGGREGATE-STATE-STORE-repartition"));
        for given in ["counts", "KSTREAM-mine", "orders-0000000003", "KSTREAM-AGGREGATE-003"] {
            assert_eq!(of(given), None, "{given}");
        }
    }

    #[test]
    fn internal_topics_are_known_by_their_names() {
        for name in [
            "counts-changelog",
            "KSTREAM-AGGREGATE-STATE-STORE-0000000003-repartition",
            "KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-0000000006-topic",
            "KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-0000000014-topic",
            "owners-subscription-registration-topic",
        ] {
            assert!(is_internal(name), "{name}");
        }
        for name in ["results", "changelogs", "topic"] {
            assert!(!is_internal(name), "{name}");
        }
    }
}
