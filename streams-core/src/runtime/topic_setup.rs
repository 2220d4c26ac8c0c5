//! Before the first task: checks existing topics, creates the internal ones and computes the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::application_plan::ApplicationPlan;
use super::changelog_settings;
use super::joining::member_id;
use super::said::Said;
use crate::config::StreamsConfig;
use crate::error::{Result, TopicsError, TopologyError};
use crate::ids::{TopicName, store_of_changelog, unwritable};
use crate::topology::{
    InternalTopic, ResolveSettings, ResolvedTopology, Subtopology, TopicPattern, Topology,
};
use crate::transport::{Admin, GroupSpec, NewTopic, SubtopologyTasks, TopicInfo};

/// The time-out of one request to the broker at start-up. A broker that is away for longer is an error of `start`.
pub(super) const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);

/// The least time for the first answer, however short `task.timeout.ms` is: a connection must be made.
const FIRST_ANSWER_MIN: Duration = Duration::from_secs(1);

/// How often to check for new topics after they were created, with a pause in between.
const VISIBLE_TRIES: u32 = 300;
const VISIBLE_PAUSE: Duration = Duration::from_millis(100);

/// Checks the topology against the broker and creates missing internal topics.
pub(crate) fn prepare(
    topology: &Topology,
    config: &StreamsConfig,
    admin: &mut dyn Admin,
    said: &Said,
) -> Result<ApplicationPlan> {
    topology.validate()?;
    changelog_settings::check_own_policies(topology.graph())?;
    let application_id = config.application_id();
    let first = first_answer_within(config);
    let names = topology.graph().has_patterns().then(|| admin.topic_names(first)).transpose()?;
    let topology = matched(topology, &application_id, names.as_deref())?;
    let letters = config.dead_letter_queue_topic_name().map(TopicName::from);
    let needed = needed(&topology, &application_id).into_iter().chain(letters.clone()).collect::<Vec<_>>();
    let existing = admin.topics(&needed, first)?;
    let resolved = resolve(&topology, config, &existing)?;
    check_sinks(&topology, &resolved)?;
    check_dead_letters(letters.as_ref(), &topology, &application_id, &existing)?;
    match names.map_or_else(|| admin.topic_names(first), Ok) {
        Ok(names) => warn_of_left_stores(&topology, &application_id, &names, said),
        Err(error) => tracing::debug!(%error, "topics cannot be listed"),
    }
    create(&resolved, config, &existing, admin)?;
    let deletions_kept = changelog_settings::check(topology.graph(), &resolved, &existing, admin, said)?;
    let mut plan = ApplicationPlan::new(topology, config, resolved);
    let id = |topic: &TopicInfo| Some((Arc::clone(&topic.name), topic.id.clone()?));
    plan.topic_ids = existing.values().filter_map(id).collect();
    plan.deletions_kept = deletions_kept;
    prepare_task_topics(&plan, config, admin)?;
    Ok(plan)
}

/// Refuses a sink of the program that writes to an internal topic of the application.
fn check_sinks(topology: &Topology, resolved: &ResolvedTopology) -> Result<()> {
    let graph = topology.graph();
    let declared = |topic: &TopicName| graph.internal_topics().any(|(name, _)| name == topic);
    let internal = |topic: &TopicName| resolved.internal_topics.iter().any(|known| known.name == *topic);
    match graph.fixed_sink_topics().iter().find(|topic| !declared(topic) && internal(topic)) {
        Some(topic) => Err(TopologyError::SinkToInternalTopic(topic.clone()).into()),
        None => Ok(()),
    }
}

/// The dead letter queue exists, and is not what the application reads: a letter that fails would come back forever.
fn check_dead_letters(
    queue: Option<&TopicName>,
    topology: &Topology,
    application_id: &str,
    existing: &BTreeMap<TopicName, TopicInfo>,
) -> Result<()> {
    let Some(queue) = queue else { return Ok(()) };
    if let Some(reason) = unwritable(queue) {
        return Err(TopicsError::UnwritableDeadLetterQueue { topic: Arc::clone(queue), reason }.into());
    }
    if !existing.contains_key(queue) {
        return Err(TopicsError::NoDeadLetterQueue { topic: Arc::clone(queue) }.into());
    }
    if topology.graph().source_of_topic(application_id, queue).is_some() {
        return Err(TopicsError::DeadLetterQueueIsSource { topic: Arc::clone(queue) }.into());
    }
    Ok(())
}

/// A store that was renamed, or that a generated name has left, starts empty, and its rows stay where nobody looks for them.
fn warn_of_left_stores(topology: &Topology, application_id: &str, names: &[TopicName], said: &Said) {
    let stores: BTreeSet<&str> = topology.graph().stores().map(|store| &*store.name).collect();
    let left = left_stores(names, application_id, &stores).join(", ");
    if !left.is_empty() && said.is_new(format!("left stores {left}")) {
        tracing::warn!(
            stores = left,
            "there are changelogs of stores that the topology does not have; a store that was renamed starts empty, and its \
             rows stay in the old changelog"
        );
    }
}

/// The stores whose changelogs exist by their names, and that the topology does not have.
fn left_stores<'a>(names: &'a [TopicName], application_id: &str, stores: &BTreeSet<&str>) -> Vec<&'a str> {
    let store = |topic: &'a TopicName| store_of_changelog(application_id, topic);
    names.iter().filter_map(store).filter(|store| !stores.contains(store)).collect()
}

/// The time-out of the first request, as there may be no brokers at all.
fn first_answer_within(config: &StreamsConfig) -> Duration {
    let patience = Duration::from_millis(config.task_timeout_ms().max(0).unsigned_abs());
    patience.clamp(FIRST_ANSWER_MIN, ADMIN_TIMEOUT)
}

/// The topology with the topics that its patterns match. A pattern without a topic would be a source without tasks.
fn matched(topology: &Topology, application_id: &str, names: Option<&[TopicName]>) -> Result<Topology> {
    let Some(names) = names else { return Ok(topology.clone()) };
    let matched = topology.matched(application_id, names)?;
    match unmatched(&matched) {
        Some((node, pattern)) => {
            let (node, pattern) = (node.into(), pattern.to_string());
            Err(TopologyError::NothingMatches { node, pattern }.into())
        }
        None => Ok(matched),
    }
}

/// A source whose pattern matches no existing topic.
fn unmatched(matched: &Topology) -> Option<(&str, &TopicPattern)> {
    let graph = matched.graph();
    let mut unmatched = graph.nodes().iter().filter(|node| graph.topics_of_source(&node.name).is_empty());
    unmatched.find_map(|node| Some((&*node.name, graph.pattern_of(&node.name)?)))
}

/// Whether every pattern matches a topic, so that the application can start.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn all_matched(topology: &Topology, application_id: &str, admin: &mut dyn Admin) -> Result<bool> {
    let existing = admin.topic_names(ADMIN_TIMEOUT)?;
    Ok(unmatched(&topology.matched(application_id, &existing)?).is_none())
}

/// Token topics: they stay the same when source topics come, go and widen, so that a task has one owner
/// also while some processes know of a change and others do not yet (decision 0015).
fn prepare_task_topics(plan: &ApplicationPlan, config: &StreamsConfig, admin: &mut dyn Admin) -> Result<()> {
    for subtopology in plan.subtopologies.values() {
        let Some(name) = &subtopology.task_topic else { continue };
        let partitions = subtopology.tasks;
        match admin.topics(std::slice::from_ref(name), ADMIN_TIMEOUT)?.get(name) {
            Some(topic) if topic.partitions < partitions => {
                admin.grow_topic(name, partitions, ADMIN_TIMEOUT)?;
            }
            Some(_) => {}
            None => {
                let topic = new_topic(name, partitions, &BTreeMap::new(), config);
                admin.create_topics(&[topic], ADMIN_TIMEOUT)?;
            }
        }
    }
    Ok(())
}

/// Every topic whose existence or partition count matters.
fn needed(topology: &Topology, application_id: &str) -> Vec<TopicName> {
    let graph = topology.graph();
    let mut names: BTreeSet<TopicName> = graph.source_topics(application_id).into_iter().collect();
    names.extend(graph.global_topics().map(Arc::clone));
    names.extend(graph.internal_topics().map(|(name, _)| graph.decorate(application_id, name)));
    names.extend(graph.stores().filter_map(|store| graph.changelog_of_store(application_id, &store.name)));
    names.into_iter().collect()
}

fn resolve(
    topology: &Topology,
    config: &StreamsConfig,
    existing: &BTreeMap<TopicName, TopicInfo>,
) -> Result<ResolvedTopology> {
    let settings = ResolveSettings {
        application_id: config.application_id(),
        window_changelog_additional_retention_ms: config.windowstore_changelog_additional_retention_ms(),
        topic_configs: config.topic_properties(),
    };
    let partitions = |topic: &str| existing.get(topic).map(|info| info.partitions);
    Ok(topology.graph().resolve(&settings, &partitions)?)
}

fn create(
    resolved: &ResolvedTopology,
    config: &StreamsConfig,
    existing: &BTreeMap<TopicName, TopicInfo>,
    admin: &mut dyn Admin,
) -> Result<()> {
    let missing: Vec<&InternalTopic> =
        resolved.internal_topics.iter().filter(|topic| !existing.contains_key(&topic.name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let new = missing.iter().map(|topic| new_topic(&topic.name, topic.partitions, &topic.configs, config));
    admin.create_topics(&new.collect::<Vec<_>>(), ADMIN_TIMEOUT)?;
    await_topics(&missing, admin)
}

/// A topic of the application's own.
fn new_topic(
    name: &TopicName,
    partitions: i32,
    configs: &BTreeMap<String, String>,
    config: &StreamsConfig,
) -> NewTopic {
    NewTopic {
        name: Arc::clone(name),
        partitions,
        replication_factor: config.replication_factor(),
        configs: configs.clone(),
    }
}

/// A topic that was just created may not be known to every broker yet.
fn await_topics(created: &[&InternalTopic], admin: &mut dyn Admin) -> Result<()> {
    let names: Vec<TopicName> = created.iter().map(|topic| Arc::clone(&topic.name)).collect();
    for _ in 0..VISIBLE_TRIES {
        let visible = admin.topics(&names, ADMIN_TIMEOUT)?;
        if let Some((topic, info)) = created
            .iter()
            .filter_map(|topic| Some((topic, visible.get(&topic.name)?)))
            .find(|(topic, info)| info.partitions != topic.partitions)
        {
            let (needed, partitions) = (topic.partitions, info.partitions);
            let topic = Arc::clone(&topic.name);
            return Err(TopicsError::InternalPartitions { topic, partitions, needed }.into());
        }
        if visible.len() == names.len() {
            return Ok(());
        }
        #[allow(clippy::disallowed_methods, reason = "start-up waits for the brokers, off the record path")]
        std::thread::sleep(VISIBLE_PAUSE);
    }
    Err(TopicsError::NotVisible { topics: names }.into())
}

/// What the process publishes to its group.
pub(crate) fn group_spec(plan: &ApplicationPlan, config: &StreamsConfig, client_id: &str) -> GroupSpec {
    // Without a topic of their own, the tasks have exactly one source topic (decision 0015), or are united for a test.
    let token = |part: &Subtopology| {
        let only = part.sources.first().map(|(topic, _)| Arc::clone(topic));
        part.task_topic.clone().or(only)
    };
    let part = |part: &Subtopology| {
        Some(SubtopologyTasks { subtopology: part.id, token_topic: token(part)?, tasks: part.tasks })
    };
    GroupSpec {
        group: Arc::clone(&plan.application_id),
        client_id: member_id(client_id, &plan.fingerprint),
        subtopologies: plan.subtopologies.values().filter_map(part).collect(),
        properties: config.main_consumer_properties(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::trial::{Trial, count_of, source_options, warnings};

    #[test]
    fn changelogs_without_a_store_are_found_by_their_names() {
        let names = [
            "app-counts-changelog",
            "app-sums-changelog",
            "app-sums-repartition",
            "other-x-changelog",
            "app",
        ];
        let names = names.map(TopicName::from);
        assert_eq!(left_stores(&names, "app", &BTreeSet::from(["counts"])), ["sums"]);
        assert!(left_stores(&names, "app", &BTreeSet::from(["counts", "sums"])).is_empty());
    }

    /// Showed before: a warning for each attempt, five a second, while a restart waits.
    #[test]
    fn preparations_that_are_repeated_warn_once() -> Result<()> {
        let trial = Trial::new(0, 1, &["in", "app-old-changelog"])?;
        let mut topology = Topology::new();
        topology.add_source("in", &["in"], None, source_options())?;
        let (config, said) = (StreamsConfig::new("app", "embedded:"), Said::default());
        let mut admin = trial.transport.admin("admin")?;
        let mut prepare = |said: &Said| prepare(&topology, &config, &mut *admin, said).map(drop);
        let (done, lines) = warnings(|| (0..5).try_for_each(|_| prepare(&said)));
        done?;
        assert_eq!((lines.len(), count_of(&lines, "stores=\"old\"")), (1, 1), "{lines:#?}");
        let (done, lines) = warnings(|| prepare(&Said::default()));
        done?;
        assert_eq!(lines.len(), 1, "another application: {lines:#?}");
        Ok(())
    }

    #[test]
    fn the_first_answer_is_waited_for_no_longer_than_the_shorter_limit() {
        for (timeout_ms, waited) in [("0", 1_000), ("5000", 5_000), ("300000", 30_000)] {
            let config = StreamsConfig::new("a", "b:1").with("task.timeout.ms", timeout_ms).unwrap();
            assert_eq!(first_answer_within(&config), Duration::from_millis(waited), "{timeout_ms}");
        }
    }
}
