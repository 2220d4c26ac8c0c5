//! The benchmark: ours, Java Kafka Streams and the raw limit of librdkafka, in turn on one broker and the same topics.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

mod input;
mod limit;
mod plan;
mod raw;
mod report;
mod run;

pub use input::{INPUT_PARTITIONS, INPUT_TOPIC, input_record, write_input};
pub use limit::run_limit;
pub use plan::{ChildArguments, Guarantee, Plan, System, Workload};
pub use report::{Entry, markdown, renewed, summary};
pub use run::{Measurement, run_plan};
