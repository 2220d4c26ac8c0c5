//! How do I run it as an asynchronous service that ends on SIGTERM or Ctrl-C?
//!
//! ```sh
//! STREAMS_BOOTSTRAP_SERVERS=localhost:9092 STREAMS_APPLICATION_ID=alerts cargo run -p examples --bin 01_service
//! ```
//!
//! Without these settings it runs on a broker in the process and prints
//!
//! ```text
//! ready
//! large payment of ann: 250000
//! closed
//! ```

use std::error::Error;
use std::sync::Arc;

use kstreams::config::Bootstrap;
use kstreams::prelude::*;

fn topology(config: &StreamsConfig) -> Result<Topology, DslError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, i64>("payments")
        .filter(|_account, cents| *cents > 100_000)
        .peek(|account, cents| println!("large payment of {account}: {cents}"))
        .to("large-payments");
    builder.build_with(config)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // STREAMS_NUM_STREAM_THREADS in the environment is num.stream.threads, and so on.
    let config = StreamsConfig::new("alerts", "embedded:").overruled_by_env("STREAMS_")?;
    // The embedded broker lives as long as a handle to it.
    let _broker =
        (config.bootstrap() == Bootstrap::EmbeddedInMemory).then(broker_with_payments).transpose()?;

    let app = KafkaStreams::builder(topology(&config)?, config)
        .with_state_listener(|now, _before| {
            if now == State::Running {
                println!("ready"); // a readiness probe asks `app.state()`
            }
        })
        .build()?;
    // Run an HTTP server and the like concurrently with `tokio::try_join!`.
    app.run_until(shutdown_signal()?).await?;
    println!("closed");
    Ok(())
}

/// An embedded broker with two payments, to try the service without Kafka.
fn broker_with_payments() -> Result<Arc<EmbeddedBroker>, Box<dyn Error>> {
    let broker = EmbeddedBroker::of_servers("embedded:")?;
    EmbeddedTopic::<String, i64>::create(&broker, "large-payments", 1)?;
    let mut payments = EmbeddedTopic::<String, i64>::create(&broker, "payments", 1)?;
    payments.send_all(
        [("bob", 1_999), ("ann", 250_000)]
            .map(|(account, cents)| Record::new(account.to_owned(), cents, 1_700_000_000_000)),
    )?;
    Ok(broker)
}
