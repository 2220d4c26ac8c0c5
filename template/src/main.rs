//! The service: runs until SIGTERM, Ctrl-C or an error.
//!
//! Settings come from the environment: `STREAMS_BOOTSTRAP_SERVERS=localhost:9092`, `STREAMS_NUM_STREAM_THREADS=2`. Without
//! `STREAMS_BOOTSTRAP_SERVERS` it processes one payment on an embedded broker. `RUST_LOG=debug` logs more.

use std::error::Error;
use std::time::Duration;

use kstreams::config::Bootstrap;
use kstreams::prelude::*;
use {{crate_name}}::{BALANCES, PAYMENTS, Payment, topology};

fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let config = StreamsConfig::new("{{project-name}}", "embedded:").overruled_by_env("STREAMS_")?;
    let topology = topology(&config)?;
    if config.bootstrap() == Bootstrap::EmbeddedInMemory {
        return try_it(topology, config);
    }
    KafkaStreams::new(topology, config)?.run_until_shutdown_signal()?;
    Ok(())
}

/// Processes one payment on an embedded broker.
fn try_it(topology: Topology, config: StreamsConfig) -> Result<(), Box<dyn Error>> {
    let broker = EmbeddedBroker::of_servers("embedded:")?;
    let mut payments = EmbeddedTopic::<Option<String>, Payment>::create(&broker, PAYMENTS, 1)?;
    let mut balances = EmbeddedTopic::<String, i64>::create(&broker, BALANCES, 1)?;
    let app = KafkaStreams::new(topology, config)?;
    app.start()?;
    payments.send(Record::new(None, Payment { account: "ann".to_owned(), cents: 1_250 }, 1_700_000_000_000))?;
    for record in balances.read_within(1, Duration::from_secs(30))? {
        println!("{} has {} cents", record.key, record.value);
    }
    app.close(Duration::from_secs(10));
    Ok(())
}
