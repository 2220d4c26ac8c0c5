//! One broker: its settings, its data folder and its process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::cluster::ClusterOptions;
use crate::error::LabError;
use crate::java::{JavaLab, tail};
use crate::process::LabProcess;
use crate::secure::Secured;

const STOP_LIMIT: Duration = Duration::from_secs(120);

/// The ports of one node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) clients: u16,
    pub(crate) controller: u16,
    /// Of the listeners of a secured cluster: for SASL, and for certificates.
    pub(crate) secured: Option<(u16, u16)>,
}

/// A broker that may be up or down; its port and data stay.
#[derive(Debug)]
pub(crate) struct Broker {
    node: usize,
    java: JavaLab,
    heap_mb: u32,
    quick_start: bool,
    secured: bool,
    folder: PathBuf,
    process: Option<LabProcess>,
}

impl Broker {
    /// Writes the settings of a node and formats its data folder.
    pub(crate) fn create(
        java: &JavaLab,
        options: &ClusterOptions,
        node: usize,
        all: &[Ports],
        secured: Option<&Secured>,
        root: &Path,
    ) -> Result<Self, LabError> {
        let folder = root.join(format!("broker-{node}"));
        fs::create_dir_all(&folder).map_err(LabError::io(format!("creating {}", folder.display())))?;
        let settings = folder.join("server.properties");
        fs::write(&settings, properties(options, node, all, secured, &folder))
            .map_err(LabError::io(format!("writing {}", settings.display())))?;
        let broker = Self {
            node,
            java: java.clone(),
            heap_mb: options.heap_mb,
            quick_start: options.quick_start,
            secured: secured.is_some(),
            folder,
            process: None,
        };
        broker.format()?;
        Ok(broker)
    }

    /// Starts the process; returns before it is ready.
    pub(crate) fn start(&mut self) -> Result<(), LabError> {
        if self.process.is_some() {
            return Ok(());
        }
        let mut command = self.java.broker_command("kafka.Kafka", self.heap_mb, self.quick_start);
        command.arg(self.settings()).stdin(Stdio::null()).stdout(self.log()?).stderr(self.log()?);
        self.process = Some(LabProcess::spawn(format!("broker {}", self.node), command)?);
        Ok(())
    }

    /// Stops it in order; kills it when that takes too long.
    pub(crate) fn stop(&mut self) -> Result<(), LabError> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        match process.terminate(STOP_LIMIT) {
            Err(LabError::Timeout { .. }) => process.kill(),
            other => other.map(|_status| ()),
        }
    }

    /// Kills it at once.
    pub(crate) fn kill(&mut self) -> Result<(), LabError> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// The running process, or none when it was stopped.
    pub(crate) fn process(&mut self) -> Option<&mut LabProcess> {
        self.process.as_mut()
    }

    /// Fails when it stopped by itself.
    pub(crate) fn check(&mut self) -> Result<(), LabError> {
        let ended = match &mut self.process {
            Some(process) => process.try_wait()?.is_some(),
            None => false,
        };
        if ended {
            self.process = None;
            return Err(LabError::BrokerExited { node: self.node, log: self.log_tail() });
        }
        Ok(())
    }

    fn format(&self) -> Result<(), LabError> {
        let mut command = self.java.broker_command("kafka.tools.StorageTool", 256, true);
        // The identifier only has to be equal on all nodes of a cluster.
        command
            .args(["format", "--cluster-id", "a2Fma2EtbGFiLXRlc3RzLg", "--config"])
            .arg(self.settings())
            .args(if self.secured { Secured::format_arguments() } else { Vec::new() })
            .stdin(Stdio::null())
            .stdout(self.log()?)
            .stderr(self.log()?);
        let mut process = LabProcess::spawn(format!("the formatting of broker {}", self.node), command)?;
        let status = process.wait(Duration::from_secs(120))?;
        if status.success() {
            return Ok(());
        }
        Err(LabError::BrokerExited { node: self.node, log: self.log_tail() })
    }

    fn settings(&self) -> PathBuf {
        self.folder.join("server.properties")
    }

    fn log(&self) -> Result<File, LabError> {
        let path = self.folder.join("broker.log");
        let opened = File::options().create(true).append(true).open(&path);
        opened.map_err(LabError::io(format!("opening {}", path.display())))
    }

    fn log_tail(&self) -> String {
        tail(&fs::read_to_string(self.folder.join("broker.log")).unwrap_or_default(), 40)
    }
}

/// Where a node listens, what it tells clients of that, and what is spoken there.
struct Listeners {
    listeners: String,
    told: String,
    protocols: String,
}

fn listeners_of(own: Ports, options: &ClusterOptions, node: usize) -> Listeners {
    let (mut listeners, mut protocols) =
        (format!("PLAINTEXT://127.0.0.1:{}", own.clients), "PLAINTEXT:PLAINTEXT".to_owned());
    if let Some((sasl, tls)) = own.secured {
        listeners += &format!(",SASL_SSL://127.0.0.1:{sasl},SSL://127.0.0.1:{tls}");
        protocols += ",SASL_SSL:SASL_SSL,SSL:SSL";
    }
    let mut told = listeners.clone();
    if let Some(proxied) = options.proxied.get(node) {
        listeners += &format!(",PROXIED://127.0.0.1:{}", proxied.broker);
        told += &format!(",PROXIED://127.0.0.1:{}", proxied.told);
        protocols += ",PROXIED:PLAINTEXT";
    }
    Listeners { listeners, told, protocols }
}

/// Settings fit for tests: small internal topics, no waiting, no records deleted by age, quick detection of failures.
fn properties(
    options: &ClusterOptions,
    node: usize,
    all: &[Ports],
    secured: Option<&Secured>,
    folder: &Path,
) -> String {
    let own = all.get(node).copied().unwrap_or(Ports { clients: 0, controller: 0, secured: None });
    let Listeners { listeners, told, protocols } = listeners_of(own, options, node);
    let voters: Vec<String> =
        all.iter().enumerate().map(|(id, ports)| format!("{id}@127.0.0.1:{}", ports.controller)).collect();
    let replicas = all.len().to_string();
    let in_sync = if all.len() > 1 { "2" } else { "1" };
    let mut settings: Vec<(&str, String)> = vec![
        ("process.roles", "broker,controller".into()),
        ("node.id", node.to_string()),
        ("listeners", format!("{listeners},CONTROLLER://127.0.0.1:{}", own.controller)),
        ("advertised.listeners", told),
        ("listener.security.protocol.map", format!("{protocols},CONTROLLER:PLAINTEXT")),
        ("controller.listener.names", "CONTROLLER".into()),
        ("controller.quorum.voters", voters.join(",")),
        ("log.dirs", folder.join("data").display().to_string()),
    ];
    let fixed = [
        ("auto.create.topics.enable", "false"),
        ("default.replication.factor", &replicas),
        ("min.insync.replicas", in_sync),
        ("offsets.topic.num.partitions", "1"),
        ("offsets.topic.replication.factor", &replicas),
        ("transaction.state.log.num.partitions", "3"),
        ("transaction.state.log.replication.factor", &replicas),
        ("transaction.state.log.min.isr", in_sync),
        ("share.coordinator.state.topic.num.partitions", "1"),
        ("share.coordinator.state.topic.replication.factor", &replicas),
        ("share.coordinator.state.topic.min.isr", in_sync),
        // Records with old event times would otherwise be deleted.
        ("log.retention.ms", "-1"),
        // Records with times ahead of the clock would otherwise be refused.
        ("log.message.timestamp.after.max.ms", "9223372036854775807"),
        ("log.cleaner.dedupe.buffer.size", "16777216"),
        ("group.initial.rebalance.delay.ms", "0"),
        ("group.min.session.timeout.ms", "100"),
        ("group.consumer.min.session.timeout.ms", "500"),
        ("group.consumer.session.timeout.ms", "6000"),
        ("group.consumer.min.heartbeat.interval.ms", "100"),
        ("group.consumer.heartbeat.interval.ms", "500"),
        ("group.consumer.assignment.interval.ms", "0"),
        ("transaction.max.timeout.ms", "900000"),
        ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000"),
        // A killed broker that starts again must first wait for the end of its former session.
        ("broker.session.timeout.ms", "3000"),
        ("broker.heartbeat.interval.ms", "500"),
        ("controlled.shutdown.enable", "true"),
    ];
    settings.extend(fixed.map(|(name, value)| (name, value.to_owned())));
    settings.extend(options.settings.iter().map(|(name, value)| (name.as_str(), value.clone())));
    // Of a setting that is there twice, the last one counts.
    let own = secured.map(Secured::properties).unwrap_or_default();
    settings.iter().fold(own, |text, (name, value)| text + &format!("{name}={value}\n"))
}
