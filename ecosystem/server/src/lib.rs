//! What a running application tells over HTTP: Prometheus metrics, probes for an orchestrator, its topology.
//!
//! ```no_run
//! use std::sync::Arc;
//! use kstreams::prelude::*;
//! use streams_server::Server;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let builder = StreamsBuilder::new();
//! builder.stream::<String, String>("lines").to("copies");
//! let app = Arc::new(KafkaStreams::new(builder.build()?, StreamsConfig::new("copier", "localhost:9092"))?);
//! let server = Server::new(&app).start("127.0.0.1:9100".parse()?)?; // until it is dropped
//! app.run_until_shutdown_signal()?;
//! # drop(server);
//! # Ok(())
//! # }
//! ```
//!
//! | path | answer |
//! |---|---|
//! | `/metrics` | all metrics in OpenMetrics text; see [`prometheus`] for their names |
//! | `/livez` | 200, or 503 once the application has ended: restart it |
//! | `/readyz` | 200 while it is RUNNING, else 503 with what it waits for |
//! | `/startupz` | 200 once it has been RUNNING, else 503 with what it waits for |
//! | `/topology` | the topology as `Topology::describe` prints it |
//!
//! It reads and never writes, and it is not on the way of any record. Addresses are the caller's: give a loopback address, or
//! an [authentication](Server::with_authentication) with any other.

mod health;
pub mod prometheus;
mod server;

pub use server::{Running, Server, ServerError};
