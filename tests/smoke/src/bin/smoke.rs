//! `make smoke`: Kafka Streams' own smoke tests against this library.
#![expect(clippy::disallowed_methods, reason = "it tells how long runs took")]

use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use lab::LabError;
use smoke::{Campaign, Fault, Judge, Run};

/// Runs every combination that is not narrowed, one after the other, this many times.
#[derive(Debug, Parser)]
struct Arguments {
    /// How often.
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// Only this checker.
    #[arg(long)]
    judge: Option<Judge>,
    /// Only this `processing.guarantee`.
    #[arg(long)]
    guarantee: Option<String>,
    /// Only this fault.
    #[arg(long)]
    fault: Option<Fault>,
    /// Fewer records.
    #[arg(long)]
    short: bool,
    /// The seed of the first run's kills.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("smoke: {failed} runs failed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("smoke: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<usize, LabError> {
    let program = std::env::current_exe().map_err(LabError::io("looking for smoke_app"))?;
    let campaign = Campaign {
        program: program.with_file_name("smoke_app"),
        folder: lab::target_directory().join("smoke"),
    };
    let judges =
        Judge::value_variants().iter().filter(|judge| arguments.judge.is_none_or(|one| one == **judge));
    let (mut failed, judges) = (0, judges.copied().collect::<Vec<_>>());
    for seed in arguments.seed..arguments.seed + arguments.runs {
        for judge in &judges {
            for guarantee in ["exactly_once_v2", "at_least_once"] {
                for fault in Fault::value_variants() {
                    // Repeated updates may be counted twice, which its verifier does not know of (decision 0023).
                    let may_repeat = guarantee == "at_least_once" && *fault == Fault::Kill;
                    if *judge == Judge::Relational && may_repeat {
                        continue;
                    }
                    let wanted = arguments.guarantee.as_deref().is_none_or(|one| one == guarantee)
                        && arguments.fault.is_none_or(|one| one == *fault);
                    if !wanted {
                        continue;
                    }
                    let run = Run { judge: *judge, guarantee, fault: *fault, short: arguments.short, seed };
                    failed += usize::from(!told(&campaign, run));
                }
            }
        }
    }
    Ok(failed)
}

fn told(campaign: &Campaign, run: Run) -> bool {
    let begin = Instant::now();
    let outcome = campaign.run(run);
    let verdict = if outcome.is_ok() { "SUCCESS" } else { "FAILURE" };
    let name = run.judge.name();
    println!(
        "{verdict} {name} {} {:?} seed {} in {:.0?}",
        run.guarantee,
        run.fault,
        run.seed,
        begin.elapsed()
    );
    if let Err(error) = &outcome {
        println!("{error}");
    }
    outcome.is_ok()
}
