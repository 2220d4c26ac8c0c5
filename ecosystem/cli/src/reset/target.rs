//! Where an application begins after a reset.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use chrono::DateTime;
use streams_core::ids::{Offset, TopicPartition};
use streams_core::time::Timestamp;
use streams_core::transport::{Admin, Isolation, OffsetQuery};

use crate::error::CliError;

/// Where an application begins after a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The first record that still exists.
    Earliest,
    /// The end: only records that are written later are processed.
    Latest,
    /// This offset, or the partition's nearest one.
    Offset(Offset),
    /// The first record at or after this time; the end if there is none.
    Time(Timestamp),
}

impl Target {
    /// Where that is in each of these partitions.
    pub fn offsets(
        self,
        admin: &mut dyn Admin,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<BTreeMap<TopicPartition, Offset>, CliError> {
        let mut ask = |query| admin.offsets(partitions, query, timeout);
        let begin = ask(OffsetQuery::Earliest)?;
        let end = OffsetQuery::Latest(Isolation::ReadUncommitted);
        Ok(match self {
            Target::Earliest => begin,
            Target::Latest => ask(end)?,
            Target::Time(at) => ask(OffsetQuery::AtTime(at))?,
            Target::Offset(offset) => {
                let ends = ask(end)?;
                let within = |(at, begin): (TopicPartition, Offset)| {
                    let end = ends.get(&at).copied().unwrap_or(begin);
                    (at, offset.clamp(begin, end.max(begin)))
                };
                begin.into_iter().map(within).collect()
            }
        })
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "earliest" => return Ok(Target::Earliest),
            "latest" => return Ok(Target::Latest),
            _ => {}
        }
        if let Some(offset) = text.parse().ok().filter(|offset| *offset >= 0) {
            return Ok(Target::Offset(offset));
        }
        match DateTime::parse_from_rfc3339(text) {
            Ok(at) => Ok(Target::Time(at.timestamp_millis())),
            Err(_) => {
                Err("it takes earliest, latest, an offset, or a time such as 2026-01-31T08:00:00Z".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_offsets_and_times_are_targets() {
        assert_eq!("earliest".parse(), Ok(Target::Earliest));
        assert_eq!("latest".parse(), Ok(Target::Latest));
        assert_eq!("17".parse(), Ok(Target::Offset(17)));
        assert_eq!("5000000000".parse(), Ok(Target::Offset(5_000_000_000)), "a topic may have that many");
        assert!("-1".parse::<Target>().is_err());
        assert_eq!("1970-01-01T01:00:01+01:00".parse(), Ok(Target::Time(1_000)));
        let refused = "yesterday".parse::<Target>().expect_err("a word");
        assert!(refused.contains("2026-01-31T08:00:00Z"), "{refused}");
    }
}
