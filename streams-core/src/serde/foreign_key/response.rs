//! What the foreign side of a foreign-key join answers (`SubscriptionResponseWrapper`).
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version (0), with the highest bit set if there is no hash |
//! | 16 or none | the hash that the subscription carried |
//! | the rest | the foreign row; empty if there is none, so an empty row is read as none |

use std::any::type_name;

use super::{NO_HASH, read_hash};
use crate::ids::PartitionId;
use crate::record::Headers;
use crate::serde::{Payload, Serde, SerdeError, SerdeRef};

/// The answer to a subscription; the key of the message is the primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionResponse<V> {
    /// The hash that the subscription carried.
    pub hash: Option<u128>,
    /// The foreign row.
    pub foreign_value: Option<V>,
    /// The partition that the subscription came from: where the message is sent. Not part of its bytes.
    pub primary_partition: Option<PartitionId>,
}

/// The serde of [`SubscriptionResponse`]; the foreign row is written by its own.
pub struct SubscriptionResponseSerde<V> {
    value: SerdeRef<V>,
}

impl<V> SubscriptionResponseSerde<V> {
    /// A serde whose foreign rows `value` writes.
    pub fn new(value: SerdeRef<V>) -> Self {
        SubscriptionResponseSerde { value }
    }
}

impl<V> Serde<SubscriptionResponse<V>> for SubscriptionResponseSerde<V> {
    fn serialize(
        &self,
        topic: &str,
        headers: &Headers,
        value: &SubscriptionResponse<V>,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        match value.hash {
            Some(hash) => {
                out.push(0);
                out.extend_from_slice(&hash.to_be_bytes());
            }
            None => out.push(NO_HASH),
        }
        if let Some(value) = &value.foreign_value {
            self.value.serialize(topic, headers, value, out)?;
        }
        Ok(Payload::Bytes)
    }

    fn deserialize(
        &self,
        topic: &str,
        headers: &Headers,
        bytes: Option<&[u8]>,
    ) -> Result<SubscriptionResponse<V>, SerdeError> {
        let expected = type_name::<SubscriptionResponse<V>>();
        let bytes = bytes.ok_or(SerdeError::UnexpectedNull { expected })?;
        let (&first, rest) =
            bytes.split_first().ok_or_else(|| SerdeError::invalid("a response has at least one byte"))?;
        let (version, hash, rest) = read_hash(first, rest)?;
        if version != 0 {
            return Err(SerdeError::invalid(format!("a response's version is 0, this is {version}")));
        }
        let foreign_value = match rest {
            [] => None,
            value => Some(self.value.deserialize(topic, headers, Some(value))?),
        };
        Ok(SubscriptionResponse { hash, foreign_value, primary_partition: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serde::DefaultSerde;

    fn read(bytes: &[u8]) -> Result<SubscriptionResponse<String>, SerdeError> {
        SubscriptionResponseSerde::new(String::default_serde()).deserialize("t", &Headers::new(), Some(bytes))
    }

    #[test]
    fn what_is_no_response_is_refused() {
        for (bytes, part) in [(&[][..], "at least one byte"), (&[0, 1], "hash"), (&[0x81], "version")] {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.contains(part), "{bytes:?}: {error}");
        }
    }

    #[test]
    fn a_row_without_bytes_is_read_as_none() {
        let serde = SubscriptionResponseSerde::new(String::default_serde());
        let empty = SubscriptionResponse {
            hash: None,
            foreign_value: Some(String::new()),
            primary_partition: Some(1),
        };
        let mut bytes = Vec::new();
        serde.serialize("t", &Headers::new(), &empty, &mut bytes).unwrap();
        assert_eq!(read(&bytes).unwrap().foreign_value, None);
    }
}
