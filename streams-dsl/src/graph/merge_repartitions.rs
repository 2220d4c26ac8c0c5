//! `merge.repartition.topics`: the repartitions below one key-changing operator become one, directly below it
//! (`InternalStreamsBuilder.mergeRepartitionTopics`).

use super::Plan;
use super::node::{NodeId, PlanNodeKind};
use super::repartition::RepartitionSpec;
use crate::error::{DslError, OptionError, Result};

/// Key-changing nodes (or merges of several) with the repartitions that can move up to them, in order of creation.
type Candidates = Vec<(NodeId, Vec<NodeId>)>;

/// Merges repartitions where no value changes between the key-changing operator and them.
pub(super) fn merge_repartitions(plan: &mut Plan) -> Result<()> {
    let candidates = below_merges(plan, below_key_changers(plan));
    for (key_changer, repartitions) in candidates {
        let Some(PlanNodeKind::Repartition(first)) =
            repartitions.first().map(|id| plan.node(*id).kind.clone())
        else {
            continue;
        };
        replace(plan, key_changer, &repartitions, &first)?;
    }
    Ok(())
}

/// The first node upstream of `start`, itself included, for which the predicate holds; depth first
/// (`findParentNodeMatching`).
fn upstream(plan: &Plan, start: NodeId, matches: impl Fn(NodeId) -> bool) -> Option<NodeId> {
    let mut open = vec![start];
    while let Some(id) = open.pop() {
        if matches(id) {
            return Some(id);
        }
        open.extend(plan.node(id).parents.iter().rev());
    }
    None
}

fn is_optimizable(plan: &Plan, id: NodeId) -> bool {
    matches!(&plan.node(id).kind, PlanNodeKind::Repartition(spec) if spec.optimizable)
}

fn below_key_changers(plan: &Plan) -> Candidates {
    let mut candidates: Candidates =
        plan.ids().filter(|id| plan.node(*id).key_changing).map(|id| (id, Vec::new())).collect();
    for id in plan.ids().filter(|id| is_optimizable(plan, *id) && !plan.node(*id).key_changing) {
        let changes_something = |at| plan.node(at).key_changing || plan.node(at).value_changing;
        let Some(changer) = upstream(plan, id, changes_something) else { continue };
        if let Some((_, repartitions)) =
            candidates.iter_mut().find(|(key_changer, _)| *key_changer == changer)
        {
            repartitions.push(id);
        }
    }
    candidates
}

/// Where key-changing streams are merged and only then repartitioned, the merge takes their place.
fn below_merges(plan: &Plan, mut candidates: Candidates) -> Candidates {
    let has_parent = |parent: NodeId| move |at: NodeId| plan.node(at).parents.contains(&parent);
    let mut of_merges = Vec::new();
    for merge in plan.ids().filter(|id| plan.node(*id).merge) {
        let behind = |(key_changer, repartitions): &&(NodeId, Vec<NodeId>)| {
            repartitions.iter().all(|id| upstream(plan, *id, has_parent(merge)).is_some())
                && upstream(plan, merge, has_parent(*key_changer)).is_some()
        };
        of_merges.push((merge, candidates.iter().filter(behind).map(|(id, _)| *id).collect::<Vec<_>>()));
    }
    let mut moved = Vec::new();
    for (merge, key_changers) in of_merges {
        let mut repartitions = Vec::new();
        for (_, below) in candidates.iter().filter(|(id, _)| key_changers.contains(id)) {
            repartitions
                .extend(below.iter().filter(|id| !repartitions.contains(*id)).copied().collect::<Vec<_>>());
        }
        candidates.push((merge, repartitions));
        moved.extend(key_changers);
    }
    candidates.retain(|(id, _)| !moved.contains(id));
    candidates
}

/// Puts one repartition below the key-changing node and removes the others.
fn replace(
    plan: &mut Plan,
    key_changer: NodeId,
    repartitions: &[NodeId],
    first: &RepartitionSpec,
) -> Result<()> {
    let mut merged = first.merged(plan);
    // Written right after the key-changing node, so before all that is below it now.
    merged.build_priority = plan.node(key_changer).build_priority;
    let merged_name = merged.name.clone();
    let merged = plan.add(&[], merged);
    for repartition in repartitions {
        let name = plan.node(*repartition).name.clone();
        let top = upstream(plan, *repartition, |at| plan.node(at).parents.contains(&key_changer))
            .or_else(|| upstream(plan, *repartition, |at| plan.node(at).parents.contains(&merged)));
        let Some(top) = top else {
            let cause = OptionError::MergeRepartitions { node: plan.node(key_changer).name.clone() };
            return Err(DslError::Option { operator: name, cause });
        };
        plan.link(merged, top);
        plan.unlink(key_changer, top);
        let (children, parents) =
            (plan.node(*repartition).children.clone(), plan.node(*repartition).parents.clone());
        for child in &children {
            for parent in &parents {
                plan.link(*parent, *child);
            }
        }
        for parent in parents {
            plan.unlink(parent, *repartition);
        }
        for child in children {
            plan.unlink(*repartition, child);
        }
        plan.rename_copartitioned(&name, &merged_name);
    }
    plan.link(key_changer, merged);
    Ok(())
}
