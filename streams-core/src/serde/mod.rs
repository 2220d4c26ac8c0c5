//! How keys and values become bytes. A type brings its default serde; an explicit one overrules it.
//!
//! | file | serde of |
//! |---|---|
//! | `primitive` | numbers, text, bytes and `()`, byte-equal to Kafka's `Serdes` |
//! | `fits_json` | whether JSON can hold a value |
//! | `json` | [`Json<T>`]: any `serde` type as JSON |
//! | `json_serde` | the macro that makes JSON a type's default |
//! | `malformed` | `Result<T, Malformed>`: a value that may not parse |
//! | `option` | `Option<T>`: a value that may be Kafka's null |
//! | `windowed` | `Windowed<K>`: keys of windowed tables on topics |
//! | `change` | `Change<V>`: both sides of a table update on repartition topics |
//! | `join_side` | what waits for a partner in an outer join |
//! | `foreign_key` | the messages and store keys of foreign-key joins |
//! | `chrono` | dates and times, with the feature `chrono` |
//! | `closures` | any type, from two closures |
//! | `store_codec` | makes a serde the codec of a store |
//! | `offset_metadata` | the text that is committed with an offset (not a serde) |

mod change;
#[cfg(feature = "chrono")]
mod chrono;
mod closures;
mod fits_json;
#[doc(hidden)]
pub mod foreign_key;
mod join_side;
mod json;
mod json_serde;
mod malformed;
mod offset_metadata;
mod option;
mod primitive;
mod store_codec;
mod windowed;

use std::sync::Arc;

#[doc(hidden)]
pub use change::ChangeSerde;
#[cfg(feature = "chrono")]
pub use chrono::{DateSerde, DateTimeSerde};
pub use closures::FnSerde;
#[doc(hidden)]
pub use join_side::{
    LeftOrRightValue, LeftOrRightValueSerde, TimestampedKeyAndJoinSide, TimestampedKeyAndJoinSideSerde,
};
pub use json::{Json, JsonSerde};
pub use malformed::{Malformed, MalformedOr, MalformedSerde};
pub use offset_metadata::TopicPartitionMetadata;
pub use option::OptionSerde;
pub use primitive::{
    BooleanSerde, ByteArraySerde, BytesSerde, DoubleSerde, FloatSerde, IntegerSerde, LongSerde, ShortSerde,
    StringSerde, VoidSerde,
};
#[doc(hidden)]
pub use store_codec::StoreCodec;
pub use windowed::{SessionWindowedSerde, TimeWindowedSerde};

use crate::record::Headers;
use crate::user_code::UserPanic;

/// What [`Serde::serialize`] made of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Kafka's null: a null key, or a tombstone. Nothing was appended.
    Null,
    /// The appended bytes, maybe none.
    Bytes,
}

/// Why bytes cannot be read as a value, or a value cannot be written as bytes.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SerdeError {
    /// The bytes are null and the type cannot be; such a record is dropped, not an error of the application.
    #[error("null is not of type {expected}; read the topic as Option<{expected}> to see nulls")]
    UnexpectedNull {
        /// The type that was asked for.
        expected: &'static str,
    },
    /// Anything else.
    #[error("{0}")]
    Invalid(String),
}

state_stores::debug_as_display!(SerdeError);

/// A panic of the serde counts as a refusal.
impl From<UserPanic> for SerdeError {
    fn from(panic: UserPanic) -> Self {
        SerdeError::invalid(format!("the serde {panic}"))
    }
}

impl SerdeError {
    /// An error with a message.
    pub fn invalid(message: impl Into<String>) -> Self {
        SerdeError::Invalid(message.into())
    }
}

/// Turns values of `T` into the bytes of a topic and back (`org.apache.kafka.common.serialization.Serde`).
pub trait Serde<T>: Send + Sync {
    /// Appends the bytes of `value` to `out`, or says that it is null.
    fn serialize(
        &self,
        topic: &str,
        headers: &Headers,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError>;

    /// Reads a value from its bytes; `None` is Kafka's null.
    fn deserialize(&self, topic: &str, headers: &Headers, bytes: Option<&[u8]>) -> Result<T, SerdeError>;

    /// Whether some values are Kafka's null. Stateful operators ask once, and then look at each key.
    fn nullable(&self) -> bool {
        false
    }

    /// Whether this value is Kafka's null.
    fn is_null(&self, value: &T) -> bool {
        let _ = value;
        false
    }

    /// Whether [`check`](Self::check) may find something: false only if [`serialize`](Self::serialize) refuses no value and
    /// finds none to be null. Stores ask once.
    fn checks(&self) -> bool {
        true
    }

    /// What [`serialize`](Self::serialize) would return, without headers and without the bytes. A store serializes its values
    /// at the commit, and calls this when one is put. So the error belongs to the record that made the value, and goes to
    /// its handler; in Kafka Streams, `put` serializes. Override it where a check is cheaper than serializing.
    fn check(&self, topic: &str, value: &T) -> Result<Payload, SerdeError> {
        self.serialize(topic, &Headers::new(), value, &mut Vec::new())
    }

    /// How many bytes at the end of a key do not count for its partition. Windowed serdes answer with the length of
    /// the window, so that all windows of a key share its partition (`WindowedStreamPartitioner`).
    fn partitioning_suffix_bytes(&self) -> usize {
        0
    }
}

/// A shared serde, as topologies hold it.
pub type SerdeRef<T> = Arc<dyn Serde<T>>;

/// A type that brings its serde, so that operators find it by themselves.
///
/// ```
/// # use streams_core as kstreams;
/// use std::sync::Arc;
/// use kstreams::serde::{DefaultSerde, FnSerde, SerdeError, SerdeRef};
///
/// /// A temperature, as text in tenths of a degree.
/// struct Tenths(i32);
///
/// impl DefaultSerde for Tenths {
///     fn default_serde() -> SerdeRef<Self> {
///         let write = |value: &Tenths, out: &mut Vec<u8>| {
///             out.extend_from_slice(value.0.to_string().as_bytes());
///             Ok(())
///         };
///         let read = |bytes: &[u8]| {
///             let text = std::str::from_utf8(bytes).map_err(|error| SerdeError::invalid(error.to_string()))?;
///             text.parse().map(Tenths).map_err(|_| SerdeError::invalid(format!("{text} is not a number")))
///         };
///         Arc::new(FnSerde::new(write, read))
///     }
/// }
/// # let serde = Tenths::default_serde();
/// # assert_eq!(serde.deserialize("t", &Default::default(), Some(b"215")).map(|tenths| tenths.0).ok(), Some(215));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no serde: nothing says how it becomes the bytes of a topic",
    label = "no default serde",
    note = "for JSON write `json_serde!({Self});` once (it needs `serde::Serialize` and `serde::Deserialize`), or use \
            `Json<{Self}>`",
    note = "for other formats implement `DefaultSerde`, or give a serde here: `Consumed::with`, `Produced::with`, \
            `Grouped::with`, `Materialized::with_value_serde`, ..."
)]
pub trait DefaultSerde: Sized + 'static {
    /// The serde that is used where none is given.
    fn default_serde() -> SerdeRef<Self>;
}

#[cfg(test)]
mod tests;
