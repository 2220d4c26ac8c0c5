//! The text that Kafka Streams commits with an offset: how far the partition's time has come, and what
//! processors want to remember per partition.
//!
//! Base64 of a version byte, the time as 8 bytes, and in version 2, unless there are none, the number of entries as 4
//! bytes and each entry as length (4 bytes), name (UTF-8) and value (8 bytes). We write version 2.

use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::time::Timestamp;

/// As tolerant of padding as Java's decoder.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
const LATEST_VERSION: u8 = 2;

/// What is committed with an offset (`TopicPartitionMetadata`).
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPartitionMetadata {
    /// The highest timestamp that was seen on the partition; -1 if unknown.
    pub partition_time: Timestamp,
    /// Numbers of processors by store name: the end of the last window that was emitted.
    pub processor_metadata: BTreeMap<String, i64>,
}

impl Default for TopicPartitionMetadata {
    fn default() -> Self {
        TopicPartitionMetadata { partition_time: -1, processor_metadata: BTreeMap::new() }
    }
}

impl TopicPartitionMetadata {
    /// The text to commit.
    pub fn encode(&self) -> String {
        let mut bytes = vec![LATEST_VERSION];
        bytes.extend_from_slice(&self.partition_time.to_be_bytes());
        if !self.processor_metadata.is_empty() {
            bytes.extend_from_slice(&length(self.processor_metadata.len()));
            for (name, value) in &self.processor_metadata {
                bytes.extend_from_slice(&length(name.len()));
                bytes.extend_from_slice(name.as_bytes());
                bytes.extend_from_slice(&value.to_be_bytes());
            }
        }
        BASE64.encode(bytes)
    }

    /// Parses the committed text. Text of another origin is ignored with a warning: an application must be able to take over
    /// a group whose offsets anyone may have written.
    pub fn decode(text: &str) -> Self {
        let mut metadata = Self::default();
        if text.is_empty() {
            return metadata;
        }
        let bytes = BASE64.decode(text).unwrap_or_default();
        let mut input = bytes.as_slice();
        let version = take(&mut input).map_or(0, |[version]: [u8; 1]| version);
        let time = take(&mut input).map(i64::from_be_bytes);
        let (true, Some(time)) = (matches!(version, 1 | LATEST_VERSION), time) else {
            tracing::warn!(text, version, "ignored the metadata of a committed offset: not of Kafka Streams");
            return metadata;
        };
        metadata.partition_time = time;
        if version == LATEST_VERSION && !input.is_empty() {
            match entries(input) {
                Some(entries) => metadata.processor_metadata = entries,
                None => tracing::warn!(text, "ignored broken processor metadata of a committed offset"),
            }
        }
        metadata
    }
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = input.split_first_chunk()?;
    *input = tail;
    Some(*head)
}

fn entries(mut input: &[u8]) -> Option<BTreeMap<String, i64>> {
    let mut entries = BTreeMap::new();
    for _ in 0..u32::from_be_bytes(take(&mut input)?) {
        let length = usize::try_from(u32::from_be_bytes(take(&mut input)?)).ok()?;
        let (name, rest) = input.split_at_checked(length)?;
        input = rest;
        entries.insert(String::from_utf8_lossy(name).into_owned(), i64::from_be_bytes(take(&mut input)?));
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_entries_it_is_a_version_and_a_time() {
        let metadata = TopicPartitionMetadata { partition_time: 1, ..Default::default() };
        assert_eq!(metadata.encode(), "AgAAAAAAAAAB");
        assert_eq!(TopicPartitionMetadata::decode("AgAAAAAAAAAB"), metadata);
        assert_eq!(TopicPartitionMetadata::decode("AQAAAAAAAAAB"), metadata, "version 1");
    }

    #[test]
    fn entries_follow_with_their_count() {
        let mut metadata = TopicPartitionMetadata { partition_time: -1, ..Default::default() };
        metadata.processor_metadata.insert("s".to_owned(), 7);
        let bytes = BASE64.decode(metadata.encode()).unwrap();
        assert_eq!(bytes[9..], [0, 0, 0, 1, 0, 0, 0, 1, b's', 0, 0, 0, 0, 0, 0, 0, 7]);
        metadata.processor_metadata.insert("ünïcode".to_owned(), -3);
        assert_eq!(TopicPartitionMetadata::decode(&metadata.encode()), metadata);
    }

    #[test]
    fn anything_else_is_unknown() {
        for text in ["", "not base64!", "Aw==", "AwAAAAAAAAAB", "AgAA"] {
            assert_eq!(TopicPartitionMetadata::decode(text), TopicPartitionMetadata::default(), "{text}");
        }
        // Java keeps the time when only the entries are broken.
        let broken = BASE64.encode([2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 9]);
        assert_eq!(TopicPartitionMetadata::decode(&broken).partition_time, 5);
    }
}
