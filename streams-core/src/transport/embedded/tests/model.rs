//! Random histories of one partition against a model of a few lines: in memory, on disk, and reopened in between.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open(usize),
    Committed,
    Aborted,
}

#[derive(Clone, Debug)]
enum Op {
    /// A record outside of transactions.
    Plain(u8),
    /// A record in the transaction of one of two producers.
    Send(usize, u8),
    Commit(usize),
    Abort(usize),
    Compact,
    /// Deletes that many percent of what is left.
    Delete(u8),
    Reopen,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => (0u8..6).prop_map(Op::Plain),
        6 => (0usize..2, 0u8..6).prop_map(|(producer, key)| Op::Send(producer, key)),
        3 => (0usize..2).prop_map(Op::Commit),
        1 => (0usize..2).prop_map(Op::Abort),
        1 => Just(Op::Compact),
        1 => (0u8..100).prop_map(Op::Delete),
        1 => Just(Op::Reopen),
    ];
    proptest::collection::vec(op, 1..60)
}

/// What the log should be: every record ever written, also those that compaction may drop.
#[derive(Default)]
struct Model {
    records: Vec<(Offset, u8, State)>,
    start: Offset,
    end: Offset,
    /// Below this, only the last record of each key need be left.
    compacted: Offset,
}

impl Model {
    fn append(&mut self, key: u8, state: State) {
        self.records.push((self.end, key, state));
        self.end += 1;
    }

    fn finish(&mut self, producer: usize, state: State) {
        let mine = |record: &&mut (Offset, u8, State)| record.2 == State::Open(producer);
        let count = self.records.iter_mut().filter(mine).map(|record| record.2 = state).count();
        self.end += Offset::from(count > 0);
    }

    fn stable(&self) -> Offset {
        let open = self.records.iter().find(|record| matches!(record.2, State::Open(_)));
        open.map_or(self.end, |record| record.0)
    }

    /// The process ends, and with it what is open. Its offsets may be given out again, but never one that was below
    /// the oldest open transaction, as a reader may have seen that position.
    fn reopen(&mut self, end: Offset) {
        let stable = self.stable();
        self.records.retain(|record| !matches!(record.2, State::Open(_)));
        let last = self.records.last().map_or(0, |record| record.0 + 1);
        assert!(last.max(stable) <= end && end <= self.end, "{last} or {stable} to {}, not {end}", self.end);
        self.end = end;
    }

    fn committed(&self) -> Vec<(Offset, u8)> {
        let stable = self.stable();
        let seen = |record: &&(Offset, u8, State)| {
            record.0 >= self.start && record.0 < stable && record.2 == State::Committed
        };
        self.records.iter().filter(seen).map(|record| (record.0, record.1)).collect()
    }
}

struct Subject {
    dir: Option<(tempfile::TempDir, usize)>,
    broker: Option<Arc<EmbeddedBroker>>,
    producers: Vec<(Box<dyn Producer>, bool)>,
    plain: Option<Box<dyn Producer>>,
}

impl Subject {
    fn new(tail_bytes: Option<usize>) -> Self {
        let dir = tail_bytes.map(|bytes| (tempfile::tempdir().unwrap(), bytes));
        let mut subject = Subject { dir, broker: None, producers: Vec::new(), plain: None };
        subject.reopen();
        create(subject.broker.as_ref().unwrap(), "t", 1);
        subject
    }

    fn reopen(&mut self) {
        self.producers.clear();
        self.plain = None;
        if let Some((dir, tail_bytes)) = &self.dir {
            self.broker = None;
            let options = EmbeddedOptions { tail_bytes: *tail_bytes, ..EmbeddedOptions::default() };
            self.broker = Some(EmbeddedBroker::open_with(dir.path(), &options).unwrap());
        }
        let broker = self.broker.get_or_insert_with(EmbeddedBroker::in_memory).clone();
        self.producers = ["a", "b"].map(|id| (transactional(&broker, id), false)).into();
        self.plain = Some(producer(&broker));
    }

    fn send(&mut self, to: &TopicPartition, producer: Option<usize>, key: u8) {
        let writer = match producer {
            None => self.plain.as_mut().unwrap(),
            Some(at) => {
                let (writer, is_open) = &mut self.producers[at];
                if !std::mem::replace(is_open, true) {
                    writer.begin().unwrap();
                }
                writer
            }
        };
        send(&mut **writer, to, &key.to_string(), &key.to_string()).unwrap();
        writer.flush(NOW).unwrap();
    }

    fn end(&mut self, producer: usize, commit: bool) {
        let (writer, is_open) = &mut self.producers[producer];
        if std::mem::take(is_open) {
            if commit { writer.commit(NOW).unwrap() } else { writer.abort(NOW).unwrap() }
        }
    }
}

fn check(subject: &Subject, model: &Model, to: &TopicPartition) -> std::result::Result<(), TestCaseError> {
    let broker = subject.broker.as_ref().unwrap();
    let (seen, position) = read_all(broker, to, Isolation::ReadCommitted);
    prop_assert_eq!(position, model.stable());
    let expected = model.committed();
    let seen: Vec<(Offset, u8)> = seen.iter().map(|(offset, key)| (*offset, key.parse().unwrap())).collect();
    let is_needed = |at: usize| {
        let (offset, key) = expected[at];
        let is_last =
            !expected[at + 1..].iter().any(|(later, other)| *other == key && *later < model.compacted);
        offset >= model.compacted || is_last
    };
    let needed: Vec<_> = (0..expected.len()).filter(|at| is_needed(*at)).map(|at| expected[at]).collect();
    prop_assert_eq!(seen, needed);
    Ok(())
}

fn run(tail_bytes: Option<usize>, ops: &[Op]) -> std::result::Result<(), TestCaseError> {
    let (mut subject, mut model, to) =
        (Subject::new(tail_bytes), Model::default(), TopicPartition::new("t", 0));
    for op in ops {
        match *op {
            Op::Plain(key) => {
                subject.send(&to, None, key);
                model.append(key, State::Committed);
            }
            Op::Send(producer, key) => {
                subject.send(&to, Some(producer), key);
                model.append(key, State::Open(producer));
            }
            Op::Commit(producer) => {
                subject.end(producer, true);
                model.finish(producer, State::Committed);
            }
            Op::Abort(producer) => {
                subject.end(producer, false);
                model.finish(producer, State::Aborted);
            }
            Op::Compact => {
                subject.broker.as_ref().unwrap().compact_now("t").unwrap();
                model.compacted = model.stable();
            }
            Op::Delete(percent) => {
                let before = model.start + (model.stable() - model.start) * Offset::from(percent) / 100;
                admin(subject.broker.as_ref().unwrap()).delete_records(&[(to.clone(), before)], NOW).unwrap();
                model.start = before;
            }
            // Without a directory it would be another broker.
            Op::Reopen if tail_bytes.is_none() => {}
            Op::Reopen => {
                subject.reopen();
                let broker = subject.broker.as_ref().unwrap();
                model.reopen(offset(broker, &to, OffsetQuery::Latest(Isolation::ReadCommitted)));
            }
        }
        check(&subject, &model, &to)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn in_memory(ops in ops()) {
        run(None, &ops)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn on_disk_only(ops in ops()) {
        run(Some(0), &ops)?;
    }

    #[test]
    fn partly_in_memory(ops in ops()) {
        run(Some(300), &ops)?;
    }
}
