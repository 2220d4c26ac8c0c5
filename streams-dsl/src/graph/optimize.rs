//! Rewrites a plan before it is written: equal sources become one, always; the rest as `topology.optimization` says.

use std::collections::{BTreeSet, HashMap};

use streams_core::config::TopologyOptimization;
use streams_core::ids::TopicName;

use super::merge_repartitions::merge_repartitions;
use super::node::{NodeId, PlanNodeKind, ROOT};
use super::source::SourceTopics;
use super::{Plan, SourceSpec};
use crate::error::{DslError, OptionError, Result};

/// Rewrites the plan; returns the nodes with a join downstream that takes records with a null key.
pub(super) fn optimize(plan: &mut Plan, optimization: TopologyOptimization) -> Result<BTreeSet<NodeId>> {
    merge_duplicate_sources(plan)?;
    // `reuse_ktable_source_topics` needs no rewriting: table sources check it when they are written.
    if optimization.merge_repartition_topics {
        merge_repartitions(plan)?;
    }
    if optimization.single_store_self_join {
        rewrite_self_joins(plan)?;
    }
    Ok(upstream_of_relaxed_joins(plan))
}

/// Makes each join of a stream with itself keep the stream once (`rewriteSingleStoreSelfJoin`).
fn rewrite_self_joins(plan: &mut Plan) -> Result<()> {
    for id in plan.ids() {
        let join = plan.node(id);
        let (PlanNodeKind::StreamJoin { this_windowed, other_windowed, .. }, [stream]) =
            (&join.kind, &*join.parents)
        else {
            continue;
        };
        let (this_windowed, other_windowed, stream) = (*this_windowed, *other_windowed, *stream);
        let below = &plan.node(stream).children;
        if !below.contains(&this_windowed) || !below.contains(&other_windowed) {
            return Err(DslError::Option { operator: join.name.clone(), cause: OptionError::SelfJoin });
        }
        plan.unlink(stream, other_windowed);
        plan.node_mut(id).kind = PlanNodeKind::StreamJoin { this_windowed, other_windowed, itself: true };
    }
    Ok(())
}

/// Merges sources that read the same topics, or have the same pattern.
fn merge_duplicate_sources(plan: &mut Plan) -> Result<()> {
    let mut readers: HashMap<TopicName, NodeId> = HashMap::new();
    let mut matchers: HashMap<String, NodeId> = HashMap::new();
    for id in plan.node(ROOT).children.clone() {
        let PlanNodeKind::StreamSource(source) = plan.node(id).kind.clone() else { continue };
        let topics = match &source.topics {
            SourceTopics::Named(topics) => topics,
            SourceTopics::Matching(pattern) => {
                match matchers.get(pattern.as_str()) {
                    None => drop(matchers.insert(pattern.to_string(), id)),
                    Some(first) => merge_source(plan, *first, id, &source, pattern.as_str())?,
                }
                continue;
            }
        };
        for topic in topics {
            match readers.get(topic) {
                None => {
                    readers.insert(topic.clone(), id);
                }
                Some(first) if *first == id => {}
                Some(first) => {
                    merge_source(plan, *first, id, &source, topic)?;
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Moves the children of the second source to the first.
fn merge_source(
    plan: &mut Plan,
    first: NodeId,
    second: NodeId,
    source: &SourceSpec,
    topic: &str,
) -> Result<()> {
    let names = || (plan.node(first).name.clone(), plan.node(second).name.clone());
    let PlanNodeKind::StreamSource(main) = &plan.node(first).kind else { return Ok(()) };
    let set = |spec: &SourceSpec| match &spec.topics {
        SourceTopics::Named(topics) => topics.iter().map(ToString::to_string).collect::<BTreeSet<_>>(),
        SourceTopics::Matching(pattern) => BTreeSet::from([pattern.to_string()]),
    };
    if set(main) != set(source) {
        let (first, second) = names();
        return Err(DslError::OverlappingSources { topic: topic.to_owned(), first, second });
    }
    if main.types != source.types {
        let (first, second) = names();
        return Err(DslError::SourceTypes { topic: topic.to_owned(), first, second });
    }
    if main.reset != source.reset {
        let (first, second) = names();
        return Err(DslError::ResetPolicies { first, second });
    }
    for child in plan.node(second).children.clone() {
        plan.unlink(second, child);
        plan.link(first, child);
    }
    plan.unlink(ROOT, second);
    Ok(())
}

/// The nodes from which a left or outer join can be reached (`NodesWithRelaxedNullKeyJoinDownstream`).
fn upstream_of_relaxed_joins(plan: &Plan) -> BTreeSet<NodeId> {
    let mut found = BTreeSet::new();
    let mut open: Vec<NodeId> = plan.ids().filter(|id| plan.node(*id).relaxed_null_key).collect();
    while let Some(id) = open.pop() {
        open.extend(plan.node(id).parents.iter().filter(|parent| found.insert(**parent)));
    }
    found
}
