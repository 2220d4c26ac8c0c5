//! What a reset does, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde_json::{Value, json};
use streams_core::ids::{Offset, TopicName, TopicPartition};

/// What a reset has done, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whether it was done.
    pub executed: bool,
    /// What the group had committed; `None` where it had nothing.
    pub from: BTreeMap<TopicPartition, Option<Offset>>,
    /// Where it begins now.
    pub to: BTreeMap<TopicPartition, Offset>,
    /// The internal topics that are deleted.
    pub internal: Vec<TopicName>,
    /// Those of them that may be another application's, by their names. With one, a reset is refused.
    pub shared: BTreeMap<TopicName, String>,
    /// The folder of local state that is emptied.
    pub folder: Option<PathBuf>,
}

impl Report {
    /// For programs.
    pub fn to_json(&self) -> Value {
        let partitions = self.to.iter().map(|(at, to)| {
            let from = self.from.get(at).copied().flatten();
            json!({"topic": &*at.topic, "partition": at.partition, "from": from, "to": to})
        });
        let internal: Vec<&str> = self.internal.iter().map(|topic| &**topic).collect();
        let shared =
            self.shared.iter().map(|(topic, other)| json!({"topic": &**topic, "application": other}));
        json!({
            "executed": self.executed, "partitions": partitions.collect::<Vec<_>>(), "internal_topics": internal,
            "shared_topics": shared.collect::<Vec<_>>(),
            "folder": self.folder.as_ref().map(|folder| folder.display().to_string())
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let did = |done: &'static str, would: &'static str| if self.executed { done } else { would };
        for (at, to) in &self.to {
            let from = self.from.get(at).copied().flatten();
            let from = from.map_or_else(|| "nothing".to_owned(), |offset| offset.to_string());
            writeln!(f, "offset   {at}: {from} -> {to}")?;
        }
        for topic in &self.internal {
            writeln!(f, "{} topic {topic}", did("deleted ", "delete  "))?;
        }
        for (topic, other) in &self.shared {
            writeln!(
                f,
                "refused  {topic} may be application {other}'s; name those to delete with --internal-topic"
            )?;
        }
        if let Some(folder) = &self.folder {
            writeln!(f, "{} what is in {}", did("deleted ", "delete  "), folder.display())?;
        }
        if self.to.is_empty() && self.internal.is_empty() && self.folder.is_none() {
            writeln!(f, "nothing to reset: no offsets, no internal topics, no local state")?;
        }
        if self.executed {
            writeln!(f, "results in output topics are still there")
        } else {
            writeln!(f, "nothing was changed; add --execute to do it")
        }
    }
}
