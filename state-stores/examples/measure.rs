//! Prints what store operations cost: `cargo run --release -p state-stores --example measure`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use state_stores::{
    BackendRef, Batch, Codec, CodecError, KeyValueSpec, RocksBackend, RocksMemory, SessionKey, SessionSpec,
    SessionTable, StateStore, TimestampedKeyValueTable, TimestampedWindowTable, ValueAndTimestamp,
    ValueFormat, WindowSpec,
};

struct Text;

impl Codec<String> for Text {
    fn encode(&self, value: &String, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, CodecError> {
        String::from_utf8(bytes.to_vec()).map_err(|error| CodecError::new(error.to_string()))
    }
}

struct Long;

impl Codec<i64> for Long {
    fn encode(&self, value: &i64, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(&value.to_be_bytes());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<i64, CodecError> {
        bytes.try_into().map(i64::from_be_bytes).map_err(|_| CodecError::new("not eight bytes"))
    }
}

fn report(what: &str, count: usize, started: Instant) {
    println!("{what:<44} {:>8.0} ns each", started.elapsed().as_nanos() as f64 / count as f64);
}

fn commit(what: &str, store: &mut dyn StateStore, backend: &BackendRef) {
    let (mut batch, mut logged) = (Batch::new(), 0);
    let started = Instant::now();
    let mut log = |record: state_stores::LogRecord<'_>| {
        logged += black_box(record.key).len().min(1);
        Ok(())
    };
    store.stage(&mut log, &mut batch).unwrap();
    report(&format!("{what}: stage"), logged, started);
    let started = Instant::now();
    backend.write(&batch).unwrap();
    report(&format!("{what}: write"), logged, started);
    let started = Instant::now();
    store.committed().unwrap();
    report(&format!("{what}: committed"), logged, started);
}

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("customer-{number:06}")).collect()
}

/// Sets `key` to the key of that number, as cheaply as a record's key lies in a warm input buffer.
fn set_key(key: &mut String, number: usize) {
    key.clear();
    key.push_str("customer-");
    for power in [100_000, 10_000, 1_000, 100, 10, 1] {
        key.push(char::from(b'0' + (number / power % 10) as u8));
    }
}

/// The order in which keys are used: scattered, the same in every run.
fn scattered(count: usize) -> impl Iterator<Item = usize> {
    (0..).scan(1usize, move |state, _: u32| {
        *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        Some((*state >> 33) % count)
    })
}

fn key_value(backend: &BackendRef) {
    let format = ValueFormat::timestamped(Arc::new(Long));
    let spec = KeyValueSpec::new("counts", backend.clone(), Arc::new(Text), format);
    let mut store = TimestampedKeyValueTable::open(KeyValueSpec { cache_bytes: 64 << 20, ..spec }).unwrap();
    let updates = 2_000_000;
    let mut key = String::new();
    for count in [1_000, 10_000, 100_000, 100_000] {
        let started = Instant::now();
        for (timestamp, at) in (0..).zip(scattered(count).take(updates)) {
            set_key(&mut key, at);
            let value = store.get_ref(&key).unwrap().map_or(0, |stored| stored.value) + 1;
            store.put(&key, Some(ValueAndTimestamp { value, timestamp }), timestamp).unwrap();
        }
        report(&format!("count of {count} keys: get and put"), updates, started);
        println!("{:<44} {:>8} bytes", "uncommitted", store.uncommitted_bytes());
        commit("count", &mut store, backend);
    }
    let started = Instant::now();
    let mut plain = HashMap::<String, (i64, i64)>::new();
    for (timestamp, at) in (0i64..).zip(scattered(100_000).take(updates)) {
        set_key(&mut key, at);
        match plain.get_mut(&key) {
            Some(known) => *known = (known.0 + 1, timestamp),
            None => drop(plain.insert(key.clone(), (1, timestamp))),
        }
    }
    report("for comparison: std HashMap, get and insert", updates, started);
    let started = Instant::now();
    let entries = store.all().over(&store).filter(|entry| black_box(entry.is_ok())).count();
    report("all entries, from memory and disk", entries, started);
}

fn windows(backend: &BackendRef) {
    let format = ValueFormat::timestamped(Arc::new(Long));
    let spec = WindowSpec::new("windows", backend.clone(), Arc::new(Text), format, 3_600_000);
    let mut store = TimestampedWindowTable::open(spec).unwrap();
    let (keys, updates) = (keys(100_000), 1_000_000);
    let mut time = 0;
    for _ in 0..3 {
        let started = Instant::now();
        for at in scattered(keys.len()).take(updates) {
            time += 1;
            let start = time / 10_000 * 10_000;
            let value = store.fetch_ref(&keys[at], start).unwrap().map_or(0, |stored| stored.value) + 1;
            store.put(&keys[at], Some(ValueAndTimestamp { value, timestamp: time }), start, time).unwrap();
        }
        report("windows, nearly all new: fetch and put", updates, started);
        commit("windows", &mut store, backend);
    }
}

fn sessions(backend: &BackendRef) {
    let spec = SessionSpec::new(
        "sessions",
        backend.clone(),
        Arc::new(Text),
        ValueFormat::plain(Arc::new(Long)),
        3_600_000,
    );
    let mut store = SessionTable::open(spec).unwrap();
    let (keys, updates, gap) = (keys(10_000), 500_000, 5_000);
    let started = Instant::now();
    for (time, at) in (0..).zip(scattered(keys.len()).take(updates)) {
        let found = store.find_sessions(&keys[at], time - gap, time + gap).unwrap().over(&store);
        let found: Vec<_> = found.map(Result::unwrap).collect();
        let mut merged = (SessionKey { key: keys[at].clone(), start: time, end: time }, 1);
        for (session, count) in found {
            merged.0.start = merged.0.start.min(session.start);
            merged.1 += count;
            store.remove(&session, time).unwrap();
        }
        store.put(&merged.0, Some(merged.1), time).unwrap();
    }
    report("sessions: find, remove and put", updates, started);
    commit("sessions", &mut store, backend);
}

fn main() {
    let dir = std::env::temp_dir().join(format!("state-stores-measure-{}", std::process::id()));
    let memory = RocksMemory::new(64 << 20, 64 << 20);
    let backend: BackendRef = Arc::new(RocksBackend::open(&dir, &memory).unwrap());
    key_value(&backend);
    windows(&backend);
    sessions(&backend);
    println!("{:<44} {:>8} MB", "on disk", backend.disk_bytes().unwrap() >> 20);
    drop(backend);
    std::fs::remove_dir_all(dir).unwrap();
}
