//! The application under test as a process: started, watched through what it prints, closed or killed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use lab::{LabError, LabProcess};

/// How the application runs.
#[derive(Debug, Clone, clap::Args)]
pub struct SoakSettings {
    /// Brokers, or `embedded:PATH`.
    #[arg(long)]
    pub bootstrap: String,
    /// `application.id`; the topics begin with it.
    #[arg(long)]
    pub app: String,
    /// `state.dir`.
    #[arg(long)]
    pub state_dir: PathBuf,
    /// `num.stream.threads`.
    #[arg(long, default_value_t = 2)]
    pub threads: usize,
    /// `processing.guarantee`.
    #[arg(long, default_value = "exactly_once_v2")]
    pub guarantee: String,
    /// `statestore.cache.max.bytes`.
    #[arg(long, default_value_t = 0)]
    pub cache_bytes: usize,
    /// `group.instance.id`.
    #[arg(long)]
    pub instance: Option<String>,
    /// `session.timeout.ms`: how long the group waits for a killed member.
    #[arg(long, default_value_t = 1_500)]
    pub session_timeout_ms: u64,
    /// How many records the input has; only an embedded broker is fed by the application's process.
    #[arg(long, default_value_t = 0)]
    pub records: u32,
    /// How many keys take turns.
    #[arg(long, default_value_t = 1)]
    pub keys: u32,
    /// Records of the input each second.
    #[arg(long, default_value_t = 5_000)]
    pub per_second: u32,
    /// Further settings, as `key=value`.
    #[arg(long = "set")]
    pub set: Vec<String>,
}

impl SoakSettings {
    /// The command that runs the program at `path` so.
    pub fn command(&self, path: &Path) -> Command {
        let mut command = Command::new(path);
        command
            .args(["--bootstrap", &self.bootstrap, "--app", &self.app])
            .args(["--guarantee", &self.guarantee, "--threads", &self.threads.to_string()])
            .args(["--cache-bytes", &self.cache_bytes.to_string()])
            .args(["--session-timeout-ms", &self.session_timeout_ms.to_string()])
            .args(["--records", &self.records.to_string(), "--keys", &self.keys.to_string()])
            .args(["--per-second", &self.per_second.to_string()])
            .arg("--state-dir")
            .arg(&self.state_dir)
            .stdin(Stdio::null());
        if let Some(instance) = &self.instance {
            command.args(["--instance", instance]);
        }
        for setting in &self.set {
            command.args(["--set", setting]);
        }
        command
    }
}

/// A line that the application prints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoakReport {
    /// `running` once, `status` again and again, `exit` at the end.
    pub event: String,
    /// The application's state.
    pub state: String,
    /// Its metrics.
    pub processed_records: u64,
    /// Its metrics.
    pub dropped_records: u64,
    /// Its metrics.
    pub commits: u64,
    /// Its metrics.
    pub restored_records: u64,
    /// Its metrics.
    pub wiped_tasks: u64,
    /// Its metrics.
    pub running_tasks: usize,
    /// Why it ended, if that was an error.
    pub error: Option<String>,
}

#[derive(Debug, Default)]
struct Seen {
    running: Option<SoakReport>,
    latest: Option<SoakReport>,
}

/// The application in a process of its own. Dropped, it is killed.
#[derive(Debug)]
pub struct SoakProcess {
    process: LabProcess,
    seen: Arc<Mutex<Seen>>,
}

impl SoakProcess {
    /// Starts the program at `path`.
    pub fn start(path: &Path, settings: &SoakSettings) -> Result<Self, LabError> {
        let mut command = settings.command(path);
        command.stdout(Stdio::piped());
        let mut process = LabProcess::spawn(format!("application {}", settings.app), command)?;
        let seen = Arc::<Mutex<Seen>>::default();
        if let Some(output) = process.take_stdout() {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || watch(BufReader::new(output), &seen));
        }
        Ok(Self { process, seen })
    }

    /// What it said when all its tasks ran for the first time.
    pub fn running(&self) -> Option<SoakReport> {
        self.seen().running.clone()
    }

    /// What it said last.
    pub fn latest(&self) -> SoakReport {
        self.seen().latest.clone().unwrap_or_default()
    }

    /// Waits until what it said last, or that it has ended, satisfies `reached`.
    pub fn wait_until(
        &mut self,
        limit: Duration,
        reached: impl Fn(&SoakReport) -> bool,
    ) -> Result<SoakReport, LabError> {
        let begin = Instant::now();
        loop {
            let latest = self.latest();
            if reached(&latest) {
                return Ok(latest);
            }
            if begin.elapsed() >= limit || self.process.try_wait()?.is_some() {
                let what = format!("an application that said last {latest:?}");
                return Err(LabError::Timeout { what, seconds: limit.as_secs() });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until all its tasks ran for the first time.
    pub fn wait_running(&mut self, limit: Duration) -> Result<SoakReport, LabError> {
        let seen = Arc::clone(&self.seen);
        let ran = || seen.lock().unwrap_or_else(PoisonError::into_inner).running.clone();
        self.wait_until(limit, |_| ran().is_some())?;
        Ok(ran().unwrap_or_default())
    }

    /// Kills it with SIGKILL.
    pub fn kill(mut self) -> Result<(), LabError> {
        self.process.kill()
    }

    /// Stops it with SIGSTOP.
    pub fn pause(&mut self) -> Result<(), LabError> {
        self.process.pause()
    }

    /// Resumes it.
    pub fn resume(&mut self) -> Result<(), LabError> {
        self.process.resume()
    }

    /// Closes it with SIGTERM; true when it ended without an error.
    pub fn close(mut self, limit: Duration) -> Result<bool, LabError> {
        Ok(self.process.terminate(limit)?.success())
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn watch(output: impl BufRead, seen: &Mutex<Seen>) {
    for line in output.lines().map_while(Result::ok) {
        let Ok(report) = serde_json::from_str::<SoakReport>(&line) else { continue };
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        if report.event == "running" {
            seen.running.get_or_insert(report.clone());
        }
        seen.latest = Some(report);
    }
}
