//! The messages between the two sides of a foreign-key join (KIP-213), byte for byte those of Kafka Streams.
//!
//! The primary side sends a subscription for each of its rows to the partition of the foreign key; the foreign side
//! stores it, and answers with its row, at once and whenever that changes. The answer carries the hash of the primary row
//! that subscribed, so that the primary side recognizes answers to an earlier row.
//!
//! | file | what |
//! |---|---|
//! | `subscription` | the message to the foreign side, also what its store keeps |
//! | `response` | the answer |
//! | `combined_key` | the key of the foreign side's store: all subscriptions to one foreign key are adjacent |
//! | `murmur3` | the hash of a primary row |
//! | `pseudo_topics` | the topic names that serdes get for the parts of a message |

mod combined_key;
mod murmur3;
mod pseudo_topics;
mod response;
mod subscription;

pub use combined_key::CombinedKeySchema;
pub use murmur3::murmur3_128;
pub use pseudo_topics::PseudoTopics;
pub use response::{SubscriptionResponse, SubscriptionResponseSerde};
pub use subscription::{Instruction, Subscription, SubscriptionSerde};

/// The bytes of a hash: two big-endian numbers of 64 bits.
const HASH_BYTES: usize = 16;

/// Set in a message's first byte, next to the version, if it has no hash: the primary row was deleted.
const NO_HASH: u8 = 0x80;

/// Separates the version from the hash flag, and reads the hash.
fn read_hash(first: u8, rest: &[u8]) -> Result<(u8, Option<u128>, &[u8]), super::SerdeError> {
    let version = first & !NO_HASH;
    if first & NO_HASH != 0 {
        return Ok((version, None, rest));
    }
    let short = || super::SerdeError::invalid("a foreign-key join's message ends within its hash");
    let (hash, rest) = rest.split_first_chunk::<HASH_BYTES>().ok_or_else(short)?;
    Ok((version, Some(u128::from_be_bytes(*hash)), rest))
}
