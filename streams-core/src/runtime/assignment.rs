//! Which thread of this process runs which of its tasks: a pure decision.

use std::collections::BTreeSet;

use crate::ids::TaskId;

/// Gives each new task to a thread: to the one that runs the fewest, of equal ones to the first. `owned` are the tasks
/// of each thread now; tasks stay where they are.
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
}
