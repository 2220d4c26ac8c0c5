//! The buffer of a stream-table join with a grace period: stream records that wait until the table is known up to their
//! time (`RocksDBTimeOrderedKeyValueBuffer`).
//!
//! | | |
//! |---|---|
//! | key | 0x00 ‖ int64 time ‖ RK ‖ int32 number, that counts the records of an instance from 1 on |
//! | value | context ‖ int32 -1 (no prior value) ‖ int32 -1 (no old value) ‖ int32 length ‖ RV ‖ int64 0 |
//! | context | int64 time ‖ int64 offset ‖ int32 length ‖ topic ‖ int32 partition ‖ int32 headers ‖ header* |
//! | header | int32 length ‖ name ‖ int32 length, or -1 for null ‖ value |
//!
//! Changelog records carry the time at which they are written. The local form is the changelog's, so that a restored
//! buffer is the one that was lost. (Kafka Streams mistakes the keys for those of windows when it restores, and finds
//! nothing.)

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use state_stores::excerpt::Excerpt;
use state_stores::{
    Codec, CodecError, KeyValueSpec, LogRecord, RecordContext, RestoreFormat, StoreError, ValueFormat,
};

use crate::error::{Error, Result};
use crate::record::{Data, Headers, Record};
use crate::serde::{Payload, SerdeError, SerdeRef};
use crate::store::handle::Handle;
use crate::store::{Opened, Opening, StoreBuilder, StoreKind, StorePlace};
use crate::time::{Timestamp, to_ms};

/// In front of the key, as in all of Kafka Streams' stores that are ordered by time first.
const PREFIX: u8 = 0;
const NULL: i32 = -1;
const NUMBER_BYTES: usize = 4;
const TIME_BYTES: usize = 8;

type Bytes = Arc<[u8]>;
type Inner = state_stores::KeyValueTable<Vec<u8>, Bytes>;

/// A record that waits for its join.
#[derive(Clone, Debug)]
pub struct BufferedRecord<K, V> {
    /// Its key.
    pub key: K,
    /// Its value.
    pub value: V,
    /// Its time and headers, and where it was read.
    pub context: RecordContext,
}

impl<K, V> BufferedRecord<K, V> {
    /// The record, and what it is to be processed under.
    pub fn into_parts(self) -> (Record<K, V>, RecordContext) {
        let BufferedRecord { key, value, context } = self;
        let (timestamp, headers) = (context.timestamp, context.headers.clone());
        (Record { key, value, timestamp, headers }, context)
    }
}

/// Why a record that waited cannot be joined.
#[derive(Debug)]
pub struct Unreadable {
    /// What it was to be processed under, if that can be read.
    pub context: Option<RecordContext>,
    /// What went wrong.
    pub error: Error,
}

impl From<Error> for Box<Unreadable> {
    fn from(error: Error) -> Self {
        Box::new(Unreadable { context: None, error })
    }
}

struct Shared<K, V> {
    store: Handle<Inner>,
    key: SerdeRef<K>,
    value: SerdeRef<V>,
    /// The topic that serdes get: the join's name.
    topic: Arc<str>,
    changelog: Arc<str>,
    grace_ms: i64,
    /// The greatest time ever put; -1 if there was none.
    observed_ms: Cell<Timestamp>,
    /// No record that waits is earlier than this.
    earliest_ms: Cell<Timestamp>,
    number: Cell<i32>,
}

/// The records of a stream that wait for their join, in the order of time, then of serialized keys.
pub struct JoinBuffer<K, V>(Rc<Shared<K, V>>);

impl<K, V> Clone for JoinBuffer<K, V> {
    fn clone(&self) -> Self {
        JoinBuffer(Rc::clone(&self.0))
    }
}

impl<K: Data, V: Data> JoinBuffer<K, V> {
    /// Takes a record in, unless the grace period for its time is over: then it is false, and the record is not to wait.
    pub fn put(&self, record: &BufferedRecord<K, V>) -> Result<bool> {
        let shared = &*self.0;
        if shared.closed_ms() > record.context.timestamp {
            return Ok(false);
        }
        shared.number.set(shared.number.get().wrapping_add(1) & i32::MAX);
        let mut key = vec![PREFIX];
        key.extend_from_slice(&record.context.timestamp.to_be_bytes());
        shared.serialize(None, &shared.key, &record.context.headers, &record.key, &mut key)?;
        key.extend_from_slice(&shared.number.get().to_be_bytes());
        let mut bytes = Vec::new();
        record.context.encode(&mut bytes);
        bytes.extend_from_slice(&NULL.to_be_bytes());
        bytes.extend_from_slice(&NULL.to_be_bytes());
        let length_at = bytes.len();
        bytes.extend_from_slice(&NULL.to_be_bytes());
        let from = bytes.len();
        shared.serialize(Some(&key), &shared.value, &record.context.headers, &record.value, &mut bytes)?;
        let length = length(bytes.len() - from).to_be_bytes();
        if let Some(place) = bytes.get_mut(length_at..from) {
            place.copy_from_slice(&length);
        }
        bytes.extend_from_slice(&0i64.to_be_bytes());
        shared.store.run(|store| store.put(&key, Some(bytes.into()), LogRecord::NOW))?;
        shared.observed_ms.set(shared.observed_ms.get().max(record.context.timestamp));
        shared.earliest_ms.set(shared.earliest_ms.get().min(record.context.timestamp));
        Ok(true)
    }

    /// Takes out the records whose grace period is over, in their order, each when it is asked for.
    pub fn take_due(&self) -> Result<impl Iterator<Item = Result<BufferedRecord<K, V>, Box<Unreadable>>>> {
        let shared = &*self.0;
        let closed_ms = shared.closed_ms();
        let is_due = shared.earliest_ms.get() <= closed_ms;
        let due = is_due.then(|| self.due(closed_ms)).transpose()?;
        Ok(due.into_iter().flatten())
    }

    fn due(
        &self,
        closed_ms: Timestamp,
    ) -> Result<impl Iterator<Item = Result<BufferedRecord<K, V>, Box<Unreadable>>>> {
        let shared = &*self.0;
        let [from, to] = [0, closed_ms.saturating_add(1)].map(|time: i64| {
            let mut key = vec![PREFIX];
            key.extend_from_slice(&time.to_be_bytes());
            key
        });
        shared.earliest_ms.set(closed_ms.saturating_add(1));
        let take = |row: Result<(Vec<u8>, Bytes)>| {
            let (key, value) = row?;
            shared.store.run(|store| store.put(&key, None, LogRecord::NOW))?;
            shared.decode(&key, &value)
        };
        Ok(shared.store.scan(|store| store.range(Some(&from), Some(&to)))?.map(take))
    }
}

impl<K: Data, V: Data> Shared<K, V> {
    /// The last time whose grace period is over.
    fn closed_ms(&self) -> Timestamp {
        self.observed_ms.get().saturating_sub(self.grace_ms)
    }

    /// Writes the key, or the value of that key.
    fn serialize<T>(
        &self,
        of_key: Option<&[u8]>,
        serde: &SerdeRef<T>,
        headers: &Headers,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match serde.serialize(&self.topic, headers, value, out) {
            Ok(Payload::Bytes) => Ok(()),
            Ok(Payload::Null) => Err(self.refused(of_key, CodecError::new("null cannot wait for a join"))),
            Err(error) => Err(self.refused(of_key, CodecError::new(error.to_string()))),
        }
    }

    fn refused(&self, of_key: Option<&[u8]>, cause: CodecError) -> Error {
        let what = if of_key.is_none() { "key" } else { "value" };
        let (store, key) = (self.store.name().to_string(), of_key.map(|key| Excerpt::of(key).to_string()));
        self.store.failed(StoreError::Codec { store, what, key, cause })
    }

    fn unreadable(&self, key: &[u8], context: Option<RecordContext>, why: String) -> Box<Unreadable> {
        let cause = CodecError::new(format!("{why} (changelog {})", self.changelog));
        let error = self.store.failed(StoreError::of_row(self.store.name(), key, cause));
        Box::new(Unreadable { context, error })
    }

    fn decode(&self, row: &[u8], value: &[u8]) -> Result<BufferedRecord<K, V>, Box<Unreadable>> {
        let malformed =
            || self.unreadable(row, None, "it is not as a join writes a record that waits".to_owned());
        let end = row.len().saturating_sub(NUMBER_BYTES);
        let key = row.get(1 + TIME_BYTES..end).ok_or_else(malformed)?;
        let mut rest = value;
        let parts = RecordContext::decode(&mut rest).and_then(|context| {
            let _prior = read_sized(&mut rest)?;
            let _old = read_sized(&mut rest)?;
            Some((context, read_sized(&mut rest)??))
        });
        let Some((context, value)) = parts else {
            return Err(malformed());
        };
        let failed = |error: SerdeError| self.unreadable(row, Some(context.clone()), error.to_string());
        Ok(BufferedRecord {
            key: self.key.deserialize(&self.topic, &context.headers, Some(key)).map_err(failed)?,
            value: self.value.deserialize(&self.topic, &context.headers, Some(value)).map_err(failed)?,
            context,
        })
    }
}

/// A length as the format has it; RocksDB takes no value that is longer.
fn length(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

fn read<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

/// Bytes with their length in front; inner `None` is null.
fn read_sized<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let Ok(length) = usize::try_from(i32::from_be_bytes(read(bytes)?)) else { return Some(None) };
    let (first, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(Some(first))
}

/// The kind of buffers of joins. They are always on disk, as in Kafka Streams.
#[derive(Clone)]
pub struct JoinBufferKind<K, V> {
    key: SerdeRef<K>,
    value: SerdeRef<V>,
    topic: Arc<str>,
    grace_ms: i64,
}

/// Builds the buffer of a join.
pub type JoinBufferBuilder<K, V> = StoreBuilder<JoinBufferKind<K, V>>;

impl<K: Data, V: Data> StoreBuilder<JoinBufferKind<K, V>> {
    /// The logged buffer of the join of that name, in which records wait for `grace`.
    pub fn new(name: &str, join: &str, key: SerdeRef<K>, value: SerdeRef<V>, grace: Duration) -> Self {
        StoreBuilder::of(name, JoinBufferKind { key, value, topic: join.into(), grace_ms: to_ms(grace) })
    }
}

impl<K: Data, V: Data> StoreKind for JoinBufferKind<K, V> {
    type Handle = JoinBuffer<K, V>;
    type Reader = ();

    fn restore_format(&self) -> RestoreFormat {
        RestoreFormat::KeyValue
    }

    fn only_place(&self) -> Option<StorePlace> {
        Some(StorePlace::default())
    }

    fn open(&self, opening: &Opening<'_>) -> Result<Opened<Self::Handle>> {
        let value = ValueFormat::plain(Arc::new(Verbatim));
        let spec = KeyValueSpec {
            cache_bytes: opening.environment.cache_bytes,
            ..KeyValueSpec::new(&**opening.name, opening.backend(), Arc::new(Verbatim), value)
        };
        let mut inner = Inner::open(spec)?;
        let (mut observed_ms, mut earliest_ms, mut number) = (-1, Timestamp::MAX, 0);
        for entry in inner.all().over(&inner) {
            let (key, _) = entry?;
            let mut rest = key.get(1..).unwrap_or_default();
            let time = read(&mut rest).map_or(0, i64::from_be_bytes);
            observed_ms = observed_ms.max(time);
            earliest_ms = earliest_ms.min(time);
            number = number.max(rest.last_chunk().map_or(0, |last| i32::from_be_bytes(*last)));
        }
        let inner = Rc::new(RefCell::new(inner));
        let shared = Shared {
            store: Handle::new(Rc::clone(&inner), opening.environment.task),
            key: SerdeRef::clone(&self.key),
            value: SerdeRef::clone(&self.value),
            topic: Arc::clone(&self.topic),
            changelog: Arc::clone(&opening.environment.changelog),
            grace_ms: self.grace_ms,
            observed_ms: Cell::new(observed_ms),
            earliest_ms: Cell::new(earliest_ms),
            number: Cell::new(number),
        };
        Ok((JoinBuffer(Rc::new(shared)), inner))
    }
}

/// Bytes as they are.
struct Verbatim;

impl Codec<Vec<u8>> for Verbatim {
    fn encode(&self, bytes: &Vec<u8>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(bytes);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<u8>, CodecError> {
        Ok(bytes.to_vec())
    }
}

impl Codec<Bytes> for Verbatim {
    fn encode(&self, bytes: &Bytes, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(bytes);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Bytes, CodecError> {
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests;
