//! Whether the topics that there are have the numbers of partitions that the new topology needs.

use std::collections::BTreeMap;
use std::time::Duration;

use streams_core::transport::Admin;

use super::finding::{Finding, Severity};
use crate::error::CliError;
use crate::topology::facts::{Facts, is_internal};

/// Time for one question to the brokers.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Compares changelogs that exist with the tasks that the topology will have.
pub(super) fn check(
    new: &Facts,
    application_id: &str,
    admin: &mut dyn Admin,
) -> Result<Vec<Finding>, CliError> {
    let names: Vec<_> = admin.topic_names(TIMEOUT)?;
    let found = admin.topics(&names, TIMEOUT)?;
    let counts = found.into_iter().map(|(name, info)| (name.to_string(), info.partitions)).collect();
    Ok(judge(new, application_id, &counts))
}

/// How many tasks each sub-topology will have; `None` if a topic of it does not exist yet, or it reads a pattern.
pub(crate) fn tasks(
    facts: &Facts,
    application_id: &str,
    counts: &BTreeMap<String, i32>,
) -> BTreeMap<u32, Option<i32>> {
    let count = |topic: &String| {
        if is_internal(topic) { counts.get(&format!("{application_id}-{topic}")) } else { counts.get(topic) }
    };
    let of = |(id, topics): (&u32, &std::collections::BTreeSet<String>)| {
        let all: Option<Vec<i32>> = topics.iter().map(|topic| count(topic).copied()).collect();
        // Which topics match a pattern is not known.
        let has_pattern = facts.patterns.get(id).is_some_and(|patterns| !patterns.is_empty());
        (*id, all.filter(|_| !has_pattern).and_then(|all| all.into_iter().max()))
    };
    facts.sources.iter().map(of).collect()
}

fn judge(new: &Facts, application_id: &str, counts: &BTreeMap<String, i32>) -> Vec<Finding> {
    let tasks = tasks(new, application_id, counts);
    let mut found = Vec::new();
    for (name, store) in &new.stores {
        let Some(id) = store.subtopology else { continue };
        let changelog = counts.get(&format!("{application_id}-{name}-changelog"));
        let (Some(has), Some(needs)) = (changelog, tasks.get(&id).copied().flatten()) else { continue };
        if *has != needs {
            let what = format!(
                "its changelog has {has} partitions, and sub-topology {id} will have {needs} tasks: the start is refused, as \
                 keys would move"
            );
            let advice = "keep the number of partitions, reset the application, or take a new application.id";
            found.push(Finding::new(Severity::State, "partitions-differ", name, what).advice(advice));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::topology::facts::Store;

    #[test]
    fn a_changelog_has_a_partition_for_each_task() {
        let mut facts = Facts::default();
        facts.sources.insert(0, BTreeSet::from(["in".to_owned(), "counts-repartition".to_owned()]));
        facts.stores.insert("counts".to_owned(), Store { subtopology: Some(0), ..Store::default() });
        let counts = |topics: &[(&str, i32)]| -> BTreeMap<String, i32> {
            topics.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
        };
        let of = |topics: &[(&str, i32)]| judge(&facts, "app", &counts(topics));
        let fits = [("in", 4), ("app-counts-repartition", 2), ("app-counts-changelog", 4)];
        assert_eq!(of(&fits), []);
        let grown = of(&[("in", 8), ("app-counts-repartition", 2), ("app-counts-changelog", 4)]);
        assert!(grown[0].what.contains("has 4 partitions") && grown[0].what.contains("8 tasks"), "{grown:?}");
        assert_eq!(of(&[("in", 8), ("app-counts-changelog", 4)]), [], "not known before the start");
        let mut by_pattern = facts.clone();
        by_pattern.patterns.insert(0, BTreeSet::from(["in-.*".to_owned()]));
        let topics = counts(&[("in", 8), ("app-counts-repartition", 2), ("app-counts-changelog", 4)]);
        assert_eq!(judge(&by_pattern, "app", &topics), [], "a topic that matches may have more");
    }
}
