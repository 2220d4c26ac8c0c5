//! What a program needs: `use kstreams::prelude::*`.

pub use crate::options::{
    BufferConfig, Consumed, Grouped, Joined, Materialized, Printed, Produced, Repartitioned, StoreType,
    StreamJoined, Suppressed, TableJoined, TopologySettings,
};
#[cfg(feature = "chrono")]
pub use crate::windows::CalendarWindows;
pub use crate::windows::{
    EmitStrategy, JoinWindows, SessionWindows, SlidingWindows, TimeWindows, UnlimitedWindows, Windows, days,
    hours, millis, minutes, seconds,
};
pub use crate::{
    Branched, BranchedKStream, CogroupedKStream, DslError, GlobalKTable, KGroupedStream, KGroupedTable,
    KStream, KTable, StreamsBuilder, TransformContext, ValueTransformer,
};
pub use streams_core::config::{AutoOffsetReset, ProcessingGuarantee, StreamsConfig};
pub use streams_core::embedded::{EmbeddedBroker, EmbeddedTopic};
pub use streams_core::error::UserError;
pub use streams_core::ids::TaskId;
pub use streams_core::json_serde;
pub use streams_core::partitioner::Partitions;
pub use streams_core::processor::handlers::{
    DeserializationExceptionHandler, ErrorContext, LogAndContinue, LogAndFail, ProcessingExceptionHandler,
    ProductionExceptionHandler, Response,
};
pub use streams_core::processor::timestamp_extractor::{
    ConsumedRecord, ExtractWith, FailOnInvalidTimestamp, LogAndSkipOnInvalidTimestamp, RejectFutureTimestamp,
    TimestampExtractor, UsePartitionTimeOnInvalidTimestamp, WallclockTimestampExtractor,
};
pub use streams_core::processor::{
    DropReason, FixedKeyContext, FixedKeyProcessor, FixedKeyRecord, InitContext, Processor, ProcessorContext,
    ProcessorResult, Punctuation, PunctuationType, StoreAccess,
};
pub use streams_core::record::{Headers, Record, RecordMetadata};
#[cfg(unix)]
pub use streams_core::runtime::shutdown_signal;
pub use streams_core::runtime::{KafkaStreams, OAuthToken, State, TokenProvider};
pub use streams_core::serde::{
    DefaultSerde, FnSerde, Json, JsonSerde, Malformed, MalformedOr, Payload, Serde, SerdeError, SerdeRef,
};
pub use streams_core::store::{
    GlobalKeyValueStore, KeyValueStore, SessionStore, StorePlace, StoreRef, Stores, TimestampedKeyValueStore,
    TimestampedWindowStore, ValueAndTimestamp, VersionedKeyValueStore, WindowStore,
};
#[cfg(feature = "testing")]
pub use streams_core::testing::{
    CommitPolicy, RawTestRecord, TestInputTopic, TestOutputTopic, TestRecord, TopologyTestDriver,
};
pub use streams_core::time::{IntoTimestamp, Timestamp};
pub use streams_core::topology::{TopicPattern, Topology};
pub use streams_core::window::{Window, Windowed};
