//! The command line: arguments, and how results are printed.

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::Value;
use streams_cli::error::CliError;
use streams_cli::{bench, describe, diff, doctor, dump, exit, group, groups, redrive, reset};

/// Operates stream-processing applications from the outside.
#[derive(Parser)]
#[command(name = "streams", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Prints JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Records a second that a cluster takes from here: written, read, counted.
    Bench(bench::Arguments),
    /// The topology of a running instance or a saved one, as text, JSON or a picture.
    Describe(describe::Arguments),
    /// What deploying another topology would do to state.
    Diff(diff::Arguments),
    /// Checks whether a cluster's settings are what an application needs.
    Doctor(doctor::Arguments),
    /// Records of a changelog or any topic, and rows of a store on disk.
    Dump(dump::Arguments),
    /// Members, committed offsets and lag of an application's group.
    Group(group::Arguments),
    /// Lists, describes, deletes and resets groups, as kafka-streams-groups.sh.
    Groups(groups::Arguments),
    /// Counts dead letters, and writes chosen ones back to their topics.
    Redrive(redrive::Arguments),
    /// Makes an application process its input again; without `--execute` it reports what that would change.
    Reset(reset::Arguments),
}

/// What is printed, and the exit code.
struct Outcome {
    text: String,
    code: u8,
}

fn run(arguments: Arguments) -> Result<Outcome, CliError> {
    let json = arguments.json;
    let outcome = |of: &dyn Display, value: &dyn Fn() -> Value, code: u8| Outcome {
        text: if json { value().to_string() } else { of.to_string() },
        code,
    };
    Ok(match arguments.command {
        Command::Bench(of) => {
            let report = bench::bench(&of)?;
            outcome(&report, &|| report.to_json(), exit::DONE)
        }
        Command::Describe(of) => {
            let found = describe::describe(&of)?;
            outcome(&found, &|| found.to_json(), exit::DONE)
        }
        Command::Diff(of) => {
            let report = diff::diff(&of)?;
            outcome(&report, &|| report.to_json(), report.code())
        }
        Command::Doctor(of) => {
            let report = doctor::examine(&of)?;
            outcome(&report, &|| report.to_json(), report.code())
        }
        Command::Dump(of) => {
            dump::dump(&of, json, &mut std::io::stdout().lock())?;
            Outcome { text: String::new(), code: exit::DONE }
        }
        Command::Group(of) => {
            let found = group::describe(&of)?;
            outcome(&found, &|| found.to_json(), exit::DONE)
        }
        Command::Groups(of) => {
            let table = groups::groups(&of)?;
            let code = if table.failed { exit::FAILED } else { exit::DONE };
            outcome(&table, &|| table.to_json(), code)
        }
        Command::Redrive(of) => {
            let report = redrive::redrive(&of)?;
            if !report.unread.is_empty() {
                eprintln!("{}", CliError::Unread(report.unread.len()));
            }
            let code = if report.unread.is_empty() { exit::DONE } else { exit::FAILED };
            outcome(&report, &|| report.to_json(), code)
        }
        Command::Reset(of) => {
            let report = reset::reset(&of)?;
            outcome(&report, &|| report.to_json(), exit::DONE)
        }
    })
}

/// Whether whoever read the output has gone, as `head` does.
fn is_closed(error: &CliError) -> bool {
    matches!(error, CliError::Output(error) if error.kind() == ErrorKind::BrokenPipe)
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).init();
    let printed = run(Arguments::parse()).and_then(|outcome| {
        let text = outcome.text.trim_end();
        if !text.is_empty() {
            writeln!(std::io::stdout(), "{text}")?;
        }
        Ok(outcome.code)
    });
    match printed {
        Ok(code) => ExitCode::from(code),
        Err(error) if is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("streams: {error}");
            ExitCode::from(exit::FAILED)
        }
    }
}
