//! The keys of the store in which the foreign side keeps subscriptions (`CombinedKeySchema`): length of the foreign key
//! as 4 bytes, foreign key, primary key. The length tells a foreign key from a longer one that begins with it.

use std::sync::Arc;

use super::PseudoTopics;
use crate::record::Headers;
use crate::serde::{Payload, Serde, SerdeError, SerdeRef};

const LENGTH_BYTES: usize = 4;

/// Writes and reads keys of a foreign key and a primary key.
pub struct CombinedKeySchema<KO, K> {
    foreign: SerdeRef<KO>,
    primary: SerdeRef<K>,
    topics: Arc<PseudoTopics>,
}

impl<KO, K> CombinedKeySchema<KO, K> {
    /// A serde whose parts these serdes write.
    pub fn new(foreign: SerdeRef<KO>, primary: SerdeRef<K>, topics: Arc<PseudoTopics>) -> Self {
        CombinedKeySchema { foreign, primary, topics }
    }

    /// Appends the combined key.
    pub fn encode(
        &self,
        foreign_key: &KO,
        primary_key: &K,
        headers: &Headers,
        out: &mut Vec<u8>,
    ) -> Result<(), SerdeError> {
        self.encode_prefix(foreign_key, headers, out)?;
        append(&*self.primary, self.topics.primary_key(), primary_key, headers, out)
    }

    /// Appends the prefix that all keys of that foreign key, and no others, begin with.
    pub fn encode_prefix(
        &self,
        foreign_key: &KO,
        headers: &Headers,
        out: &mut Vec<u8>,
    ) -> Result<(), SerdeError> {
        let start = out.len();
        out.extend_from_slice(&[0; LENGTH_BYTES]);
        append(&*self.foreign, self.topics.foreign_key(), foreign_key, headers, out)?;
        let length = i32::try_from(out.len() - start - LENGTH_BYTES)
            .map_err(|_| SerdeError::invalid("a foreign key is beyond 2 GiB"))?;
        if let Some(place) = out.get_mut(start..start + LENGTH_BYTES) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    /// Splits a combined key.
    pub fn decode(&self, bytes: &[u8], headers: &Headers) -> Result<(KO, K), SerdeError> {
        let short = || SerdeError::invalid(format!("a combined key is longer than {} bytes", bytes.len()));
        let (length, keys) = bytes.split_first_chunk::<LENGTH_BYTES>().ok_or_else(short)?;
        let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| short())?;
        let (foreign, primary) = keys.split_at_checked(length).ok_or_else(short)?;
        Ok((
            self.foreign.deserialize(self.topics.foreign_key(), headers, Some(foreign))?,
            self.primary.deserialize(self.topics.primary_key(), headers, Some(primary))?,
        ))
    }
}

fn append<K>(
    serde: &dyn Serde<K>,
    topic: &str,
    key: &K,
    headers: &Headers,
    out: &mut Vec<u8>,
) -> Result<(), SerdeError> {
    match serde.serialize(topic, headers, key, out)? {
        Payload::Bytes => Ok(()),
        Payload::Null => Err(SerdeError::invalid("neither part of a combined key can be null")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serde::DefaultSerde;

    #[test]
    fn a_cut_off_key_is_refused() {
        let topics = Arc::new(PseudoTopics::new("t"));
        let schema = CombinedKeySchema::new(String::default_serde(), String::default_serde(), topics);
        for bytes in [&[0, 0][..], &[0, 0, 0, 2, b'a'], &[0xff, 0, 0, 0, b'a']] {
            assert!(schema.decode(bytes, &Headers::new()).is_err(), "{bytes:?}");
        }
    }
}
