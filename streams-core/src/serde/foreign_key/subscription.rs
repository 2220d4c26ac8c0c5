//! The message of a foreign-key join's primary side to its foreign side (`SubscriptionWrapper`).
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version (1; older ones wrote 0), with the highest bit set if there is no hash |
//! | 1 | instruction |
//! | 16 or none | hash of the primary row |
//! | the rest | primary key |
//! | 4, in version 1 | the primary side's partition, to which the answer is sent |

use std::any::type_name;
use std::sync::Arc;

use super::{NO_HASH, PseudoTopics, read_hash};
use crate::ids::PartitionId;
use crate::record::Headers;
use crate::serde::{Payload, Serde, SerdeError, SerdeRef};

const VERSION: u8 = 1;

/// What the foreign side does with a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// Forget the subscription and answer nothing: another one follows.
    DeleteKeyNoPropagate = 0,
    /// Forget the subscription and answer that there is no row.
    DeleteKeyAndPropagate = 1,
    /// Keep the subscription and answer in any case.
    PropagateNullIfNoForeignValue = 2,
    /// Keep the subscription and answer only if there is a row.
    PropagateOnlyIfForeignValue = 3,
}

impl Instruction {
    fn of(byte: u8) -> Result<Self, SerdeError> {
        match byte {
            0 => Ok(Instruction::DeleteKeyNoPropagate),
            1 => Ok(Instruction::DeleteKeyAndPropagate),
            2 => Ok(Instruction::PropagateNullIfNoForeignValue),
            3 => Ok(Instruction::PropagateOnlyIfForeignValue),
            other => {
                Err(SerdeError::invalid(format!("a subscription's instruction is 0 to 3, this is {other}")))
            }
        }
    }
}

/// A primary row's subscription to a foreign key, which is the key of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription<K> {
    /// The hash of the row; `None` if it was deleted.
    pub hash: Option<u128>,
    /// The instruction.
    pub instruction: Instruction,
    /// The row's key.
    pub primary_key: K,
    /// The partition that the answer goes to; `None` in messages of version 0, whose answers find it by key.
    pub primary_partition: Option<PartitionId>,
}

/// The serde of [`Subscription`]; the primary key is written by its own.
pub struct SubscriptionSerde<K> {
    key: SerdeRef<K>,
    topics: Arc<PseudoTopics>,
}

impl<K> SubscriptionSerde<K> {
    /// A serde whose primary keys `key` writes.
    pub fn new(key: SerdeRef<K>, topics: Arc<PseudoTopics>) -> Self {
        SubscriptionSerde { key, topics }
    }
}

impl<K> Serde<Subscription<K>> for SubscriptionSerde<K> {
    fn serialize(
        &self,
        _topic: &str,
        headers: &Headers,
        value: &Subscription<K>,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        let version = if value.primary_partition.is_some() { VERSION } else { 0 };
        match value.hash {
            Some(hash) => {
                out.extend_from_slice(&[version, value.instruction as u8]);
                out.extend_from_slice(&hash.to_be_bytes());
            }
            None => out.extend_from_slice(&[version | NO_HASH, value.instruction as u8]),
        }
        let key = self.key.serialize(self.topics.primary_key(), headers, &value.primary_key, out)?;
        if key == Payload::Null {
            return Err(SerdeError::invalid("the primary key of a subscription cannot be null"));
        }
        if let Some(partition) = value.primary_partition {
            out.extend_from_slice(&partition.to_be_bytes());
        }
        Ok(Payload::Bytes)
    }

    fn checks(&self) -> bool {
        self.key.checks()
    }

    fn deserialize(
        &self,
        _topic: &str,
        headers: &Headers,
        bytes: Option<&[u8]>,
    ) -> Result<Subscription<K>, SerdeError> {
        let expected = type_name::<Subscription<K>>();
        let bytes = bytes.ok_or(SerdeError::UnexpectedNull { expected })?;
        let short = || SerdeError::invalid(format!("a subscription is longer than {} bytes", bytes.len()));
        let (&[first, instruction], rest) = bytes.split_first_chunk::<2>().ok_or_else(short)?;
        let instruction = Instruction::of(instruction)?;
        let (version, hash, rest) = read_hash(first, rest)?;
        let (key, primary_partition) = match version {
            0 => (rest, None),
            VERSION => {
                let (key, partition) = rest.split_last_chunk::<4>().ok_or_else(short)?;
                (key, Some(i32::from_be_bytes(*partition)))
            }
            newer => {
                return Err(SerdeError::invalid(format!(
                    "a subscription's version is 0 or 1, this is {newer}"
                )));
            }
        };
        let primary_key = self.key.deserialize(self.topics.primary_key(), headers, Some(key))?;
        Ok(Subscription { hash, instruction, primary_key, primary_partition })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serde::DefaultSerde;

    fn read(bytes: &[u8]) -> Result<Subscription<String>, SerdeError> {
        let topics = Arc::new(PseudoTopics::new("t"));
        SubscriptionSerde::new(String::default_serde(), topics).deserialize("t", &Headers::new(), Some(bytes))
    }

    #[test]
    fn what_is_no_subscription_is_refused() {
        for (bytes, part) in [
            (&[1][..], "longer than 1"),
            (&[0x81, 9], "instruction"),
            (&[1, 0, 0, 0], "hash"),
            (&[0x81, 0, 1], "longer than 3"),
            (&[0x82, 0], "version"),
        ] {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.contains(part), "{bytes:?}: {error}");
        }
    }

    #[test]
    fn version_0_has_no_partition() {
        let subscription = read(&[0x80, 3, b'k']).unwrap();
        assert_eq!((subscription.primary_key.as_str(), subscription.primary_partition), ("k", None));
    }
}
