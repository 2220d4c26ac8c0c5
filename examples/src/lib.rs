//! Pipelines that run at once, and what they share.
//!
//! | example | question it answers |
//! |---|---|
//! | [`word_count`] | which words does a book use most? |
//! | [`flights`] | when and why do flights leave New York late? |
//! | [`fraud`] | which accounts are being emptied right now? |
//!
//! An example is an [`ExampleApp`]: topology, topics, input. [`run`] executes it on the embedded broker or on Kafka and
//! returns what it wrote; [`run_on_test_driver`] does so in the calling thread, without a broker.

// So that an example's file reads the same as a program and as a module.
extern crate self as examples;

mod app;
mod broker;
mod driver;
mod options;
mod progress;
mod run;
mod text;

#[path = "../flights.rs"]
pub mod flights;
#[path = "../fraud.rs"]
pub mod fraud;
#[path = "../word_count.rs"]
pub mod word_count;

pub use app::{ExampleApp, InputRecord, OutputRecord, Topic, final_records};
pub use driver::run_on_test_driver;
pub use options::Options;
pub use run::{Outcome, run};
pub use text::{count, table};

/// What an example returns: its errors are for a person to read.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// Ends a program: an error is printed with its causes, and the exit code says so.
pub fn exit(result: Result<()>) -> std::process::ExitCode {
    let Err(error) = result else { return std::process::ExitCode::SUCCESS };
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    std::process::ExitCode::FAILURE
}
