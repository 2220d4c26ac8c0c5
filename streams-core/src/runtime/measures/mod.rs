//! What the runtime measures of itself, under Kafka Streams' names: the client, its stream threads, their tasks.
//!
//! What nodes measure is in [`crate::processor::TaskMeters`]; how numbers come from one thread to another, in
//! [`crate::metrics`].

mod client;
mod task;
mod thread;

pub(crate) use client::ClientMeasures;
pub(crate) use task::{TaskMeter, Turn};
pub(crate) use thread::ThreadMeter;

#[cfg(test)]
mod tests;
