//! The Java side: Kafka Streams' generator and verifier in a process of its own, and what it says.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use lab::{JavaLab, LabError, LabProcess};

const HEAP_MB: u32 = 512;

/// What a verifier is given to look at the results of a whole run; it waits up to ten minutes for transactions, and six
/// for results.
const FULL_LIMIT: Duration = Duration::from_secs(20 * 60);

const SHORT_LIMIT: Duration = Duration::from_secs(480);

/// Which of the smoke tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Judge {
    /// `StreamsSmokeTest`.
    Streams,
    /// `RelationalSmokeTest`.
    Relational,
}

impl Judge {
    /// Its name on command lines and in folders.
    pub fn name(self) -> &'static str {
        match self {
            Judge::Streams => "streams",
            Judge::Relational => "relational",
        }
    }

    /// The topics that have to be there.
    pub fn topics(self) -> &'static [&'static str] {
        match self {
            Judge::Streams => &[
                "data",
                "echo",
                "max",
                "min",
                "min-suppressed",
                "min-raw",
                "dif",
                "sum",
                "sws-raw",
                "sws-suppressed",
                "cnt",
                "avg",
                "tagg",
                "fk",
            ],
            Judge::Relational => {
                &["in-article", "in-comment", "out-augmented-article", "out-augmented-comment"]
            }
        }
    }

    /// How long it writes records.
    pub fn writes_for(self, short: bool) -> Duration {
        match (self, short) {
            (_, true) => Duration::from_secs(15),
            (Judge::Streams, false) => Duration::from_secs(90),
            (Judge::Relational, false) => Duration::from_secs(60),
        }
    }

    /// What its last line of success has in it.
    fn success(self, short: bool) -> &'static str {
        match self {
            Judge::Relational if !short => "Smoke test complete: passed",
            _ => "SUCCESS",
        }
    }
}

/// A running generator and verifier.
pub struct Checker {
    process: LabProcess,
    judge: Judge,
    short: bool,
    log: PathBuf,
}

impl Checker {
    /// Starts it: Kafka Streams' own command, or with `short` the same classes with fewer records.
    pub fn start(
        judge: Judge,
        bootstrap: &str,
        guarantee: &str,
        short: bool,
        folder: &Path,
    ) -> Result<Self, LabError> {
        let java = JavaLab::prepare()?;
        let class = match (judge, short) {
            (_, true) => "lab.Smoke",
            (Judge::Streams, false) => "org.apache.kafka.streams.tests.StreamsSmokeTest",
            (Judge::Relational, false) => "org.apache.kafka.streams.tests.RelationalSmokeTest",
        };
        let mut command = java.command(class, HEAP_MB, true);
        // Its verdict and its reasons are log lines.
        command.env("JDK_JAVA_OPTIONS", "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.streams.tests=info");
        let seconds = judge.writes_for(short).as_secs().to_string();
        match (judge, short) {
            (Judge::Streams, true) => {
                command.args(["streams", bootstrap, guarantee, "20", "100", &seconds]);
            }
            (Judge::Relational, true) => {
                command.args(["relational", bootstrap, guarantee, "200", "1000", &seconds]);
            }
            (Judge::Streams, false) => {
                let settings = folder.join("smoke.properties");
                let text = format!("bootstrap.servers={bootstrap}\nprocessing.guarantee={guarantee}\n");
                fs::write(&settings, text)
                    .map_err(LabError::io(format!("writing {}", settings.display())))?;
                command.arg(settings).arg("run");
            }
            (Judge::Relational, false) => {
                command.args(["driver", bootstrap]);
            }
        }
        let log = folder.join("checker.log");
        let open = || File::options().create(true).append(true).open(&log);
        let opened =
            |file: std::io::Result<File>| file.map_err(LabError::io(format!("opening {}", log.display())));
        command.stdin(Stdio::null()).stdout(opened(open())?).stderr(opened(open())?);
        let process = LabProcess::spawn(format!("{} checker", judge.name()), command)?;
        Ok(Self { process, judge, short, log })
    }

    /// Waits for its verdict; what it said is in the error if it is not success.
    pub fn verdict(mut self) -> Result<(), LabError> {
        let limit = if self.short { SHORT_LIMIT } else { FULL_LIMIT };
        let ended = self.process.wait(limit);
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        if ended.as_ref().is_ok_and(std::process::ExitStatus::success)
            && passed(&said, self.judge.success(self.short))
        {
            return Ok(());
        }
        let lines: Vec<&str> = said.lines().collect();
        let complaints = lines.iter().filter(|line| line.contains("FAIL") || line.contains("fail:")).take(20);
        let tail = lines.iter().skip(lines.len().saturating_sub(20));
        // Verifiers print all that they know on a line.
        let shown = |line: &&str| line.chars().take(400).collect::<String>();
        let answer = complaints.chain(tail).map(shown).collect::<Vec<_>>().join("\n");
        Err(LabError::Refused {
            what: format!(
                "{}'s verification ({ended:?}; all of it in {})",
                self.judge.name(),
                self.log.display()
            ),
            answer,
        })
    }
}

/// Whether a verifier's log is one of success: its line of success is there, and no FAILURE or FAILED.
///
/// A line with `fail:` alone is none. `SmokeTestDriver.verifyTAgg` prints `fail: missing result data; got N keys, expected: M
/// keys` and continues to compare: keys of `tagg` are counts, of which there may be fewer than keys of the input. Every other
/// `fail:` leads to a FAILURE.
fn passed(said: &str, success: &str) -> bool {
    said.lines().any(|line| line.ends_with(success)) && !said.contains("FAIL")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Before: a run was taken for failed in which some count was no key's last one.
    #[test]
    fn fewer_counts_than_expected_are_not_a_failure() {
        let fewer = "verifying tagg\nfail: missing result data; got 9 keys, expected: 10 keys\nSUCCESS\n";
        assert!(passed(fewer, Judge::Streams.success(false)));
        let failed = "fail: key=7 tagg=Optional[1] expected=2\nFAILURE\n";
        assert!(!passed(failed, Judge::Streams.success(false)));
        assert!(!passed("SUCCESS\nFAILED\n", Judge::Streams.success(false)));
        assert!(!passed("verifying tagg\n", Judge::Streams.success(false)), "it never ended");
        assert!(passed("Smoke test complete: passed\n", Judge::Relational.success(false)));
    }
}
