//! Checks regularly whether the topics that an application reads, and its own, have changed since it was started.
//!
//! 1. A topic that is read with more partitions, or another that a pattern matches: the application restarts, with as
//!    many tasks.
//! 2. A topic of a pattern that is gone: the same, without it.
//! 3. A named topic that is gone: an error that names it, as nothing can be read for it.
//! 4. An internal topic that is gone: an error that says what is lost with it and what to do. A token topic is created
//!    again.
//! 5. A topic that sinks write to, deleted and created again: a warning, as results are gone with the former one. Topics that
//!    records name are not watched.
//! 6. A broker that has just started may not know every topic, so a topic must be missing for a while.
//!
//! A check is due every `metadata.max.age.ms`, and soon after another thread saw a sign of a change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::application_plan::ApplicationPlan;
use super::restart_wait::RestartWait;
use super::said::Said;
use super::topic_setup;
use super::waits::{Waiting, Waits};
use crate::config::StreamsConfig;
use crate::error::{Error, Result, TopicsError};
use crate::ids::{PartitionId, StoreName, TopicName};
use crate::transport::{Admin, TopicInfo, Transport};

/// The poll interval unless configured, as in Kafka's clients.
const MAX_AGE_MS: i64 = 300_000;

/// The time-out of one request. It is made on the thread that also serves the group.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The time until the next check after a request without an answer.
const FAILED_MS: i64 = 10_000;

/// How often, and for how long, to check after a sign of a change.
const SOON_MS: i64 = 1_000;
const SOON_FOR_MS: i64 = 30_000;

/// The time until the first check of an application that writes results: until then the ids of their topics are not known.
const FIRST_MS: i64 = 10_000;

/// How long a topic must be missing.
const GONE_AFTER_MS: i64 = 3_000;

/// `metadata.max.age.ms` of the main consumer: the maximum age of what is known of topics.
pub(crate) fn metadata_max_age_ms(config: &StreamsConfig) -> i64 {
    let properties = config.main_consumer_properties();
    let set = properties.get("metadata.max.age.ms").and_then(|age| age.parse().ok());
    set.unwrap_or(MAX_AGE_MS).max(1)
}

/// The content of an internal topic.
enum Own {
    /// Records on their way.
    Repartition,
    /// The rows of that store.
    Changelog(StoreName),
    /// Nothing: it stands for the tasks in the group.
    Tasks,
}

/// The topics that an application reads, as it knows them.
pub(crate) struct TopicWatch {
    plan: Arc<ApplicationPlan>,
    config: Arc<StreamsConfig>,
    admin: Box<dyn Admin>,
    /// The wait for a broker that does not answer, or does not let the application restart.
    waiting: RestartWait,
    /// The wait for the answer to one call.
    calling: Waiting,
    known: BTreeMap<TopicName, TopicInfo>,
    own: BTreeMap<TopicName, Own>,
    /// The topics of results, with their ids once those are known.
    outputs: BTreeMap<TopicName, Option<String>>,
    /// What is logged once.
    said: Arc<Said>,
    interval_ms: i64,
    next_ms: i64,
    soon_until_ms: i64,
    missing_since: Option<i64>,
    /// The topics that were created again, by the ids with which that was logged.
    warned: BTreeMap<TopicName, Option<String>>,
}

impl TopicWatch {
    /// A watch over the topics that the plan reads, and the application's own. Times are of the monotonic clock.
    pub fn new(
        plan: &Arc<ApplicationPlan>,
        config: &Arc<StreamsConfig>,
        transport: &dyn Transport,
        client_id: &str,
        (waits, said): (&Arc<Waits>, &Arc<Said>),
        now_ms: i64,
    ) -> Result<Self> {
        let mut watch = TopicWatch {
            plan: Arc::clone(plan),
            config: Arc::clone(config),
            waiting: RestartWait::new(waits.of("the watch over topics"), config.task_timeout_ms()),
            calling: waits.of("the watch over topics"),
            admin: transport.admin(&format!("{client_id}-topics-admin"))?,
            known: BTreeMap::new(),
            own: own_topics(plan),
            outputs: BTreeMap::new(),
            said: Arc::clone(said),
            interval_ms: metadata_max_age_ms(config),
            next_ms: 0,
            soon_until_ms: 0,
            missing_since: None,
            warned: BTreeMap::new(),
        };
        watch.known = watch.known_to_plan();
        watch.outputs = watch.outputs_of_plan();
        let first_ms = if watch.outputs.is_empty() { i64::MAX } else { FIRST_MS };
        watch.next_ms = now_ms + watch.interval_ms.min(first_ms);
        Ok(watch)
    }

    /// Something points at a change: checks at once, and more often for a while.
    pub fn poll_soon(&mut self, now_ms: i64) {
        self.soon_until_ms = now_ms + SOON_FOR_MS;
        self.next_ms = self.next_ms.min(now_ms);
    }

    /// Something may be the sign of a change: checks at once.
    pub fn poll_now(&mut self, now_ms: i64) {
        self.next_ms = self.next_ms.min(now_ms);
    }

    /// Whether the application must restart, and can. An error if it cannot continue.
    pub fn changed(&mut self, now_ms: i64) -> Result<bool> {
        if now_ms < self.next_ms {
            return Ok(false);
        }
        self.calling.begin(|| "the broker, to check whether topics have changed".to_owned());
        let looked = self.poll_topics();
        if looked.is_ok() {
            self.poll_outputs();
        }
        self.calling.end();
        match looked {
            Ok(found) if self.judge(&found, now_ms)? => self.prepare(now_ms),
            Ok(_) => {
                self.waiting.end();
                Ok(false)
            }
            Err(Error::Transport(error)) => {
                let what = || format!("the broker, to check whether topics have changed: {error}");
                self.waiting.update(now_ms, what);
                self.pause(now_ms);
                self.next_ms = self.next_ms.min(now_ms + FAILED_MS);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Prepares what the restart will need, so that tasks are not closed while a broker could not have them opened again.
    fn prepare(&mut self, now_ms: i64) -> Result<bool> {
        self.calling.begin(|| "the broker, to restart because topics have changed".to_owned());
        let prepared = topic_setup::prepare(&self.plan.topology, &self.config, &mut *self.admin, &self.said);
        self.calling.end();
        match prepared {
            Ok(_) => Ok(true),
            Err(error) => {
                if !self.waiting.may_pass(&error, now_ms, "to restart because topics have changed") {
                    return Err(error);
                }
                self.poll_soon(now_ms);
                self.pause(now_ms);
                Ok(false)
            }
        }
    }

    fn pause(&mut self, now_ms: i64) {
        let is_soon = now_ms < self.soon_until_ms || self.missing_since.is_some();
        let pause_ms = if is_soon { self.interval_ms.min(SOON_MS) } else { self.interval_ms };
        self.next_ms = now_ms.saturating_add(pause_ms);
    }

    fn judge(&mut self, found: &BTreeMap<TopicName, TopicInfo>, now_ms: i64) -> Result<bool> {
        let gone: Vec<TopicName> =
            self.known.keys().filter(|topic| !found.contains_key(*topic)).cloned().collect();
        if gone.is_empty() {
            self.missing_since = None;
        } else if now_ms - *self.missing_since.get_or_insert(now_ms) < GONE_AFTER_MS {
            self.pause(now_ms);
            return Ok(false);
        }
        self.pause(now_ms);
        let matched: BTreeSet<TopicName> = self.plan.topology.graph().matched_topics().into_iter().collect();
        // A changelog that was created again is judged with the local state, when its task is opened.
        let is_lost = |topic: &&TopicInfo| {
            self.is_another(topic) && matches!(self.own.get(&topic.name), Some(Own::Repartition))
        };
        let again = found.values().filter(is_lost).map(|topic| &topic.name);
        if let Some(lost) = gone.iter().chain(again).find_map(|topic| self.lost(topic)) {
            return Err(lost.into());
        }
        let is_named = |topic: &&TopicName| !matched.contains(*topic) && !self.own.contains_key(*topic);
        if let Some(named) = gone.iter().find(is_named) {
            return Err(TopicsError::SourceDeleted { topic: Arc::clone(named) }.into());
        }
        let is_change = |topic: &&TopicInfo| {
            let known = self.known.get(&topic.name);
            // The partitions of the application's own topics are checked when it starts.
            let has_grown = |known: &TopicInfo| {
                known.partitions != topic.partitions && !self.own.contains_key(&topic.name)
            };
            known.is_none_or(has_grown) || self.is_another(topic)
        };
        let changes: Vec<String> =
            found.values().filter(is_change).map(|topic| self.describe(topic)).collect();
        if changes.is_empty() && gone.is_empty() {
            self.learn_ids(found);
            return Ok(false);
        }
        let is_read = |topic: &&TopicInfo| !self.own.contains_key(&topic.name);
        let others = found.values().filter(is_read).filter(|topic| self.is_another(topic));
        let others: Vec<_> = others.cloned().collect();
        for topic in others {
            // It is found again until the application has restarted.
            if self.warned.insert(Arc::clone(&topic.name), topic.id.clone()) == Some(topic.id) {
                continue;
            }
            // Kafka's clients read a topic by its name and continue where they were.
            tracing::warn!(
                topic = %topic.name,
                "was deleted and created again while the application ran; if it had more records than were read of the \
                 former one before this was noticed, its first ones were passed over"
            );
        }
        let gone = gone.iter().map(|topic| format!("{topic} is gone"));
        let changes: Vec<String> = changes.into_iter().chain(gone).collect();
        tracing::info!("topics have changed: {}; the application restarts with them", changes.join(", "));
        Ok(true)
    }

    /// What is lost with an internal topic, if anything, and what to do.
    fn lost(&self, topic: &TopicName) -> Option<TopicsError> {
        let topic = Arc::clone(topic);
        match self.own.get(&topic)? {
            Own::Tasks => None,
            Own::Repartition => Some(TopicsError::RepartitionDeleted { topic }),
            Own::Changelog(store) => {
                let (store, state_dir) = (Arc::clone(store), self.config.state_dir());
                Some(TopicsError::ChangelogDeleted { topic, store, state_dir })
            }
        }
    }

    /// Topics that were created when the application started have got their ids.
    fn learn_ids(&mut self, found: &BTreeMap<TopicName, TopicInfo>) {
        for (name, known) in self.known.iter_mut().filter(|(_, known)| known.id.is_none()) {
            known.id = found.get(name).and_then(|topic| topic.id.clone());
        }
    }

    /// Whether it is not the topic of that name that was known.
    fn is_another(&self, topic: &TopicInfo) -> bool {
        let known = self.known.get(&topic.name).and_then(|known| known.id.as_ref());
        known.is_some() && topic.id.is_some() && known != topic.id.as_ref()
    }

    fn describe(&self, topic: &TopicInfo) -> String {
        let TopicInfo { name, partitions, .. } = topic;
        match self.known.get(name) {
            None => format!("{name} with {partitions} partitions is new"),
            Some(before) if before.partitions != *partitions => {
                format!("{name} has {partitions} partitions instead of {}", before.partitions)
            }
            Some(_) => format!("{name} was deleted and created again"),
        }
    }

    fn known_to_plan(&self) -> BTreeMap<TopicName, TopicInfo> {
        let mut known: BTreeMap<TopicName, PartitionId> = self.plan.global_topics.iter().cloned().collect();
        for part in self.plan.subtopologies.values() {
            known.extend(part.sources.iter().cloned());
        }
        for name in self.own.keys() {
            known.entry(Arc::clone(name)).or_insert(0);
        }
        let info = |(name, partitions): (TopicName, _)| {
            let id = self.plan.topic_ids.get(&name).cloned();
            (Arc::clone(&name), TopicInfo { name, partitions, id })
        };
        known.into_iter().map(info).collect()
    }

    /// The topics that sinks name, and the dead letter queue.
    fn outputs_of_plan(&self) -> BTreeMap<TopicName, Option<String>> {
        let letters = self.config.dead_letter_queue_topic_name().map(TopicName::from);
        let graph = self.plan.topology.graph();
        let is_result = |topic: &TopicName| {
            !self.known.contains_key(topic) && graph.internal_topics().all(|(name, _)| name != topic)
        };
        let sinks = graph.fixed_sink_topics().into_iter().chain(letters);
        sinks.filter(is_result).map(|topic| (topic, None)).collect()
    }

    /// Checks whether topics of results are still those that were written to. None of them makes the application restart, and
    /// one that cannot be asked about is its sink's concern.
    fn poll_outputs(&mut self) {
        let names: Vec<TopicName> = self.outputs.keys().cloned().collect();
        if names.is_empty() {
            return;
        }
        let found = match self.admin.topics(&names, TIMEOUT) {
            Ok(found) => found,
            Err(error) => return tracing::debug!(%error, "topics of results cannot be asked about"),
        };
        for (topic, known) in &mut self.outputs {
            let Some(id) = found.get(topic).and_then(|topic| topic.id.clone()) else { continue };
            if known.as_ref().is_some_and(|known| *known != id) {
                tracing::warn!(
                    %topic,
                    "a topic of results was deleted and created again while the application ran: earlier results are gone \
                     with the former one, and those that were sent in between may be in neither; to have them, reset \
                     the application and let it read its input again"
                );
            }
            *known = Some(id);
        }
    }

    /// The topics to read as they are now.
    fn poll_topics(&mut self) -> Result<BTreeMap<TopicName, TopicInfo>> {
        let mut names: BTreeSet<TopicName> = self.known.keys().cloned().collect();
        if self.plan.topology.graph().has_patterns() {
            let existing = self.admin.topic_names(TIMEOUT)?;
            let matched = self.plan.topology.matched(&self.plan.application_id, &existing)?;
            names.extend(matched.graph().matched_topics());
        }
        let names: Vec<TopicName> = names.into_iter().collect();
        Ok(self.admin.topics(&names, TIMEOUT)?)
    }
}

/// The topics of the application's own.
fn own_topics(plan: &ApplicationPlan) -> BTreeMap<TopicName, Own> {
    let mut own = BTreeMap::new();
    for part in plan.subtopologies.values() {
        own.extend(part.task_topic.iter().map(|topic| (Arc::clone(topic), Own::Tasks)));
        own.extend(part.repartition_topics.iter().map(|topic| (Arc::clone(topic), Own::Repartition)));
        for store in part.stores.iter().filter(|store| !store.is_source) {
            let kind = Own::Changelog(store.name.clone());
            own.extend(store.changelog.as_ref().map(|topic| (Arc::clone(topic), kind)));
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor::{Processor, ProcessorContext, ProcessorResult, SourceOptions};
    use crate::record::Record;
    use crate::runtime::refusals::REFUSED_MAX_MS;
    use crate::runtime::trial::{sink_options, warnings};
    use crate::serde::DefaultSerde;
    use crate::store::Stores;
    use crate::time::ManualClock;
    use crate::topology::{TopicPattern, Topology};
    use crate::transport::NewTopic;
    use crate::transport::embedded::EmbeddedBroker;

    struct World {
        transport: Arc<dyn Transport>,
        admin: Box<dyn Admin>,
        config: Arc<StreamsConfig>,
    }

    fn options() -> SourceOptions<String, String> {
        let serde = String::default_serde;
        SourceOptions { key_serde: serde(), value_serde: serde(), extractor: None }
    }

    impl World {
        fn new(topics: &[&str]) -> Self {
            let broker = EmbeddedBroker::in_memory_at(Arc::new(ManualClock::new(0)));
            let transport: Arc<dyn Transport> = Arc::new(broker.transport());
            let admin = transport.admin("a").unwrap();
            let mut config = StreamsConfig::new("app", "embedded:");
            config.set("metadata.max.age.ms", 60_000).unwrap();
            let mut world = World { transport, admin, config: Arc::new(config) };
            topics.iter().for_each(|topic| world.create(topic));
            world
        }

        fn create(&mut self, topic: &str) {
            let topic = NewTopic {
                name: topic.into(),
                partitions: 1,
                replication_factor: 1,
                configs: BTreeMap::new(),
            };
            self.admin.create_topics(&[topic], TIMEOUT).unwrap();
        }

        fn watch(&mut self, topology: &Topology) -> TopicWatch {
            let said = Arc::default();
            let plan = topic_setup::prepare(topology, &self.config, &mut *self.admin, &said).unwrap();
            let (plan, of) = (Arc::new(plan), (&Arc::default(), &said));
            TopicWatch::new(&plan, &self.config, &*self.transport, "c", of, 0).unwrap()
        }
    }

    #[test]
    fn added_partitions_are_seen_in_time_and_sooner_when_asked_for() {
        let mut world = World::new(&["a", "b"]);
        let mut topology = Topology::new();
        topology.add_source("in", &["a", "b"], None, options()).unwrap();
        let mut watch = world.watch(&topology);
        assert!(!watch.changed(60_000).unwrap(), "nothing has changed");
        world.admin.grow_topic(&"b".into(), 3, TIMEOUT).unwrap();
        assert!(!watch.changed(60_001).unwrap(), "not yet");
        assert!(watch.changed(120_000).unwrap());
        let mut watch = world.watch(&topology);
        assert!(!watch.changed(1).unwrap());
        world.admin.grow_topic(&"a".into(), 4, TIMEOUT).unwrap();
        watch.poll_soon(2);
        assert!(watch.changed(2).unwrap());
        // The token topic has grown before the tasks were closed.
        let token: TopicName = "app-subtopology-0-tasks".into();
        let found = world.admin.topics(std::slice::from_ref(&token), TIMEOUT).unwrap();
        assert_eq!(found[&token].partitions, 4);
    }

    #[test]
    fn a_named_topic_that_is_gone_for_a_while_is_an_error() {
        let mut world = World::new(&["a", "b"]);
        let mut topology = Topology::new();
        topology.add_source("in", &["a", "b"], None, options()).unwrap();
        let mut watch = world.watch(&topology);
        world.admin.delete_topics(&["b".into()], TIMEOUT).unwrap();
        watch.poll_soon(10);
        assert!(!watch.changed(10).unwrap(), "a broker may not know it yet");
        assert!(!watch.changed(1_010).unwrap());
        let error = watch.changed(10 + GONE_AFTER_MS).unwrap_err().to_string();
        assert!(error.contains("source topic b was deleted"), "{error}");
    }

    #[test]
    fn a_topic_of_a_pattern_may_go_and_come() {
        let mut world = World::new(&["in-a", "in-b"]);
        let mut topology = Topology::new();
        let pattern = TopicPattern::new("in-[a-z]").unwrap();
        topology.add_pattern_source("in", &pattern, None, options()).unwrap();
        let mut watch = world.watch(&topology);
        world.admin.delete_topics(&["in-b".into()], TIMEOUT).unwrap();
        watch.poll_soon(10);
        assert!(!watch.changed(10).unwrap());
        assert!(watch.changed(10 + GONE_AFTER_MS).unwrap());
        let mut watch = world.watch(&topology);
        world.create("in-c");
        assert!(watch.changed(60_000).unwrap());
    }

    /// Showed before: an error at once, as when a broker that has just started tells no topics.
    #[test]
    fn a_restart_waits_for_seconds_for_topics_that_are_missing() {
        let mut world = World::new(&["in-a"]);
        let mut topology = Topology::new();
        let pattern = TopicPattern::new("in-[a-z]").unwrap();
        topology.add_pattern_source("in", &pattern, None, options()).unwrap();
        let missing = |world: &mut World, watch: &mut TopicWatch| {
            world.admin.delete_topics(&["in-a".into()], TIMEOUT).unwrap();
            watch.poll_soon(0);
            assert!(!watch.changed(0).unwrap());
            assert!(!watch.changed(GONE_AFTER_MS).unwrap(), "nothing matches for now");
        };
        let mut watch = world.watch(&topology);
        missing(&mut world, &mut watch);
        world.create("in-b");
        assert!(watch.changed(GONE_AFTER_MS + SOON_MS).unwrap());
        let mut watch = world.watch(&topology);
        world.create("in-a");
        world.admin.delete_topics(&["in-b".into()], TIMEOUT).unwrap();
        missing(&mut world, &mut watch);
        let error = watch.changed(GONE_AFTER_MS + REFUSED_MAX_MS).unwrap_err().to_string();
        assert!(error.contains("in-[a-z]"), "{error}");
    }

    #[test]
    fn a_changelog_that_is_gone_is_named_with_what_is_left_and_what_to_do() {
        let mut world = World::new(&["a"]);
        let mut topology = Topology::new();
        topology.add_source("in", &["a"], None, options()).unwrap();
        topology.add_processor("count", |_| Ok(Idle), &["in"]).unwrap();
        let store = Stores::key_value_store::<String, String>("counts");
        topology.add_state_store(store, &["count"]).unwrap();
        let mut watch = world.watch(&topology);
        watch.poll_now(10);
        assert!(!watch.changed(10).unwrap(), "all is there");
        world.admin.delete_topics(&["app-counts-changelog".into()], TIMEOUT).unwrap();
        watch.poll_now(2_000);
        assert!(!watch.changed(2_000).unwrap(), "a broker may not know it yet");
        let error = watch.changed(2_000 + GONE_AFTER_MS).unwrap_err().to_string();
        assert!(
            error.starts_with("changelog topic app-counts-changelog of store counts was deleted"),
            "{error}"
        );
        assert!(error.contains("state.dir") && error.contains("start it again"), "{error}");
    }

    /// Before: the application continued without what was in it.
    #[test]
    fn a_repartition_topic_that_was_created_again_has_lost_what_was_in_it() {
        let mut world = World::new(&["a"]);
        let mut topology = Topology::new();
        topology.add_source("in", &["a"], None, options()).unwrap();
        topology.add_internal_topic(&"r".into(), Some(1)).unwrap();
        topology.add_sink("out", sink_options("r"), &["in"]).unwrap();
        topology.add_source("between", &["r"], None, options()).unwrap();
        let mut watch = world.watch(&topology);
        watch.poll_now(0);
        assert!(!watch.changed(0).unwrap(), "all is there");
        world.admin.delete_topics(&["app-r".into()], TIMEOUT).unwrap();
        world.create("app-r");
        watch.poll_now(2_000);
        let error = watch.changed(2_000).unwrap_err().to_string();
        assert!(error.starts_with("repartition topic app-r was deleted"), "{error}");
    }

    #[test]
    fn a_topic_that_only_stands_for_tasks_is_made_anew() {
        let mut world = World::new(&["a", "b"]);
        let mut topology = Topology::new();
        topology.add_source("in", &["a", "b"], None, options()).unwrap();
        let mut watch = world.watch(&topology);
        let token: TopicName = "app-subtopology-0-tasks".into();
        world.admin.delete_topics(std::slice::from_ref(&token), TIMEOUT).unwrap();
        watch.poll_now(0);
        assert!(!watch.changed(0).unwrap());
        assert!(watch.changed(GONE_AFTER_MS).unwrap(), "the application restarts");
        assert!(world.admin.topics(std::slice::from_ref(&token), TIMEOUT).unwrap().contains_key(&token));
    }

    /// Showed before: a warning a second while what a restart needs could not be prepared.
    #[test]
    fn a_topic_that_was_made_again_is_logged_once() {
        let mut world = World::new(&["a"]);
        let mut topology = Topology::new();
        topology.add_source("in", &["a"], None, options()).unwrap();
        let mut watch = world.watch(&topology);
        let mut again = |watch: &mut TopicWatch| {
            world.admin.delete_topics(&["a".into()], TIMEOUT).unwrap();
            world.create("a");
            let found = watch.poll_topics().unwrap();
            let ((), lines) = warnings(|| (0..20).for_each(|at| assert!(watch.judge(&found, at).unwrap())));
            lines
        };
        let lines = again(&mut watch);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(
            lines[0].starts_with("was deleted and created again") && lines[0].contains("topic=a"),
            "{lines:?}"
        );
        let lines = again(&mut watch);
        assert_eq!(lines.len(), 1, "another one: {lines:#?}");
    }

    /// Showed before: nothing.
    #[test]
    fn a_topic_of_results_that_was_made_again_is_logged_once() {
        let mut world = World::new(&["a", "out"]);
        let mut topology = Topology::new();
        topology.add_source("in", &["a"], None, options()).unwrap();
        topology.add_sink("sink", sink_options("out"), &["in"]).unwrap();
        let mut watch = world.watch(&topology);
        assert!(!watch.changed(FIRST_MS).unwrap(), "the ids are learnt");
        world.admin.delete_topics(&["out".into()], TIMEOUT).unwrap();
        let check = |watch: &mut TopicWatch, now_ms| {
            watch.poll_now(now_ms);
            warnings(|| assert!(!watch.changed(now_ms).unwrap())).1
        };
        assert_eq!(check(&mut watch, 20_000), [""; 0], "its sink says so");
        world.create("out");
        let lines = check(&mut watch, 30_000);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(lines[0].starts_with("a topic of results was deleted") && lines[0].contains("topic=out"));
        assert_eq!(check(&mut watch, 40_000), [""; 0]);
    }

    struct Idle;

    impl Processor<String, String, String, String> for Idle {
        fn process(
            &mut self,
            _: Record<String, String>,
            _: &mut ProcessorContext<'_, String, String>,
        ) -> ProcessorResult {
            Ok(())
        }
    }
}
