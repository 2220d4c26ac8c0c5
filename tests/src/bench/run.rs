//! One measurement after another: start a child, wait until its group has committed the end of the input, look at what
//! it used.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::input::{INPUT_PARTITIONS, INPUT_TOPIC};
use super::plan::{ChildArguments, Guarantee, Plan, System, Workload};
use lab::{GroupOffsets, JavaLab, KafkaClient, LabError, LabProcess};

const OUTPUT_TOPIC: &str = "bench-output";
/// As a Java service is commonly run; the default, a quarter of the machine's memory, would flatter us.
const JAVA_HEAP_MB: u32 = 1024;
const RUN_LIMIT: Duration = Duration::from_secs(1800);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The result of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// Who ran.
    pub system: System,
    /// What it ran.
    pub workload: Workload,
    /// With which guarantee.
    pub guarantee: Guarantee,
    /// Input records a second, from `RUNNING` to the commit of the end of the input.
    pub records_per_s: f64,
    /// User and system time of the process from its start, for a million input records.
    pub cpu_s_per_million: f64,
    /// The highest resident memory of the process, in megabytes of 1,048,576 bytes.
    pub peak_rss_mb: f64,
}

/// Measures all of a plan, in turn within each round, and tells about each run as it ends.
pub fn run_plan(
    plan: &Plan,
    client: &KafkaClient,
    folder: &Path,
    mut tell: impl FnMut(u32, &Measurement, u64),
) -> Result<Vec<Measurement>, LabError> {
    let bench = Bench { client, folder, java: JavaLab::prepare()?, records: plan.records };
    let mut results = Vec::new();
    for round in 1..=plan.rounds {
        for workload in &plan.workloads {
            for guarantee in &plan.guarantees {
                for system in &plan.systems {
                    if *system == System::Limit && *guarantee != Guarantee::AtLeastOnce {
                        continue;
                    }
                    let (measurement, outputs) =
                        bench.measure(*system, *workload, *guarantee, results.len())?;
                    tell(round, &measurement, outputs);
                    results.push(measurement);
                }
            }
        }
    }
    Ok(results)
}

struct Bench<'a> {
    client: &'a KafkaClient,
    folder: &'a Path,
    java: JavaLab,
    records: u64,
}

impl Bench<'_> {
    fn measure(
        &self,
        system: System,
        workload: Workload,
        guarantee: Guarantee,
        number: usize,
    ) -> Result<(Measurement, u64), LabError> {
        let app_id = format!("bench-{number}-{}-{}", system.name(), workload.name());
        let state_dir = self.folder.join(&app_id);
        let io = || LabError::io(format!("creating {}", state_dir.display()));
        std::fs::create_dir_all(&state_dir).map_err(io())?;
        self.client.create_topic(OUTPUT_TOPIC, INPUT_PARTITIONS, &[])?;
        let arguments = ChildArguments {
            bootstrap: self.client.bootstrap().to_owned(),
            workload,
            guarantee,
            app_id: app_id.clone(),
            input: INPUT_TOPIC.to_owned(),
            output: OUTPUT_TOPIC.to_owned(),
            state_dir: state_dir.clone(),
        };
        let log = self.folder.join(format!("{app_id}.log"));
        let measured = self.run_child(system, &arguments, &log);
        // Also after a failure, so that the next run finds nothing of this one.
        let outputs: i64 = self.client.end_offsets(OUTPUT_TOPIC).map_or(0, |ends| ends.iter().sum());
        self.clean(&app_id)?;
        std::fs::remove_dir_all(&state_dir).map_err(io())?;
        Ok((measured?, u64::try_from(outputs).unwrap_or(0)))
    }

    fn run_child(
        &self,
        system: System,
        arguments: &ChildArguments,
        log: &Path,
    ) -> Result<Measurement, LabError> {
        let mut command = self.command(system, arguments)?;
        let errors = File::create(log).map_err(LabError::io(format!("creating {}", log.display())))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let name = format!("{} {} {}", system.name(), arguments.workload.name(), arguments.guarantee.name());
        let mut child = LabProcess::spawn(&name, command)?;
        let running = watch_for_running(&mut child);
        let committed = self.wait_for_commit(&mut child, &arguments.app_id, log)?;
        let usage = child.usage()?;
        let begin = running.try_recv().map_err(|_| LabError::Refused {
            what: format!("measuring {name}"),
            answer: "the process never printed RUNNING".to_owned(),
        })?;
        // What it does after the last commit is not measured.
        if child.terminate(Duration::from_secs(30)).is_err() {
            child.kill()?;
        }
        let millions = self.records as f64 / 1e6;
        Ok(Measurement {
            system,
            workload: arguments.workload,
            guarantee: arguments.guarantee,
            records_per_s: self.records as f64 / committed.duration_since(begin).as_secs_f64(),
            cpu_s_per_million: usage.cpu_seconds / millions,
            peak_rss_mb: usage.peak_rss_mb,
        })
    }

    fn command(&self, system: System, arguments: &ChildArguments) -> Result<Command, LabError> {
        let program = match system {
            System::Java => {
                let mut command = self.java.command("lab.Bench", JAVA_HEAP_MB, false);
                command
                    .args([&arguments.bootstrap, arguments.workload.name(), arguments.guarantee.name()])
                    .args([&arguments.app_id, &arguments.input, &arguments.output])
                    .arg(&arguments.state_dir);
                return Ok(command);
            }
            System::Ours => "bench_ours",
            System::Limit => "bench_limit",
        };
        let mut command = Command::new(sibling(program)?);
        command.args(arguments.to_command_line());
        Ok(command)
    }

    /// The moment at which the group was first seen to have committed the end of the input and of every repartition
    /// topic.
    fn wait_for_commit(&self, child: &mut LabProcess, app_id: &str, log: &Path) -> Result<Instant, LabError> {
        let begin = Instant::now();
        let inputs: Vec<(String, i32)> = (0..INPUT_PARTITIONS).map(|p| (INPUT_TOPIC.to_owned(), p)).collect();
        let ends = self.client.end_offsets(INPUT_TOPIC)?;
        let group = GroupOffsets::new(self.client, app_id, &inputs)?;
        loop {
            let committed = group.committed()?;
            let at_end = (0_i32..).zip(&ends).all(|(partition, end)| {
                let offset = committed.get(&(INPUT_TOPIC.to_owned(), partition));
                *end == 0 || offset.is_some_and(|committed| committed.offset >= *end)
            });
            let now = Instant::now();
            if at_end && self.repartitions_done(app_id)? {
                return Ok(now);
            }
            if let Some(status) = child.try_wait()? {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                return Err(LabError::Refused {
                    what: format!("measuring {app_id}"),
                    answer: format!("its process ended early ({status}):\n{said}"),
                });
            }
            if begin.elapsed() >= RUN_LIMIT {
                return Err(LabError::Timeout { what: app_id.to_owned(), seconds: RUN_LIMIT.as_secs() });
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn repartitions_done(&self, app_id: &str) -> Result<bool, LabError> {
        let prefix = format!("{app_id}-");
        for topic in self.client.topics()? {
            if !topic.starts_with(&prefix) || !topic.ends_with("-repartition") {
                continue;
            }
            let committed = self.client.committed_offsets(app_id, &[&topic])?;
            for (partition, range) in (0_i32..).zip(self.client.offsets(&topic, false)?) {
                let offset = committed.get(&(topic.clone(), partition)).map_or(range.begin, |c| c.offset);
                // The last record may be the marker of a transaction, which a commit need not pass.
                if offset + 1 < range.end {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn clean(&self, app_id: &str) -> Result<(), LabError> {
        let prefix = format!("{app_id}-");
        let topics = self.client.topics()?;
        let mut own: Vec<&str> =
            topics.iter().map(String::as_str).filter(|t| t.starts_with(&prefix)).collect();
        own.push(OUTPUT_TOPIC);
        self.client.delete_topics(&own)?;
        // A group whose last member was killed still counts as in use for a while; its id is not used again.
        let _kept = self.client.delete_groups(&[app_id]);
        Ok(())
    }
}

/// Reads the child's output to its end, and reports when it says RUNNING for the first time.
fn watch_for_running(child: &mut LabProcess) -> Receiver<Instant> {
    let (sender, receiver) = channel();
    if let Some(output) = child.take_stdout() {
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if line.trim() == "RUNNING" {
                    // The receiver may be gone.
                    let _late = sender.send(Instant::now());
                }
            }
        });
    }
    receiver
}

/// A program that Cargo built next to this one.
fn sibling(name: &str) -> Result<PathBuf, LabError> {
    let this = std::env::current_exe().map_err(LabError::io("asking for the path of this program"))?;
    let path = this.with_file_name(name);
    if path.exists() {
        return Ok(path);
    }
    let source = std::io::Error::from(std::io::ErrorKind::NotFound);
    Err(LabError::Io {
        what: format!("{}; build it with `cargo build -p tests --bins`", path.display()),
        source,
    })
}
