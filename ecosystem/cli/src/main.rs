//! The command line: arguments, and how results are printed.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use streams_cli::error::CliError;
use streams_cli::{group, redrive, reset};

/// Operates stream-processing applications from the outside.
#[derive(Parser)]
#[command(name = "streams", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Prints one JSON object instead of text.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Members, committed offsets and lag of an application's group.
    Group(group::Arguments),
    /// Counts dead letters, and writes chosen ones back to their topics.
    Redrive(redrive::Arguments),
    /// Makes an application process its input again; without `--execute` it reports what that would change.
    Reset(reset::Arguments),
}

fn run(arguments: Arguments) -> Result<String, CliError> {
    Ok(match (arguments.command, arguments.json) {
        (Command::Group(of), json) => {
            let found = group::describe(&of)?;
            if json { found.to_json().to_string() } else { found.to_string() }
        }
        (Command::Redrive(of), json) => {
            let report = redrive::redrive(&of)?;
            let text = if json { report.to_json().to_string() } else { report.to_string() };
            if !report.unread.is_empty() {
                println!("{}", text.trim_end());
                return Err(CliError::Unread(report.unread.len()));
            }
            text
        }
        (Command::Reset(of), json) => {
            let report = reset::reset(&of)?;
            if json { report.to_json().to_string() } else { report.to_string() }
        }
    })
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).init();
    match run(Arguments::parse()) {
        Ok(text) => {
            println!("{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("streams: {error}");
            ExitCode::FAILURE
        }
    }
}
