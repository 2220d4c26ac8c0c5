//! A child of the benchmark: a workload on this library. Prints RUNNING when it begins and works until SIGTERM.

use std::process::ExitCode;

use clap::Parser;
use tests::bench::ChildArguments;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    child: ChildArguments,
}

fn main() -> ExitCode {
    match run(&Arguments::parse().child) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_ours: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &ChildArguments) -> Result<(), String> {
    Err(format!("workload {} is not wired yet", arguments.workload.name()))
}
