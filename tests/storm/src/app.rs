//! One process of the application: started, killed, stopped, looked at, and started again when it has ended.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use lab::{LabError, LabProcess, ProcessUsage};
use tests::apps::{SoakReport, SoakSettings};

/// A place for a process, with its state directory and logs.
pub(crate) struct App {
    number: usize,
    program: PathBuf,
    settings: SoakSettings,
    folder: PathBuf,
    process: Option<LabProcess>,
    /// A fault has taken it: that it is down is meant.
    pub(crate) taken: bool,
    /// How often it was started.
    pub(crate) starts: usize,
    /// The most that was seen of it.
    pub(crate) most: Option<ProcessUsage>,
}

impl App {
    /// A place for process `number`; nothing runs yet.
    pub(crate) fn new(number: usize, program: &Path, settings: SoakSettings, folder: &Path) -> Self {
        let (program, folder) = (program.to_path_buf(), folder.to_path_buf());
        Self { number, program, settings, folder, process: None, taken: false, starts: 0, most: None }
    }

    /// Starts it, if it does not run.
    pub(crate) fn start(&mut self) -> Result<(), LabError> {
        if self.process.is_some() {
            return Ok(());
        }
        let mut command = self.settings.command(&self.program);
        command.stdout(self.open("out", true)?).stderr(self.open("log", false)?);
        self.process = Some(LabProcess::spawn(format!("process {}", self.number), command)?);
        self.starts += 1;
        Ok(())
    }

    /// What it said, if it has ended by itself.
    pub(crate) fn ended(&mut self) -> Result<Option<String>, LabError> {
        let Some(process) = &mut self.process else { return Ok(None) };
        let Some(status) = process.try_wait()? else { return Ok(None) };
        self.process = None;
        Ok(Some(format!("process {}: {status}: {}", self.number, self.said().error.unwrap_or_default())))
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) -> Result<(), LabError> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// The process, to be closed by [`World::close`](crate::world::World::close).
    pub(crate) fn take_process(&mut self) -> Option<LabProcess> {
        self.process.take()
    }

    /// SIGSTOP.
    pub(crate) fn stop(&mut self) -> Result<(), LabError> {
        self.process.as_mut().map_or(Ok(()), LabProcess::pause)
    }

    /// SIGCONT.
    pub(crate) fn resume(&mut self) -> Result<(), LabError> {
        self.process.as_mut().map_or(Ok(()), LabProcess::resume)
    }

    /// What it uses now; none while it does not run.
    pub(crate) fn usage(&mut self) -> Option<ProcessUsage> {
        let now = self.process.as_ref().and_then(|process| process.usage().ok())?;
        let most = self.most.get_or_insert(now);
        most.rss_mb = most.rss_mb.max(now.rss_mb);
        most.threads = most.threads.max(now.threads);
        most.open_files = most.open_files.max(now.open_files);
        Some(now)
    }

    /// The last line that it printed.
    pub(crate) fn said(&self) -> SoakReport {
        let text = fs::read_to_string(self.path("out")).unwrap_or_default();
        let mut reports = text.lines().rev().filter_map(|line| serde_json::from_str(line).ok());
        reports.next().unwrap_or_default()
    }

    /// Where its state is.
    pub(crate) fn state(&self) -> &Path {
        &self.settings.state_dir
    }

    /// Its log.
    pub(crate) fn path(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("process-{}.{ending}", self.number))
    }

    fn open(&self, ending: &str, anew: bool) -> Result<File, LabError> {
        let path = self.path(ending);
        let opened = File::options().create(true).append(!anew).write(true).truncate(anew).open(&path);
        opened.map_err(LabError::io(format!("opening {}", path.display())))
    }
}
