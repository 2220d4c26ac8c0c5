//! The serde of a value that may not parse: malformed bytes become a value like any other.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use state_stores::excerpt::Excerpt;

use super::{DefaultSerde, Payload, Serde, SerdeError, SerdeRef};
use crate::record::Headers;

/// Bytes that another serde could not read. Written to a topic it is those bytes again, so that a dead-letter topic holds
/// exactly what came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The bytes as they came.
    pub bytes: Bytes,
    /// What the serde said of them. Empty if they were read as `Malformed` from the start.
    pub reason: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", Excerpt::of(&self.bytes), self.reason)
    }
}

/// Writes the bytes and reads any.
#[derive(Clone, Copy, Debug, Default)]
pub struct MalformedSerde;

impl Serde<Malformed> for MalformedSerde {
    fn serialize(
        &self,
        _topic: &str,
        _headers: &Headers,
        value: &Malformed,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        out.extend_from_slice(&value.bytes);
        Ok(Payload::Bytes)
    }

    fn deserialize(
        &self,
        _topic: &str,
        _headers: &Headers,
        bytes: Option<&[u8]>,
    ) -> Result<Malformed, SerdeError> {
        let bytes = bytes.ok_or(SerdeError::UnexpectedNull { expected: "Malformed" })?;
        Ok(Malformed { bytes: Bytes::copy_from_slice(bytes), reason: String::new() })
    }

    fn checks(&self) -> bool {
        false
    }
}

impl DefaultSerde for Malformed {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(MalformedSerde)
    }
}

/// Reads what another serde reads as `Ok`, and bytes that it refuses as `Err`. Null is not malformed: whether it is a value
/// is up to the other serde. The default serde of `Result<T, Malformed>`.
///
/// ```
/// # use streams_core as kstreams;
/// use kstreams::record::Headers;
/// use kstreams::serde::{DefaultSerde, Malformed};
///
/// let serde = Result::<i32, Malformed>::default_serde();
/// assert_eq!(serde.deserialize("t", &Headers::new(), Some(&[0, 0, 0, 7]))?, Ok(7));
/// let bad = serde.deserialize("t", &Headers::new(), Some(b"seven"))?.unwrap_err();
/// assert_eq!(bad.bytes, "seven");
/// assert_eq!(bad.to_string(), "\"seven\" (i32 is 4 bytes on a topic, but these are 5)");
/// # Ok::<(), kstreams::serde::SerdeError>(())
/// ```
pub struct MalformedOr<T> {
    inner: SerdeRef<T>,
}

impl<T> MalformedOr<T> {
    /// Makes a value of what `inner` refuses.
    pub fn new(inner: SerdeRef<T>) -> Self {
        MalformedOr { inner }
    }
}

impl<T> Clone for MalformedOr<T> {
    fn clone(&self) -> Self {
        MalformedOr { inner: Arc::clone(&self.inner) }
    }
}

impl<T> Serde<Result<T, Malformed>> for MalformedOr<T> {
    fn serialize(
        &self,
        topic: &str,
        headers: &Headers,
        value: &Result<T, Malformed>,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        match value {
            Ok(value) => self.inner.serialize(topic, headers, value, out),
            Err(malformed) => MalformedSerde.serialize(topic, headers, malformed, out),
        }
    }

    fn deserialize(
        &self,
        topic: &str,
        headers: &Headers,
        bytes: Option<&[u8]>,
    ) -> Result<Result<T, Malformed>, SerdeError> {
        match (self.inner.deserialize(topic, headers, bytes), bytes) {
            (Ok(value), _) => Ok(Ok(value)),
            (Err(SerdeError::Invalid(reason)), Some(bytes)) => {
                Ok(Err(Malformed { bytes: Bytes::copy_from_slice(bytes), reason }))
            }
            (Err(other), _) => Err(other),
        }
    }

    fn nullable(&self) -> bool {
        self.inner.nullable()
    }

    fn is_null(&self, value: &Result<T, Malformed>) -> bool {
        value.as_ref().is_ok_and(|value| self.inner.is_null(value))
    }

    fn checks(&self) -> bool {
        self.inner.checks()
    }

    fn check(&self, topic: &str, value: &Result<T, Malformed>) -> Result<Payload, SerdeError> {
        match value {
            Ok(value) => self.inner.check(topic, value),
            Err(_) => Ok(Payload::Bytes),
        }
    }
}

impl<T: DefaultSerde> DefaultSerde for Result<T, Malformed> {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(MalformedOr::new(T::default_serde()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: DefaultSerde>(bytes: Option<&[u8]>) -> Result<T, SerdeError> {
        T::default_serde().deserialize("t", &Headers::new(), bytes)
    }

    #[test]
    fn what_came_in_goes_out() {
        let serde = Result::<String, Malformed>::default_serde();
        for bytes in [&b"text"[..], b"", b"\xff\xfe"] {
            let value = serde.deserialize("t", &Headers::new(), Some(bytes)).unwrap();
            assert_eq!(value.is_ok(), std::str::from_utf8(bytes).is_ok());
            let mut out = Vec::new();
            assert_eq!(serde.serialize("t", &Headers::new(), &value, &mut out).unwrap(), Payload::Bytes);
            assert_eq!(out, bytes);
            assert_eq!(serde.check("t", &value).unwrap(), Payload::Bytes);
        }
    }

    #[test]
    fn null_is_not_malformed() {
        let null = read::<Result<String, Malformed>>(None);
        assert!(matches!(null, Err(SerdeError::UnexpectedNull { .. })));
        let null = read::<Result<Option<String>, Malformed>>(None).unwrap();
        assert_eq!(null, Ok(None));
        let serde = Result::<Option<String>, Malformed>::default_serde();
        assert!(serde.nullable() && serde.is_null(&null));
        assert_eq!(serde.check("t", &null).unwrap(), Payload::Null);
        assert!(matches!(read::<Malformed>(None), Err(SerdeError::UnexpectedNull { .. })));
    }
}
