//! Tasks that no member of the group has, and who makes the group assign again because of them (decision 0036).
//!
//! A group assigns all tasks whenever it rebalances, but a task that moves belongs to nobody until the next rebalance. A
//! static member that restarts between the two comes back to what it had in the first one, and there is no second one.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::TaskId;
use crate::transport::{GroupMember, SubtopologyTasks};

/// The time after a change of the group until the first check, and between two checks while a task has no member.
const CHECK_MS: i64 = 5_000;

/// The longest time between two checks.
const CHECK_MAX_MS: i64 = 60_000;

/// How long a task must be without a member: its former one may still be closing it.
const PATIENCE_MS: i64 = 10_000;

/// The longest time between two attempts to have it assigned.
const PATIENCE_MAX_MS: i64 = 300_000;

/// The tasks that no member has; `None` while the group assigns them.
pub(super) fn unassigned(
    subtopologies: &[SubtopologyTasks],
    members: &[GroupMember],
) -> Option<BTreeSet<TaskId>> {
    let mut assigned = BTreeSet::new();
    for member in members {
        assigned.extend(member.assigned.as_ref()?);
    }
    let tokens: BTreeMap<_, _> = subtopologies.iter().map(|part| (&*part.token_topic, part)).collect();
    let mut missing: BTreeSet<TaskId> = subtopologies
        .iter()
        .flat_map(|part| (0..part.tasks).map(|number| TaskId::new(part.subtopology, number)))
        .collect();
    for token in assigned {
        if let Some(part) = tokens.get(&*token.topic) {
            missing.remove(&TaskId::new(part.subtopology, token.partition));
        }
    }
    (!members.is_empty()).then_some(missing)
}

/// The member that joins again: the one with the fewest tasks, as it has to close them. All members find the same one.
pub(super) fn chosen(members: &[GroupMember]) -> Option<&GroupMember> {
    members.iter().min_by_key(|member| (member.assigned.as_ref().map(Vec::len), &member.id))
}

/// When to check, and when to act.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// The time of the next check; `None` before the group has assigned anything.
    next_ms: Option<i64>,
    pause_ms: i64,
    /// Since when tasks have no member.
    since_ms: Option<i64>,
    /// How often this member has joined again without having all tasks assigned.
    attempts: u32,
}

impl Checks {
    /// The group has changed, or is changing.
    pub fn begin(&mut self, now_ms: i64) {
        self.next_ms = Some(now_ms + CHECK_MS);
        self.pause_ms = CHECK_MS;
        self.since_ms = None;
    }

    /// Whether to check now.
    pub fn is_due(&self, now_ms: i64) -> bool {
        self.next_ms.is_some_and(|next_ms| now_ms >= next_ms)
    }

    /// Every task has a member.
    pub fn all_assigned(&mut self, now_ms: i64) {
        self.attempts = 0;
        self.unknown(now_ms);
    }

    /// It is not known whether every task has a member.
    pub fn unknown(&mut self, now_ms: i64) {
        self.pause_ms = (2 * self.pause_ms).min(CHECK_MAX_MS);
        self.next_ms = Some(now_ms + self.pause_ms);
        self.since_ms = None;
    }

    /// Tasks have no member. Whether that has lasted long enough for the member that is chosen to join again.
    pub fn found(&mut self, now_ms: i64, is_chosen: bool) -> bool {
        self.next_ms = Some(now_ms + CHECK_MS);
        self.pause_ms = CHECK_MS;
        let since_ms = *self.since_ms.get_or_insert(now_ms);
        let patience_ms = PATIENCE_MS.saturating_mul(1 << self.attempts.min(16)).min(PATIENCE_MAX_MS);
        let acts = is_chosen && now_ms - since_ms >= patience_ms;
        if acts {
            self.attempts += 1;
            self.since_ms = None;
        }
        acts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TopicPartition;

    fn part(subtopology: u32, topic: &str, tasks: i32) -> SubtopologyTasks {
        SubtopologyTasks { subtopology, token_topic: topic.into(), tasks }
    }

    fn member(id: &str, assigned: Option<&[(&str, i32)]>) -> GroupMember {
        let partition = |&(topic, number): &(&str, i32)| TopicPartition::new(topic, number);
        GroupMember {
            id: id.to_owned(),
            client_id: "app".to_owned(),
            instance: None,
            host: "host".to_owned(),
            assigned: assigned.map(|assigned| assigned.iter().map(partition).collect()),
        }
    }

    #[test]
    fn a_task_whose_partition_no_member_has_is_found() {
        let parts = [part(0, "a", 3), part(1, "b", 1)];
        let found = |members: &[GroupMember]| unassigned(&parts, members);
        let tasks = |of: &[(u32, i32)]| Some(of.iter().map(|&(s, p)| TaskId::new(s, p)).collect());
        let one = member("1", Some(&[("a", 0), ("a", 2)]));
        assert_eq!(found(&[one.clone(), member("2", Some(&[]))]), tasks(&[(0, 1), (1, 0)]));
        // A topic of tokens may have more partitions than there are tasks, and members may have other topics.
        let other = member("2", Some(&[("a", 1), ("b", 0), ("b", 1), ("c", 0)]));
        assert_eq!(found(&[one.clone(), other]), tasks(&[]));
        assert_eq!(found(&[one, member("2", None)]), None, "it is being assigned");
        assert_eq!(found(&[]), None, "nobody is there");
    }

    #[test]
    fn all_members_choose_the_one_with_the_fewest_tasks() {
        let (one, two) = (member("1", Some(&[("a", 0), ("a", 2)])), member("2", Some(&[("a", 1)])));
        let id = |members: &[GroupMember]| chosen(members).map(|member| member.id.clone());
        assert_eq!(id(&[one.clone(), two.clone()]), Some("2".to_owned()));
        let three = member("3", Some(&[("b", 0)]));
        assert_eq!(id(&[three.clone(), one.clone(), two.clone()]), Some("2".to_owned()));
        assert_eq!(id(&[three, two, one, member("4", Some(&[]))]), Some("4".to_owned()));
        assert_eq!(id(&[]), None);
    }

    #[test]
    fn checks_become_rare_while_all_is_well() {
        let mut checks = Checks::default();
        assert!(!checks.is_due(i64::MAX), "nothing is assigned yet");
        checks.begin(0);
        let mut times = Vec::new();
        for now_ms in (0..300_000).step_by(1_000) {
            if checks.is_due(now_ms) {
                checks.all_assigned(now_ms);
                times.push(now_ms / 1_000);
            }
        }
        assert_eq!(times, [5, 15, 35, 75, 135, 195, 255]);
        checks.begin(300_000);
        assert!(checks.is_due(305_000), "the group has changed");
    }

    #[test]
    fn attempts_become_rare_while_they_do_not_help() {
        let (mut checks, mut attempts) = (Checks::default(), Vec::new());
        checks.begin(0);
        for now_ms in (0..1_500_000).step_by(1_000) {
            if checks.is_due(now_ms) && checks.found(now_ms, true) {
                attempts.push(now_ms / 1_000);
                checks.begin(now_ms);
            }
        }
        assert_eq!(attempts, [15, 40, 85, 170, 335, 640, 945, 1_250]);
        // Once it has helped, the next time begins with the shortest patience.
        checks.all_assigned(1_500_000);
        assert!(!checks.found(1_600_000, true) && checks.found(1_610_000, true));
        // Who is not chosen waits for the one that is.
        assert!(!checks.found(1_700_000, false) && !checks.found(2_700_000, false));
        assert!(checks.found(2_700_000, true));
    }
}
