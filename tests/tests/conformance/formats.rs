//! Every row of `tests/golden/formats.jsonl`: bytes that Kafka's own classes wrote. Ours must write the same ones, and
//! read them back.

use std::fmt::Debug;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use kstreams::prelude::*;
use serde_json::Value;
use state_stores::schema::buffer_value::{BufferValue, VERSION_HEADER};
use state_stores::schema::{session_key, window_key};
use state_stores::{
    Backend, BackendRef, Batch, KeyValueSpec, KeyValueTable, ListValueSpec, ListValueTable, MemoryBackend,
    RecordContext, RestoreFormat, StateStore, ValueFormat,
};
use streams_core::partitioner::{murmur2, partition_for_key, partitioning_bytes};
use streams_core::record::Change;
use streams_core::serde::foreign_key::{
    CombinedKeySchema, Instruction, PseudoTopics, Subscription, SubscriptionResponse,
    SubscriptionResponseSerde, SubscriptionSerde, murmur3_128,
};
use streams_core::serde::{
    ChangeSerde, LeftOrRightValue, LeftOrRightValueSerde, Payload, SessionWindowedSerde, StoreCodec,
    TimeWindowedSerde, TimestampedKeyAndJoinSide, TimestampedKeyAndJoinSideSerde, TopicPartitionMetadata,
};
use streams_core::store::ValueAndTimestamp;
use streams_core::time::from_ms;

use crate::replay::{bytes_of_hex, headers};

/// Formats, or types of the format `serde`, that have no counterpart, with the reason.
const LEFT_OUT: &[(&str, &str)] =
    &[("UUID", "std has no such type; an application that uses one has a serde for it, or sends text")];

const TOPIC: &str = "topic";

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_else(|| panic!("{name} of {row} is not text"))
}

fn number(row: &Value, name: &str) -> i64 {
    row[name].as_i64().unwrap_or_else(|| panic!("{name} of {row} is not a number"))
}

fn bytes(row: &Value, name: &str) -> Bytes {
    bytes_of_hex(&row[name]).unwrap_or_else(|| panic!("{name} of {row} is null"))
}

fn text_or_null(row: &Value, name: &str) -> Option<String> {
    row[name].as_str().map(str::to_owned)
}

/// The value has these bytes, or is null, and is read back from them. Values are compared as they print, as a NaN is
/// unequal to itself.
fn both_ways<T: Debug>(serde: &dyn Serde<T>, value: &T, bytes: Option<&[u8]>) {
    let (headers, mut written) = (Headers::new(), Vec::new());
    let payload = serde.serialize(TOPIC, &headers, value, &mut written).unwrap();
    assert_eq!((payload == Payload::Bytes).then_some(&written[..]), bytes, "{value:?}");
    let read = serde.deserialize(TOPIC, &headers, bytes).unwrap();
    assert_eq!(format!("{read:?}"), format!("{value:?}"));
}

fn parsed<T: DefaultSerde + FromStr<Err: Debug> + Debug>(row: &Value) {
    let value: T = text(row, "value").parse().unwrap();
    both_ways(&*T::default_serde(), &value, Some(&bytes(row, "bytes")));
}

fn check_serde(row: &Value) {
    match text(row, "type") {
        "String" => parsed::<String>(row),
        "Integer" => parsed::<i32>(row),
        "Long" => parsed::<i64>(row),
        "Short" => parsed::<i16>(row),
        "Float" => parsed::<f32>(row),
        "Double" => parsed::<f64>(row),
        "Boolean" => parsed::<bool>(row),
        "Void" => both_ways(&*<()>::default_serde(), &(), bytes_of_hex(&row["bytes"]).as_deref()),
        "Bytes" => {
            let (value, written) = (bytes(row, "value"), bytes(row, "bytes"));
            both_ways(&*Bytes::default_serde(), &value, Some(&written));
            both_ways(&*Vec::<u8>::default_serde(), &value.to_vec(), Some(&written));
        }
        other => panic!("the type {other} is neither checked nor listed"),
    }
}

fn check_murmur2(row: &Value) {
    let key = bytes(row, "key");
    assert_eq!(i64::from(murmur2(&key)), number(row, "hash"));
    for (count, partition) in row["partitions"].as_object().unwrap() {
        assert_eq!(Some(partition_for_key(&key, count.parse().unwrap()).into()), partition.as_i64(), "{row}");
    }
}

fn hash_of(row: &Value) -> Option<u128> {
    let halves = row["hash"].as_array()?;
    let half = |at: usize| u128::from(halves[at].as_i64().unwrap().cast_unsigned());
    Some(half(0) << 64 | half(1))
}

fn check_murmur3(row: &Value) {
    let hash = murmur3_128(&bytes(row, "data"));
    let half = |name| u128::from(number(row, name).cast_unsigned());
    assert_eq!(hash, half("first") << 64 | half("second"), "{row}");
}

fn pseudo_topics() -> Arc<PseudoTopics> {
    Arc::new(PseudoTopics::new(TOPIC))
}

fn check_subscription(row: &Value) {
    let instruction = match number(row, "instruction") {
        0 => Instruction::DeleteKeyNoPropagate,
        1 => Instruction::DeleteKeyAndPropagate,
        2 => Instruction::PropagateNullIfNoForeignValue,
        _ => Instruction::PropagateOnlyIfForeignValue,
    };
    let subscription = Subscription {
        hash: hash_of(row),
        instruction,
        primary_key: text(row, "key").to_owned(),
        primary_partition: row["partition"].as_i64().map(|partition| partition.try_into().unwrap()),
    };
    let serde = SubscriptionSerde::new(String::default_serde(), pseudo_topics());
    both_ways(&serde, &subscription, Some(&bytes(row, "bytes")));
}

fn check_subscription_response(row: &Value) {
    let serde = SubscriptionResponseSerde::new(String::default_serde());
    let response = |value: &str| SubscriptionResponse {
        hash: hash_of(row),
        foreign_value: text_or_null(row, value),
        primary_partition: None,
    };
    let (bytes, mut written) = (bytes(row, "bytes"), Vec::new());
    serde.serialize(TOPIC, &Headers::new(), &response("value"), &mut written).unwrap();
    assert_eq!(written, bytes, "{row}");
    // A value without bytes comes back as none.
    assert_eq!(serde.deserialize(TOPIC, &Headers::new(), Some(&bytes)).unwrap(), response("read_value"));
}

fn check_combined_key(row: &Value) {
    let (foreign, primary) = (text(row, "foreign").to_owned(), text(row, "primary").to_owned());
    let serde = String::default_serde;
    let schema = CombinedKeySchema::new(serde(), serde(), pseudo_topics());
    let (headers, mut key, mut prefix) = (Headers::new(), Vec::new(), Vec::new());
    schema.encode(&foreign, &primary, &headers, &mut key).unwrap();
    schema.encode_prefix(&foreign, &headers, &mut prefix).unwrap();
    assert_eq!((key, prefix), (bytes(row, "bytes").to_vec(), bytes(row, "prefix").to_vec()));
    assert_eq!(schema.decode(&bytes(row, "bytes"), &headers).unwrap(), (foreign, primary));
}

fn check_time_windowed_key(row: &Value) {
    let (key, start_ms, end_ms) = (text(row, "key"), number(row, "start"), number(row, "end"));
    let written = bytes(row, "bytes");
    let serde = TimeWindowedSerde::new(String::default_serde(), from_ms(end_ms - start_ms));
    both_ways(&serde, &Windowed::new(key.to_owned(), Window::new(start_ms, end_ms)), Some(&written));
    let base_key = partitioning_bytes(&written, Serde::partitioning_suffix_bytes(&serde));
    assert_eq!(base_key, bytes(row, "base_key_bytes"));
    let mut encoded = Vec::new();
    window_key::encode_topic(key.as_bytes(), start_ms, &mut encoded);
    assert_eq!(encoded, written);
    assert_eq!(window_key::decode_topic(&written), Some((key.as_bytes(), start_ms)));
}

fn check_window_store_key(row: &Value) {
    let (key, start_ms) = (text(row, "key").as_bytes(), number(row, "start"));
    let sequence = i32::try_from(number(row, "sequence")).unwrap();
    let (written, mut encoded) = (bytes(row, "bytes"), Vec::new());
    window_key::encode(key, start_ms, sequence, &mut encoded);
    assert_eq!(encoded, written);
    assert_eq!(window_key::decode(&written), Some((key, start_ms, sequence)));
}

fn check_session_windowed_key(row: &Value) {
    let (key, start_ms, end_ms) = (text(row, "key"), number(row, "start"), number(row, "end"));
    let serde = SessionWindowedSerde::new(String::default_serde());
    let session = Windowed::new(key.to_owned(), Window::new(start_ms, end_ms));
    both_ways(&serde, &session, Some(&bytes(row, "bytes")));
    let (written, mut encoded) = (bytes(row, "store_key_bytes"), Vec::new());
    session_key::encode(key.as_bytes(), start_ms, end_ms, &mut encoded);
    assert_eq!(encoded, written);
    assert_eq!(session_key::decode(&written), Some((key.as_bytes(), start_ms, end_ms)));
}

fn check_offset_metadata(row: &Value) {
    let stores = row["processor_metadata"].as_object().unwrap();
    let metadata = TopicPartitionMetadata {
        partition_time: number(row, "partition_time"),
        processor_metadata: stores
            .iter()
            .map(|(name, time)| (name.clone(), time.as_i64().unwrap()))
            .collect(),
    };
    assert_eq!(metadata.encode(), text(row, "text"));
    assert_eq!(TopicPartitionMetadata::decode(text(row, "text")), metadata);
}

/// Texts of other versions, and none at all: only to be read.
fn check_offset_metadata_decoded(row: &Value) {
    let metadata = TopicPartitionMetadata::decode(text(row, "text"));
    assert_eq!(metadata.partition_time, number(row, "partition_time"), "{row}");
}

fn check_change(row: &Value) {
    let change = Change::new(text_or_null(row, "new"), text_or_null(row, "old"));
    both_ways(&ChangeSerde::new(String::default_serde()), &change, Some(&bytes(row, "bytes")));
}

fn check_change_of_long(row: &Value) {
    let change = Change::new(row["new"].as_i64(), row["old"].as_i64());
    both_ways(&ChangeSerde::new(i64::default_serde()), &change, Some(&bytes(row, "bytes")));
}

fn check_value_and_timestamp(row: &Value) {
    match text(row, "type") {
        "String" => stored::<String>(row),
        "Long" => stored::<i64>(row),
        other => panic!("the type {other} is not checked"),
    }
}

/// How a store keeps a value with its time: seen in the backend below it, and read from there by another store.
fn stored<V: DefaultSerde + FromStr<Err: Debug> + Clone + Debug + PartialEq>(row: &Value) {
    let (key, timestamp, expected) = ("k".to_owned(), number(row, "timestamp"), bytes(row, "bytes"));
    let value = ValueAndTimestamp { value: text(row, "value").parse::<V>().unwrap(), timestamp };
    let backend = Arc::new(MemoryBackend::new());
    let open = || {
        let codec = StoreCodec::new(V::default_serde(), TOPIC);
        let keys = Arc::new(StoreCodec::new(String::default_serde(), TOPIC));
        let format = ValueFormat::timestamped(Arc::new(codec));
        KeyValueTable::open(KeyValueSpec::new("store", backend.clone(), keys, format)).unwrap()
    };
    let (mut store, mut batch) = (open(), Batch::new());
    store.put(&key, Some(value.clone()), 5).unwrap();
    store.stage(&mut |_| Ok(()), &mut batch).unwrap();
    backend.write(&batch).unwrap();
    let kept = backend.get(backend.keyspace("store/store").unwrap(), key.as_bytes()).unwrap();
    assert_eq!(kept.as_deref(), Some(&expected[..]));
    assert_eq!(open().get(&key).unwrap(), Some(value));
}

fn check_waiting_key(row: &Value) {
    let (key, left) = (text(row, "key").to_owned(), row["left"].as_bool().unwrap());
    let key = TimestampedKeyAndJoinSide { key, timestamp: number(row, "timestamp"), left };
    both_ways(
        &TimestampedKeyAndJoinSideSerde::new(String::default_serde()),
        &key,
        Some(&bytes(row, "bytes")),
    );
}

fn check_waiting_value(row: &Value) {
    let value = match row["left"].as_str() {
        Some(left) => LeftOrRightValue::Left(left.to_owned()),
        None => LeftOrRightValue::Right(number(row, "right")),
    };
    let serde = LeftOrRightValueSerde::new(String::default_serde(), i64::default_serde());
    both_ways(&serde, &value, Some(&bytes(row, "bytes")));
}

/// How a store keeps a list of values: in its changelog, in the backend, and read from there by another store.
fn check_value_list(row: &Value) {
    let (key, expected) = ("k".to_owned(), bytes(row, "bytes"));
    let values: Vec<_> =
        row["values"].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect();
    let backend = Arc::new(MemoryBackend::new());
    let codec = || Arc::new(StoreCodec::new(String::default_serde(), TOPIC));
    let open =
        || ListValueTable::open(ListValueSpec::new("store", backend.clone(), codec(), codec())).unwrap();
    let (mut store, mut batch) = (open(), Batch::new());
    values.iter().for_each(|value| store.add(&key, value.clone(), 5).unwrap());
    store
        .stage(
            &mut |record| {
                assert_eq!(record.value, Some(&expected[..]));
                Ok(())
            },
            &mut batch,
        )
        .unwrap();
    backend.write(&batch).unwrap();
    let kept = backend.get(backend.keyspace("store/store").unwrap(), key.as_bytes()).unwrap();
    assert_eq!(kept.as_deref(), Some(&expected[..]));
    let mut store = open();
    let read: Vec<_> = store.scan_from(b"").over(&store).map(Result::unwrap).collect();
    assert_eq!(read, [(key, values)]);
}

fn headers_of(row: &Value) -> Headers {
    let mut all = Headers::new();
    headers(&row["headers"]).into_iter().for_each(|(name, value)| all.add(name, value));
    all
}

fn check_buffer_value(row: &Value) {
    let value = |name| text_or_null(row, name).map(Bytes::from);
    let context = RecordContext {
        timestamp: number(row, "timestamp"),
        source: text(row, "topic").into(),
        partition: i32::try_from(number(row, "partition")).unwrap(),
        offset: number(row, "offset"),
        headers: headers_of(row),
    };
    let value = BufferValue { context, prior: value("prior"), old: value("old"), new: value("new") };
    let (time, written) = (number(row, "time"), bytes(row, "bytes"));
    let mut encoded = Vec::new();
    value.encode(time, &mut encoded);
    assert_eq!(encoded, written, "{row}");
    assert_eq!(value.resident_bytes() as i64, number(row, "resident_bytes"), "{row}");
    assert_eq!(BufferValue::decode(&written), Some((value, time)));
}

/// A changelog value of any version becomes the local row that Kafka Streams would have in memory.
fn check_buffer_restored(row: &Value) {
    let (key, version) = (b"key", number(row, "version"));
    let backend: BackendRef = Arc::new(MemoryBackend::new());
    let mut batch = Batch::new();
    let mut restorer = RestoreFormat::ChangeBuffer.restorer("store", &backend).unwrap();
    if let (0 | 1, Some(prior)) = (version, text_or_null(row, "prior")) {
        // The row is in the buffer already: only then is the prior value known.
        let context = RecordContext {
            timestamp: 0,
            source: "".into(),
            partition: 0,
            offset: 0,
            headers: Headers::new(),
        };
        let held = BufferValue { context, prior: Some(prior.into()), old: None, new: None };
        let (mut bytes, mut with) = (Vec::new(), Headers::new());
        held.encode(1, &mut bytes);
        with.add(VERSION_HEADER, Some(vec![3]));
        restorer.restore(key, Some(&bytes), 0, &with, &mut batch).unwrap();
    }
    let mut with = headers_of(row);
    if version > 0 {
        with.add(VERSION_HEADER, Some(vec![version as u8]));
    }
    restorer.restore(key, Some(&bytes(row, "value")), number(row, "timestamp"), &with, &mut batch).unwrap();
    backend.write(&batch).unwrap();
    let local = backend.get(backend.keyspace("store/store").unwrap(), key).unwrap().unwrap();
    let (ours, time) = BufferValue::decode(&local).unwrap();
    let (mut java, java_time) = BufferValue::decode(&bytes(row, "bytes")).unwrap();
    if version == 0 {
        // Java names the changelog as the record's origin, where nobody can read it again.
        let context = &mut java.context;
        (context.source, context.partition, context.offset) = ("".into(), -1, -1);
    }
    assert_eq!((ours, time), (java, java_time), "{row}");
}

#[test]
fn formats_are_what_kafka_writes() {
    let mut left_out = Vec::new();
    for line in include_str!("../../golden/formats.jsonl").lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let of_row = |(what, _): &&(&str, _)| row["format"] == *what || row["type"] == *what;
        if let Some((what, _)) = LEFT_OUT.iter().find(of_row) {
            left_out.push(*what);
            continue;
        }
        match text(&row, "format") {
            "serde" => check_serde(&row),
            "murmur2" => check_murmur2(&row),
            "time_windowed_key" => check_time_windowed_key(&row),
            "window_store_key" => check_window_store_key(&row),
            "session_windowed_key" => check_session_windowed_key(&row),
            "offset_metadata" => check_offset_metadata(&row),
            "offset_metadata_decoded" => check_offset_metadata_decoded(&row),
            "change" => check_change(&row),
            "change_of_long" => check_change_of_long(&row),
            "value_and_timestamp" => check_value_and_timestamp(&row),
            "waiting_key" => check_waiting_key(&row),
            "waiting_value" => check_waiting_value(&row),
            "value_list" => check_value_list(&row),
            "buffer_value" => check_buffer_value(&row),
            "buffer_restored" => check_buffer_restored(&row),
            "murmur3" => check_murmur3(&row),
            "subscription" => check_subscription(&row),
            "subscription_response" => check_subscription_response(&row),
            "combined_key" => check_combined_key(&row),
            other => panic!("the format {other} is neither checked nor listed"),
        }
    }
    left_out.dedup();
    assert_eq!(left_out, LEFT_OUT.iter().map(|(what, _)| *what).collect::<Vec<_>>(), "each is in the file");
}
