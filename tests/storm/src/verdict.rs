//! What must hold after a storm.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use lab::{ConsumedRecord, KafkaClient, LabError};
use tests::apps::SoakTopics;
use tests::checks::{Exactness, InputRange, SoakModel};

use crate::databases::{self, Rows};
use crate::world::APP;

/// How long transactions may take to end after everything has.
const OPEN_LIMIT: Duration = Duration::from_secs(120);

/// How many wrong records are shown.
const TOLD: usize = 12;

/// All results are there but those of input that was deleted unread: each once, in order where keys stayed in their
/// partition.
pub(crate) fn results(
    client: &KafkaClient,
    topics: &SoakTopics,
    model: SoakModel,
    lost: &[InputRange],
) -> Result<(), String> {
    let read = |topic: &str| by_key_and_length(client.consume_all(topic, true)?);
    model.check_without(lost, read, topics, Exactness::Whole)
}

/// A topic that has grown has a key in several partitions. The number in a value says where it belongs, so that losses
/// and repetitions are found all the same; within a partition, the order must be right as it is.
fn by_key_and_length(mut records: Vec<ConsumedRecord>) -> Result<Vec<ConsumedRecord>, LabError> {
    let mut last: BTreeMap<(i32, &[u8]), &ConsumedRecord> = BTreeMap::new();
    let mut wrong = Vec::new();
    for record in &records {
        let key = record.key.as_deref().unwrap_or_default();
        let before = last.insert((record.partition, key), record);
        if let Some(before) = before.filter(|before| length(before) >= length(record)) {
            wrong.push(format!(
                "{} in partition {}: {:?} at {} behind {:?} at {}",
                record.key_text(),
                record.partition,
                record.value_text(),
                record.offset,
                before.value_text(),
                before.offset
            ));
        }
    }
    if !wrong.is_empty() {
        let what = format!("reading in order ({} records come twice or too late)", wrong.len());
        return Err(LabError::Refused {
            what,
            answer: wrong.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; "),
        });
    }
    records.sort_by_cached_key(|record| (record.key.clone(), length(record)));
    Ok(records)
}

/// A count, or the length of a chain (`hash/length row`).
fn length(record: &ConsumedRecord) -> u64 {
    let text = record.value_text();
    let number = text.split_once('/').map_or(text.as_str(), |(_, rest)| rest);
    number.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// No transaction is open anywhere: everything that was written can be read.
pub(crate) fn nothing_open(client: &KafkaClient) -> Result<usize, String> {
    let begin = Instant::now();
    let topics = client.topics().map_err(|error| error.to_string())?;
    loop {
        let mut open = Vec::new();
        for topic in &topics {
            let ends = |committed| client.offsets(topic, committed).map_err(|error| error.to_string());
            let (stable, all) = (ends(true)?, ends(false)?);
            for (partition, (stable, all)) in stable.iter().zip(&all).enumerate() {
                if stable.end != all.end {
                    open.push(format!("{topic}-{partition}: {} of {}", stable.end, all.end));
                }
            }
        }
        if open.is_empty() {
            return Ok(topics.len());
        }
        if begin.elapsed() >= OPEN_LIMIT {
            return Err(format!("transactions stay open: {}", open.join(", ")));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// The latest results, the changelogs folded by key, and the databases are the same.
pub(crate) fn state(client: &KafkaClient, topics: &SoakTopics, states: &[PathBuf]) -> Result<usize, String> {
    let read = |topic: &str| client.consume_all(topic, true).map_err(|error| error.to_string());
    let result = |record: &ConsumedRecord| {
        let value = record.value_text();
        Some((record.key_text(), value.split(' ').next().unwrap_or_default().to_owned()))
    };
    let stored = databases::rows(states).map_err(|error| format!("reading the databases: {error}"))?;
    let chains = fold(&read(&topics.chains)?, result, true);
    let row = |record: &ConsumedRecord| Some((record.key_text(), record.value_text()));
    same("the changelog of chains", &chains, &fold(&read(&format!("{APP}-chains-changelog"))?, row, false))?;
    same("the store of chains", &chains, &stored.0)?;
    let counts = fold(&read(&topics.counts)?, result, true);
    // The key, the begin of the window and a number that means nothing here; the count.
    let row = |record: &ConsumedRecord| {
        let key = record.key.as_deref()?;
        let (key, rest) = key.split_at_checked(key.len().checked_sub(12)?)?;
        let begin = i64::from_be_bytes(rest.get(..8)?.try_into().ok()?);
        let count = i64::from_be_bytes(record.value.as_deref()?.try_into().ok()?);
        Some((format!("{}@{begin}", String::from_utf8_lossy(key)), count.to_string()))
    };
    same(
        "the changelog of windows",
        &counts,
        &fold(&read(&format!("{APP}-windows-changelog"))?, row, false),
    )?;
    same("the store of windows", &counts, &stored.1)?;
    Ok(chains.len() + counts.len())
}

/// The last value of each key; or, of a topic that may have a key in several partitions, the one with the highest number.
fn fold(
    records: &[ConsumedRecord],
    row: impl Fn(&ConsumedRecord) -> Option<(String, String)>,
    by_number: bool,
) -> Rows {
    let mut rows: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for record in records {
        let Some((key, value)) = row(record) else { continue };
        let number = value.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        let kept = rows.entry(key).or_default();
        if !by_number || number >= kept.0 {
            *kept = (number, value);
        }
    }
    rows.into_iter().map(|(key, (_, value))| (key, value)).collect()
}

fn same(what: &str, results: &Rows, found: &Rows) -> Result<(), String> {
    let differs = |(key, value): &(&String, &String)| found.get(*key) != Some(*value);
    if let Some((key, value)) = results.iter().find(differs) {
        let (other, all) = (found.get(key), results.iter().filter(differs).count());
        return Err(format!("{what} has {other:?} for {key}, the result is {value}; {all} rows differ"));
    }
    match found.keys().find(|key| !results.contains_key(*key)) {
        Some(key) => Err(format!("{what} has {key}, of which there is no result")),
        None => Ok(()),
    }
}
