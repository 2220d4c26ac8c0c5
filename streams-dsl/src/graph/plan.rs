//! The nodes of a plan, and the source of names and priorities (`InternalStreamsBuilder`).

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::node::{GraphNode, NodeId, ROOT};
use crate::error::{DslError, Result};
use crate::naming::{self, Counter, prefix};
use crate::options::Materialized;

/// The state that a builder shares with its handles.
#[derive(Clone)]
pub(crate) struct Plan {
    nodes: Vec<GraphNode>,
    counter: Counter,
    next_priority: usize,
    /// Names of sources whose topics must have the same number of partitions, one set a join.
    pub(super) copartitioned: Vec<BTreeSet<String>>,
    /// Stores and topics with generated names, which outlive the program.
    pub(super) unnamed: Unnamed,
    errors: Rc<RefCell<Vec<DslError>>>,
}

/// Stores and internal topics with generated names, which change when the program does (KIP-1111).
#[derive(Clone, Debug, Default)]
pub(crate) struct Unnamed {
    changelogs: Vec<String>,
    stores: Vec<String>,
    repartition_topics: Vec<String>,
}

impl Unnamed {
    /// What Kafka Streams says of them; none if there are none (`InternalTopologyBuilder.checkUnprovidedNames`).
    pub(super) fn message(&self) -> Option<String> {
        let kinds = [
            ("changelog topic", &self.changelogs),
            ("state store", &self.stores),
            ("repartition topic", &self.repartition_topics),
        ];
        let lines = kinds.iter().filter(|(_, names)| !names.is_empty());
        let text: String = lines
            .map(|(kind, names)| format!("Following {kind}(s) has not been named: {}\n", names.join(", ")))
            .collect();
        (!text.is_empty()).then_some(text)
    }
}

/// A shared plan. It belongs to one thread; the resulting topology does not.
pub(crate) type PlanRef = Rc<RefCell<Plan>>;

impl Plan {
    /// An empty plan.
    pub(crate) fn new() -> Self {
        let mut root = GraphNode::new("root", |_| Ok(()));
        root.kind = super::PlanNodeKind::Root;
        Plan {
            nodes: vec![root],
            counter: Counter::default(),
            next_priority: 0,
            copartitioned: Vec::new(),
            unnamed: Unnamed::default(),
            errors: Rc::default(),
        }
    }

    /// The next name with that prefix (`newProcessorName`).
    pub(crate) fn new_name(&mut self, prefix: &str) -> String {
        self.counter.next(prefix)
    }

    /// The next name of a store that belongs to an operator of that prefix (`newStoreName`).
    pub(crate) fn new_store_name(&mut self, operator_prefix: &str) -> String {
        self.counter.next(&format!("{operator_prefix}{}", prefix::STATE_STORE))
    }

    /// The name of the store that the options describe: the user's, checked, or a generated one, which takes a number,
    /// and which `ensure.explicit.internal.resource.naming` refuses.
    pub(crate) fn store_name<K, V>(&mut self, options: &Materialized<K, V>, operator_prefix: &str) -> String {
        if let Some(name) = &options.name {
            self.check(naming::validate(name));
            return name.clone();
        }
        let name = self.new_store_name(operator_prefix);
        self.note_unnamed_store(&name, options.own.options.logging.is_some());
        name
    }

    /// Records a store with a generated name, and its changelog if it has one (`addImplicitInternalNames`).
    pub(crate) fn note_unnamed_store(&mut self, store: &str, logged: bool) {
        self.unnamed.stores.push(store.to_owned());
        if logged {
            self.note_unnamed_changelog(store);
        }
    }

    /// Records the changelog of a store with a generated name.
    pub(crate) fn note_unnamed_changelog(&mut self, store: &str) {
        self.unnamed.changelogs.push(format!("{store}-changelog"));
    }

    /// Records a repartition topic with a generated name.
    pub(crate) fn note_unnamed_repartition(&mut self, topic: &str) {
        self.unnamed.repartition_topics.push(topic.to_owned());
    }

    /// The user's name, or the next generated one; it takes a number either way (`orElseGenerateWithPrefix`).
    pub(crate) fn name_or_new(&mut self, given: Option<&str>, prefix: &str) -> String {
        self.suffixed_or_new(given, "", prefix)
    }

    /// The user's name with a suffix, or the next generated one (`suffixWithOrElseGet`).
    pub(crate) fn suffixed_or_new(&mut self, given: Option<&str>, suffix: &str, prefix: &str) -> String {
        let generated = self.new_name(prefix);
        match given {
            Some(name) => {
                let name = format!("{name}{suffix}");
                self.check(naming::validate(&name));
                name
            }
            None => generated,
        }
    }

    /// Adds a node below its parents, at least one (`addGraphNode`).
    pub(crate) fn add(&mut self, parents: &[NodeId], node: GraphNode) -> NodeId {
        let id = NodeId(self.nodes.len());
        self.nodes.push(node);
        for parent in parents {
            self.attach(*parent, id);
        }
        id
    }

    /// Adds an existing node below another parent; it is written after all nodes that exist by now.
    pub(crate) fn attach(&mut self, parent: NodeId, child: NodeId) {
        self.link(parent, child);
        self.node_mut(child).build_priority = self.next_priority;
        self.next_priority += 1;
    }

    /// Makes two nodes parent and child, leaving the order of writing as it is.
    pub(super) fn link(&mut self, parent: NodeId, child: NodeId) {
        let children = &mut self.node_mut(parent).children;
        if !children.contains(&child) {
            children.push(child);
        }
        let parents = &mut self.node_mut(child).parents;
        if !parents.contains(&parent) {
            parents.push(parent);
        }
    }

    /// Undoes [`link`](Self::link).
    pub(super) fn unlink(&mut self, parent: NodeId, child: NodeId) {
        self.node_mut(parent).children.retain(|id| *id != child);
        self.node_mut(child).parents.retain(|id| *id != parent);
    }

    /// A node by its number in this plan.
    #[allow(
        clippy::indexing_slicing,
        reason = "a NodeId is an index that `add` returned, and nodes are never removed"
    )]
    pub(crate) fn node(&self, id: NodeId) -> &GraphNode {
        &self.nodes[id.0]
    }

    /// As [`node`](Self::node), to change it.
    #[allow(
        clippy::indexing_slicing,
        reason = "a NodeId is an index that `add` returned, and nodes are never removed"
    )]
    pub(crate) fn node_mut(&mut self, id: NodeId) -> &mut GraphNode {
        &mut self.nodes[id.0]
    }

    /// Whether a node's output is a versioned table: it says so itself, or all of its parents' are
    /// (`isVersionedOrVersionedUpstream`).
    pub(crate) fn is_versioned(&self, id: NodeId) -> bool {
        // Not recursive: a chain may be longer than a stack carries.
        let (mut seen, mut open) = (BTreeSet::from([id]), vec![id]);
        while let Some(id) = open.pop() {
            let node = self.node(id);
            match node.output_versioned {
                Some(true) => {}
                None if id != ROOT => open.extend(node.parents.iter().filter(|parent| seen.insert(**parent))),
                Some(false) | None => return false,
            }
        }
        true
    }

    /// Every node but the root, in the order of their creation.
    pub(super) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (ROOT.0 + 1..self.nodes.len()).map(NodeId)
    }

    /// Demands that the topics of these sources have the same number of partitions (`copartitionSources`).
    pub(crate) fn copartition(&mut self, sources: &BTreeSet<String>) {
        self.copartitioned.push(sources.clone());
    }

    /// Makes co-partitioning follow a source that was replaced (`maybeUpdateCopartitionSourceGroups`).
    pub(super) fn rename_copartitioned(&mut self, source: &str, by: &str) {
        for group in &mut self.copartitioned {
            if group.remove(source) {
                group.insert(by.to_owned());
            }
        }
    }

    /// Keeps an error for `build`, so that the DSL's calls need no `?`.
    pub(crate) fn report(&self, error: DslError) {
        self.errors.borrow_mut().push(error);
    }

    /// Keeps the error of a check.
    pub(crate) fn check(&self, result: Result<()>) {
        if let Err(error) = result {
            self.report(error);
        }
    }

    /// The first error that the DSL's calls met; the others often follow from it.
    pub(super) fn take_error(&self) -> Option<DslError> {
        let mut errors = self.errors.borrow_mut();
        if errors.is_empty() { None } else { Some(errors.remove(0)) }
    }
}
