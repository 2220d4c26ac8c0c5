//! Child processes that never outlive the test process, however it ends.

use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::error::LabError;
use crate::sys;

type Job = (Command, SyncSender<io::Result<Child>>);

static SPAWNER: OnceLock<Mutex<Sender<Job>>> = OnceLock::new();

/// A child process; dropped, it is killed by its own id.
#[derive(Debug)]
pub struct LabProcess {
    name: String,
    child: Child,
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessUsage {
    /// User and system time, in seconds.
    pub cpu_seconds: f64,
    /// The highest resident memory, in megabytes of 1,048,576 bytes.
    pub peak_rss_mb: f64,
    /// The resident memory now, in megabytes of 1,048,576 bytes.
    pub rss_mb: f64,
    /// How many threads it has now.
    pub threads: usize,
    /// How many files and connections it has open now.
    pub open_files: usize,
}

impl LabProcess {
    /// Starts a command. The kernel kills it when the calling process ends, even by SIGKILL.
    pub fn spawn(name: impl Into<String>, mut command: Command) -> Result<Self, LabError> {
        let name = name.into();
        sys::die_with_parent(&mut command);
        let child = spawn_from_lasting_thread(command).map_err(LabError::io(format!("starting {name}")))?;
        Ok(Self { name, child })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard output, when the command piped it and nobody took it before.
    pub fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Its standard error, when the command piped it and nobody took it before.
    pub fn take_stderr(&mut self) -> Option<std::process::ChildStderr> {
        self.child.stderr.take()
    }

    /// Ends its standard input, when the command piped it.
    pub fn close_stdin(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Its status if it has ended.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>, LabError> {
        self.child.try_wait().map_err(LabError::io(format!("asking whether {} has ended", self.name)))
    }

    /// Waits for it to end; it keeps running after the time-out.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus, LabError> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            if begin.elapsed() >= limit {
                return Err(LabError::Timeout {
                    what: format!("the end of {}", self.name),
                    seconds: limit.as_secs(),
                });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends SIGKILL and waits for the end. A process that has ended is left alone.
    pub fn kill(&mut self) -> Result<(), LabError> {
        self.child.kill().map_err(LabError::io(format!("killing {}", self.name)))?;
        self.child.wait().map(|_status| ()).map_err(LabError::io(format!("waiting for {}", self.name)))
    }

    /// Sends SIGTERM and waits for the end.
    pub fn terminate(&mut self, limit: Duration) -> Result<ExitStatus, LabError> {
        self.signal(libc::SIGTERM)?;
        self.wait(limit)
    }

    /// Stops it with SIGSTOP: connections stay open, nothing is answered.
    pub fn pause(&mut self) -> Result<(), LabError> {
        self.signal(libc::SIGSTOP)
    }

    /// Resumes it with SIGCONT.
    pub fn resume(&mut self) -> Result<(), LabError> {
        self.signal(libc::SIGCONT)
    }

    /// What it has used so far; only while it runs.
    pub fn usage(&self) -> Result<ProcessUsage, LabError> {
        let read = |file: &str| {
            let path = format!("/proc/{}/{file}", self.id());
            std::fs::read_to_string(&path).map_err(LabError::io(format!("reading {path}")))
        };
        let (stat, status) = (read("stat")?, read("status")?);
        // The fields follow the name, which stands in parentheses and may hold anything: 14 and 15 are utime and stime.
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: f64 =
            after_name.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<f64>().ok()).sum();
        let field = |name: &str| {
            let found = |line: &str| line.strip_prefix(name)?.split_whitespace().next()?.parse::<f64>().ok();
            status.lines().find_map(found).unwrap_or(0.0)
        };
        let files = format!("/proc/{}/fd", self.id());
        let open = std::fs::read_dir(&files).map_err(LabError::io(format!("listing {files}")))?;
        Ok(ProcessUsage {
            cpu_seconds: ticks / sys::clock_ticks(),
            peak_rss_mb: field("VmHWM:") / 1024.0,
            rss_mb: field("VmRSS:") / 1024.0,
            threads: field("Threads:") as usize,
            open_files: open.count(),
        })
    }

    fn signal(&mut self, signal: i32) -> Result<(), LabError> {
        if self.try_wait()?.is_some() {
            return Ok(());
        }
        sys::signal(self.id(), signal).map_err(LabError::io(format!("signalling {}", self.name)))
    }
}

impl Drop for LabProcess {
    fn drop(&mut self) {
        // It may have ended by itself, and nobody is left to tell.
        let _ended = self.kill();
    }
}

/// The kernel ties a child to the life of the thread that started it, and a test's thread ends with the test: one
/// thread that never ends starts them all.
fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, answer) in jobs {
                // The asker waits; if its thread is gone, the child handle is dropped with the answer.
                let _asker_gone = answer.send(command.spawn());
            }
        });
        Mutex::new(sender)
    });
    let gone = || io::Error::other("the thread that starts processes is gone");
    let (answer, started) = sync_channel(1);
    spawner.lock().unwrap_or_else(PoisonError::into_inner).send((command, answer)).map_err(|_| gone())?;
    started.recv().map_err(|_| gone())?
}
