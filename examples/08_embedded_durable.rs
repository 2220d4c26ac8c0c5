//! One machine, no Kafka, and nothing may be lost: where are topics and state? In folders. A second run continues where the
//! first one ended, even after a `kill -9`.
//!
//! ```sh
//! cargo run -p examples --bin 08_embedded_durable -- some/folder
//! ```
//!
//! ```text
//! run 1
//! ```

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use kstreams::prelude::*;

fn topology() -> Result<Topology, DslError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("runs")
        .group_by_key()
        .count_with(Materialized::named("runs-so-far"))
        .to_stream()
        .to("counts");
    builder.build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = std::env::args_os().nth(1).ok_or("name a folder for topics and state")?.into();
    let servers = format!("embedded:{}", folder.join("broker").display());
    let broker = EmbeddedBroker::of_servers(&servers)?;
    // Created by the first run, opened by the later ones.
    let mut runs = EmbeddedTopic::<String, String>::create(&broker, "runs", 1)?;
    let mut counts = EmbeddedTopic::<String, Option<i64>>::create(&broker, "counts", 1)?;
    counts.read_new()?; // the results of earlier runs

    let config = StreamsConfig::new("runs", &servers).with_state_dir(folder.join("state"));
    let app = KafkaStreams::new(topology()?, config)?;
    app.start()?;
    runs.send(Record::new("run".to_owned(), String::new(), 1_700_000_000_000))?;
    for record in counts.read_within(1, Duration::from_secs(30))? {
        println!("{} {}", record.key, record.value.unwrap_or(0));
    }
    app.close(Duration::from_secs(10));
    Ok(())
}
