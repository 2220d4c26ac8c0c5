//! Groups: committed offsets, and who runs which task.
//!
//! Rules:
//! 1. Every join, leave, loss or expulsion starts a new generation, with a new target for every member.
//! 2. A member holds a task from the moment it claims it until its `revoked` handler has returned, or it is gone.
//! 3. A member claims what its target gives it as soon as nobody else holds it.
//! 4. A commit is refused unless its fence names a present member and the current generation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::assignment::assign;
use crate::ids::{TaskId, TopicPartition};
use crate::transport::{
    Fence, GroupMember, GroupSpec, OffsetToCommit, Result, SubtopologyTasks, TransportError,
    TransportErrorKind,
};

/// The member that a fence names which commits for a group without members, as tools do.
const NOBODY: &str = "";
/// The generation of such a fence.
const NO_GENERATION: i32 = -1;

/// The fence of a tool that commits for a group without members.
pub(super) fn nobody(group: &str) -> Fence {
    Fence { group: group.into(), member: NOBODY.into(), instance: None, generation: NO_GENERATION }
}

#[derive(Debug, Default)]
struct Member {
    client_id: String,
    /// The tasks it knows. Members do not see a topic grow at the same time.
    subtopologies: Vec<SubtopologyTasks>,
    held: BTreeSet<TaskId>,
    target: BTreeSet<TaskId>,
}

impl Member {
    /// The tokens of the tasks that it holds.
    fn assigned(&self) -> Vec<TopicPartition> {
        let token = |task: &TaskId| {
            let part = self.subtopologies.iter().find(|part| part.subtopology == task.subtopology)?;
            Some(TopicPartition::new(part.token_topic.clone(), task.partition))
        };
        self.held.iter().filter_map(token).collect()
    }
}

#[derive(Debug, Default)]
struct GroupState {
    offsets: BTreeMap<TopicPartition, OffsetToCommit>,
    members: BTreeMap<Arc<str>, Member>,
    generation: i32,
    joined: u64,
}

impl GroupState {
    /// Starts a generation for the members there are now.
    fn rebalance(&mut self) {
        self.generation += 1;
        let of = |tasks: &SubtopologyTasks| {
            let subtopology = tasks.subtopology;
            (0..tasks.tasks).map(move |partition| TaskId::new(subtopology, partition))
        };
        let known = self.members.values().flat_map(|member| &member.subtopologies);
        let tasks = known.flat_map(of).collect();
        let previous = self.members.iter().map(|(id, member)| (id.clone(), member.target.clone())).collect();
        for (id, target) in assign(&tasks, &previous) {
            if let Some(member) = self.members.get_mut(&id) {
                member.target = target;
            }
        }
    }
}

/// What a member does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GroupStep {
    /// It has been expelled: what it held may be others' already.
    Lost,
    /// It must release these first, then call [`Groups::released`].
    Revoke(BTreeSet<TaskId>),
    /// It holds exactly these now.
    Holds(BTreeSet<TaskId>),
}

/// All groups.
#[derive(Debug, Default)]
pub(super) struct Groups(BTreeMap<Arc<str>, GroupState>);

impl Groups {
    /// Commits an offset.
    pub(super) fn apply(&mut self, group: &Arc<str>, offset: OffsetToCommit) {
        self.0.entry(group.clone()).or_default().offsets.insert(offset.partition.clone(), offset);
    }

    /// The committed offsets of these partitions.
    pub(super) fn committed(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> BTreeMap<TopicPartition, OffsetToCommit> {
        let Some(state) = self.0.get(group) else { return BTreeMap::new() };
        let known = partitions.iter().filter_map(|partition| state.offsets.get_key_value(partition));
        known.map(|(partition, offset)| (partition.clone(), offset.clone())).collect()
    }

    /// All committed offsets of a topic's partitions.
    pub(super) fn offsets_of_topic(&self, topic: &str) -> Vec<(Arc<str>, TopicPartition)> {
        let mut found = Vec::new();
        for (group, state) in &self.0 {
            let of = state.offsets.keys().filter(|partition| *partition.topic == *topic);
            found.extend(of.map(|partition| (group.clone(), partition.clone())));
        }
        found
    }

    /// Forgets the committed offsets of a topic.
    pub(super) fn forget_topic(&mut self, topic: &str) {
        for state in self.0.values_mut() {
            state.offsets.retain(|partition, _| *partition.topic != *topic);
        }
    }

    /// Why a commit with that fence is refused; `None` if it is not.
    pub(super) fn refusal(&self, fence: &Fence) -> Option<String> {
        let state = self.0.get(&fence.group);
        let members = state.map_or(0, |state| state.members.len());
        if *fence.member == *NOBODY && fence.generation == NO_GENERATION {
            return (members > 0)
                .then(|| format!("the group has {members} members, so only they may commit"));
        }
        let state = state.filter(|state| state.members.contains_key(&fence.member));
        let Some(state) = state else {
            return Some(format!("member {} is not in the group, or no longer", fence.member));
        };
        (state.generation != fence.generation).then(|| {
            format!("generation {} is over, the current one is {}", fence.generation, state.generation)
        })
    }

    /// Adds a member; its id. All members must have the same sub-topologies, though perhaps not as many tasks.
    pub(super) fn join(&mut self, spec: &GroupSpec) -> Result<Arc<str>> {
        let state = self.0.entry(spec.group.clone()).or_default();
        let tokens = |parts: &[SubtopologyTasks]| -> Vec<_> {
            parts.iter().map(|part| (part.subtopology, part.token_topic.clone())).collect()
        };
        let other = |member: &&Member| tokens(&member.subtopologies) != tokens(&spec.subtopologies);
        if let Some(other) = state.members.values().find(other) {
            let reason = format!(
                "its sub-topologies ({}) differ from those of member {} that is there ({}): stop all members with the \
                 other topology first, or use another application.id",
                describe(&spec.subtopologies),
                other.client_id,
                describe(&other.subtopologies)
            );
            let attempted = format!("join of {} to group {}", spec.client_id, spec.group);
            return Err(TransportError::new(TransportErrorKind::Config, attempted, reason));
        }
        state.joined += 1;
        let id: Arc<str> = format!("{}-{}", spec.client_id, state.joined).into();
        let member = Member {
            client_id: spec.client_id.clone(),
            subtopologies: spec.subtopologies.clone(),
            ..Member::default()
        };
        state.members.insert(id.clone(), member);
        state.rebalance();
        Ok(id)
    }

    /// Removes a member, whatever it holds. Returns whether it was there.
    pub(super) fn remove(&mut self, group: &str, member: &str) -> bool {
        let Some(state) = self.0.get_mut(group) else { return false };
        let was_there = state.members.remove(member).is_some();
        if was_there {
            state.rebalance();
        }
        was_there
    }

    /// The fence of a member's current generation; `None` if it is not in the group.
    pub(super) fn generation(&self, group: &str, member: &str) -> Option<i32> {
        self.0.get(group).filter(|state| state.members.contains_key(member)).map(|state| state.generation)
    }

    /// Brings a member closer to its target.
    pub(super) fn step(&mut self, group: &str, member: &str) -> GroupStep {
        let Some(state) = self.0.get_mut(group) else { return GroupStep::Lost };
        let held_by_others: BTreeSet<TaskId> = state
            .members
            .iter()
            .filter(|(id, _)| ***id != *member)
            .flat_map(|(_, other)| other.held.iter().copied())
            .collect();
        let Some(own) = state.members.get_mut(member) else { return GroupStep::Lost };
        let surplus: BTreeSet<TaskId> = own.held.difference(&own.target).copied().collect();
        if !surplus.is_empty() {
            return GroupStep::Revoke(surplus);
        }
        own.held = own.target.difference(&held_by_others).copied().collect();
        GroupStep::Holds(own.held.clone())
    }

    /// Records that a member has released these tasks.
    pub(super) fn released(&mut self, group: &str, member: &str, tasks: &BTreeSet<TaskId>) {
        let members = self.0.get_mut(group).map(|state| &mut state.members);
        if let Some(own) = members.and_then(|members| members.get_mut(member)) {
            own.held.retain(|task| !tasks.contains(task));
        }
    }

    /// The names of the groups that have members or offsets.
    pub(super) fn names(&self) -> Vec<String> {
        let is_there =
            |(_, state): &(&Arc<str>, &GroupState)| !state.members.is_empty() || !state.offsets.is_empty();
        self.0.iter().filter(is_there).map(|(name, _)| name.to_string()).collect()
    }

    /// A group's members as others see them.
    pub(super) fn described(&self, group: &str) -> Vec<GroupMember> {
        let Some(state) = self.0.get(group) else { return Vec::new() };
        let member = |(id, member): (&Arc<str>, &Member)| GroupMember {
            id: id.to_string(),
            client_id: member.client_id.clone(),
            instance: None,
            host: "embedded".to_owned(),
            assigned: Some(member.assigned()),
        };
        state.members.iter().map(member).collect()
    }

    /// The ids of a group's members.
    pub(super) fn members(&self, group: &str) -> Vec<Arc<str>> {
        self.0.get(group).map(|state| state.members.keys().cloned().collect()).unwrap_or_default()
    }
}

fn describe(subtopologies: &[SubtopologyTasks]) -> String {
    let one = |tasks: &SubtopologyTasks| {
        format!("{}: {} tasks of {}", tasks.subtopology, tasks.tasks, tasks.token_topic)
    };
    subtopologies.iter().map(one).collect::<Vec<_>>().join(", ")
}
