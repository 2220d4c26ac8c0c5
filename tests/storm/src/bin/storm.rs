//! `make storm`: a storm by a seed, or by a schedule that an earlier one has printed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use storm::{Event, Storm, Weather, schedule};

/// Passes over a cluster of three brokers and an application of three processes.
#[derive(Debug, Parser)]
struct Arguments {
    /// Makes the schedule.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many minutes.
    #[arg(long, default_value_t = 20)]
    minutes: u64,
    /// Only these kinds of faults, as in `kill_process,network`.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// A file with one event a line, instead of a seed.
    #[arg(long)]
    schedule: Option<PathBuf>,
    /// Records of the input each second.
    #[arg(long, default_value_t = 400)]
    per_second: u32,
    /// Prints the schedule and does nothing.
    #[arg(long)]
    show: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => {
            println!("SUCCESS");
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            println!("FAILURE\n{wrong}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let length = Duration::from_secs(60 * arguments.minutes);
    let length_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let events = match &arguments.schedule {
        Some(path) => read(path)?,
        None => schedule(arguments.seed, length_ms, &arguments.only),
    };
    if arguments.show {
        for event in &events {
            println!("{}", serde_json::to_string(event).map_err(|error| error.to_string())?);
        }
        return Ok(());
    }
    let program = std::env::current_exe().map_err(|error| error.to_string())?.with_file_name("storm_app");
    let folder = lab::target_directory().join(format!("storm/seed-{}", arguments.seed));
    // What the last one of that seed has left.
    let _not_there = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).map_err(|error| format!("creating {}: {error}", folder.display()))?;
    println!("logs and state: {}", folder.display());
    let storm = Storm { program, folder };
    storm.pass(&Weather { length, events, per_second: arguments.per_second }).map(|_touched| ())
}

fn read(path: &PathBuf) -> Result<Vec<Event>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    // What a storm tells stands between its events.
    let events = text.lines().filter(|line| line.starts_with('{'));
    events.map(|line| serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))).collect()
}
