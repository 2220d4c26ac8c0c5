//! What a program needs: `use streams_dsl::prelude::*`.

pub use crate::options::{
    Branched, Consumed, Grouped, Joined, Materialized, Optimization, Printed, Produced, Repartitioned,
    StreamJoined,
};
pub use crate::windows::{
    JoinWindows, SessionWindows, TimeWindows, Windows, days, hours, millis, minutes, seconds,
};
pub use crate::{DslError, GlobalKTable, KGroupedStream, KStream, KTable, StreamsBuilder};
pub use streams_core::processor::{
    FixedKeyContext, FixedKeyProcessor, FixedKeyRecord, Processor, ProcessorContext, Punctuation,
    PunctuationType,
};
pub use streams_core::record::{Headers, Record};
pub use streams_core::serde::{DefaultSerde, Serde, SerdeRef};
pub use streams_core::window::{Window, Windowed};
