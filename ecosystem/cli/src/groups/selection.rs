//! Which groups, and which of their topics.

use std::collections::BTreeMap;
use std::str::FromStr;

use streams_core::ids::{Offset, TopicName, TopicPartition};

use super::Asked;
use crate::error::CliError;
use crate::topology::facts::is_internal;

/// One, several or all groups.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Groups {
    /// A group, which is an `application.id`; may be repeated.
    #[arg(long = "group", value_name = "GROUP")]
    pub groups: Vec<String>,
    /// All groups.
    #[arg(long)]
    pub all_groups: bool,
}

impl Groups {
    pub(super) fn names(&self, asked: &mut Asked) -> Result<Vec<String>, CliError> {
        if !self.all_groups {
            return Ok(self.groups.clone());
        }
        Ok(asked.operations.groups(asked.timeout)?.into_iter().map(|listing| listing.group).collect())
    }
}

/// Some or all input topics.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(multiple = false)]
pub struct Scope {
    /// An input topic, or some of its partitions as `orders:0,1`; may be repeated.
    #[arg(long = "input-topic", value_name = "TOPIC")]
    pub input_topics: Vec<Partitions>,
    /// All topics of which the group has committed offsets, but those that the application makes for itself.
    #[arg(long)]
    pub all_input_topics: bool,
}

/// A topic, and maybe some of its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partitions {
    topic: String,
    numbers: Option<Vec<i32>>,
}

impl FromStr for Partitions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((topic, numbers)) = text.split_once(':') else {
            return Ok(Partitions { topic: text.to_owned(), numbers: None });
        };
        let number = |number: &str| {
            number.trim().parse().map_err(|_| format!("'{number}' is not a partition; write TOPIC:0,1"))
        };
        let numbers = numbers.split(',').map(number).collect::<Result<Vec<_>, _>>()?;
        Ok(Partitions { topic: topic.to_owned(), numbers: Some(numbers) })
    }
}

impl Scope {
    pub(super) fn is_empty(&self) -> bool {
        self.input_topics.is_empty() && !self.all_input_topics
    }

    /// The partitions that are meant, with what the group has committed of each.
    pub(super) fn partitions(
        &self,
        asked: &mut Asked,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, Option<Offset>>, CliError> {
        let mut committed = committed(asked, group)?;
        if self.all_input_topics {
            committed.retain(|at, _| !is_internal_of(&at.topic, group));
            return Ok(committed.into_iter().map(|(at, offset)| (at, Some(offset))).collect());
        }
        let mut found = BTreeMap::new();
        for Partitions { topic, numbers } in &self.input_topics {
            let name: TopicName = topic.as_str().into();
            let info = asked.admin.topics(std::slice::from_ref(&name), asked.timeout)?;
            let info = info.get(&name).ok_or_else(|| CliError::NoTopic(topic.clone()))?;
            for number in numbers.clone().unwrap_or_else(|| (0..info.partitions).collect()) {
                if !(0..info.partitions).contains(&number) {
                    let partitions = info.partitions;
                    return Err(CliError::NoPartition { topic: topic.clone(), partitions });
                }
                let at = TopicPartition::new(name.clone(), number);
                let offset = committed.get(&at).copied();
                found.insert(at, offset);
            }
        }
        Ok(found)
    }
}

/// All offsets that a group has committed.
pub(super) fn committed(
    asked: &mut Asked,
    group: &str,
) -> Result<BTreeMap<TopicPartition, Offset>, CliError> {
    let (admin, timeout) = (&mut asked.admin, asked.timeout);
    let names = admin.topic_names(timeout)?;
    let topics = admin.topics(&names, timeout)?;
    let of = |(name, count): (&TopicName, i32)| {
        let name = name.clone();
        (0..count).map(move |number| TopicPartition::new(name.clone(), number))
    };
    let all: Vec<_> = topics.iter().flat_map(|(name, info)| of((name, info.partitions))).collect();
    let committed = admin.group_offsets(group, &all, timeout)?.committed;
    Ok(committed.into_iter().map(|(at, committed)| (at, committed.offset)).collect())
}

/// Whether a topic is an internal one of that application.
pub(super) fn is_internal_of(topic: &str, group: &str) -> bool {
    topic.strip_prefix(group).and_then(|rest| rest.strip_prefix('-')).is_some_and(is_internal)
}

/// Deletes internal topics of an application: those that are named, or all.
pub(super) fn delete_internal(
    asked: &mut Asked,
    group: &str,
    named: &[String],
) -> Result<Vec<TopicName>, CliError> {
    if let Some(other) = named.iter().find(|topic| !is_internal_of(topic, group)) {
        return Err(CliError::NotInternal(other.clone()));
    }
    let (admin, timeout) = (&mut asked.admin, asked.timeout);
    let names: Vec<TopicName> = if named.is_empty() {
        admin.topic_names(timeout)?.into_iter().filter(|topic| is_internal_of(topic, group)).collect()
    } else {
        named.iter().map(|topic| topic.as_str().into()).collect()
    };
    admin.delete_topics(&names, timeout)?;
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_may_have_partitions_behind_it() {
        let of = |text: &str| text.parse::<Partitions>();
        let some = Partitions { topic: "a".to_owned(), numbers: Some(vec![0, 2]) };
        assert_eq!(of("a:0,2"), Ok(some));
        assert_eq!(of("a"), Ok(Partitions { topic: "a".to_owned(), numbers: None }));
        assert!(of("a:x").expect_err("refused").contains("TOPIC:0,1"));
    }
}
