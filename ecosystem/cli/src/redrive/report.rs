//! What a run found and did.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};
use streams_core::ids::TopicPartition;

use super::letter::Letter;

/// Letters by reason, and what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// By kind of error, source topic and node.
    pub reasons: BTreeMap<(String, String, String), u64>,
    /// Written back to their topics; in a dry run, those that would be.
    pub redriven: u64,
    /// Written back to the end of the queue, as they were not chosen.
    pub kept: u64,
    /// Written to the quarantine, as they came back too often or have nowhere to go.
    pub quarantined: u64,
    /// Partitions of the queue that were not read to where they ended when the run began, and why. Not those that are left
    /// because as many letters as wanted were redriven.
    pub unread: BTreeMap<TopicPartition, String>,
}

impl Report {
    pub(super) fn saw(&mut self, letter: &Letter) {
        let reason = (letter.exception.clone(), letter.topic.clone(), letter.node.clone());
        *self.reasons.entry(reason).or_default() += 1;
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let reasons = self.reasons.iter().map(|((exception, topic, node), letters)| {
            json!({"exception": exception, "topic": topic, "node": node, "letters": letters})
        });
        let unread = self
            .unread
            .iter()
            .map(|(at, why)| json!({"topic": &*at.topic, "partition": at.partition, "why": why}));
        json!({
            "reasons": reasons.collect::<Vec<_>>(), "redriven": self.redriven, "kept": self.kept,
            "quarantined": self.quarantined,
            "unread": unread.collect::<Vec<_>>()
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>8}  {:<20} {:<30} node", "letters", "error", "topic")?;
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, letters)| std::cmp::Reverse(**letters));
        for ((exception, topic, node), letters) in reasons {
            writeln!(f, "{letters:>8}  {exception:<20} {topic:<30} {node}")?;
        }
        writeln!(f, "redriven {}, kept {}, quarantined {}", self.redriven, self.kept, self.quarantined)?;
        self.unread.iter().try_for_each(|(at, why)| writeln!(f, "not read to its end: {at}, {why}"))
    }
}
