//! What an application measures of itself: Kafka Streams' metrics under their names, and latencies as histograms.
//!
//! Everything that is measured has one writer, the thread that it is about. On the way of a record that thread adds to plain
//! numbers of its own ([`Measured`]); once a turn it hands them over to cells that others read without a lock ([`Sampled`],
//! [`Total`], [`Histogram`]). Nothing is computed before the metrics are read ([`Registry::collect`]).

mod catalog;
mod cells;
mod histogram;
mod registry;
mod windowed;

pub use catalog::{Descriptor, MetricKind, catalog};
#[doc(hidden)]
pub use cells::{Gauge, Total};
#[doc(hidden)]
pub use histogram::Histogram;
pub use histogram::HistogramSnapshot;
#[doc(hidden)]
pub use registry::{Collect, MetricCollector, Registration, Registry};
pub use registry::{Metric, MetricValue};
#[doc(hidden)]
pub use windowed::{Measured, SampleWindow, Sampled};
