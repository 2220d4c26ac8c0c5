//! The keys and values of the store in which an outer join keeps records that have found no partner yet
//! (`TimestampedKeyAndJoinSideSerde`, `LeftOrRightValueSerde`).
//!
//! | what | bytes |
//! |---|---|
//! | key | int64 timestamp ‖ 1 for the left stream, 0 for the right one ‖ the record's key |
//! | value | 1 for the left stream, 0 for the right one ‖ the record's value |
//!
//! So records are ordered by time, and at the same time those of the right stream come first.

use super::{Payload, Serde, SerdeError, SerdeRef};
use crate::record::Headers;
use crate::time::Timestamp;

const LEFT: u8 = 1;
const RIGHT: u8 = 0;

/// A record's key with its time, and the side of the join it came in on (`TimestampedKeyAndJoinSide`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampedKeyAndJoinSide<K> {
    /// The record's key.
    pub key: K,
    /// The record's timestamp.
    pub timestamp: Timestamp,
    /// Whether it is a record of the left stream.
    pub left: bool,
}

/// A value of the left or of the right stream (`LeftOrRightValue`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftOrRightValue<L, R> {
    /// A value of the left stream.
    Left(L),
    /// A value of the right stream.
    Right(R),
}

/// The serde of [`TimestampedKeyAndJoinSide`], over that of the keys.
#[derive(Clone)]
pub struct TimestampedKeyAndJoinSideSerde<K> {
    key: SerdeRef<K>,
}

impl<K> TimestampedKeyAndJoinSideSerde<K> {
    /// A serde whose record keys `key` writes.
    pub fn new(key: SerdeRef<K>) -> Self {
        TimestampedKeyAndJoinSideSerde { key }
    }
}

impl<K> Serde<TimestampedKeyAndJoinSide<K>> for TimestampedKeyAndJoinSideSerde<K> {
    fn serialize(
        &self,
        topic: &str,
        headers: &Headers,
        value: &TimestampedKeyAndJoinSide<K>,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        out.extend_from_slice(&value.timestamp.to_be_bytes());
        out.push(if value.left { LEFT } else { RIGHT });
        match self.key.serialize(topic, headers, &value.key, out)? {
            Payload::Bytes => Ok(Payload::Bytes),
            Payload::Null => Err(SerdeError::invalid("a record without a key cannot wait for a partner")),
        }
    }

    fn deserialize(
        &self,
        topic: &str,
        headers: &Headers,
        bytes: Option<&[u8]>,
    ) -> Result<TimestampedKeyAndJoinSide<K>, SerdeError> {
        let (time, rest) = bytes.and_then(<[u8]>::split_first_chunk).ok_or_else(too_short)?;
        let (left, key) = side(rest)?;
        let key = self.key.deserialize(topic, headers, Some(key))?;
        Ok(TimestampedKeyAndJoinSide { key, timestamp: Timestamp::from_be_bytes(*time), left })
    }
}

/// The serde of [`LeftOrRightValue`], over those of both streams' values.
#[derive(Clone)]
pub struct LeftOrRightValueSerde<L, R> {
    left: SerdeRef<L>,
    right: SerdeRef<R>,
}

impl<L, R> LeftOrRightValueSerde<L, R> {
    /// A serde whose values `left` and `right` write.
    pub fn new(left: SerdeRef<L>, right: SerdeRef<R>) -> Self {
        LeftOrRightValueSerde { left, right }
    }
}

impl<L, R> Serde<LeftOrRightValue<L, R>> for LeftOrRightValueSerde<L, R> {
    fn serialize(
        &self,
        topic: &str,
        headers: &Headers,
        value: &LeftOrRightValue<L, R>,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        let start = out.len();
        let payload = match value {
            LeftOrRightValue::Left(value) => {
                out.push(LEFT);
                self.left.serialize(topic, headers, value, out)?
            }
            LeftOrRightValue::Right(value) => {
                out.push(RIGHT);
                self.right.serialize(topic, headers, value, out)?
            }
        };
        if payload == Payload::Null {
            out.truncate(start);
        }
        Ok(payload)
    }

    fn checks(&self) -> bool {
        self.left.checks() || self.right.checks()
    }

    fn check(&self, topic: &str, value: &LeftOrRightValue<L, R>) -> Result<Payload, SerdeError> {
        match value {
            LeftOrRightValue::Left(value) => self.left.check(topic, value),
            LeftOrRightValue::Right(value) => self.right.check(topic, value),
        }
    }

    fn deserialize(
        &self,
        topic: &str,
        headers: &Headers,
        bytes: Option<&[u8]>,
    ) -> Result<LeftOrRightValue<L, R>, SerdeError> {
        let (left, value) = side(bytes.ok_or_else(too_short)?)?;
        Ok(if left {
            LeftOrRightValue::Left(self.left.deserialize(topic, headers, Some(value))?)
        } else {
            LeftOrRightValue::Right(self.right.deserialize(topic, headers, Some(value))?)
        })
    }
}

/// Reads whether the record is of the left stream.
fn side(bytes: &[u8]) -> Result<(bool, &[u8]), SerdeError> {
    match bytes.split_first() {
        None => Err(too_short()),
        Some((side, rest)) => Ok((*side == LEFT, rest)),
    }
}

fn too_short() -> SerdeError {
    SerdeError::invalid("too few bytes for a record that waits for a partner")
}
