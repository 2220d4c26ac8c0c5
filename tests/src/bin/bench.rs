//! `make bench`: ours, Java Kafka Streams and the raw limit side by side; writes docs/benchmarks.md and
//! target/bench/summary.json.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use tests::bench::{Entry, Plan, markdown, renewed, run_plan, summary, write_input};
use tests::lab::{ClusterOptions, KafkaCluster, LabError};

/// Measures this library against Java Kafka Streams and the limit of the client library.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    #[command(flatten)]
    plan: Plan,
    /// Do not write docs/benchmarks.md, only the summary.
    #[arg(long)]
    no_document: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), LabError> {
    let plan = &arguments.plan;
    let io = |what: &str| {
        let what = what.to_owned();
        move |source| LabError::Io { what, source }
    };
    eprintln!("Starting the broker ...");
    let cluster = KafkaCluster::start_with(&ClusterOptions {
        heap_mb: 2048,
        quick_start: false,
        ..ClusterOptions::default()
    })?;
    eprintln!("Writing {} records ...", plan.records);
    write_input(&cluster.client(), plan.records)?;
    let folder = tempfile::tempdir().map_err(io("creating a folder for state"))?;
    let measurements = run_plan(plan, &cluster.client(), folder.path(), |round, m, outputs| {
        eprintln!(
            "round {round}: {:<11} {:<15} {:<5} {:>9.0} records/s {:>6.2} CPU s/million {:>6.0} MB {outputs:>9} outputs",
            m.workload.name(),
            m.guarantee.name(),
            m.system.name(),
            m.records_per_s,
            m.cpu_s_per_million,
            m.peak_rss_mb,
        );
    })?;
    let entries = Entry::medians(plan, &measurements);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = markdown(plan, &entries, &machine());
    println!("{text}");
    if !arguments.no_document {
        let document = root.join("docs/benchmarks.md");
        let earlier = std::fs::read_to_string(&document).unwrap_or_default();
        write(&document, &renewed(&earlier, &text))?;
    }
    let pretty = format!("{:#}\n", summary(&entries));
    write(&root.join("target/bench/summary.json"), &pretty)
}

fn write(path: &PathBuf, text: &str) -> Result<(), LabError> {
    let failed = |source| LabError::Io { what: format!("writing {}", path.display()), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)?;
    eprintln!("Wrote {}", path.display());
    Ok(())
}

/// Processor, cores and memory.
fn machine() -> String {
    let field = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim_matches(|c: char| c == ':' || c.is_whitespace()).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kilobytes: f64 =
        field("/proc/meminfo", "MemTotal").trim_end_matches(" kB").trim().parse().unwrap_or(0.0);
    format!("{cores} cores ({}), {:.0} GB", field("/proc/cpuinfo", "model name"), kilobytes / 1_048_576.0)
}
