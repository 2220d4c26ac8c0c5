//! A Kafka cluster of one or three brokers, or a handle on an existing one.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::broker::{Broker, Ports};
use crate::client::KafkaClient;
use crate::error::LabError;
use crate::java::JavaLab;
use crate::ports::free_port;
use crate::process::LabProcess;
use crate::secure::Secured;

const START_LIMIT: Duration = Duration::from_secs(400);

/// How often brokers are started whose ports are taken.
const START_ATTEMPTS: u32 = 3;

/// What a broker says that finds its port taken.
const IN_USE: &str = "Address already in use";

const FOLDER_PREFIX: &str = "kafka-lab-";

/// How a cluster is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterOptions {
    /// Number of brokers: one, or three with three replicas of which two must be in sync.
    pub brokers: usize,
    /// Heap of each broker in megabytes.
    pub heap_mb: u32,
    /// Compile lightly: half the processor time of a start, less speed in long runs.
    pub quick_start: bool,
    /// Further broker settings; they win over the lab's.
    pub settings: Vec<(String, String)>,
    /// Listeners with TLS, SASL and certificates besides the open one, and an authorizer; see [`Secured`].
    pub secured: bool,
    /// For each node a second listener for clients (`PROXIED`, without log-in), behind a proxy; none for none.
    pub proxied: Vec<ProxiedListener>,
}

/// A listener of a broker whose clients are sent to another port, on which a proxy passes on what they send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxiedListener {
    /// The port on which the broker listens.
    pub broker: u16,
    /// The port that it tells clients to use.
    pub told: u16,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            brokers: 1,
            heap_mb: 512,
            quick_start: true,
            settings: Vec::new(),
            secured: false,
            proxied: Vec::new(),
        }
    }
}

/// A running Kafka. Dropped, its brokers are killed by their own process ids and their data is deleted.
#[derive(Debug)]
pub struct KafkaCluster {
    bootstrap: String,
    secured: Option<Secured>,
    // Declared before the folder: the brokers must be dead before their data goes.
    brokers: Mutex<Vec<Broker>>,
    folder: Option<TempDir>,
}

impl KafkaCluster {
    /// Starts a cluster of one or three brokers and waits until it answers.
    pub fn start(brokers: usize) -> Result<Self, LabError> {
        Self::start_with(&ClusterOptions { brokers, ..ClusterOptions::default() })
    }

    /// Starts a cluster with custom options and waits until it answers.
    pub fn start_with(options: &ClusterOptions) -> Result<Self, LabError> {
        // A port that was free may be another process's before the broker listens on it.
        let in_use =
            |error: &LabError| matches!(error, LabError::BrokerExited { log, .. } if log.contains(IN_USE));
        let attempt =
            |_| Some(Self::start_once(options)).filter(|started| !started.as_ref().is_err_and(in_use));
        (1..START_ATTEMPTS).find_map(attempt).unwrap_or_else(|| Self::start_once(options))
    }

    fn start_once(options: &ClusterOptions) -> Result<Self, LabError> {
        let java = JavaLab::prepare()?;
        sweep(&std::env::temp_dir());
        let folder = tempfile::Builder::new()
            .prefix(&format!("{FOLDER_PREFIX}{}-", std::process::id()))
            .tempdir()
            .map_err(LabError::io("creating a temporary folder for the brokers"))?;
        let ports = (0..options.brokers.max(1))
            .map(|_| {
                let secured = options.secured.then(|| Ok((free_port()?, free_port()?))).transpose()?;
                Ok(Ports { clients: free_port()?, controller: free_port()?, secured })
            })
            .collect::<Result<Vec<Ports>, LabError>>()?;
        let addresses = |port: fn(&Ports) -> u16| {
            let addresses: Vec<_> = ports.iter().map(|ports| format!("127.0.0.1:{}", port(ports))).collect();
            addresses.join(",")
        };
        let secured = if options.secured {
            let sasl = addresses(|ports| ports.secured.map_or(0, |(sasl, _)| sasl));
            let tls = addresses(|ports| ports.secured.map_or(0, |(_, tls)| tls));
            Some(Secured::create(folder.path(), sasl, tls)?)
        } else {
            None
        };
        let mut brokers = Vec::new();
        for node in 0..ports.len() {
            brokers.push(Broker::create(&java, options, node, &ports, secured.as_ref(), folder.path())?);
        }
        for broker in &mut brokers {
            broker.start()?;
        }
        let bootstrap = addresses(|ports| ports.clients);
        let cluster = Self { bootstrap, secured, brokers: Mutex::new(brokers), folder: Some(folder) };
        cluster.wait_ready()?;
        Ok(cluster)
    }

    /// A handle on a cluster that runs elsewhere; its brokers cannot be stopped through it.
    pub fn external(bootstrap: impl Into<String>) -> Self {
        Self { bootstrap: bootstrap.into(), secured: None, brokers: Mutex::new(Vec::new()), folder: None }
    }

    /// The value for `bootstrap.servers`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Listeners and certificates of a cluster that was started as `secured`.
    pub fn secured(&self) -> Option<&Secured> {
        self.secured.as_ref()
    }

    /// Topics, records and offsets of this cluster.
    pub fn client(&self) -> KafkaClient {
        KafkaClient::new(&self.bootstrap)
    }

    /// Where the brokers keep data and logs; none for a cluster that runs elsewhere.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(TempDir::path)
    }

    /// The process ids of the brokers that are up.
    pub fn process_ids(&self) -> Vec<u32> {
        self.brokers().iter_mut().filter_map(|broker| broker.process().map(|process| process.id())).collect()
    }

    /// Stops a broker (numbered from 0) with SIGTERM and waits for its end.
    pub fn stop_broker(&self, node: usize) -> Result<(), LabError> {
        self.with_broker(node, "stop", Broker::stop)
    }

    /// Kills a broker with SIGKILL.
    pub fn kill_broker(&self, node: usize) -> Result<(), LabError> {
        self.with_broker(node, "kill", Broker::kill)
    }

    /// Starts a stopped or killed broker on the same port and data, and waits until all brokers that are up answer.
    pub fn start_broker(&self, node: usize) -> Result<(), LabError> {
        self.with_broker(node, "start", Broker::start)?;
        self.wait_ready()
    }

    /// Stops a broker with SIGSTOP: its connections stay open and nothing is answered.
    pub fn pause_broker(&self, node: usize) -> Result<(), LabError> {
        self.with_broker(node, "pause", |broker| broker.process().map_or(Ok(()), LabProcess::pause))
    }

    /// Resumes a paused broker.
    pub fn resume_broker(&self, node: usize) -> Result<(), LabError> {
        self.with_broker(node, "resume", |broker| broker.process().map_or(Ok(()), LabProcess::resume))
    }

    /// Waits until every broker that is up answers a metadata request and has registered.
    pub fn wait_ready(&self) -> Result<(), LabError> {
        let begin = Instant::now();
        loop {
            let mut up = 0;
            for broker in self.brokers().iter_mut() {
                broker.check()?;
                up += usize::from(broker.process().is_some());
            }
            if self.client().live_brokers(Duration::from_secs(2)).is_ok_and(|live| live >= up.max(1)) {
                return Ok(());
            }
            if begin.elapsed() >= START_LIMIT {
                let what = format!("an answer of the brokers at {}", self.bootstrap);
                return Err(LabError::Timeout { what, seconds: START_LIMIT.as_secs() });
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn with_broker(
        &self,
        node: usize,
        what: &'static str,
        act: impl FnOnce(&mut Broker) -> Result<(), LabError>,
    ) -> Result<(), LabError> {
        if self.folder.is_none() {
            return Err(LabError::NotOurs { what });
        }
        let mut brokers = self.brokers();
        let count = brokers.len();
        act(brokers.get_mut(node).ok_or(LabError::NoSuchBroker { node, brokers: count })?)
    }

    fn brokers(&self) -> MutexGuard<'_, Vec<Broker>> {
        self.brokers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a test that fails leaves behind: with `KEEP_BROKERS` set, the brokers' data and logs stay, to be looked into.
impl Drop for KafkaCluster {
    fn drop(&mut self) {
        if !std::thread::panicking() || std::env::var_os("KEEP_BROKERS").is_none() {
            return;
        }
        self.brokers().clear();
        let Some(folder) = self.folder.take().map(TempDir::keep) else { return };
        let kept = folder.with_file_name(format!("kept-brokers-{}", std::process::id()));
        match std::fs::rename(&folder, &kept) {
            Ok(()) => println!("the brokers' data is kept in {}", kept.display()),
            Err(error) => println!("the brokers' data could not be kept: {error}"),
        }
    }
}

/// Deletes the folders of test processes that were killed before they could; their brokers died with them.
fn sweep(temporary: &Path) {
    let Ok(entries) = std::fs::read_dir(temporary) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(FOLDER_PREFIX)?.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // Another process may be deleting the same folder.
            let _gone = std::fs::remove_dir_all(entry.path());
        }
    }
}
