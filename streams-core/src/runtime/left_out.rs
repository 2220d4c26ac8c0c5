//! Refused results that a handler has skipped, so that they are not sent again when the work around them is repeated.
//!
//! That the broker refuses a record is known only after it was sent, and then its transaction must be aborted. The repeated
//! work makes the same record again, which is recognized and skipped. It is recognized by its destination, its sender, the
//! source record and its bytes. It is remembered until its source record is committed, or, for punctuations, until it was
//! met again and committed. Its dead letters have copies of the source record and of the result: their bytes are counted, and
//! the thread commits early when there are too many (`Pace`, `StreamThread::is_full`).

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash, RandomState};
use std::rc::Rc;

use bytes::Bytes;

use crate::ids::{Offset, PartitionId, TopicPartition};
use crate::processor::dead_letter::DeadLetter;
use crate::transport::OffsetToCommit;

/// How often one source record, or one node's punctuations, may lead to new refused records while earlier ones do not come
/// again, before something is committed: a record that differs at each repetition is never recognized.
const ROUNDS_MAX: u32 = 10;

/// The identity of a record.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Likeness<'a> {
    pub topic: u32,
    /// `None` for a record without a key: the next attempt may choose another partition.
    pub partition: Option<PartitionId>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// What a dead letter leaves out: the whole one and the shorter one have the same record.
    pub lacks: Option<&'a [u8]>,
    /// Its sender and source record.
    pub tag: u64,
}

/// A record that was not met for this many commits never will be: its task has moved.
const COMMITS_MAX: u32 = 1_000;

/// What a record or a letter takes besides its bytes.
const OVERHEAD: usize = 200;

#[derive(Debug)]
struct LeftOutRecord {
    /// Its topic and sender.
    sender: (u32, u64),
    source: Option<(TopicPartition, Offset)>,
    /// How often it came in this attempt.
    met: usize,
    commits: u32,
    /// What is written to dead letter queues each time it is left out: of equal results of one source record, each is one
    /// that a handler was asked about.
    dead_letters: Vec<Vec<DeadLetter>>,
}

impl LeftOutRecord {
    fn bytes(&self) -> usize {
        OVERHEAD + self.dead_letters.iter().flatten().map(bytes_of).sum::<usize>()
    }
}

fn bytes_of(letter: &DeadLetter) -> usize {
    let part = |part: &Option<Bytes>| part.as_ref().map_or(0, Bytes::len);
    let headers = letter.headers.iter();
    let headers =
        headers.map(|header| header.key.len() + header.value.as_ref().map_or(0, |value| value.len()));
    OVERHEAD + part(&letter.key) + part(&letter.value) + headers.sum::<usize>()
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    records: HashMap<u64, LeftOutRecord>,
    /// What the records hold.
    bytes: Rc<Cell<usize>>,
    /// How often records were refused since the last commit, by topic and sender.
    rounds: HashMap<(u32, u64), u32>,
    hasher: RandomState,
}

impl LeftOut {
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The bytes that it holds, now and later.
    pub fn bytes(&self) -> Rc<Cell<usize>> {
        Rc::clone(&self.bytes)
    }

    fn hash(&self, likeness: &Likeness<'_>) -> u64 {
        self.hasher.hash_one(likeness)
    }

    /// The dead letters to write instead of that record, if it was skipped before.
    pub fn meet(&mut self, likeness: &Likeness<'_>) -> Option<Vec<DeadLetter>> {
        let hash = self.hash(likeness);
        let record = self.records.get_mut(&hash)?;
        let letters = record.dead_letters.get(record.met)?.clone();
        record.met += 1;
        Some(letters)
    }

    /// Remembers a record, or one more that is like it.
    pub fn add(
        &mut self,
        likeness: Likeness<'_>,
        source: Option<(TopicPartition, Offset)>,
        dead_letters: Vec<DeadLetter>,
    ) {
        let hash = self.hash(&likeness);
        let added = dead_letters.iter().map(bytes_of).sum::<usize>();
        let is_new = !self.records.contains_key(&hash);
        self.bytes.set(self.bytes.get() + added + if is_new { OVERHEAD } else { 0 });
        let sender = (likeness.topic, likeness.tag);
        let empty = LeftOutRecord { sender, source, met: 0, commits: 0, dead_letters: Vec::new() };
        let record = self.records.entry(hash).or_insert(empty);
        record.dead_letters.push(dead_letters);
        record.met += 1;
    }

    /// The transaction was aborted: its records will be met again.
    pub fn aborted(&mut self) {
        self.records.values_mut().for_each(|record| record.met = 0);
    }

    /// Counts a repetition because of records to these topics by these senders, unless all that were remembered of a sender
    /// came again: then it got further than before. False if there were too many without a commit.
    pub fn repeated(&mut self, senders: Vec<(u32, u64)>) -> bool {
        let missed = self.records.values().filter(|record| record.met < record.dead_letters.len());
        let missed: HashSet<(u32, u64)> = missed.map(|record| record.sender).collect();
        let senders: HashSet<(u32, u64)> =
            senders.into_iter().filter(|sender| missed.contains(sender)).collect();
        let mut often = false;
        for sender in senders {
            let rounds = self.rounds.entry(sender).or_default();
            *rounds += 1;
            often |= *rounds > ROUNDS_MAX;
        }
        !often
    }

    /// Forgets records whose source offsets are committed now.
    pub fn committed(&mut self, offsets: &[OffsetToCommit]) {
        if self.records.is_empty() {
            return;
        }
        self.rounds.clear();
        self.records.retain(|_, record| {
            let is_past = |(partition, offset): &(TopicPartition, Offset)| {
                offsets.iter().any(|done| done.partition == *partition && done.offset > *offset)
            };
            record.commits += 1;
            // A record with a source may have been met in an aborted attempt: only the committed offset counts.
            let is_over = (record.met > 0 && record.source.is_none()) || record.commits > COMMITS_MAX;
            !is_over && !record.source.as_ref().is_some_and(is_past)
        });
        self.bytes.set(self.records.values().map(LeftOutRecord::bytes).sum());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIKENESS: Likeness<'_> =
        Likeness { topic: 1, partition: None, key: None, value: Some(b"v"), lacks: None, tag: 5 };

    fn committed(offset: Offset) -> [OffsetToCommit; 1] {
        [OffsetToCommit { partition: TopicPartition::new("in", 0), offset, metadata: String::new() }]
    }

    #[test]
    fn a_record_is_known_until_its_source_is_committed() {
        let mut left_out = LeftOut::default();
        left_out.add(LIKENESS, Some((TopicPartition::new("in", 0), 7)), Vec::new());
        left_out.aborted();
        left_out.committed(&committed(7));
        assert!(left_out.meet(&LIKENESS).is_some());
        assert!(left_out.meet(&Likeness { value: Some(b"w"), ..LIKENESS }).is_none());
        assert!(left_out.meet(&Likeness { tag: 6, ..LIKENESS }).is_none());
        left_out.committed(&committed(8));
        assert!(left_out.is_empty());
    }

    /// Showed before: the second of two equal results was left out without a question, a count and a letter.
    #[test]
    fn of_equal_records_as_many_are_left_out_as_were_refused() {
        let mut left_out = LeftOut::default();
        for _ in 0..2 {
            assert!(left_out.meet(&LIKENESS).is_none(), "it is sent, and refused");
            left_out.add(LIKENESS, Some((TopicPartition::new("in", 0), 7)), Vec::new());
        }
        left_out.aborted();
        let met: Vec<bool> = (0..3).map(|_| left_out.meet(&LIKENESS).is_some()).collect();
        assert_eq!(met, [true, true, false], "a third one is sent");
    }

    #[test]
    fn what_is_remembered_is_counted_until_it_is_forgotten() {
        let mut left_out = LeftOut::default();
        let bytes = left_out.bytes();
        let letter = |size: usize| DeadLetter {
            topic: "letters".into(),
            key: None,
            value: Some(vec![0; size].into()),
            timestamp: 0,
            headers: Default::default(),
        };
        for offset in [7_i64, 7, 8] {
            let likeness = Likeness { tag: offset.cast_unsigned(), ..LIKENESS };
            left_out.add(
                likeness,
                Some((TopicPartition::new("in", 0), offset)),
                vec![letter(1_000), letter(500)],
            );
        }
        assert_eq!(bytes.get(), 3 * 1_500 + 6 * OVERHEAD + 2 * OVERHEAD);
        left_out.aborted();
        left_out.committed(&committed(8));
        assert_eq!(bytes.get(), 1_500 + 3 * OVERHEAD);
        left_out.committed(&committed(9));
        assert_eq!(bytes.get(), 0);
    }

    #[test]
    fn one_of_a_punctuation_is_known_until_it_was_met() {
        let mut left_out = LeftOut::default();
        left_out.add(LIKENESS, None, Vec::new());
        left_out.aborted();
        left_out.committed(&committed(100));
        assert!(left_out.meet(&LIKENESS).is_some());
        left_out.committed(&committed(101));
        assert!(left_out.is_empty());
    }

    /// Showed before: forgotten by the smaller commit, sent and refused again, and the handler asked twice.
    #[test]
    fn an_attempt_that_is_given_up_forgets_nothing() {
        for source in [Some((TopicPartition::new("in", 0), 7)), None] {
            let mut left_out = LeftOut::default();
            left_out.add(LIKENESS, source, Vec::new());
            left_out.aborted();
            assert!(left_out.meet(&LIKENESS).is_some());
            left_out.aborted();
            left_out.committed(&committed(3));
            assert!(left_out.meet(&LIKENESS).is_some());
        }
    }

    #[test]
    fn a_record_whose_task_has_gone_is_forgotten() {
        let mut left_out = LeftOut::default();
        left_out.add(LIKENESS, Some((TopicPartition::new("in", 0), 7)), Vec::new());
        (0..COMMITS_MAX).for_each(|_| left_out.committed(&[]));
        assert!(!left_out.is_empty());
        left_out.committed(&[]);
        assert!(left_out.is_empty());
    }

    #[test]
    fn what_differs_each_time_is_not_repeated_for_ever() {
        let mut left_out = LeftOut::default();
        let refused = |left_out: &mut LeftOut, number: u32| {
            left_out.aborted();
            let value = number.to_be_bytes();
            left_out.add(Likeness { value: Some(&value), ..LIKENESS }, None, Vec::new());
            left_out.repeated(vec![(LIKENESS.topic, LIKENESS.tag); 2])
        };
        assert!((0..=ROUNDS_MAX).all(|number| refused(&mut left_out, number)));
        assert!(!refused(&mut left_out, ROUNDS_MAX + 1));
        left_out.committed(&[]);
        assert!(refused(&mut left_out, ROUNDS_MAX + 2));
    }

    /// Showed before: a source record of which eleven results are refused one after the other ended the application.
    #[test]
    fn a_sender_whose_refused_records_come_again_gets_further() {
        let mut left_out = LeftOut::default();
        for refused in 0..3 * ROUNDS_MAX {
            left_out.aborted();
            for number in 0..=refused {
                let value = number.to_be_bytes();
                let likeness = Likeness { value: Some(&value), ..LIKENESS };
                if left_out.meet(&likeness).is_none() {
                    left_out.add(likeness, Some((TopicPartition::new("in", 0), 7)), Vec::new());
                }
            }
            assert!(
                left_out.repeated(vec![(LIKENESS.topic, LIKENESS.tag)]),
                "{refused} were left out before"
            );
        }
    }
}
