//! Applications in processes of their own, which a test stops, continues and kills: both sides of it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lab::LabProcess;
use streams_core::config::StreamsConfig;
use streams_core::runtime::{KafkaStreams, State};
use streams_core::topology::Topology;

use crate::LIMIT;

/// Whatever ends a program.
pub type AnyError = Box<dyn std::error::Error>;

/// What a program was called with.
pub struct Arguments(std::iter::Skip<std::env::Args>);

impl Arguments {
    /// The next one.
    pub fn next(&mut self, name: &str) -> Result<String, AnyError> {
        self.0.next().ok_or_else(|| format!("argument {name} is missing").into())
    }
}

/// User code that takes its time: sleeps for that many milliseconds, an argument of the program, and returns the value.
pub fn slow(
    arguments: &mut Arguments,
) -> Result<impl Fn(String) -> String + Send + Sync + 'static, AnyError> {
    let record = Duration::from_millis(arguments.next("ms")?.parse()?);
    Ok(move |value: String| {
        std::thread::sleep(record);
        value
    })
}

/// In place of a folder for state: none is set.
pub const DEFAULT_FOLDER: &str = "default";

/// Runs the application of a program that is called with `bootstrap app folder ...` and then settings (`key=value`). Prints
/// its state, how many records and tasks it has, how many were rebuilt, and its reasons, ten times a second; ends when its
/// standard input does.
pub fn run(topology: impl FnOnce(&mut Arguments) -> Result<Topology, AnyError>) -> Result<(), AnyError> {
    tracing_subscriber::fmt().with_env_filter("warn,rdkafka=off").with_writer(std::io::stderr).init();
    let mut arguments = Arguments(std::env::args().skip(1));
    let (bootstrap, app) = (arguments.next("bootstrap")?, arguments.next("app")?);
    let mut config = StreamsConfig::new(&app, &bootstrap);
    let folder = arguments.next("folder")?;
    if folder != DEFAULT_FOLDER {
        config = config.with_state_dir(folder);
    }
    let topology = topology(&mut arguments)?;
    for setting in arguments.0 {
        let (key, value) = setting.split_once('=').ok_or("key=value")?;
        config = config.with(key, value)?;
    }
    let streams = KafkaStreams::new(topology, config)?;
    let ended = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&ended);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        told.store(true, Ordering::Relaxed);
    });
    streams.start()?;
    while !ended.load(Ordering::Relaxed) && !streams.state().is_final() {
        let metrics = streams.totals();
        let (records, tasks) = (metrics.processed_records, metrics.running_tasks);
        let wiped = metrics.wiped_tasks;
        println!("{} records={records} tasks={tasks} wiped={wiped} {:?}", streams.state(), streams.reasons());
        std::thread::sleep(Duration::from_millis(100));
    }
    let closed = streams.close(LIMIT);
    println!("{} closed={closed} {:?}", streams.state(), streams.error());
    match streams.state() {
        State::NotRunning => Ok(()),
        state => Err(format!("{state}: {:?}", streams.error()).into()),
    }
}

/// Such a program while it runs, with its last line and its log.
pub struct Program {
    /// Its process.
    pub process: LabProcess,
    said: Arc<Mutex<String>>,
    logged: Arc<Mutex<Vec<String>>>,
}

impl Program {
    /// Starts it.
    pub fn start(path: &str, arguments: &[&str]) -> Self {
        Program::start_in(path, arguments, &[])
    }

    /// Starts it with these variables of its environment.
    pub fn start_in(path: &str, arguments: &[&str], environment: &[(&str, &OsStr)]) -> Self {
        let mut command = Command::new(path);
        command.args(arguments).envs(environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = LabProcess::spawn(path, command).expect("it starts");
        let (said, logged) = (Arc::<Mutex<String>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (out, last) = (process.take_stdout().expect("its output"), Arc::clone(&said));
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                *last.lock().unwrap_or_else(PoisonError::into_inner) = line;
            }
        });
        let (errors, all) = (process.take_stderr().expect("its log"), Arc::clone(&logged));
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                eprintln!("{line}");
                all.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Program { process, said, logged }
    }

    /// The lines of its log with this text in them.
    pub fn logged(&self, text: &str) -> Vec<String> {
        let logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        logged.iter().filter(|line| line.contains(text)).cloned().collect()
    }

    /// Its last line.
    pub fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until its last line has that word.
    pub fn wait(&self, what: &str) {
        self.wait_for(what, |said| said.split(' ').any(|word| word == what));
    }

    /// Waits until it has processed this many records since it was started.
    pub fn wait_records(&self, records: u64) {
        let number =
            |said: &str| said.split(' ').find_map(|word| word.strip_prefix("records=")?.parse().ok());
        self.wait_for("records", |said| number(said).is_some_and(|processed: u64| processed >= records));
    }

    fn wait_for(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let begin = Instant::now();
        while !holds(&self.said()) {
            assert!(begin.elapsed() < LIMIT, "{what}: {}", self.said());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
