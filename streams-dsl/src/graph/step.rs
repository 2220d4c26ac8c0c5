//! A handle's place in the plan: what streams and tables have in common (`AbstractStream`).

use std::collections::BTreeSet;
use std::rc::Rc;

use super::node::{GraphNode, NodeId};
use super::plan::{Plan, PlanRef};

/// The place of a stream or table in the plan.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) plan: PlanRef,
    /// The node whose output it is.
    pub(crate) node: NodeId,
    /// The name of the topology's node behind it; implicit repartition topics are called after it.
    pub(crate) name: Rc<str>,
    /// The sources upstream, which joins must be co-partitioned with.
    pub(crate) sources: Rc<BTreeSet<String>>,
    /// The user's name for the next operator.
    pub(crate) given_name: Option<Rc<str>>,
}

impl Step {
    /// A step behind a node.
    pub(crate) fn new(plan: &PlanRef, node: NodeId, name: &str, sources: Rc<BTreeSet<String>>) -> Self {
        Step { plan: Rc::clone(plan), node, name: name.into(), sources, given_name: None }
    }

    /// A step behind the one source of that name.
    pub(crate) fn at_source(plan: &PlanRef, node: NodeId, name: &str) -> Self {
        Step::new(plan, node, name, Rc::new(BTreeSet::from([name.to_owned()])))
    }

    /// The same step with a name for the next operator.
    pub(crate) fn named(&self, name: &str) -> Self {
        self.plan.borrow().check(crate::naming::validate(name));
        Step { given_name: Some(name.into()), ..self.clone() }
    }

    /// The same step without a name for the next operator.
    pub(crate) fn unnamed(&self) -> Self {
        Step { given_name: None, ..self.clone() }
    }

    /// The user's name for the next operator.
    pub(crate) fn given_name(&self) -> Option<&str> {
        self.given_name.as_deref()
    }

    /// The next operator's name: the user's, or generated. Takes a number.
    pub(crate) fn next_name(&self, prefix: &str) -> String {
        self.plan.borrow_mut().name_or_new(self.given_name(), prefix)
    }

    /// Runs code on the plan; calls must not be nested.
    pub(crate) fn with_plan<T>(&self, change: impl FnOnce(&mut Plan) -> T) -> T {
        change(&mut self.plan.borrow_mut())
    }

    /// Adds a node below this one and returns its step, with the same sources.
    pub(crate) fn add(&self, node: GraphNode) -> Step {
        let name: Rc<str> = node.name.as_str().into();
        let id = self.plan.borrow_mut().add(&[self.node], node);
        Step {
            plan: Rc::clone(&self.plan),
            node: id,
            name,
            sources: Rc::clone(&self.sources),
            given_name: None,
        }
    }

    /// Whether both belong to the same builder.
    pub(crate) fn same_plan(&self, other: &Step) -> bool {
        Rc::ptr_eq(&self.plan, &other.plan)
    }

    /// The sources of both, all of which must have the same number of partitions (`ensureCopartitionWith`).
    pub(crate) fn copartition_with(&self, other: &Step) -> Rc<BTreeSet<String>> {
        let all = self.sources_with(other);
        self.plan.borrow_mut().copartition(&all);
        all
    }

    /// The sources of both.
    pub(crate) fn sources_with(&self, other: &Step) -> Rc<BTreeSet<String>> {
        Rc::new(self.sources.union(&other.sources).cloned().collect())
    }
}
