//! Serdes of numbers, text, bytes and nothing, byte-equal to those of `org.apache.kafka.common.serialization.Serdes`.

use std::sync::Arc;

use bytes::Bytes;

use super::{DefaultSerde, Payload, Serde, SerdeError, SerdeRef};
use crate::record::Headers;

fn not_null<'a>(bytes: Option<&'a [u8]>, expected: &'static str) -> Result<&'a [u8], SerdeError> {
    bytes.ok_or(SerdeError::UnexpectedNull { expected })
}

fn fixed<const N: usize>(bytes: Option<&[u8]>, expected: &'static str) -> Result<[u8; N], SerdeError> {
    let bytes = not_null(bytes, expected)?;
    bytes.try_into().map_err(|_| {
        SerdeError::invalid(format!("{expected} is {N} bytes on a topic, but these are {}", bytes.len()))
    })
}

/// A serde of a type that always has the same length: how its bytes are made and read.
macro_rules! fixed_length_serde {
    ($serde:ident, $type:ty, $doc:literal, $encode:expr, $decode:expr) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $serde;

        impl Serde<$type> for $serde {
            fn serialize(
                &self,
                _topic: &str,
                _headers: &Headers,
                value: &$type,
                out: &mut Vec<u8>,
            ) -> Result<Payload, SerdeError> {
                let encode: fn($type) -> [u8; size_of::<$type>()] = $encode;
                out.extend_from_slice(&encode(*value));
                Ok(Payload::Bytes)
            }

            fn checks(&self) -> bool {
                false
            }

            fn deserialize(
                &self,
                _topic: &str,
                _headers: &Headers,
                bytes: Option<&[u8]>,
            ) -> Result<$type, SerdeError> {
                let decode: fn([u8; size_of::<$type>()]) -> Result<$type, SerdeError> = $decode;
                decode(fixed(bytes, stringify!($type))?)
            }
        }

        impl DefaultSerde for $type {
            fn default_serde() -> SerdeRef<Self> {
                Arc::new($serde)
            }
        }
    };
}

fixed_length_serde! {
    LongSerde, i64, "Java's `Long`: 8 bytes, big-endian.",
    i64::to_be_bytes, |bytes| Ok(i64::from_be_bytes(bytes))
}
fixed_length_serde! {
    IntegerSerde, i32, "Java's `Integer`: 4 bytes, big-endian.",
    i32::to_be_bytes, |bytes| Ok(i32::from_be_bytes(bytes))
}
fixed_length_serde! {
    ShortSerde, i16, "Java's `Short`: 2 bytes, big-endian.",
    i16::to_be_bytes, |bytes| Ok(i16::from_be_bytes(bytes))
}
fixed_length_serde! {
    FloatSerde, f32, "Java's `Float`: the 4 bytes of its bits, big-endian.",
    f32::to_be_bytes, |bytes| Ok(f32::from_be_bytes(bytes))
}
fixed_length_serde! {
    DoubleSerde, f64,
    "Java's `Double`: the 8 bytes of its bits, big-endian; every NaN is written as the same one.",
    // `Double.doubleToLongBits` knows one NaN; `Float`'s serializer keeps the raw bits.
    |value| if value.is_nan() { 0x7ff8_0000_0000_0000_u64.to_be_bytes() } else { value.to_be_bytes() },
    |bytes| Ok(f64::from_be_bytes(bytes))
}
fixed_length_serde! {
    BooleanSerde, bool, "Java's `Boolean`: one byte, 1 or 0.",
    |value| [u8::from(value)],
    |[byte]| match byte {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(SerdeError::invalid(format!("bool is the byte 0 or 1, but this is {other}"))),
    }
}

/// Text as UTF-8 (`StringSerde`): of `String`, and of `Arc<str>` where a key is cloned often.
///
/// Bytes that are not UTF-8 are an error. Java's `StringDeserializer` silently puts U+FFFD in their place, which loses
/// data and can merge distinct keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct StringSerde;

impl<T> Serde<T> for StringSerde
where
    T: AsRef<str> + for<'a> From<&'a str>,
{
    fn serialize(
        &self,
        _topic: &str,
        _headers: &Headers,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        out.extend_from_slice(value.as_ref().as_bytes());
        Ok(Payload::Bytes)
    }

    fn checks(&self) -> bool {
        false
    }

    fn deserialize(&self, _topic: &str, _headers: &Headers, bytes: Option<&[u8]>) -> Result<T, SerdeError> {
        match std::str::from_utf8(not_null(bytes, "String")?) {
            Ok(text) => Ok(T::from(text)),
            Err(error) => Err(SerdeError::invalid(format!("String is UTF-8 on a topic, but here: {error}"))),
        }
    }
}

impl DefaultSerde for String {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(StringSerde)
    }
}

impl DefaultSerde for Arc<str> {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(StringSerde)
    }
}

/// A serde that leaves bytes as they are.
macro_rules! verbatim_serde {
    ($serde:ident, $type:ty, $name:literal, $doc:literal, $decode:expr) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $serde;

        impl Serde<$type> for $serde {
            fn serialize(
                &self,
                _topic: &str,
                _headers: &Headers,
                value: &$type,
                out: &mut Vec<u8>,
            ) -> Result<Payload, SerdeError> {
                out.extend_from_slice(value);
                Ok(Payload::Bytes)
            }

            fn checks(&self) -> bool {
                false
            }

            fn deserialize(
                &self,
                _topic: &str,
                _headers: &Headers,
                bytes: Option<&[u8]>,
            ) -> Result<$type, SerdeError> {
                not_null(bytes, $name).map($decode)
            }
        }

        impl DefaultSerde for $type {
            fn default_serde() -> SerdeRef<Self> {
                Arc::new($serde)
            }
        }
    };
}

verbatim_serde! {
    BytesSerde, Bytes, "Bytes", "Kafka's `Bytes`: the bytes themselves, cheap to clone.",
    Bytes::copy_from_slice
}
verbatim_serde! {
    ByteArraySerde, Vec<u8>, "Vec<u8>", "Kafka's `ByteArray`: the bytes themselves.", <[u8]>::to_vec
}

/// Kafka's `Void`: always null.
#[derive(Clone, Copy, Debug, Default)]
pub struct VoidSerde;

impl Serde<()> for VoidSerde {
    fn serialize(
        &self,
        _topic: &str,
        _headers: &Headers,
        _value: &(),
        _out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        Ok(Payload::Null)
    }

    fn deserialize(&self, _topic: &str, _headers: &Headers, bytes: Option<&[u8]>) -> Result<(), SerdeError> {
        match bytes {
            None => Ok(()),
            Some(bytes) => Err(SerdeError::invalid(format!(
                "() is null on a topic, but these are {} bytes",
                bytes.len()
            ))),
        }
    }
}

impl DefaultSerde for () {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(VoidSerde)
    }
}
