//! The application that the reliability tests kill: two stages, a windowed count, a chain of hashes and a join.
//!
//! Its results do not depend on how partitions interleave: each original key lives in one input partition and becomes
//! one new key, so that the records of a key keep their order through the repartition topic.

use std::time::Duration;

use kstreams::prelude::*;
use streams_core::topology::Topology;

/// Length of the tumbling windows.
pub const WINDOW_MS: i64 = 30_000;

/// Longer than any input lasts, so that nothing comes too late.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// The topics of one application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoakTopics {
    /// Records `o<n>` with a sequence number.
    pub input: String,
    /// A row for each new key `k<n>`.
    pub table: String,
    /// `k<n>@<window start>` and how many records that window has.
    pub counts: String,
    /// `k<n>` and its chain, joined with its row.
    pub chains: String,
}

impl SoakTopics {
    /// The topics of the application with that id.
    pub fn of(app: &str) -> Self {
        let topic = |name: &str| format!("{app}-{name}");
        Self { input: topic("in"), table: topic("table"), counts: topic("counts"), chains: topic("chains") }
    }

    /// The topics that exist before the application.
    pub fn all(&self) -> [&str; 4] {
        [&self.input, &self.table, &self.counts, &self.chains]
    }

    /// The topic between the two stages.
    pub fn repartition(app: &str) -> String {
        format!("{app}-stage-repartition")
    }

    /// The changelogs of the application.
    pub fn changelogs(app: &str) -> [String; 3] {
        ["windows", "chains", "rows"].map(|store| format!("{app}-{store}-changelog"))
    }
}

/// The next link after `before`: it tells every loss, repetition and change of order that came before it.
pub fn chain(before: &str, value: &str) -> String {
    let (hash, length) = before.split_once('/').unwrap_or(("cbf29ce484222325", "0"));
    let mut hash = u64::from_str_radix(hash, 16).unwrap_or(0);
    // FNV-1a.
    for byte in value.bytes().chain([b';']) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}/{}", length.parse::<u64>().unwrap_or(0) + 1)
}

/// Stream → new key → repartition → windowed count, and chain joined with a table.
pub fn soak_topology(topics: &SoakTopics) -> Result<Topology, DslError> {
    let builder = StreamsBuilder::new();
    let table =
        builder.table_with::<String, String>(&topics.table, Consumed::new(), Materialized::named("rows"));
    let stream = builder
        .stream::<String, String>(topics.input.as_str())
        .map(|key, value| (key.replace('o', "k"), value))
        .repartition_with(Repartitioned::named("stage"));
    stream
        .group_by_key()
        .windowed_by(TimeWindows::of_size_and_grace(millis(WINDOW_MS.unsigned_abs()), GRACE))
        .count_with(Materialized::named("windows"))
        .to_stream()
        .map(|key, count| (format!("{}@{}", key.key, key.window.start_ms), count.map(|n| n.to_string())))
        .to(&topics.counts);
    stream
        .group_by_key()
        .aggregate_with(String::new, |_, value, before| chain(&before, &value), Materialized::named("chains"))
        .to_stream()
        .join(&table, |chain, row| format!("{} {row}", chain.unwrap_or_default()))
        .to(&topics.chains);
    builder.build()
}
