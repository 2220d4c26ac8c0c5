//! The Processor API: user code that takes a record and forwards records (`org.apache.kafka.streams.processor.api`).
//!
//! A task instantiates every node of its sub-topology once and wires typed edges between them, so that a hop costs one
//! virtual call: no downcast, no box, no lock. The graph is acyclic and used by one thread, depth first.
//!
//! ```
//! # use streams_core as kstreams;
//! use kstreams::processor::{Processor, ProcessorContext, ProcessorResult};
//! use kstreams::record::Record;
//!
//! struct Shout;
//!
//! impl Processor<String, String, String, String> for Shout {
//!     fn process(
//!         &mut self,
//!         record: Record<String, String>,
//!         context: &mut ProcessorContext<'_, String, String>,
//!     ) -> ProcessorResult {
//!         let loud = record.value.to_uppercase();
//!         context.forward(record.with_value(loud))
//!     }
//! }
//! ```

mod collector;
mod context;
pub mod dead_letter;
mod dropped;
mod edge;
mod factory;
mod fixed_key;
mod global;
pub mod handlers;
mod init;
mod metadata;
mod meters;
mod node;
mod open_stores;
mod punctuation;
mod sink;
mod source;
mod task_context;
pub mod timestamp_extractor;

#[doc(hidden)]
pub use collector::{Collector, Origin, OriginId, OutTopic, Outgoing, Purpose};
pub use context::{ProcessorContext, StoreAccess};
pub(crate) use dropped::{DropCounter, KeyExcerpt};
pub use dropped::{DropReason, DroppedRecords};
#[doc(hidden)]
pub use edge::{Children, Edge, Receiver};
#[doc(hidden)]
pub use factory::{ChildEdge, EdgeType, InputFactory, NodeFactory, NodeInstance, Wiring};
pub use fixed_key::{FixedKey, FixedKeyContext, FixedKeyProcessor, FixedKeyRecord};
#[doc(hidden)]
pub use global::GlobalReaders;
pub use init::InitContext;
pub use metadata::ProcessorMetadata;
#[doc(hidden)]
pub use meters::{NodeMeter, TaskMeters, TopicMeter};
#[doc(hidden)]
pub use node::{Lifecycle, NodeIndex, ProcessorFactory};
pub use open_stores::OpenStores;
#[doc(hidden)]
pub use punctuation::PunctuationQueue;
pub use punctuation::{Punctuation, PunctuationType};
#[doc(hidden)]
pub use sink::SinkFactory;
pub use sink::{SinkOptions, TopicNameExtractor, TopicTarget};
pub use source::SourceOptions;
#[doc(hidden)]
pub use source::{Prepared, SourceFactory, SourceInput};
#[doc(hidden)]
pub use task_context::{Flusher, TaskContext, TaskSetup, TaskStores};

use crate::error::UserError;
pub use crate::record::Data;
use crate::record::Record;
use crate::time::Timestamp;
pub use crate::user_code::UserPanic;

/// What a processor returns: `?` takes any error, of this library or of another. The runtime recognizes its own errors in
/// it; any other goes to the processing exception handler.
pub type ProcessorResult<T = (), E = UserError> = std::result::Result<T, E>;

/// One step of a topology: takes records of one type, forwards records of another
/// (`org.apache.kafka.streams.processor.api.Processor`).
///
/// A task makes its instance with the node's supplier, a closure that gets an [`InitContext`]: there a processor looks up
/// its stores and schedules its punctuations, so that it has them from its first record to its last (`Processor.init` of
/// Kafka Streams is the supplier here). An error or a panic in the supplier stops the application.
///
/// An instance belongs to one task and is only ever used by that task's thread. An error that `process` or `punctuate`
/// returns goes to the processing exception handler, and so does a panic in them: [`UserPanic`] is the error then. If the
/// handler resumes, the record is dropped and counted; what the processor had written to stores and forwarded until
/// then stays, as in Kafka Streams. The [module](self) has an example, [`InitContext`] one with a store,
/// [`InitContext::schedule`] one with punctuations.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a processor of records with key `{KIn}` and value `{VIn}` that forwards `{KOut}` and `{VOut}`",
    label = "not a processor of these records",
    note = "the first two types of `impl Processor<KIn, VIn, KOut, VOut>` are those of the stream or parent node, the others \
            those that its children take"
)]
pub trait Processor<KIn: Data, VIn: Data, KOut: Data, VOut: Data>: 'static {
    /// Called for each record.
    fn process(
        &mut self,
        record: Record<KIn, VIn>,
        context: &mut ProcessorContext<'_, KOut, VOut>,
    ) -> ProcessorResult;

    /// Called when a punctuation is due that [`InitContext::schedule`] asked for. `timestamp` is stream time or
    /// wall-clock time in milliseconds, as the punctuation's type says.
    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        timestamp: Timestamp,
        context: &mut ProcessorContext<'_, KOut, VOut>,
    ) -> ProcessorResult {
        let _ = (punctuation, timestamp, context);
        Ok(())
    }

    /// Called once when the task closes; forwards nothing.
    fn close(&mut self) {}
}
