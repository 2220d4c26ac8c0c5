//! The Java side: one process that runs cases on Kafka's TopologyTestDriver, one a line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use super::case::{Case, Fault};
use super::outcome::Outcome;
use lab::JavaLab;

const HEAP_MB: u32 = 512;

/// The running Java program.
pub struct JavaOracle {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
}

impl JavaOracle {
    /// Builds the program if need be, and starts it.
    pub fn start() -> Result<Self, Fault> {
        let lab = JavaLab::prepare()?;
        // Kafka Streams writes its stores to files; in memory, if the machine has such a file system.
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::Builder::new().prefix("streams-oracle-").tempdir_in(memory)?
        } else {
            tempfile::Builder::new().prefix("streams-oracle-").tempdir()?
        };
        let mut command = lab.command("lab.oracle.Oracle", HEAP_MB, true);
        command.arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("the Java program has no output")?;
        Ok(JavaOracle { child, input, output: BufReader::new(output), folder })
    }

    /// Hands a case over.
    pub fn submit(&mut self, case: &Case) -> Result<(), Fault> {
        let mut line = serde_json::to_string(case)?;
        line.push('\n');
        let input = self.input.as_mut().ok_or("the Java program has no input")?;
        input.write_all(line.as_bytes())?;
        Ok(input.flush()?)
    }

    /// What Kafka Streams makes of the case handed over longest ago.
    pub fn answer(&mut self) -> Result<Outcome, Fault> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err("the Java program ended early; standard error says why".into());
        }
        Outcome::of_java(&line)
    }
}

impl Drop for JavaOracle {
    fn drop(&mut self) {
        // Not asked to end: it may be writing an answer that nobody reads.
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(self.folder.path());
    }
}
