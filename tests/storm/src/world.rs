//! What a storm passes over: three brokers behind proxies, the topics, three processes of the application.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lab::{ClusterOptions, KafkaClient, KafkaCluster, LabError, ProxiedListener, free_port};
use tests::apps::{SoakSettings, SoakTopics};
use tests::checks::InputRange;

use crate::app::App;
use crate::proxy::{Proxy, Rules};
use crate::schedule::{BROKERS, ONLY_REPLICA, PROCESSES};

/// `application.id`.
pub(crate) const APP: &str = "storm";

/// Whom the proxied listeners know, besides the open ones' super users.
pub(crate) const USER: &str = "User:app";

/// librdkafka may wait for a coordinator for a minute and a half, inside of a call that cannot be cut short.
const CLOSE_LIMIT: Duration = Duration::from_secs(150);

/// Partitions of every topic.
const PARTITIONS: i32 = 4;

/// Of the file system of one process: a few times what its state needs.
const SMALL_DISK: &str = "size=192m";

/// All of it. Dropped, everything is stopped.
pub(crate) struct World {
    apps: Vec<Mutex<App>>,
    /// Whoever does something to a process has it for himself meanwhile.
    turns: [Mutex<()>; PROCESSES],
    /// The same of the brokers: two of three have to be in sync.
    broker_turn: Mutex<()>,
    lost: Mutex<Vec<InputRange>>,
    pub(crate) rules: Rules,
    pub(crate) topics: SoakTopics,
    /// Whether a process has a small file system of its own.
    pub(crate) has_small_disk: bool,
    _disk: SmallDisk,
    _proxies: Vec<Proxy>,
    pub(crate) cluster: KafkaCluster,
}

impl World {
    /// Starts brokers and proxies and creates the topics; the processes do not run yet.
    pub(crate) fn create(program: &Path, folder: &Path) -> Result<Self, LabError> {
        let (mut proxied, mut proxies, rules) = (Vec::new(), Vec::new(), Rules::default());
        for _ in 0..BROKERS {
            let listener = ProxiedListener { broker: free_port()?, told: free_port()? };
            let started = Proxy::start(listener.told, listener.broker, &rules);
            proxies.push(started.map_err(LabError::io("starting a proxy"))?);
            proxied.push(listener);
        }
        let told: Vec<String> = proxied.iter().map(|one| format!("127.0.0.1:{}", one.told)).collect();
        let cluster = KafkaCluster::start_with(&ClusterOptions {
            brokers: BROKERS,
            settings: broker_settings(),
            proxied,
            ..ClusterOptions::default()
        })?;
        let topics = SoakTopics::of(APP);
        let client = cluster.client();
        for topic in [&topics.input, &topics.counts, &topics.chains] {
            client.create_topic(topic, PARTITIONS, &[])?;
        }
        // Not a topic of results: a transaction that ends while a partition that it wrote to has no leader may be
        // called complete without a marker there, of which no client learns (decision 0008).
        create_on_one_broker(&client, &topics.table)?;
        let disk = SmallDisk::mount(&folder.join("state-0"));
        let app = |number: usize| {
            let settings = app_settings(&told.join(","), folder.join(format!("state-{number}")));
            Mutex::new(App::new(number, program, settings, folder))
        };
        let apps = (0..PROCESSES).map(app).collect();
        let has_small_disk = disk.0.is_some();
        let (turns, broker_turn, lost) = Default::default();
        let (_disk, _proxies) = (disk, proxies);
        Ok(Self { apps, turns, broker_turn, lost, rules, topics, has_small_disk, _disk, _proxies, cluster })
    }

    /// A process; none with that number is the first.
    pub(crate) fn app(&self, number: usize) -> MutexGuard<'_, App> {
        let place = &self.apps[number.min(PROCESSES - 1)];
        place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// SIGTERM, while others may look at the process. What it said if it does not end in order, or had ended by itself.
    pub(crate) fn close(&self, number: usize) -> Result<Option<String>, LabError> {
        let taken = {
            let mut app = self.app(number);
            match app.ended()? {
                Some(said) => return Ok(Some(said)),
                None => app.take_process(),
            }
        };
        let Some(mut process) = taken else { return Ok(None) };
        let status = process.terminate(CLOSE_LIMIT)?;
        let said = self.app(number).said();
        // One that has just been started has not asked for the signal yet, nor begun anything.
        let had_not_begun = status.signal() == Some(libc::SIGTERM) && said.event.is_empty();
        let in_order = status.success() || had_not_begun;
        Ok((!in_order).then(|| format!("process {number}: {status}: {said:?}")))
    }

    /// Waits until nobody else does anything to these processes, which are in order.
    pub(crate) fn turns(&self, processes: &[usize]) -> Vec<MutexGuard<'_, ()>> {
        let chosen = processes.iter().filter_map(|process| self.turns.get(*process));
        chosen.map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    /// Waits until no broker is away.
    pub(crate) fn broker_turn(&self) -> MutexGuard<'_, ()> {
        self.broker_turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was deleted of the input before it was read.
    pub(crate) fn lost(&self) -> MutexGuard<'_, Vec<InputRange>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client that does not pass through the proxies.
    pub(crate) fn client(&self) -> KafkaClient {
        self.cluster.client()
    }
}

fn broker_settings() -> Vec<(String, String)> {
    let protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:SASL_PLAINTEXT";
    let log_in = "org.apache.kafka.common.security.plain.PlainLoginModule required user_app=\"secret\";";
    [
        ("listener.security.protocol.map", protocols),
        ("sasl.enabled.mechanisms", "PLAIN"),
        ("listener.name.proxied.plain.sasl.jaas.config", log_in),
        ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
        ("super.users", "User:ANONYMOUS"),
        ("allow.everyone.if.no.acl.found", "true"),
        // A busy machine is not a dead broker.
        ("broker.session.timeout.ms", "6000"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .to_vec()
}

fn app_settings(bootstrap: &str, state_dir: PathBuf) -> SoakSettings {
    let set = [
        "security.protocol=SASL_PLAINTEXT",
        "sasl.mechanism=PLAIN",
        "sasl.username=app",
        "sasl.password=secret",
        // A topic that has grown is noticed soon.
        "metadata.max.age.ms=10000",
        "replication.factor=-1",
    ];
    SoakSettings {
        bootstrap: bootstrap.to_owned(),
        app: APP.to_owned(),
        state_dir,
        threads: 2,
        guarantee: "exactly_once_v2".to_owned(),
        cache_bytes: 0,
        instance: None,
        session_timeout_ms: 6_000,
        records: 0,
        keys: 1,
        per_second: 0,
        set: set.map(str::to_owned).to_vec(),
    }
}

fn create_on_one_broker(client: &KafkaClient, topic: &str) -> Result<(), LabError> {
    let only = [i32::try_from(ONLY_REPLICA).unwrap_or(0)];
    let places = vec![&only[..]; usize::try_from(PARTITIONS).unwrap_or(1)];
    client.create_topic_on(topic, &places, &[("min.insync.replicas", "1")])
}

/// A file system in memory; only root can mount one.
struct SmallDisk(Option<PathBuf>);

impl SmallDisk {
    fn mount(at: &Path) -> Self {
        let made = std::fs::create_dir_all(at).is_ok();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", SMALL_DISK, "storm"]).arg(at).stderr(Stdio::null());
        let mounted = made && mount.status().is_ok_and(|status| status.success());
        SmallDisk(mounted.then(|| at.to_path_buf()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Some(at) = self.0.take() {
            // Lazily: a process that was killed a moment ago may still hold it.
            let _left_for_the_system = Command::new("umount").arg("-l").arg(at).status();
        }
    }
}
