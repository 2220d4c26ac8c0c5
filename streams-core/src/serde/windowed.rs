//! Keys of windowed tables on topics: the bytes of the key, then those of the window.
//!
//! A time window is only its start, so the reader must know the size; a session is its end and then its start.
//! Stores append a sequence number to the former: that is a key schema of `state-stores`, not a serde.

use std::any::type_name;
use std::sync::Arc;
use std::time::Duration;

use super::{DefaultSerde, Payload, Serde, SerdeError, SerdeRef};
use crate::record::Headers;
use crate::time::to_ms;
use crate::window::{Window, Windowed};

/// Keys in time windows (`TimeWindowedSerde`): the key and the start of the window as 8 bytes.
#[derive(Clone)]
pub struct TimeWindowedSerde<K> {
    inner: SerdeRef<K>,
    window_size_ms: i64,
}

impl<K> TimeWindowedSerde<K> {
    /// A serde for windows of that size, whose keys `inner` writes.
    pub fn new(inner: SerdeRef<K>, window_size: Duration) -> Self {
        TimeWindowedSerde { inner, window_size_ms: to_ms(window_size) }
    }

    /// A serde for windows of unknown size: they are read with `i64::MAX` as their end.
    pub fn of_unknown_size(inner: SerdeRef<K>) -> Self {
        TimeWindowedSerde { inner, window_size_ms: i64::MAX }
    }
}

impl<K> Serde<Windowed<K>> for TimeWindowedSerde<K> {
    fn serialize(
        &self,
        topic: &str,
        headers: &Headers,
        value: &Windowed<K>,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        serialize_key(&self.inner, topic, headers, &value.key, out)?;
        out.extend_from_slice(&value.window.start_ms.to_be_bytes());
        Ok(Payload::Bytes)
    }

    fn deserialize(
        &self,
        topic: &str,
        headers: &Headers,
        bytes: Option<&[u8]>,
    ) -> Result<Windowed<K>, SerdeError> {
        let (key, [start_ms]) = split(bytes, type_name::<Windowed<K>>())?;
        let window = checked(Window::of_size(start_ms, self.window_size_ms))?;
        Ok(Windowed { key: self.inner.deserialize(topic, headers, Some(key))?, window })
    }

    fn partitioning_suffix_bytes(&self) -> usize {
        8
    }
}

/// Keys in sessions (`SessionWindowedSerde`): the key, the end and the start of the session as 8 bytes each.
#[derive(Clone)]
pub struct SessionWindowedSerde<K> {
    inner: SerdeRef<K>,
}

impl<K> SessionWindowedSerde<K> {
    /// A serde for sessions whose keys `inner` writes.
    pub fn new(inner: SerdeRef<K>) -> Self {
        SessionWindowedSerde { inner }
    }
}

impl<K> Serde<Windowed<K>> for SessionWindowedSerde<K> {
    fn serialize(
        &self,
        topic: &str,
        headers: &Headers,
        value: &Windowed<K>,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        serialize_key(&self.inner, topic, headers, &value.key, out)?;
        out.extend_from_slice(&value.window.end_ms.to_be_bytes());
        out.extend_from_slice(&value.window.start_ms.to_be_bytes());
        Ok(Payload::Bytes)
    }

    fn deserialize(
        &self,
        topic: &str,
        headers: &Headers,
        bytes: Option<&[u8]>,
    ) -> Result<Windowed<K>, SerdeError> {
        let (key, [end_ms, start_ms]) = split(bytes, type_name::<Windowed<K>>())?;
        let window = checked(Window::new(start_ms, end_ms))?;
        Ok(Windowed { key: self.inner.deserialize(topic, headers, Some(key))?, window })
    }

    fn partitioning_suffix_bytes(&self) -> usize {
        16
    }
}

/// Time windows of unknown size, as Java's deserializer reads them without `window.size.ms`. The DSL, which knows the
/// windows, chooses a better serde for its own tables.
impl<K: DefaultSerde> DefaultSerde for Windowed<K> {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(TimeWindowedSerde::of_unknown_size(K::default_serde()))
    }
}

fn serialize_key<K>(
    inner: &SerdeRef<K>,
    topic: &str,
    headers: &Headers,
    key: &K,
    out: &mut Vec<u8>,
) -> Result<(), SerdeError> {
    match inner.serialize(topic, headers, key, out)? {
        Payload::Bytes => Ok(()),
        Payload::Null => {
            Err(SerdeError::invalid("the key of a window cannot be null; drop such records first"))
        }
    }
}

/// Splits the bytes of the key from the numbers after it. Empty bytes are null, as in Java.
fn split<'a, const N: usize>(
    bytes: Option<&'a [u8]>,
    expected: &'static str,
) -> Result<(&'a [u8], [i64; N]), SerdeError> {
    let bytes = bytes.filter(|bytes| !bytes.is_empty()).ok_or(SerdeError::UnexpectedNull { expected })?;
    let short = || {
        SerdeError::invalid(format!(
            "a windowed key ends in {} bytes of window, but these are {} bytes in all",
            8 * N,
            bytes.len()
        ))
    };
    let (key, window) = bytes.split_at_checked(bytes.len().wrapping_sub(8 * N)).ok_or_else(short)?;
    let mut numbers = [0; N];
    for (number, chunk) in numbers.iter_mut().zip(window.chunks_exact(8)) {
        *number = chunk.iter().fold(0, |number, byte| number << 8 | i64::from(*byte));
    }
    Ok((key, numbers))
}

fn checked(window: Window) -> Result<Window, SerdeError> {
    if window.start_ms < 0 || window.end_ms < window.start_ms {
        return Err(SerdeError::invalid(format!(
            "no window lasts from {} to {}; was this key written by another serde?",
            window.start_ms, window.end_ms
        )));
    }
    Ok(window)
}
