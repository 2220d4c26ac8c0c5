//! Which member runs which task: balanced, and with as few moves as that allows. A pure function.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::TaskId;

/// Assigns every task to one member. Members' numbers of tasks differ by at most one; a task stays with the member that
/// had it unless that one has too many. Of a sub-topology's tasks, those that move are spread like all others.
pub(super) fn assign(
    tasks: &BTreeSet<TaskId>,
    previous: &BTreeMap<Arc<str>, BTreeSet<TaskId>>,
) -> BTreeMap<Arc<str>, BTreeSet<TaskId>> {
    let mut targets: BTreeMap<Arc<str>, BTreeSet<TaskId>> = BTreeMap::new();
    if previous.is_empty() {
        return targets;
    }
    let least = tasks.len() / previous.len();
    let mut with_one_more = tasks.len() % previous.len();
    let mut free = tasks.clone();

    // Members that have the most may keep one more, so that no task moves only to even out the remainder.
    let mut members: Vec<_> = previous.iter().collect();
    members.sort_by_key(|(_, had)| std::cmp::Reverse(had.len()));
    for (member, had) in members {
        let mut quota = least;
        let keepable = had.iter().filter(|task| free.contains(task)).count();
        if keepable > least && with_one_more > 0 {
            quota += 1;
            with_one_more -= 1;
        }
        let kept: BTreeSet<TaskId> =
            had.iter().filter(|task| free.contains(task)).take(quota).copied().collect();
        free.retain(|task| !kept.contains(task));
        targets.insert(member.clone(), kept);
    }
    for task in free {
        let fewest = targets.iter_mut().min_by_key(|(_, tasks)| tasks.len());
        if let Some((_, tasks)) = fewest {
            tasks.insert(task);
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tasks(subtopologies: u32, partitions: i32) -> BTreeSet<TaskId> {
        (0..subtopologies).flat_map(|s| (0..partitions).map(move |p| TaskId::new(s, p))).collect()
    }

    fn members(names: &[&str]) -> BTreeMap<Arc<str>, BTreeSet<TaskId>> {
        names.iter().map(|name| (Arc::from(*name), BTreeSet::new())).collect()
    }

    fn moved(
        before: &BTreeMap<Arc<str>, BTreeSet<TaskId>>,
        after: &BTreeMap<Arc<str>, BTreeSet<TaskId>>,
    ) -> usize {
        let kept = |(member, had): (&Arc<str>, &BTreeSet<TaskId>)| {
            after.get(member).map_or(0, |has| has.intersection(had).count())
        };
        before.values().map(BTreeSet::len).sum::<usize>() - before.iter().map(kept).sum::<usize>()
    }

    #[test]
    fn a_single_member_runs_everything() {
        let all = tasks(2, 3);
        assert_eq!(assign(&all, &members(&["a"]))["a"], all);
        assert!(assign(&all, &members(&[])).is_empty());
    }

    #[test]
    fn a_newcomer_takes_its_share_and_no_other_task_moves() {
        let all = tasks(2, 6);
        let mut before = assign(&all, &members(&["a", "b"]));
        before.insert("c".into(), BTreeSet::new());
        let after = assign(&all, &before);
        assert!(after.values().all(|tasks| tasks.len() == 4));
        assert_eq!(moved(&before, &after), 4);
        assert_eq!(assign(&all, &after), after);
    }

    #[test]
    fn a_leaver_s_tasks_are_spread_and_no_other_task_moves() {
        let all = tasks(1, 9);
        let mut before = assign(&all, &members(&["a", "b", "c"]));
        before.remove("b");
        let after = assign(&all, &before);
        assert_eq!(moved(&before, &after), 0);
        assert!(after.values().all(|tasks| tasks.len().abs_diff(4) <= 1));
    }

    proptest! {
        #[test]
        fn every_task_has_one_owner_and_loads_differ_by_at_most_one(
            count in 0i32..40,
            owners in proptest::collection::vec(0usize..6, 40),
            present in 1usize..6,
        ) {
            let all = tasks(1, count);
            let names = ["a", "b", "c", "d", "e", "f"];
            let mut before = members(&names[..present]);
            for (task, owner) in all.iter().zip(&owners) {
                if let Some(had) = before.get_mut(names[*owner]) {
                    had.insert(*task);
                }
            }
            let after = assign(&all, &before);
            let sizes: Vec<usize> = after.values().map(BTreeSet::len).collect();
            prop_assert_eq!(sizes.iter().sum::<usize>(), all.len());
            prop_assert_eq!(&after.values().flatten().copied().collect::<BTreeSet<_>>(), &all);
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            // A member gives up only what is above its share.
            let most = all.len().div_ceil(present);
            for (member, had) in &before {
                let kept = after[member].intersection(had).count();
                prop_assert!(kept >= had.len().min(all.len() / present));
                prop_assert!(kept <= most);
            }
        }
    }
}
