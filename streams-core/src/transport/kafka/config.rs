//! The settings of each kind of client: ours, overridden by the user's where that is safe.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::ffi::{Client, Conf, Door, Role, Ties};
use super::limits::Limits;
use super::oauth;
use super::{ClientProperties, KafkaOptions};
use crate::transport::{
    ConsumerSpec, GroupSpec, Isolation, ProducerSpec, Result, TransportError, TransportErrorKind,
};

/// Kafka client properties.
pub(super) type Properties = BTreeMap<String, String>;

/// What all clients of a transport have in common.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) bootstrap_servers: String,
    pub(super) properties: Properties,
    /// Of administrative clients alone.
    admin: Properties,
    group: Option<String>,
    ties: Ties,
    /// The known limits of the topics that are written to.
    pub(super) limits: Arc<Limits>,
    /// The groups that have taken a member in.
    joined: Arc<Mutex<BTreeSet<Arc<str>>>>,
}

/// The settings of one client.
struct Settings {
    role: Role,
    /// The prefix of the users' settings for it.
    whose: &'static str,
    client_id: String,
    /// Ours.
    own: Properties,
    /// The users', for all clients.
    all: Properties,
    /// The users', for this one.
    users: Properties,
}

impl Settings {
    /// What the client is for, and the prefixes of the settings that it has.
    fn known_as(&self) -> (&'static str, &'static str) {
        match self.role {
            Role::Producer => ("a producer", "producer."),
            Role::Admin => ("an admin client", "admin."),
            Role::Member => ("the group's member", "main.consumer. or consumer."),
            Role::Consumer if self.client_id.ends_with(GLOBAL_CONSUMER) => {
                ("a global consumer", "global.consumer. or consumer.")
            }
            Role::Consumer if RESTORE_CONSUMERS.iter().any(|end| self.client_id.ends_with(end)) => {
                ("a restore consumer", "restore.consumer. or consumer.")
            }
            Role::Consumer => ("a main consumer", "main.consumer. or consumer."),
        }
    }
}

/// Without the properties, which hold passwords.
impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common").field("bootstrap_servers", &self.bootstrap_servers).finish_non_exhaustive()
    }
}

/// How the runtime ends the client ids of consumers that have the settings of global and of restore consumers.
const GLOBAL_CONSUMER: &str = "-global-consumer";
const RESTORE_CONSUMERS: [&str; 2] = ["-restore-consumer", "-dead-letters"];

/// Any positive time.
const TRANSACTION_TIMEOUT_MS: u64 = 10_000;

/// The default of `session.timeout.ms` in [`MEMBER`].
pub(super) const SESSION_TIMEOUT_MS: i64 = 10_000;

/// Ours for every client.
const CLIENT: &[(&str, &str)] = &[
    // Client telemetry would only cost a request.
    ("enable.metrics.push", "false"),
];

/// Ours for data consumers.
const CONSUMER: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // The runtime resets offsets itself, and must be notified to do so.
    ("auto.offset.reset", "error"),
    // The only way to learn that a partition ends in aborted or compacted records.
    ("enable.partition.eof", "true"),
    // 1000 by default: a full queue would then suspend the fetcher for a second.
    ("fetch.queue.backoff.ms", "2"),
    // 500 by default. A partition assigned during a fetch waits for it, and so does the end event of an idle one.
    ("fetch.wait.max.ms", "100"),
    // Java's default; librdkafka would process damaged bytes.
    ("check.crcs", "true"),
    // How long a topic that was just created may be unknown before that is an error; 30 s by default.
    ("topic.metadata.propagation.max.ms", "10000"),
    // Per partition, as each has a queue of its own.
    ("queued.min.messages", "50000"),
    ("queued.max.messages.kbytes", "8192"),
];

/// Ours for all producers.
const PRODUCER: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("delivery.report.only.error", "true"),
    // Kafka Streams' own default; a flush does not wait for it.
    ("linger.ms", "100"),
    ("batch.num.messages", "100000"),
    ("queue.buffering.max.messages", "1000000"),
    ("queue.buffering.max.kbytes", "262144"),
    // How long a topic may be unknown before what is queued for it fails; 30 s by default.
    ("topic.metadata.propagation.max.ms", "10000"),
    // A misspelt sink is an error, not a new topic.
    ("allow.auto.create.topics", "false"),
];

/// Ours for transactional producers.
const TRANSACTIONAL: &[(&str, &str)] = &[
    // The next transaction's first requests are refused while the last one's markers are still being written; 100 ms
    // between attempts would be most of a commit.
    ("retry.backoff.ms", "20"),
    // Sending offsets waits for the group's coordinator without regard to its time-out (librdkafka#5456). Its search
    // ends after two refusals, as a broker gives them that has just started, and begins again only when a connection
    // comes or goes: one that is idle meanwhile has to go. See `IDLE_MAX`.
    ("connections.max.idle.ms", "5000"),
];

/// The guard against librdkafka#5456: no transactional producer keeps an idle connection for longer, or forever (0).
const IDLE_MAX: (&str, i64) = ("connections.max.idle.ms", 5_000);

/// Settings that transactional producers take from the producers' prefix only: a pause or limit that is right for other
/// clients would stall commits or make them hang.
const NOT_FROM_ALL: &[&str] = &["retry.backoff.ms", IDLE_MAX.0];

/// Ours for the member of a group.
const MEMBER: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("session.timeout.ms", "10000"),
    // How long others take to notice a rebalance.
    ("heartbeat.interval.ms", "1000"),
    // 5 minutes by default. If a broker did not know a new topic yet when the member subscribed, the topic's tasks would have
    // no owner for that long.
    ("topic.metadata.refresh.interval.ms", "3000"),
];

/// Settings that users cannot override, with the reason that they are given.
const FIXED: &[(&str, &str)] = &[
    ("bootstrap.servers", "it is given to the transport itself"),
    ("metadata.broker.list", "it is given to the transport itself"),
    ("client.id", "it is given by the runtime"),
    ("group.id", "it is the application.id"),
    ("group.protocol", "tasks are assigned by the classic protocol"),
    ("group.remote.assignor", "tasks are assigned by the classic protocol"),
    ("partition.assignment.strategy", "tasks are assigned by cooperative-sticky"),
    ("isolation.level", "it follows from processing.guarantee"),
    ("transactional.id", "it follows from processing.guarantee and application.id"),
    ("transaction.timeout.ms", "it is a setting of its own"),
    ("enable.idempotence", "producers are always idempotent"),
    ("enable.gapless.guarantee", "producers are always idempotent"),
    ("delivery.report.only.error", "the transport depends on it"),
    ("enable.auto.commit", "the runtime commits"),
    ("enable.auto.offset.store", "the runtime commits"),
    ("enable.partition.eof", "the transport depends on it"),
    ("auto.offset.reset", "the runtime resets offsets"),
    ("log.queue", "the transport depends on it"),
];

/// Settings of a group's member that data consumers get as well, because users set them for both.
const MEMBER_ONLY: &[&str] =
    &["session.timeout.ms", "heartbeat.interval.ms", "max.poll.interval.ms", "group.instance.id"];

impl Common {
    pub(super) fn new(bootstrap_servers: &str, options: KafkaOptions) -> Result<Self> {
        let KafkaOptions { properties, admin, group, patience, token_provider } = options;
        let tokens = logs_in_by_token(&properties);
        let token_wanted = match token_provider {
            Some(provider) if tokens => Some(oauth::serve(provider).map_err(|error| {
                let attempted = "starting the thread that asks for tokens";
                TransportError::new(TransportErrorKind::Config, attempted, error.to_string())
            })?),
            _ => None,
        };
        let ties = Ties { door: Arc::new(Door::new(patience)), token_wanted, tokens };
        let bootstrap_servers = bootstrap_servers.to_string();
        let limits = Arc::default();
        let joined = Arc::default();
        let common = Common { bootstrap_servers, properties, admin, group, ties, limits, joined };
        common.check()?;
        Ok(common)
    }

    /// Checks the settings that all clients share.
    fn check(&self) -> Result<()> {
        if self.bootstrap_servers.trim().is_empty() {
            let reason = "names no server; it looks like 'host:9092,other:9092'";
            return Err(refused("bootstrap.servers", reason));
        }
        let set = |key: &str, value: &str| self.properties.get(key).is_some_and(|set| set == value);
        let own_source =
            set("sasl.oauthbearer.method", "oidc") || set("enable.sasl.oauthbearer.unsecure.jwt", "true");
        if self.ties.tokens && self.ties.token_wanted.is_none() && !own_source {
            let reason = "OAUTHBEARER needs tokens: give the application a provider of them \
                          (KafkaStreamsBuilder::with_token_provider)";
            return Err(refused("sasl.mechanism", reason));
        }
        refuse_fixed("", &self.properties)
    }

    /// Refuses what librdkafka does not take, for each kind of client. Asks no broker.
    pub(super) fn check_clients(&self, clients: &ClientProperties) -> Result<()> {
        let client_id = "check".to_owned();
        for (whose, properties) in &clients.consumers {
            let (client_id, properties) = (client_id.clone(), properties.clone());
            let spec = ConsumerSpec { client_id, isolation: Isolation::ReadCommitted, properties };
            self.conf(&Settings { whose, ..self.consumer_settings(&spec) })?;
        }
        for (whose, properties) in &clients.members {
            let (client_id, properties) = (client_id.clone(), properties.clone());
            let spec = GroupSpec { group: "check".into(), client_id, subtopologies: Vec::new(), properties };
            self.conf(&Settings { whose, ..self.member_settings(&spec) })?;
        }
        let producer = ProducerSpec {
            client_id,
            transactional_id: None,
            transaction_timeout_ms: TRANSACTION_TIMEOUT_MS,
            properties: clients.producer.clone(),
        };
        self.check_linger(&producer)?;
        self.conf(&self.producer_settings(&producer, self.batch_bytes(&producer))).map(drop)
    }

    /// A record that lingers for longer than it may take is never sent. librdkafka refuses that when it makes a producer, or
    /// a topic.
    fn check_linger(&self, producer: &ProducerSpec) -> Result<()> {
        const TIMEOUTS: [&str; 2] = ["delivery.timeout.ms", "message.timeout.ms"];
        let number = |keys: &[&str]| self.producer_setting(producer, keys)?.parse::<f64>().ok();
        let ours = || PRODUCER.iter().find(|(key, _)| *key == "linger.ms")?.1.parse().ok();
        let linger = number(&["linger.ms", "queue.buffering.max.ms"]).or_else(ours);
        match (number(&TIMEOUTS), linger) {
            // 0 means no limit.
            (Some(timeout), Some(linger)) if timeout > 0.0 && timeout <= linger => {
                let reason = format!("{timeout} ms must be longer than linger.ms, which is {linger} ms");
                Err(refused("producer.delivery.timeout.ms", &reason))
            }
            _ => Ok(()),
        }
    }

    /// A consumer of partitions.
    pub(super) fn consumer(&self, spec: &ConsumerSpec) -> Result<Arc<Client>> {
        self.client(&self.consumer_settings(spec))
    }

    fn consumer_settings(&self, spec: &ConsumerSpec) -> Settings {
        let mut own = owned(CONSUMER);
        // librdkafka assigns nothing without a group id, and looks for the group's coordinator; the group is never joined.
        // The application may certainly read its own group.
        own.insert("group.id".to_string(), self.group.clone().unwrap_or_else(|| spec.client_id.clone()));
        own.insert("isolation.level".to_string(), isolation_level(spec.isolation).to_string());
        let users = spec
            .properties
            .iter()
            .filter(|(key, _)| !MEMBER_ONLY.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let (role, whose, all) = (Role::Consumer, "consumer.", self.properties.clone());
        Settings { role, whose, client_id: spec.client_id.clone(), own, all, users }
    }

    /// A producer whose batches have at most this size.
    pub(super) fn producer(&self, spec: &ProducerSpec, batch_bytes: usize) -> Result<Arc<Client>> {
        self.client(&self.producer_settings(spec, batch_bytes))
    }

    fn producer_settings(&self, spec: &ProducerSpec, batch_bytes: usize) -> Settings {
        let mut own = owned(PRODUCER);
        let (mut all, mut users) = (self.properties.clone(), spec.properties.clone());
        if let Some(id) = &spec.transactional_id {
            own.extend(owned(TRANSACTIONAL));
            own.insert("transactional.id".to_string(), id.clone());
            own.insert("transaction.timeout.ms".to_string(), spec.transaction_timeout_ms.to_string());
            all.retain(|key, _| !NOT_FROM_ALL.contains(&key.as_str()));
            let (key, most) = IDLE_MAX;
            if users.get(key).and_then(|set| set.parse().ok()).is_some_and(|set: i64| set <= 0 || set > most)
            {
                users.remove(key);
            }
        }
        if self.batch_bytes_wanted(spec).is_none_or(|wanted| batch_bytes < wanted) {
            users.insert("batch.size".to_string(), batch_bytes.to_string());
        }
        if batch_bytes <= 1 {
            users.insert("batch.num.messages".to_string(), "1".to_string());
        }
        Settings {
            role: Role::Producer,
            whose: "producer.",
            client_id: spec.client_id.clone(),
            own,
            all,
            users,
        }
    }

    fn producer_setting<'a>(&'a self, spec: &'a ProducerSpec, keys: &[&str]) -> Option<&'a String> {
        keys.iter().find_map(|key| spec.properties.get(*key).or_else(|| self.properties.get(*key)))
    }

    fn batch_bytes_wanted(&self, spec: &ProducerSpec) -> Option<usize> {
        self.producer_setting(spec, &["batch.size"])?.parse().ok()
    }

    /// The size of batches that all known topics take.
    pub(super) fn batch_bytes(&self, spec: &ProducerSpec) -> usize {
        self.limits.batch_bytes(self.batch_bytes_wanted(spec))
    }

    /// Whether records are compressed.
    pub(super) fn compresses(&self, spec: &ProducerSpec) -> bool {
        self.producer_setting(spec, &["compression.type", "compression.codec"])
            .is_some_and(|kind| kind != "none")
    }

    /// A client for administrative requests: a consumer that never consumes.
    pub(super) fn admin(&self, client_id: &str) -> Result<Arc<Client>> {
        self.bystander(client_id, None)
    }

    /// A client that asks for the offsets of a group without joining it. librdkafka 2.12.1 has an administrative request
    /// for this, too, but it crashes when it has timed out before the group's coordinator is found.
    pub(super) fn group_reader(&self, client_id: &str, group: &str) -> Result<Arc<Client>> {
        self.bystander(client_id, Some(group))
    }

    fn bystander(&self, client_id: &str, group: Option<&str>) -> Result<Arc<Client>> {
        let mut own = owned(&[("allow.auto.create.topics", "false"), ("enable.auto.commit", "false")]);
        if let Some(group) = group {
            own.insert("group.id".to_string(), group.to_string());
        }
        // Offsets that a transaction is about to commit are marked as such.
        own.insert("isolation.level".to_string(), isolation_level(Isolation::ReadCommitted).to_string());
        let (all, users) = (self.properties.clone(), self.admin.clone());
        self.client(&Settings {
            role: Role::Admin,
            whose: "admin.",
            client_id: client_id.to_owned(),
            own,
            all,
            users,
        })
    }

    /// A member of a group.
    pub(super) fn member(&self, spec: &GroupSpec) -> Result<Arc<Client>> {
        self.client(&self.member_settings(spec))
    }

    fn member_settings(&self, spec: &GroupSpec) -> Settings {
        let mut own = owned(MEMBER);
        own.insert("group.id".to_string(), spec.group.to_string());
        let (all, users) = (self.properties.clone(), spec.properties.clone());
        let (role, whose) = (Role::Member, "main.consumer.");
        Settings { role, whose, client_id: spec.client_id.clone(), own, all, users }
    }

    /// A group has taken a member in.
    pub(super) fn note_joined(&self, group: &Arc<str>) {
        self.joined.lock().unwrap_or_else(PoisonError::into_inner).insert(Arc::clone(group));
    }

    /// Whether a group has ever taken a member in.
    pub(super) fn has_joined(&self, group: &str) -> bool {
        self.joined.lock().unwrap_or_else(PoisonError::into_inner).contains(group)
    }

    /// See [`crate::transport::Transport::close`].
    pub(super) fn close(&self) {
        self.ties.door.close();
    }

    fn conf(&self, settings: &Settings) -> Result<Conf> {
        let Settings { whose, client_id, own, all, users, .. } = settings;
        refuse_fixed(whose, users)?;
        let mut merged = owned(CLIENT);
        for more in [own, all, users] {
            merged.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        merged.insert("bootstrap.servers".to_string(), self.bootstrap_servers.clone());
        merged.insert("client.id".to_string(), client_id.clone());
        // The settings of all clients are among the users' settings of each.
        let is_its_own = |key: &str| users.contains_key(key) && users.get(key) != all.get(key);
        let prefix_of = |key: &str| if is_its_own(key) { *whose } else { "" };
        let mut conf = Conf::new();
        for (key, value) in &merged {
            check_file(key, value).map_err(|reason| refused(&format!("{}{key}", prefix_of(key)), &reason))?;
            conf.set(key, value).map_err(|reason| {
                let prefix = prefix_of(key);
                match Conf::allowed(key) {
                    Some(allowed) => {
                        refused(&format!("{prefix}{key}"), &format!("{reason}; it takes {allowed}"))
                    }
                    None => refused(&format!("{prefix}{key}"), &reason),
                }
            })?;
        }
        Ok(conf)
    }

    fn client(&self, settings: &Settings) -> Result<Arc<Client>> {
        let conf = self.conf(settings)?;
        Client::new(settings.role, conf, &self.ties).map_err(|reason| {
            let (what, prefixes) = settings.known_as();
            let attempted = format!("making client {} ({what})", settings.client_id);
            let reason = format!(
                "{}; look at the settings with the prefix {prefixes}, and at those of all clients",
                explained(&reason)
            );
            TransportError::new(TransportErrorKind::Config, attempted, reason)
        })
    }
}

/// Settings that name a file, or a directory of them.
const FILES: &[&str] = &[
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.crl.location",
    "ssl.key.location",
    "ssl.keystore.location",
    "sasl.kerberos.keytab",
];

/// Refuses a file that is missing or unreadable: the error of the library that reads it does not say so.
fn check_file(key: &str, value: &str) -> std::result::Result<(), String> {
    // With `probe`, librdkafka looks for the system's authorities.
    if !FILES.contains(&key) || value.is_empty() || value == "probe" {
        return Ok(());
    }
    let opened = std::fs::metadata(value)
        .and_then(|found| if found.is_dir() { Ok(()) } else { std::fs::File::open(value).map(drop) });
    opened.map_err(|error| format!("{value}: {error}; name a file that this process can read"))
}

fn owned(settings: &[(&str, &str)]) -> Properties {
    settings.iter().map(|&(key, value)| (key.to_string(), value.to_string())).collect()
}

fn isolation_level(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::ReadCommitted => "read_committed",
        Isolation::ReadUncommitted => "read_uncommitted",
    }
}

fn refuse_fixed(prefix: &str, properties: &Properties) -> Result<()> {
    for key in properties.keys() {
        if let Some((_, reason)) = FIXED.iter().find(|(fixed, _)| fixed == key) {
            return Err(refused(&format!("{prefix}{key}"), &format!("cannot be set here: {reason}")));
        }
    }
    Ok(())
}

fn refused(key: &str, reason: &str) -> TransportError {
    TransportError::new(TransportErrorKind::Config, format!("setting '{key}'"), explained(reason))
}

/// librdkafka's words about a setting, with advice if the feature was not built in.
fn explained(reason: &str) -> String {
    let missing = ["not available at build time", "recompile librdkafka"];
    if !missing.iter().any(|text| reason.contains(text)) {
        return reason.to_owned();
    }
    let way = if cfg!(any(feature = "tls", feature = "tls-vendored")) {
        "this build has TLS, but not that: Kerberos and method=oidc need libraries that are not linked; a token provider \
         does what oidc does"
    } else {
        "this build is without TLS: build it with the feature 'tls' (the system's OpenSSL) or 'tls-vendored' of \
         streams-dsl or streams-core"
    };
    format!("{reason}; {way}")
}

/// Whether clients with these settings log in by tokens.
fn logs_in_by_token(properties: &Properties) -> bool {
    let is = |key: &str, test: fn(&str) -> bool| properties.get(key).is_some_and(|set| test(set));
    let by_token = |set: &str| set.eq_ignore_ascii_case("OAUTHBEARER");
    let by_sasl = |set: &str| set.to_ascii_lowercase().starts_with("sasl");
    is("security.protocol", by_sasl) && (is("sasl.mechanism", by_token) || is("sasl.mechanisms", by_token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common_with(settings: &[(&str, &str)]) -> Result<Common> {
        Common::new("localhost:1", KafkaOptions { properties: owned(settings), ..KafkaOptions::default() })
    }

    fn common() -> Common {
        common_with(&[]).expect("is made")
    }

    fn consumer(key: &str, value: &str) -> Result<Arc<Client>> {
        common().consumer(&ConsumerSpec {
            client_id: "c".to_string(),
            isolation: Isolation::ReadCommitted,
            properties: owned(&[(key, value)]),
        })
    }

    #[test]
    fn an_error_names_the_key() {
        for (key, value) in
            [("isolation.level", "read_uncommitted"), ("no.such.key", "1"), ("fetch.wait.max.ms", "x")]
        {
            let error = consumer(key, value).err().expect("is refused");
            assert_eq!(error.kind(), TransportErrorKind::Config);
            assert!(error.to_string().contains(key), "{error}");
        }
    }

    /// Before: a client id that the runtime makes up, and librdkafka's words, without the prefix to look at.
    #[test]
    fn a_client_that_cannot_be_made_says_whose_settings_to_look_at() {
        let text = consumer("fetch.max.bytes", "1").err().expect("is refused").to_string();
        for part in
            ["making client c (a main consumer)", "settings with the prefix main.consumer. or consumer."]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        let spec = ConsumerSpec {
            client_id: "x-restore-consumer".to_string(),
            isolation: Isolation::ReadCommitted,
            properties: owned(&[("receive.message.max.bytes", "1000")]),
        };
        let text = common().consumer(&spec).err().expect("is refused").to_string();
        for part in ["(a restore consumer)", "the prefix restore.consumer. or consumer."] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let spec = GroupSpec {
            group: "g".into(),
            client_id: "m".to_string(),
            subtopologies: Vec::new(),
            properties: owned(&[("session.timeout.ms", "3600000")]),
        };
        let text = common().member(&spec).err().expect("is refused").to_string();
        for part in ["(the group's member)", "the prefix main.consumer. or consumer."] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let spec = ProducerSpec {
            client_id: "p".to_string(),
            transactional_id: None,
            transaction_timeout_ms: 10_000,
            properties: owned(&[("retries", "0")]),
        };
        let text = common().producer(&spec, 10_000).err().expect("is refused").to_string();
        for part in ["(a producer)", "the prefix producer."] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    /// Before: without the prefix.
    #[test]
    fn a_setting_that_cannot_be_made_is_named_with_its_prefix() {
        let members = vec![("consumer.", owned(&[("enable.partition.eof", "false")]))];
        let clients = ClientProperties { members, ..ClientProperties::default() };
        let text = common().check_clients(&clients).expect_err("is refused").to_string();
        assert!(text.contains("'consumer.enable.partition.eof'"), "{text}");
    }

    /// Before: `ssl.ca.location failed: error:05880002:x509 certificate routines::system lib`.
    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = common_with(&[("ssl.ca.location", "/no/such/ca.pem")]).expect("is made").admin("a").err();
        let text = error.expect("is refused").to_string();
        for part in
            ["'ssl.ca.location'", "/no/such/ca.pem: No such file", "name a file that this process can"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        let members = vec![("consumer.", owned(&[("ssl.key.location", "/no/such/key")]))];
        let clients = ClientProperties { members, ..ClientProperties::default() };
        let text = common().check_clients(&clients).expect_err("is refused").to_string();
        assert!(text.contains("'consumer.ssl.key.location'"), "{text}");
        for found in ["probe", "", "/tmp", "/dev/null"] {
            assert_eq!(check_file("ssl.ca.location", found), Ok(()), "{found}");
        }
        assert_eq!(check_file("client.rack", "/no/such/file"), Ok(()));
    }

    /// Each kind of client, what it refuses, and what it would take.
    #[test]
    fn what_librdkafka_does_not_take_is_refused_before_a_broker_is_asked() {
        let refusal = |clients: ClientProperties| {
            let error = common().check_clients(&clients).expect_err("is refused");
            assert_eq!(error.kind(), TransportErrorKind::Config);
            error.to_string()
        };
        common().check_clients(&ClientProperties::default()).expect("defaults are taken");
        let producer = owned(&[("compression.type", "best")]);
        let text = refusal(ClientProperties { producer, ..ClientProperties::default() });
        for part in ["'producer.compression.type'", "best", "it takes none, gzip, snappy, lz4, zstd"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let consumers = vec![("restore.consumer.", owned(&[("fetch.wait.max.ms", "-1")]))];
        let text = refusal(ClientProperties { consumers, ..ClientProperties::default() });
        for part in ["'restore.consumer.fetch.wait.max.ms'", "it takes 0 .. 300000"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let members = vec![("consumer.", owned(&[("no.such.key", "1")]))];
        let text = refusal(ClientProperties { members, ..ClientProperties::default() });
        assert!(text.contains("'consumer.no.such.key'") && !text.contains("it takes"), "{text}");
        let all = common_with(&[("socket.keepalive.enable", "maybe")]).expect("is made");
        let text = all.check_clients(&ClientProperties::default()).expect_err("is refused").to_string();
        assert!(text.contains("'socket.keepalive.enable'") && text.contains("true, false"), "{text}");
    }

    #[test]
    fn what_only_concerns_the_member_does_not_disturb_a_consumer() {
        assert!(consumer("session.timeout.ms", "400000").is_ok());
        assert!(consumer("fetch.wait.max.ms", "50").is_ok());
    }

    #[test]
    fn what_is_for_administrative_clients_reaches_no_other() {
        let admin = owned(&[("no.such.key", "1")]);
        let common =
            Common::new("localhost:1", KafkaOptions { admin, ..KafkaOptions::default() }).expect("is made");
        assert!(common.admin("a").is_err_and(|error| error.to_string().contains("no.such.key")));
        let spec = ConsumerSpec {
            client_id: "c".to_string(),
            isolation: Isolation::ReadCommitted,
            properties: Properties::new(),
        };
        assert!(common.consumer(&spec).is_ok());
    }

    /// The value of a setting of a transactional producer with these settings for all clients, and for producers.
    fn of_producer(key: &str, all: &str, own: Option<&str>) -> String {
        let properties = own.map(|value| owned(&[(key, value)])).unwrap_or_default();
        let spec = ProducerSpec {
            client_id: "p".to_string(),
            transactional_id: Some("t".to_string()),
            transaction_timeout_ms: 10_000,
            properties,
        };
        let common = common_with(&[(key, all)]).expect("is made");
        common.producer(&spec, 1_000_000).expect("is made").setting(key)
    }

    #[test]
    fn no_setting_lifts_the_guard_of_transactional_producers() {
        for (own, found) in
            [(None, "5000"), (Some("0"), "5000"), (Some("60000"), "5000"), (Some("3000"), "3000")]
        {
            assert_eq!(of_producer("connections.max.idle.ms", "540000", own), found, "{own:?}");
        }
        assert_eq!(of_producer("retry.backoff.ms", "500", None), "20");
        assert_eq!(of_producer("retry.backoff.ms", "500", Some("200")), "200");
    }

    #[test]
    fn checksums_are_checked() {
        assert_eq!(consumer("fetch.wait.max.ms", "50").expect("is made").setting("check.crcs"), "true");
    }

    #[test]
    fn tokens_need_a_source() {
        let by_token = [("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "OAUTHBEARER")];
        let error = common_with(&by_token).expect_err("is refused").to_string();
        assert!(error.contains("with_token_provider"), "{error}");
    }

    #[test]
    fn a_build_without_tls_says_so() {
        let said = explained("Property 'security.protocol' value 'ssl': OpenSSL not available at build time");
        assert!(said.contains("streams-dsl") || said.contains("Kerberos"), "{said}");
        assert_eq!(explained("no such property"), "no such property");
    }

    #[test]
    fn every_own_setting_is_known_to_librdkafka() {
        let common = common();
        assert!(common.admin("a").is_ok());
        for transactional_id in [None, Some("t".to_string())] {
            let spec = ProducerSpec {
                client_id: "p".to_string(),
                transactional_id,
                transaction_timeout_ms: 10_000,
                properties: Properties::new(),
            };
            common.producer(&spec, 10_000).expect("is made");
        }
        let spec = GroupSpec {
            group: "g".into(),
            client_id: "m".to_string(),
            subtopologies: Vec::new(),
            properties: owned(&[("group.instance.id", "i"), ("session.timeout.ms", "6000")]),
        };
        common.member(&spec).expect("is made");
    }
}
