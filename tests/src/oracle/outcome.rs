//! What an engine made of a case.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::case::Fault;
use crate::checks::changelogs::{StepOutput, Written};

/// What a store holds at the end: keys as in its changelog, and stored values; ordered.
pub type Entries = Vec<(Bytes, Bytes)>;

/// What an engine made of a case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The text of `describe()`; none if the topology could not be built.
    pub describe: Option<String>,
    /// What each step did, up to the first that failed.
    pub steps: Vec<StepOutcome>,
    /// The stores by name; none after a failure.
    pub stores: BTreeMap<String, Entries>,
    /// Why the build or the last step failed. Only whether and where is compared.
    pub failure: Option<String>,
    /// Whether it ended by a panic, which is never right.
    pub panicked: bool,
}

/// What one step did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepOutcome {
    /// What it wrote.
    pub output: StepOutput,
    /// How many records were left out on purpose.
    pub dropped: u64,
}

/// Bytes that are written in hexadecimal, or null.
pub fn bytes_of_hex(hex: &Value) -> Result<Option<Bytes>, Fault> {
    let Some(hex) = hex.as_str() else { return Ok(None) };
    let digits = |at: usize| u8::from_str_radix(hex.get(at..at + 2).unwrap_or_default(), 16);
    Ok(Some((0..hex.len()).step_by(2).map(digits).collect::<Result<_, _>>()?))
}

fn list<'a>(of: &'a Value, what: &str) -> Result<&'a Vec<Value>, Fault> {
    Ok(of.as_array().ok_or_else(|| format!("Java's answer lacks {what}"))?)
}

/// A record; one without a timestamp gets that of the wall clock, as the producer would give it.
fn written(record: &Value, now: i64) -> Result<Written, Fault> {
    let mut headers = Vec::new();
    for header in list(&record[3], "headers")? {
        headers.push((header[0].as_str().unwrap_or_default().to_owned(), bytes_of_hex(&header[1])?));
    }
    let timestamp = record[2].as_i64().unwrap_or(now);
    Ok(Written { key: bytes_of_hex(&record[0])?, value: bytes_of_hex(&record[1])?, timestamp, headers })
}

impl Outcome {
    /// What the Java program answered.
    pub fn of_java(line: &str) -> Result<Self, Fault> {
        let answer: Value = serde_json::from_str(line)?;
        if let Some(fault) = answer["fault"].as_str() {
            return Err(format!("the Java program cannot run the case: {fault}").into());
        }
        let mut outcome = Outcome {
            describe: answer["describe"].as_str().map(str::to_owned),
            failure: answer["failure"].as_str().map(str::to_owned),
            ..Outcome::default()
        };
        for step in list(&answer["steps"], "steps")? {
            let now = step["now"].as_i64().ok_or("Java's answer lacks the time")?;
            let mut output = StepOutput::new();
            for (topic, records) in step["output"].as_object().into_iter().flatten() {
                let records = list(records, "records")?.iter().map(|record| written(record, now));
                let records: Result<_, Fault> = records.collect();
                output.insert(topic.clone(), records?);
            }
            outcome.steps.push(StepOutcome { output, dropped: step["dropped"].as_u64().unwrap_or_default() });
        }
        for (store, entries) in answer["stores"].as_object().into_iter().flatten() {
            let mut all = Entries::new();
            for entry in list(entries, "entries")? {
                let (key, value) = (bytes_of_hex(&entry[0])?, bytes_of_hex(&entry[1])?);
                all.push((key.unwrap_or_default(), value.unwrap_or_default()));
            }
            all.sort_by(|one, two| one.0.cmp(&two.0));
            outcome.stores.insert(store.clone(), all);
        }
        Ok(outcome)
    }
}
