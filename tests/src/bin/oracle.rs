//! `make oracle`: random cases on this library and on Kafka Streams, up to the first difference.

use std::process::ExitCode;

use clap::Parser;
use tests::oracle::case::{Case, Fault};
use tests::oracle::{JavaOracle, campaign, generate};

/// Runs random cases on both engines.
#[derive(Parser)]
struct Arguments {
    /// The seed of the run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many cases.
    #[arg(long, default_value_t = 500)]
    runs: u64,
    /// The number of the first case.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// How many differences are shown before the run ends.
    #[arg(long, default_value_t = 1)]
    differences: usize,
    /// Beginnings of the names of operators that all cases are about, as in `table,fk_`. Other cases than without.
    #[arg(long, value_delimiter = ',')]
    favour: Vec<String>,
    /// Runs a case from a file instead.
    #[arg(long)]
    case: Option<std::path::PathBuf>,
    /// Prints the case of that number and runs nothing.
    #[arg(long)]
    show: Option<u64>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("oracle: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, Fault> {
    let seed = arguments.seed;
    if let Some(number) = arguments.show {
        println!("{}", serde_json::to_string_pretty(&generate::case(seed, number, &arguments.favour))?);
        return Ok(true);
    }
    if let Some(path) = &arguments.case {
        let case: Case = serde_json::from_str(&std::fs::read_to_string(path)?)?;
        let (difference, _) = campaign::check(&mut JavaOracle::start()?, &case)?;
        println!("{}", difference.as_deref().unwrap_or("no difference"));
        return Ok(difference.is_none());
    }
    println!("oracle: seed {seed}, {} cases", arguments.runs);
    let plan = campaign::Plan {
        seed,
        first: arguments.first,
        runs: arguments.runs,
        favoured: &arguments.favour,
        differences_max: arguments.differences,
    };
    let campaign::Report { coverage, differences } = campaign::run(&plan)?;
    for difference in &differences {
        println!("{}", difference.report(seed));
    }
    println!("{}", coverage.table());
    let missing = if differences.is_empty() { coverage.missing() } else { Vec::new() };
    missing.iter().for_each(|line| println!("too little of {line}"));
    Ok(differences.is_empty() && missing.is_empty())
}
