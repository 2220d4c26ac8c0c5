//! Topics and groups of a cluster.

use std::time::{Duration, Instant};

use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::error::LabError;
use crate::passing::Passing;
use crate::raw;

/// Longest time that anything the lab asks for may take, all its attempts together: on a machine that does too much at
/// once, a broker that was killed may take more than a minute until its partitions are in sync again.
pub const REQUEST: Duration = Duration::from_secs(180);

/// Longest time of one attempt at an administrative request.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(20);

/// What tests do with a cluster: create topics, write, read, and look at offsets. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KafkaClient {
    bootstrap: String,
    /// What it takes to be let in.
    settings: Vec<(String, String)>,
}

impl KafkaClient {
    /// A client of the cluster at `bootstrap`; it connects when used.
    pub fn new(bootstrap: impl Into<String>) -> Self {
        Self { bootstrap: bootstrap.into(), settings: Vec::new() }
    }

    /// The same with further client settings, which all that it makes will have.
    pub fn with(mut self, settings: &[(&str, &str)]) -> Self {
        self.settings.extend(settings.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())));
        self
    }

    /// The value for `bootstrap.servers`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Creates a topic and waits until it can be used; a topic that exists is an error.
    pub fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Result<(), LabError> {
        // -1: as many replicas as the cluster's default.
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
        self.create(topic, configs)
    }

    /// The same with a choice of brokers: a list for each partition, its leader first.
    pub fn create_topic_on(
        &self,
        name: &str,
        replicas: &[&[i32]],
        configs: &[(&str, &str)],
    ) -> Result<(), LabError> {
        let partitions = i32::try_from(replicas.len()).unwrap_or(i32::MAX);
        self.create(NewTopic::new(name, partitions, TopicReplication::Variable(replicas)), configs)
    }

    fn create<'a>(&self, topic: NewTopic<'a>, configs: &[(&'a str, &'a str)]) -> Result<(), LabError> {
        let topic = configs.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        let (name, partitions) = (topic.name, topic.num_partitions);
        let what = || format!("creating topic {name} with {partitions} partitions");
        let mut asked_before = false;
        self.persist(what, || {
            let again = std::mem::replace(&mut asked_before, true);
            let answers = block_on(self.admin()?.create_topics([&topic], &options()))?;
            match answers.into_iter().find_map(Result::err) {
                // The answer to an earlier attempt was lost.
                Some((_, RDKafkaErrorCode::TopicAlreadyExists)) if again => Ok(()),
                Some((_, code)) => Err(KafkaError::AdminOp(code)),
                None => Ok(()),
            }
        })?;
        self.wait_partitions(name, partitions)
    }

    /// Waits until this many partitions of a topic have a leader.
    pub(crate) fn wait_partitions(&self, topic: &str, partitions: i32) -> Result<(), LabError> {
        let begin = Instant::now();
        while self.partitions(topic)? < partitions {
            self.in_time(begin, || format!("the start of topic {topic}"))?;
        }
        Ok(())
    }

    /// Deletes topics and waits until they are gone; topics that do not exist are passed over.
    pub fn delete_topics(&self, names: &[&str]) -> Result<(), LabError> {
        if names.is_empty() {
            return Ok(());
        }
        self.delete(names)?;
        let begin = Instant::now();
        while self.topics()?.iter().any(|topic| names.contains(&topic.as_str())) {
            self.in_time(begin, || format!("the end of topics {}", names.join(", ")))?;
        }
        Ok(())
    }

    /// Deletes a topic and creates it again at once, so that it is missing only for a moment.
    pub fn recreate_topic(&self, name: &str, partitions: i32) -> Result<(), LabError> {
        self.delete(&[name])?;
        self.create_topic(name, partitions, &[])
    }

    fn delete(&self, names: &[&str]) -> Result<(), LabError> {
        let what = || format!("deleting topics {}", names.join(", "));
        let gone = [RDKafkaErrorCode::UnknownTopicOrPartition, RDKafkaErrorCode::UnknownTopic];
        self.persist(what, || {
            none_but(&gone, block_on(self.admin()?.delete_topics(names, &options()))?.into_iter())
        })
    }

    /// Deletes the offsets of groups without members; groups that do not exist are passed over.
    pub fn delete_groups(&self, groups: &[&str]) -> Result<(), LabError> {
        let what = || format!("deleting groups {}", groups.join(", "));
        self.persist(what, || {
            raw::delete_groups(&self.asker()?, groups, &[RDKafkaErrorCode::GroupIdNotFound])
        })
    }

    /// The names of all topics, internal ones of the applications included, those of the broker left out.
    pub fn topics(&self) -> Result<Vec<String>, LabError> {
        let consumer = self.consumer(&[])?;
        let metadata =
            self.persist(|| "listing the topics".into(), || consumer.fetch_metadata(None, ATTEMPT))?;
        let names = metadata.topics().iter().map(|topic| topic.name());
        Ok(names.filter(|name| !name.starts_with("__")).map(str::to_owned).collect())
    }

    /// How many partitions of a topic have a leader; none when the topic does not exist.
    pub fn partitions(&self, topic: &str) -> Result<i32, LabError> {
        let consumer = self.consumer(&[])?;
        let what = || format!("asking for the partitions of {topic}");
        let metadata = self.persist(what, || consumer.fetch_metadata(Some(topic), ATTEMPT))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let led = found
            .map_or(0, |topic| topic.partitions().iter().filter(|partition| partition.leader() >= 0).count());
        Ok(i32::try_from(led).unwrap_or(i32::MAX))
    }

    /// How many brokers the cluster says are up.
    pub fn live_brokers(&self, limit: Duration) -> Result<usize, LabError> {
        let consumer = self.consumer(&[("log_level", "0")])?;
        let metadata =
            consumer.fetch_metadata(None, limit).map_err(LabError::kafka("asking for the brokers"))?;
        Ok(metadata.brokers().len())
    }

    /// A consumer outside any group, with further settings.
    pub fn consumer(&self, settings: &[(&str, &str)]) -> Result<BaseConsumer, LabError> {
        let mut config = self.config();
        config
            .set("group.id", "kafka-lab")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", "50")
            .set("fetch.queue.backoff.ms", "2");
        for (key, value) in settings {
            config.set(*key, *value);
        }
        config.create().map_err(LabError::kafka("creating a consumer"))
    }

    /// The settings that all clients of the lab share.
    pub fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("broker.address.family", "v4")
            .set("reconnect.backoff.ms", "20")
            .set("reconnect.backoff.max.ms", "500")
            .set("allow.auto.create.topics", "false")
            .set("log_level", "3");
        for (key, value) in &self.settings {
            config.set(key, value);
        }
        config
    }

    /// Tries again while what goes wrong may pass by itself: a broker that is starting, a connection that was just cut,
    /// a machine that does too much at once.
    pub(crate) fn persist<T, E: Passing>(
        &self,
        what: impl Fn() -> String,
        mut attempt: impl FnMut() -> Result<T, E>,
    ) -> Result<T, LabError> {
        let begin = Instant::now();
        loop {
            match attempt() {
                Err(error) if error.passes() && begin.elapsed() < REQUEST => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                other => return other.map_err(|error| error.into_lab(what())),
            }
        }
    }

    /// Pauses before the next look, or fails when it has taken too long since `begin`.
    pub fn in_time(&self, begin: Instant, what: impl FnOnce() -> String) -> Result<(), LabError> {
        if begin.elapsed() >= REQUEST {
            return Err(LabError::Timeout { what: what(), seconds: REQUEST.as_secs() });
        }
        std::thread::sleep(Duration::from_millis(20));
        Ok(())
    }

    /// A client for one attempt: one that has lost its broker does not find it again in time.
    pub(crate) fn admin(&self) -> Result<AdminClient<DefaultClientContext>, KafkaError> {
        let mut config = self.config();
        config.remove("allow.auto.create.topics");
        config.create()
    }
}

/// Fails with the first refusal that is none of these.
pub(crate) fn none_but<N>(
    harmless: &[RDKafkaErrorCode],
    answers: impl Iterator<Item = Result<N, (N, RDKafkaErrorCode)>>,
) -> Result<(), KafkaError> {
    let refused = answers.filter_map(Result::err).map(|(_, code)| code).find(|code| !harmless.contains(code));
    refused.map_or(Ok(()), |code| Err(KafkaError::AdminOp(code)))
}

pub(crate) fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ATTEMPT)).operation_timeout(Some(ATTEMPT))
}
