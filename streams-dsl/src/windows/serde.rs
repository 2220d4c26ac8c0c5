//! Keys in windows on topics and in changelogs.

use streams_core::record::Headers;
use streams_core::serde::{Payload, Serde, SerdeError, SerdeRef, TimeWindowedSerde};
use streams_core::window::Windowed;

use super::Windows;

/// Writes keys in windows as Kafka Streams does (`TimeWindowedSerde`): the key, then the start of its window as 8 bytes. The
/// end is not written; a reader takes it from the definition of the windows. A reader with another definition, or with only
/// a size as Java's `TimeWindowedDeserializer`, reads the same key and start but may compute another end.
///
/// ```
/// # use streams_dsl as kstreams;
/// use std::sync::Arc;
/// use kstreams::prelude::*;
/// use kstreams::windows::WindowsSerde;
///
/// let five_minutes = TimeWindows::of_size_with_no_grace(minutes(5));
/// let keys: SerdeRef<Windowed<String>> = Arc::new(WindowsSerde::new(String::default_serde(), five_minutes));
/// let mut bytes = Vec::new();
/// keys.serialize("counts", &Headers::new(), &Windowed::new("ann".into(), Window::new(300_000, 600_000)), &mut bytes)?;
/// assert_eq!(bytes, *b"ann\0\0\0\0\0\x04\x93\xe0");
/// let read = keys.deserialize("counts", &Headers::new(), Some(&bytes))?;
/// assert_eq!(read.to_string(), "[ann@300000/600000]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct WindowsSerde<K, W> {
    starts: TimeWindowedSerde<K>,
    windows: W,
}

impl<K, W: Windows> WindowsSerde<K, W> {
    /// Keys that `inner` writes, in those windows.
    pub fn new(inner: SerdeRef<K>, windows: W) -> Self {
        WindowsSerde { starts: TimeWindowedSerde::of_unknown_size(inner), windows }
    }
}

impl<K, W: Windows> Serde<Windowed<K>> for WindowsSerde<K, W> {
    fn serialize(
        &self,
        topic: &str,
        headers: &Headers,
        value: &Windowed<K>,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        self.starts.serialize(topic, headers, value, out)
    }

    fn deserialize(
        &self,
        topic: &str,
        headers: &Headers,
        bytes: Option<&[u8]>,
    ) -> Result<Windowed<K>, SerdeError> {
        let Windowed { key, window } = self.starts.deserialize(topic, headers, bytes)?;
        Ok(Windowed { key, window: self.windows.window_at(window.start_ms) })
    }

    fn partitioning_suffix_bytes(&self) -> usize {
        self.starts.partitioning_suffix_bytes()
    }
}
