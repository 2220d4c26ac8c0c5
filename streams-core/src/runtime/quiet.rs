//! Why sources deliver nothing (`Quiet`). Most have no records, which is fine. But a source may be without a leader, be held
//! back by an open transaction of another program, or have records that do not arrive. That is logged (`waits.rs`); all other
//! sources continue meanwhile.
//!
//! One check may hit a passing state, so a finding counts from the second check on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::restore::HANGING;
use super::waits::{Waiting, Waits};
use crate::ids::{Offset, TopicPartition};
use crate::transport::{Admin, Isolation, OffsetQuery, Result};

/// The time-out of a request. The asking thread does nothing else meanwhile.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The time between two checks.
const AGAIN_MS: i64 = 2_000;

/// A source without records for this long is quiet.
pub(super) const QUIET_MS: i64 = 3_000;

/// How often the list of quiet sources is renewed.
pub(super) const TELL_EVERY_MS: i64 = 5_000;

/// A source that shows nothing.
#[derive(Clone, Debug)]
pub(crate) struct QuietSource {
    /// The owner: a task, or the global stores.
    pub who: String,
    pub partition: TopicPartition,
    /// How far it was read.
    pub position: Offset,
}

/// Why a source delivers nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Obstacle {
    /// Its broker does not answer, with these words.
    Silent(String),
    /// A transaction is open from that offset on.
    Open(Offset),
    /// It has records up to that offset.
    Stuck,
}

struct Watched {
    source: QuietSource,
    /// The finding of the last check, and when it was first made.
    found: Option<(Obstacle, i64)>,
    waiting: Waiting,
}

/// The quiet sources of some threads.
#[derive(Default)]
pub(super) struct Quiet {
    threads: BTreeMap<String, Vec<Watched>>,
    /// Whether a thread has reported something since the last check.
    is_news: bool,
    next_check: i64,
}

impl Quiet {
    /// Sets a thread's quiet sources.
    pub fn tell(&mut self, thread: String, sources: Vec<QuietSource>, waits: &Arc<Waits>) {
        let mut before = self.threads.remove(&thread).unwrap_or_default();
        self.is_news |= !sources.is_empty();
        let watch = |source: QuietSource| {
            // One that has moved on may be held up again.
            let is_same = |known: &Watched| {
                known.source.partition == source.partition && known.source.position == source.position
            };
            let at = before.iter().position(is_same);
            at.map(|at| before.swap_remove(at)).unwrap_or_else(|| {
                let waiting = waits.of(source.who.clone());
                Watched { source, found: None, waiting }
            })
        };
        let watched: Vec<Watched> = sources.into_iter().map(watch).collect();
        if !watched.is_empty() {
            self.threads.insert(thread, watched);
        }
    }

    /// Asks the broker about them, if a check is due.
    pub fn check(&mut self, admin: &mut dyn Admin, now_ms: i64) {
        let is_again = now_ms >= self.next_check;
        let is_news = std::mem::take(&mut self.is_news);
        let due = |watched: &&mut Watched| is_news || (is_again && watched.found.is_some());
        let mut due: Vec<&mut Watched> = self.threads.values_mut().flatten().filter(due).collect();
        if due.is_empty() {
            return;
        }
        self.next_check = now_ms + AGAIN_MS;
        let asked: Vec<_> = due.iter().map(|watched| watched.source.partition.clone()).collect();
        let mut seen = ask(admin, &asked, Isolation::ReadCommitted);
        if seen.is_empty() {
            return;
        }
        let readable: Vec<_> = asked.into_iter().filter(|at| matches!(seen.get(at), Some(Ok(_)))).collect();
        let mut ends = ask(admin, &readable, Isolation::ReadUncommitted);
        for watched in &mut due {
            let partition = &watched.source.partition;
            let obstacle = match (seen.remove(partition), ends.remove(partition)) {
                (Some(Err(error)), _) | (_, Some(Err(error))) => Some(Obstacle::Silent(error.to_string())),
                (Some(Ok(stable)), _) if watched.source.position < stable => Some(Obstacle::Stuck),
                (Some(Ok(stable)), Some(Ok(end))) if stable < end => Some(Obstacle::Open(stable)),
                _ => None,
            };
            watched.found(obstacle, now_ms);
        }
    }
}

/// The answers by partition; those that are missing are unknown.
fn ask(
    admin: &mut dyn Admin,
    partitions: &[TopicPartition],
    isolation: Isolation,
) -> BTreeMap<TopicPartition, Result<Offset>> {
    match admin.offsets_each(partitions, OffsetQuery::Latest(isolation), TIMEOUT) {
        Ok(answers) => answers,
        Err(error) => {
            // All who wait for an unreachable broker report it already.
            tracing::debug!(%error, "cannot find out why sources deliver nothing");
            BTreeMap::new()
        }
    }
}

impl Watched {
    fn found(&mut self, obstacle: Option<Obstacle>, now_ms: i64) {
        let Some(obstacle) = obstacle else {
            self.found = None;
            return self.waiting.end();
        };
        let is_same = |found: &(Obstacle, i64)| {
            found.0 == obstacle || matches!((&found.0, &obstacle), (Obstacle::Silent(_), Obstacle::Silent(_)))
        };
        let since_ms = match self.found.take().filter(is_same) {
            Some((_, since_ms)) => since_ms,
            None => {
                self.waiting.end();
                self.found = Some((obstacle, now_ms));
                return;
            }
        };
        let QuietSource { partition, position, .. } = &self.source;
        let what = || match &obstacle {
            Obstacle::Silent(error) => format!("source partition {partition} to be readable: {error}"),
            Obstacle::Open(stable) => {
                format!("source partition {partition} from offset {stable} on; {HANGING}")
            }
            Obstacle::Stuck => format!(
                "records of source partition {partition} from offset {position} on, which the broker has and the \
                 consumer does not get; look at the consumer's errors, the client's quotas and the brokers' logs"
            ),
        };
        self.waiting.update(since_ms, what);
        self.waiting.update(now_ms, what);
        self.found = Some((obstacle, since_ms));
    }
}
