//! A child of the benchmark: the raw limit of the client library.

use std::process::ExitCode;

use clap::Parser;
use tests::bench::{ChildArguments, run_limit};

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    child: ChildArguments,
}

fn main() -> ExitCode {
    match run_limit(&Arguments::parse().child) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_limit: {error}");
            ExitCode::FAILURE
        }
    }
}
