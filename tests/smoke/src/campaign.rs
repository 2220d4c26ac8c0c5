//! One run after the other: a broker, three processes of our application, Kafka Streams' generator and verifier.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lab::{ClusterOptions, KafkaCluster, LabError, LabProcess};

use crate::checker::{Checker, Judge};

/// Processes of the application.
const PROCESSES: usize = 3;

/// Partitions of every topic, as in Kafka's own runs.
const PARTITIONS: i32 = 5;

const CLOSE_LIMIT: Duration = Duration::from_secs(150);

/// What is done to the processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Fault {
    /// Nothing.
    Clean,
    /// Every few seconds one is killed with SIGKILL and started again.
    Kill,
}

/// One run.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Who generates and verifies.
    pub judge: Judge,
    /// `processing.guarantee`.
    pub guarantee: &'static str,
    /// What happens meanwhile.
    pub fault: Fault,
    /// Fewer records than Kafka's own command lines have.
    pub short: bool,
    /// The seed of the kills.
    pub seed: u64,
}

/// Where runs find the program and leave their logs.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// The program `smoke_app`.
    pub program: PathBuf,
    /// A folder for logs and state; a failed run's stay.
    pub folder: PathBuf,
}

struct Apps<'a> {
    campaign: &'a Campaign,
    run: Run,
    bootstrap: String,
    folder: PathBuf,
    processes: Vec<LabProcess>,
}

impl Campaign {
    /// Runs it; an error has what the verifier said.
    pub fn run(&self, run: Run) -> Result<(), LabError> {
        let name = format!("{}-{}-{:?}-{}", run.judge.name(), run.guarantee, run.fault, run.seed);
        let folder = self.folder.join(name.to_lowercase());
        fs::create_dir_all(&folder).map_err(LabError::io(format!("creating {}", folder.display())))?;
        let cluster = KafkaCluster::start_with(&ClusterOptions::default())?;
        let client = cluster.client();
        for topic in run.judge.topics() {
            client.create_topic(topic, PARTITIONS, &[])?;
        }
        let bootstrap = cluster.bootstrap().to_owned();
        let mut apps = Apps { campaign: self, run, bootstrap, folder: folder.clone(), processes: Vec::new() };
        for number in 0..PROCESSES {
            apps.processes.push(apps.start(number)?);
        }
        let checker = Checker::start(run.judge, cluster.bootstrap(), run.guarantee, run.short, &folder)?;
        if run.fault == Fault::Kill {
            apps.kill_for(run.judge.writes_for(run.short))?;
        }
        checker.verdict()?;
        apps.close()?;
        // What failed stays to be looked into.
        fs::remove_dir_all(&folder).map_err(LabError::io(format!("deleting {}", folder.display())))
    }
}

impl Apps<'_> {
    fn start(&self, number: usize) -> Result<LabProcess, LabError> {
        let log = self.folder.join(format!("app-{number}.log"));
        let opened = File::options().create(true).append(true).open(&log);
        let log = opened.map_err(LabError::io(format!("opening {}", log.display())))?;
        let mut command = Command::new(&self.campaign.program);
        command
            .args(["--judge", self.run.judge.name(), "--bootstrap", &self.bootstrap])
            .args(["--guarantee", self.run.guarantee])
            .arg("--state-dir")
            .arg(self.folder.join(format!("state-{number}")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        LabProcess::spawn(format!("process {number} of the application"), command)
    }

    /// Kills one after the other for that long, two to five seconds apart.
    fn kill_for(&mut self, time: Duration) -> Result<(), LabError> {
        let begin = Instant::now();
        let mut state = self.run.seed;
        let mut below = |limit: u64| {
            // splitmix64
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)) % limit
        };
        while begin.elapsed() < time {
            std::thread::sleep(Duration::from_millis(2_000 + below(3_000)));
            let number = usize::try_from(below(PROCESSES as u64)).unwrap_or(0);
            self.check(number)?;
            if let Some(process) = self.processes.get_mut(number) {
                process.kill()?;
            }
            let started = self.start(number)?;
            if let Some(process) = self.processes.get_mut(number) {
                *process = started;
            }
        }
        Ok(())
    }

    /// Fails when a process has ended by itself.
    fn check(&mut self, number: usize) -> Result<(), LabError> {
        let Some(process) = self.processes.get_mut(number) else { return Ok(()) };
        match process.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.refused(number, &format!("ended by itself: {status}"))),
        }
    }

    fn close(mut self) -> Result<(), LabError> {
        for number in 0..self.processes.len() {
            self.check(number)?;
            let Some(process) = self.processes.get_mut(number) else { continue };
            let status = process.terminate(CLOSE_LIMIT)?;
            if !status.success() {
                return Err(self.refused(number, &format!("did not close in order: {status}")));
            }
        }
        Ok(())
    }

    fn refused(&self, number: usize, what: &str) -> LabError {
        let log = self.folder.join(format!("app-{number}.log"));
        LabError::Refused {
            what: format!("process {number} {what}; its log is {}", log.display()),
            answer: tail(&log),
        }
    }
}

fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
}
