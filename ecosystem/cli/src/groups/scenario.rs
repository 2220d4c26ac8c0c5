//! Where offsets are reset to, with the flags of Kafka's tool.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDateTime};
use streams_core::ids::{Offset, TopicPartition};
use streams_core::time::Timestamp;
use streams_core::transport::{Isolation, OffsetQuery};

use super::Asked;
use crate::error::CliError;

/// Exactly one of them.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Scenario {
    /// The first record that still exists.
    #[arg(long)]
    pub to_earliest: bool,
    /// The end.
    #[arg(long)]
    pub to_latest: bool,
    /// What is committed now; the end where nothing is.
    #[arg(long)]
    pub to_current: bool,
    /// This offset, or the partition's nearest one.
    #[arg(long, value_name = "OFFSET")]
    pub to_offset: Option<Offset>,
    /// This many offsets forward, or with a minus backward.
    #[arg(long, value_name = "OFFSETS", allow_hyphen_values = true)]
    pub shift_by: Option<Offset>,
    /// The first record at or after that time: YYYY-MM-DDThh:mm:ss.sss, in UTC unless it says otherwise.
    #[arg(long, value_name = "TIME", value_parser = time_of)]
    pub to_datetime: Option<Timestamp>,
    /// The first record at or after this long ago: PnDTnHnMnS.
    #[arg(long, value_name = "DURATION", value_parser = duration_ms)]
    pub by_duration: Option<i64>,
    /// The offsets of a file that --export wrote: lines of topic,partition,offset or group,topic,partition,offset.
    #[arg(long, value_name = "FILE")]
    pub from_file: Option<PathBuf>,
}

impl Scenario {
    /// The new offsets of partitions, given what is committed. A file names its partitions itself.
    pub(super) fn offsets(
        &self,
        asked: &mut Asked,
        now: Timestamp,
        committed: &BTreeMap<TopicPartition, Option<Offset>>,
    ) -> Result<BTreeMap<TopicPartition, Offset>, CliError> {
        let partitions: Vec<_> = committed.keys().cloned().collect();
        let timeout = asked.timeout;
        let mut ask = |query| asked.admin.offsets(&partitions, query, timeout);
        let end = OffsetQuery::Latest(Isolation::ReadUncommitted);
        if self.to_latest {
            return Ok(ask(end)?);
        }
        let at = self.to_datetime.or(self.by_duration.map(|ms| now.saturating_sub(ms)));
        if let Some(at) = at {
            return Ok(ask(OffsetQuery::AtTime(at.max(0)))?);
        }
        let begins = ask(OffsetQuery::Earliest)?;
        if self.to_earliest {
            return Ok(begins);
        }
        let ends = ask(end)?;
        let mut found = BTreeMap::new();
        for (at, current) in committed {
            let (begin, end) = (begins.get(at).copied().unwrap_or(0), ends.get(at).copied().unwrap_or(0));
            let offset = match (self.to_offset, self.shift_by, current) {
                (Some(offset), ..) => offset,
                (_, Some(by), Some(current)) => current.saturating_add(by),
                (_, Some(_), None) => return Err(CliError::NothingToShift(at.to_string())),
                (_, _, current) => current.unwrap_or(end),
            };
            found.insert(at.clone(), offset.clamp(begin, end.max(begin)));
        }
        Ok(found)
    }
}

/// A time as Kafka's tool takes it.
fn time_of(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.timestamp_millis());
    }
    if let Ok(at) = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z") {
        return Ok(at.timestamp_millis());
    }
    match NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f") {
        Ok(at) => Ok(at.and_utc().timestamp_millis()),
        Err(_) => Err("write it as 2026-01-31T08:00:00.000".to_owned()),
    }
}

/// An ISO 8601 duration of days and less.
fn duration_ms(text: &str) -> Result<i64, String> {
    let wrong = || "write it as PnDTnHnMnS, as P7D or PT1H30M".to_owned();
    let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let rest = rest.strip_prefix(['P', 'p']).ok_or_else(wrong)?.to_uppercase();
    let (days, time) = rest.split_once('T').unwrap_or((&rest, ""));
    let (mut total, mut seen) = (0.0_f64, false);
    for (part, units) in
        [(days, &[('D', 86_400_000.0)][..]), (time, &[('H', 3_600_000.0), ('M', 60_000.0), ('S', 1_000.0)])]
    {
        let (mut rest, mut units) = (part, units.iter());
        while !rest.is_empty() {
            let end = rest.find(|letter: char| letter.is_ascii_alphabetic()).ok_or_else(wrong)?;
            let letter = rest[end..].chars().next().ok_or_else(wrong)?;
            // Units come in this order, each at most once.
            let (_, ms) = units.find(|(unit, _)| *unit == letter).ok_or_else(wrong)?;
            let number: f64 = rest[..end].parse().map_err(|_| wrong())?;
            total += number * ms;
            seen = true;
            rest = &rest[end + 1..];
        }
    }
    if seen && total.is_finite() && total.abs() < 1e15 { Ok(sign * total as i64) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_utc_unless_they_say_otherwise() {
        for (text, ms) in [
            ("1970-01-01T00:00:01.500", 1_500),
            ("1970-01-01T00:00:01", 1_000),
            ("1970-01-01T01:00:01.000+01:00", 1_000),
            ("1970-01-01T01:00:01.000+0100", 1_000),
            ("1970-01-01T00:00:01Z", 1_000),
        ] {
            assert_eq!(time_of(text), Ok(ms), "{text}");
        }
        assert!(time_of("yesterday").is_err());
    }

    #[test]
    fn durations_are_javas() {
        for (text, ms) in [
            ("P1D", 86_400_000),
            ("PT1H30M", 5_400_000),
            ("P1DT0.5S", 86_400_500),
            ("-PT1S", -1_000),
            ("pt2m", 120_000),
        ] {
            assert_eq!(duration_ms(text), Ok(ms), "{text}");
        }
        for text in ["", "P", "PT", "1D", "P1H", "PT1S1M", "PT1", "PTxS", "PT1S1S"] {
            assert!(duration_ms(text).is_err(), "{text}");
        }
    }
}
