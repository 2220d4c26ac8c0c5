//! `make kafka`: one real Kafka 4.3.1 broker to play with, until Ctrl-C.

use std::process::ExitCode;

use clap::Parser;
use tests::lab::{ClusterOptions, KafkaCluster, LabError, broker_version};
use tokio::signal::unix::{SignalKind, signal};

/// Starts Apache Kafka 4.3.1 on a free loopback port with its data in a temporary folder.
#[derive(Debug, Parser)]
#[command(name = "kafka")]
struct Arguments {
    /// Number of brokers: 1 or 3.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    brokers: u8,
    /// Heap of each broker in megabytes.
    #[arg(long, default_value_t = 512)]
    heap_mb: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kafka: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), LabError> {
    eprintln!("Starting Apache Kafka {} ...", broker_version());
    let options = ClusterOptions {
        brokers: arguments.brokers.into(),
        heap_mb: arguments.heap_mb,
        ..ClusterOptions::default()
    };
    let cluster = KafkaCluster::start_with(&options)?;
    let bootstrap = cluster.bootstrap();
    println!("Kafka is ready: bootstrap.servers={bootstrap}");
    if let Some(folder) = cluster.folder() {
        println!("Data and logs, deleted at the end: {}", folder.display());
    }
    println!();
    println!("  any example on it:     <example> --bootstrap-servers {bootstrap}");
    println!("  the tests against it:  KAFKA_BOOTSTRAP={bootstrap} make test");
    println!("  write (needs kcat):    echo key:value | kcat -P -b {bootstrap} -t topic -K :");
    println!("  read (needs kcat):     kcat -C -b {bootstrap} -t topic -o beginning -e");
    println!();
    println!("Ctrl-C ends it.");
    let what = "waiting for Ctrl-C";
    let failed = |source| LabError::Io { what: what.to_owned(), source };
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => stopped.map_err(failed)?,
        _ = terminate.recv() => {}
    }
    println!("Stopping.");
    Ok(())
}
