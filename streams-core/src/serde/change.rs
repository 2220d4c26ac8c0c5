//! Both sides of a table update in one value: what `KTable::group_by` sends through its repartition topic.
//!
//! The last byte says what comes before it (Kafka's `ChangedSerializer`):
//!
//! | flag | before it | written |
//! |---|---|---|
//! | 0 | the old value | yes |
//! | 1 | the new value | yes |
//! | 2 | varint length of the new value, new value, old value | yes |
//! | 3, 4, 5 | as 0, 1, 2, then a byte that is 1 if this is the latest version of the row | never, but read |

use std::any::type_name;
use std::sync::Arc;

use super::{DefaultSerde, Payload, Serde, SerdeError, SerdeRef};
use crate::record::{Change, Headers};

const OLD: u8 = 0;
const NEW: u8 = 1;
const BOTH: u8 = 2;
/// Added to a flag if the byte before it is the latest-version mark.
const WITH_LATEST: u8 = 3;

/// The serde of [`Change`], over that of the values.
#[derive(Clone)]
pub struct ChangeSerde<V> {
    inner: SerdeRef<V>,
}

impl<V> ChangeSerde<V> {
    /// A serde of changes whose values `inner` writes.
    pub fn new(inner: SerdeRef<V>) -> Self {
        ChangeSerde { inner }
    }

    /// Appends one side and returns whether it was present. A value that its serde writes as null counts as absent.
    fn append(
        &self,
        topic: &str,
        headers: &Headers,
        value: Option<&V>,
        out: &mut Vec<u8>,
    ) -> Result<bool, SerdeError> {
        match value {
            None => Ok(false),
            Some(value) => Ok(self.inner.serialize(topic, headers, value, out)? == Payload::Bytes),
        }
    }
}

impl<V> Serde<Change<V>> for ChangeSerde<V> {
    fn serialize(
        &self,
        topic: &str,
        headers: &Headers,
        value: &Change<V>,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        let start = out.len();
        let has_new = self.append(topic, headers, value.new.as_ref(), out)?;
        let new_length = out.len() - start;
        let has_old = self.append(topic, headers, value.old.as_ref(), out)?;
        match (has_new, has_old) {
            (false, false) => return Err(SerdeError::invalid("a change has neither an old nor a new value")),
            (false, true) => out.push(OLD),
            (true, false) => out.push(NEW),
            (true, true) => {
                // The length is known only now; moving the values costs less than a second buffer.
                out.splice(start..start, varint(new_length)?);
                out.push(BOTH);
            }
        }
        Ok(Payload::Bytes)
    }

    fn deserialize(
        &self,
        topic: &str,
        headers: &Headers,
        bytes: Option<&[u8]>,
    ) -> Result<Change<V>, SerdeError> {
        let bytes = bytes.ok_or(SerdeError::UnexpectedNull { expected: type_name::<Change<V>>() })?;
        let (&flag, body) =
            bytes.split_last().ok_or_else(|| SerdeError::invalid("a change has at least one byte"))?;
        let (kind, body, is_latest) = if flag < WITH_LATEST {
            (flag, body, true)
        } else {
            let (&latest, body) = body.split_last().ok_or_else(|| truncated(flag))?;
            if latest > 1 {
                return Err(SerdeError::invalid(format!(
                    "the latest-version mark is 0 or 1, this is {latest}"
                )));
            }
            (flag - WITH_LATEST, body, latest == 1)
        };
        let (new, old) = match kind {
            OLD => (None, Some(body)),
            NEW => (Some(body), None),
            BOTH => {
                let (length, rest) = read_varint(body).ok_or_else(|| truncated(flag))?;
                let (new, old) = rest.split_at_checked(length).ok_or_else(|| truncated(flag))?;
                (Some(new), Some(old))
            }
            _ => {
                return Err(SerdeError::invalid(format!(
                    "a change ends in a byte of 0 to 5, this is {flag}"
                )));
            }
        };
        let read = |side: Option<&[u8]>| {
            side.map(|side| self.inner.deserialize(topic, headers, Some(side))).transpose()
        };
        Ok(Change { new: read(new)?, old: read(old)?, is_latest })
    }
}

impl<V: DefaultSerde> DefaultSerde for Change<V> {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(ChangeSerde::new(V::default_serde()))
    }
}

fn truncated(flag: u8) -> SerdeError {
    SerdeError::invalid(format!("a change with the flag {flag} is longer than this"))
}

/// A length as Kafka's zigzag varint, which is twice the number in groups of seven bits, lowest first.
fn varint(length: usize) -> Result<impl Iterator<Item = u8>, SerdeError> {
    let length =
        i32::try_from(length).map_err(|_| SerdeError::invalid("a value of a change is beyond 2 GiB"))?;
    let mut rest = Some(length.unsigned_abs() << 1);
    Ok(std::iter::from_fn(move || {
        let number = rest?;
        let low = (number & 0x7f) as u8;
        rest = Some(number >> 7).filter(|high| *high > 0);
        Some(if rest.is_some() { low | 0x80 } else { low })
    }))
}

/// Splits a length from what follows it; `None` if it is negative or too long.
fn read_varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            // An odd zigzag number is negative.
            if !number.is_multiple_of(2) {
                return None;
            }
            return Some((usize::try_from(number / 2).ok()?, &bytes[index + 1..]));
        }
    }
    None
}
