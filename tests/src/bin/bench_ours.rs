//! A child of the benchmark: a workload on this library. Prints RUNNING when it begins and works until SIGTERM.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use kstreams::prelude::*;
use streams_core::config::{ProcessingGuarantee, StreamsConfig};
use streams_core::runtime::{KafkaStreams, State};
use streams_core::topology::Topology;
use tests::bench::{ChildArguments, Guarantee, Workload};

/// As the Java program's.
const WINDOW: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(60 * 60);

/// How long a wait for the end of the process takes at once.
const FOREVER: Duration = Duration::from_secs(3_600);

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    child: ChildArguments,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_env_filter("warn").with_writer(std::io::stderr).init();
    match run(&Arguments::parse().child) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_ours: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &ChildArguments) -> Result<(), Box<dyn std::error::Error>> {
    let exactly_once = matches!(arguments.guarantee, Guarantee::ExactlyOnceV2);
    let guarantee =
        if exactly_once { ProcessingGuarantee::ExactlyOnceV2 } else { ProcessingGuarantee::AtLeastOnce };
    let config = StreamsConfig::new(&arguments.app_id, &arguments.bootstrap)
        .with_state_dir(&arguments.state_dir)
        .with_processing_guarantee(guarantee)
        .with_commit_interval(Duration::from_millis(if exactly_once { 100 } else { 1_000 }));
    let topology = topology(arguments.workload, &arguments.input, &arguments.output)?;
    let app = KafkaStreams::builder(topology, config)
        .with_state_listener(|now, _| {
            if now == State::Running {
                println!("RUNNING");
            }
        })
        .build()?;
    app.start()?;
    while !app.wait_for(FOREVER, State::is_final) {}
    match app.error() {
        Some(error) => Err(error.to_string().into()),
        None => Ok(()),
    }
}

fn topology(workload: Workload, input: &str, output: &str) -> Result<Topology, DslError> {
    let builder = StreamsBuilder::new();
    match workload {
        Workload::Passthrough => builder.stream::<Vec<u8>, Vec<u8>>(input).to(output),
        Workload::Stateless => builder
            .stream::<String, String>(input)
            .filter(|_, value| value.as_bytes().first().is_some_and(|first| *first < b'n'))
            .map_values(|value| value.get(45..).unwrap_or_default().to_owned())
            .to(output),
        Workload::Count => {
            builder.stream::<String, String>(input).group_by_key().count().to_stream().to(output);
        }
        Workload::Tumbling => builder
            .stream::<String, String>(input)
            .group_by_key()
            .windowed_by(TimeWindows::of_size_and_grace(WINDOW, GRACE))
            .count()
            .to_stream()
            .to(output),
    }
    builder.build()
}
