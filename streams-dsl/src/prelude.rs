//! What a program needs: `use streams_dsl::prelude::*`.

pub use crate::options::{
    Branched, Consumed, Grouped, Materialized, Optimization, Printed, Produced, Repartitioned,
};
pub use crate::{DslError, GlobalKTable, KGroupedStream, KStream, KTable, StreamsBuilder};
pub use streams_core::processor::{
    FixedKeyContext, FixedKeyProcessor, FixedKeyRecord, Processor, ProcessorContext, Punctuation,
    PunctuationType,
};
pub use streams_core::record::{Headers, Record};
pub use streams_core::serde::{DefaultSerde, Serde, SerdeRef};
