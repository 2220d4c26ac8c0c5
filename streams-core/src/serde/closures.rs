//! A serde made of two closures, for custom formats.

use std::any::type_name;

use super::{Payload, Serde, SerdeError};
use crate::record::Headers;

/// A serde that calls closures. They never see null: wrap it in an [`OptionSerde`](super::OptionSerde) for that.
///
/// ```
/// # use streams_core as kstreams;
/// use std::sync::Arc;
/// use kstreams::serde::{FnSerde, SerdeError, SerdeRef};
///
/// let hex: SerdeRef<u32> = Arc::new(FnSerde::new(
///     |value: &u32, out: &mut Vec<u8>| {
///         out.extend_from_slice(format!("{value:x}").as_bytes());
///         Ok(())
///     },
///     |bytes: &[u8]| {
///         let text = std::str::from_utf8(bytes).map_err(|error| SerdeError::invalid(error.to_string()))?;
///         u32::from_str_radix(text, 16).map_err(|error| SerdeError::invalid(error.to_string()))
///     },
/// ));
/// # let mut out = Vec::new();
/// # hex.serialize("t", &Default::default(), &255, &mut out).unwrap();
/// # assert_eq!(out, b"ff");
/// # assert_eq!(hex.deserialize("t", &Default::default(), Some(b"ff")).unwrap(), 255);
/// ```
#[derive(Clone)]
pub struct FnSerde<S, D> {
    serialize: S,
    deserialize: D,
}

impl<S, D> FnSerde<S, D> {
    /// `serialize` appends a value's bytes; `deserialize` makes a value of such bytes.
    pub fn new(serialize: S, deserialize: D) -> Self {
        FnSerde { serialize, deserialize }
    }
}

impl<T, S, D> Serde<T> for FnSerde<S, D>
where
    S: Fn(&T, &mut Vec<u8>) -> Result<(), SerdeError> + Send + Sync,
    D: Fn(&[u8]) -> Result<T, SerdeError> + Send + Sync,
{
    fn serialize(
        &self,
        _topic: &str,
        _headers: &Headers,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        (self.serialize)(value, out)?;
        Ok(Payload::Bytes)
    }

    fn deserialize(&self, _topic: &str, _headers: &Headers, bytes: Option<&[u8]>) -> Result<T, SerdeError> {
        (self.deserialize)(bytes.ok_or(SerdeError::UnexpectedNull { expected: type_name::<T>() })?)
    }
}
