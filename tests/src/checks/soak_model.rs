//! What the application of [`crate::apps`] must write, worked out without it.

use std::collections::BTreeMap;
use std::ops::Range;

use streams_core::partitioner::murmur2;
use streams_core::transport::TransportError;

use super::sequences::{Exactness, Sequences, compare, sequences_of};
use crate::apps::{EmbeddedClient, SoakTopics, WINDOW_MS, chain};
use lab::{ConsumedRecord, KafkaClient, LabError, TestRecord};

/// In the year 2033: a broker deletes segments of old event times, changelogs of windows among them.
const BEGIN_MS: i64 = 2_000_000_000_000;

/// Event time between two records.
const STEP_MS: i64 = 10;

/// Partitions of every topic.
const PARTITIONS: i32 = 4;

/// Some of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputRange {
    /// Of which partition.
    pub partition: i32,
    /// From which offset on, and before which.
    pub offsets: Range<i64>,
}

/// An input of this many records over this many keys, and its results.
#[derive(Debug, Clone, Copy)]
pub struct SoakModel {
    /// How many records.
    pub records: u32,
    /// How many keys take turns.
    pub keys: u32,
}

impl SoakModel {
    /// Creates the topics and fills the table.
    pub fn prepare(&self, client: &KafkaClient, topics: &SoakTopics) -> Result<(), LabError> {
        for topic in topics.all() {
            client.create_topic(topic, PARTITIONS, &[])?;
        }
        self.fill_table(client, topics)
    }

    /// Writes the rows of the table.
    pub fn fill_table(&self, client: &KafkaClient, topics: &SoakTopics) -> Result<(), LabError> {
        client.produce(&topics.table, self.rows())
    }

    /// [`prepare`](Self::prepare) on an embedded broker; what is there already is left alone.
    pub fn prepare_embedded(
        &self,
        client: &EmbeddedClient,
        topics: &SoakTopics,
    ) -> Result<(), TransportError> {
        client.create_topics(&topics.all(), PARTITIONS)?;
        // Rows that a killed process wrote are written again: the latest of a key counts, and all are the same.
        let partitions = u32::try_from(PARTITIONS).unwrap_or(1);
        let rows = self.rows().map(|row| {
            let key = row.key.as_deref().unwrap_or_default();
            let hash = murmur2(key).cast_unsigned() & 0x7fff_ffff;
            row.to_partition((hash % partitions).cast_signed())
        });
        client.produce(&topics.table, rows)
    }

    fn rows(&self) -> impl Iterator<Item = TestRecord> {
        (0..self.keys).map(|key| TestRecord::new(format!("k{key}"), row(key)).at(1))
    }

    /// The input. All records of a key are in one partition.
    pub fn input(&self) -> impl Iterator<Item = TestRecord> + Send + use<> {
        let keys = self.keys;
        (0..self.records).map(move |n| {
            let key = n % keys;
            let partition = i32::try_from(key).unwrap_or(0) % PARTITIONS;
            let time = BEGIN_MS + i64::from(n) * STEP_MS;
            TestRecord::new(format!("o{key}"), n.to_string()).at(time).to_partition(partition)
        })
    }

    /// Every update of counts and chains in order, without these records of the input.
    fn expected(&self, without: &[InputRange]) -> (Sequences, Sequences) {
        let mut counts = Sequences::new();
        let mut chains = Sequences::new();
        let mut links: BTreeMap<u32, String> = BTreeMap::new();
        let mut next = [0_i64; PARTITIONS as usize];
        for n in 0..self.records {
            let key = n % self.keys;
            let partition = key as usize % next.len();
            let offset = next[partition];
            next[partition] += 1;
            let here = |lost: &InputRange| usize::try_from(lost.partition).is_ok_and(|at| at == partition);
            if without.iter().any(|lost| here(lost) && lost.offsets.contains(&offset)) {
                continue;
            }
            let time = BEGIN_MS + i64::from(n) * STEP_MS;
            let window = counts.entry(format!("k{key}@{}", time - time % WINDOW_MS)).or_default();
            window.push((window.len() + 1).to_string());
            let link = links.entry(key).or_default();
            *link = chain(link, &n.to_string());
            chains.entry(format!("k{key}")).or_default().push(format!("{link} {}", row(key)));
        }
        (counts, chains)
    }

    /// Compares what was committed, as `read` finds it, with the model.
    pub fn check<E: std::fmt::Display>(
        &self,
        read: impl Fn(&str) -> Result<Vec<ConsumedRecord>, E>,
        topics: &SoakTopics,
        exactness: Exactness,
    ) -> Result<(), String> {
        self.check_without(&[], read, topics, exactness)
    }

    /// The same where some of the input was deleted before it was read. The input has to be of one producer, so that
    /// its offsets are its numbers.
    pub fn check_without<E: std::fmt::Display>(
        &self,
        lost: &[InputRange],
        read: impl Fn(&str) -> Result<Vec<ConsumedRecord>, E>,
        topics: &SoakTopics,
        exactness: Exactness,
    ) -> Result<(), String> {
        let (counts, chains) = self.expected(lost);
        for (topic, expected) in [(&topics.counts, counts), (&topics.chains, chains)] {
            let records = read(topic).map_err(|error| error.to_string())?;
            compare(&expected, &sequences_of(&records), exactness)
                .map_err(|what| format!("{topic}: {what}"))?;
        }
        Ok(())
    }
}

fn row(key: u32) -> String {
    format!("row-{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deleted_unread_is_missing_and_nothing_else() {
        // Six keys over four partitions: in partition 1 are k1, k5, k1, k5 at the offsets 0 to 3.
        let model = SoakModel { records: 12, keys: 6 };
        let (all, some) =
            (model.expected(&[]).1, model.expected(&[InputRange { partition: 1, offsets: 1..3 }]).1);
        let differ: Vec<_> = all.keys().filter(|key| all.get(*key) != some.get(*key)).collect();
        assert_eq!(differ, ["k1", "k5"]);
        assert_eq!(some["k1"], [format!("{} row-1", chain("", "1"))], "without the record 7");
        assert_eq!(some["k5"], [format!("{} row-5", chain("", "11"))], "without the record 5");
    }
}
