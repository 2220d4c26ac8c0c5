//! Assigns this process's tasks to its threads. A pure function.

use std::collections::BTreeSet;

use crate::ids::TaskId;

/// Assigns each new task to the thread with the fewest tasks, or the first of several. `owned` has the current tasks of
/// each thread; they stay where they are.
pub(crate) fn spread(owned: &[BTreeSet<TaskId>], target: &BTreeSet<TaskId>) -> Vec<BTreeSet<TaskId>> {
    let mut loads: Vec<usize> = owned.iter().map(BTreeSet::len).collect();
    let mut gains = vec![BTreeSet::new(); owned.len()];
    let is_new = |task: &&TaskId| !owned.iter().any(|tasks| tasks.contains(task));
    for task in target.iter().filter(is_new) {
        let least = loads.iter().enumerate().min_by_key(|(_, load)| **load).map(|(thread, _)| thread);
        let Some(thread) = least else { break };
        if let (Some(load), Some(gain)) = (loads.get_mut(thread), gains.get_mut(thread)) {
            *load += 1;
            gain.insert(*task);
        }
    }
    gains
}

/// The fewest tasks that must move so that the threads' numbers of tasks differ by at most one. `total` is how many tasks
/// these threads will have together.
pub(crate) fn surplus(owned: &[BTreeSet<TaskId>], total: usize) -> BTreeSet<TaskId> {
    let threads = owned.len().max(1);
    let (least, mut with_one_more) = (total / threads, total % threads);
    let mut heaviest: Vec<&BTreeSet<TaskId>> = owned.iter().collect();
    heaviest.sort_by_key(|tasks| std::cmp::Reverse(tasks.len()));
    let mut surplus = BTreeSet::new();
    for tasks in heaviest {
        let mut quota = least;
        if tasks.len() > least && with_one_more > 0 {
            quota += 1;
            with_one_more -= 1;
        }
        surplus.extend(tasks.iter().skip(quota).copied());
    }
    surplus
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks(partitions: &[i32]) -> BTreeSet<TaskId> {
        partitions.iter().map(|partition| TaskId::new(0, *partition)).collect()
    }

    #[test]
    fn new_tasks_go_to_the_idlest_thread_and_old_ones_stay() {
        let owned = [tasks(&[0, 1]), tasks(&[])];
        let gains = spread(&owned, &tasks(&[0, 1, 2, 3, 4]));
        assert_eq!(gains, [tasks(&[4]), tasks(&[2, 3])]);
        assert_eq!(spread(&owned, &tasks(&[0, 1])), [tasks(&[]), tasks(&[])]);
    }

    #[test]
    fn threads_become_even_with_as_few_moves_as_that_takes() {
        // After tasks of the second thread have moved to another process.
        assert_eq!(surplus(&[tasks(&[0, 1, 2]), tasks(&[])], 3), tasks(&[2]));
        assert_eq!(surplus(&[tasks(&[0, 1]), tasks(&[2, 3]), tasks(&[])], 4), tasks(&[3]));
        assert_eq!(surplus(&[tasks(&[0, 1]), tasks(&[2])], 3), tasks(&[]));
        // New tasks are enough to balance it.
        assert_eq!(surplus(&[tasks(&[0, 1]), tasks(&[])], 4), tasks(&[]));
        assert_eq!(surplus(&[], 3), tasks(&[]));
    }
}
