//! Exactly-once and at-least-once: the only file that knows transactions.
//!
//! A thread has one producer. Under exactly-once it goes through these states; under at-least-once `Probing` is skipped.
//!
//! ```text
//!             init_transactions               nothing is left            first send
//!   Missing ───────────────────▶ Probing ───────────────────▶ Ready ─────────────────▶ Open
//!      ▲                          │   ▲  │ ▲                    ▲                      │ │ │
//!      │                          │   │  └─┘ swept              └─ commit answered ────┘ │ │
//!      │                          │   └──────────── abort answered ──────────────────────┘ │
//!      └──── replaced ◀─ InDoubt ◀┴──────── no answer, fenced, or a fatal error ───────────┘
//! ```
//!
//! Rules:
//! 1. A transaction opens with the first record or offset; an idle thread opens none.
//! 2. Offsets, results and changelog records of all of the thread's tasks go into the same transaction.
//! 3. librdkafka speaks transactions v1, where a late EndTxn can end the *next* transaction (KAFKA-17754). So after a
//!    commit or abort without a clear answer the producer is dropped: its successor registers the same transactional
//!    id, which lets the coordinator finish or abort what was left, before anything else is sent. What became of the
//!    transaction is then read from the group's committed offsets, like after any restart.
//! 4. Whatever goes wrong, the caller closes the thread's tasks and opens them again from what is committed.
//! 5. A broker that starts after a SIGKILL may call a transaction complete without having written its markers: its
//!    records and offsets then stay open forever, or share the fate of the next transaction of the same id. So the
//!    committer probes for leftovers (`left_over.rs`): at the start, after everything but an answered commit, and once when
//!    a thread has become idle. Nothing is sent until the probe succeeds (`Probing`). Leftovers that stay are *swept*: a
//!    transaction that writes no records is aborted over the partitions concerned, and its markers end what was left
//!    (decisions 0008 and 0024, `commit/leftovers.rs`).

mod leftovers;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::left_over::{LeftOver, Scope, Written};
use super::waits::{Waiting, Waits};
use crate::config::StreamsConfig;
use crate::error::{Error, Result};
use crate::ids::{PartitionId, TopicName};
use crate::time::{Clock, OnceAMinute, SystemClock};
use crate::transport::{
    Admin, Fence, Group, OffsetToCommit, Producer, ProducerSpec, Transport, TransportError,
    TransportErrorKind,
};

/// The time-out of one transactional call. librdkafka caps it by the transaction's own time-out.
const TRANSACTION_CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The time-out of an abort. One without an answer costs only the producer, so an unreachable broker is not waited for.
const ABORT_TIMEOUT: Duration = Duration::from_secs(5);

/// The time-out of registering a transactional id, which waits for the end of its last transaction.
const REGISTER_TIMEOUT: Duration = Duration::from_secs(10);

/// The time-out of a request for the limits of topics.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(2);

/// `task.timeout.ms` bounds how long calls are repeated. A single one has this much time for an answer in any case.
const CALL_TIMEOUT_MIN: Duration = Duration::from_secs(10);

/// The time-out of a flush or an offset commit under at-least-once.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a call with a harmless outcome is repeated before the thread gives up the round.
const RETRY_MS: i64 = 2_500;

/// The pause between repetitions.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// The producer's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TransactionState {
    /// There is no producer; the next use makes one.
    Missing,
    /// No transaction is open, but an earlier one may not have ended everywhere.
    Probing,
    /// No transaction is open, and nothing is left of earlier ones.
    Ready,
    /// A transaction is open.
    Open,
    /// The last answer is missing: nothing more may be sent through this producer.
    InDoubt,
}

impl TransactionState {
    /// The legal successors, as drawn above.
    fn may_become(self, next: TransactionState) -> bool {
        use TransactionState::{InDoubt, Missing, Open, Probing, Ready};
        matches!(
            (self, next),
            (Missing | Probing, Ready)
                | (Missing | Ready | Open, Probing)
                | (Ready | Open, Open | Ready)
                | (Ready | Open | Missing | Probing, InDoubt)
                | (_, Missing)
        )
    }
}

/// The producer of a thread: with that transactional id under exactly-once, without one otherwise. The id must differ
/// between threads and instances, or they would fence one another. It must be the same after a restart, so that the new
/// run fences the old one.
pub(crate) fn producer_spec(
    config: &StreamsConfig,
    client_id: &str,
    transactional_id: String,
) -> ProducerSpec {
    ProducerSpec {
        client_id: client_id.to_owned(),
        transactional_id: config.exactly_once().then_some(transactional_id),
        transaction_timeout_ms: u64::try_from(config.transaction_timeout_ms()).unwrap_or(10_000),
        properties: config.producer_properties(),
    }
}

/// A thread's producer with its transaction.
pub(crate) struct Committer {
    transport: Arc<dyn Transport>,
    spec: ProducerSpec,
    group: Arc<dyn Group>,
    /// The topics that a producer prepares for.
    topics: Vec<TopicName>,
    producer: Option<Box<dyn Producer>>,
    state: TransactionState,
    /// Counts producers, so that others notice when handles become invalid.
    generation: u64,
    written: Written,
    left_over: LeftOver,
    /// The topics that no other program writes to.
    internal: BTreeSet<TopicName>,
    /// Only while something may be left.
    admin: Option<Box<dyn Admin>>,
    idle_since: Option<i64>,
    /// The wait until leftovers have ended.
    waiting: Waiting,
    /// The wait for the answer to one call.
    calling: Waiting,
    /// The wait of a producer for its coordinator. All of them have it when a coordinator is away: that is one warning.
    registering: Waiting,
    /// No call takes longer: `task.timeout.ms`, if that is enough for an answer.
    patience: Duration,
    warned: Warned,
}

/// Warnings that each probe or each abort could repeat.
#[derive(Default)]
struct Warned {
    unknown: OnceAMinute,
    foreign: OnceAMinute,
    unseen: OnceAMinute,
    abort: OnceAMinute,
}

impl Committer {
    /// A committer that makes its producer on first use; an earlier run may have left something in that scope. `patience` is
    /// `task.timeout.ms`.
    pub fn new(
        transport: Arc<dyn Transport>,
        spec: ProducerSpec,
        group: Arc<dyn Group>,
        mut scope: Scope,
        waits: &Arc<Waits>,
        patience: Duration,
    ) -> Self {
        let who = || format!("producer {}", spec.client_id);
        Committer {
            internal: scope.take_internal(),
            waiting: waits.of(who()),
            calling: waits.of(who()),
            registering: waits.of(who()).in_common("a coordinator for transactional ids"),
            patience: patience.max(CALL_TIMEOUT_MIN),
            warned: Warned::default(),
            transport,
            spec,
            group,
            topics: scope.topics().cloned().collect(),
            producer: None,
            state: TransactionState::Missing,
            generation: 0,
            written: Written::default(),
            left_over: LeftOver::of_earlier_life(scope),
            admin: None,
            idle_since: None,
        }
    }

    fn transition_to(&mut self, next: TransactionState) {
        assert!(self.state.may_become(next), "a producer never goes from {:?} to {next:?}", self.state);
        self.state = next;
    }

    /// The brokers.
    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.transport)
    }

    /// The waits of the application.
    pub fn waits(&self) -> Arc<Waits> {
        self.waiting.waits()
    }

    fn exactly_once(&self) -> bool {
        self.spec.transactional_id.is_some()
    }

    /// How many offsets a commit adds to each partition that it wrote to, besides the records: its marker.
    pub fn markers_per_commit(&self) -> i64 {
        i64::from(self.exactly_once())
    }

    /// Changes whenever the producer is replaced.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Makes the producer if there is none, fencing what an earlier one of the same id left open.
    pub fn ensure_producer(&mut self) -> Result<&mut dyn Producer> {
        // At-least-once: whatever it was given is committed.
        let may_be_replaced = self.state == TransactionState::Ready && !self.exactly_once();
        if self.state == TransactionState::InDoubt || (may_be_replaced && self.is_worn_out()) {
            self.drop_producer();
        }
        if self.producer.is_none() {
            let mut producer = self.transport.producer(&self.spec)?;
            producer.prepare(&self.topics, PREPARE_TIMEOUT)?;
            if let Some(id) = &self.spec.transactional_id {
                // Not repeated here: the thread must handle commands between two tries.
                self.registering.begin(|| format!("the coordinator to take transactional id {id}"));
                let registered = producer.init_transactions(REGISTER_TIMEOUT);
                self.registering.end();
                registered?;
            }
            self.producer = Some(producer);
            self.generation += 1;
            self.transition_to(if self.exactly_once() {
                TransactionState::Probing
            } else {
                TransactionState::Ready
            });
        }
        match &mut self.producer {
            Some(producer) => Ok(&mut **producer),
            None => Err(Error::Internal("the producer was not made".to_owned())),
        }
    }

    /// Numbers a topic: 0, 1, and so on.
    pub fn add_topic(&mut self, name: TopicName) {
        self.written.add_topic(name);
    }

    /// Records that a record goes to that partition of the topic with that number.
    #[inline]
    pub fn mark_written(&mut self, topic: u32, partition: PartitionId) {
        self.written.mark(topic, partition);
    }

    /// The producer, with a transaction open under exactly-once.
    #[inline]
    pub fn for_sending(&mut self) -> Result<&mut dyn Producer> {
        if self.state != TransactionState::Open {
            self.open()?;
        }
        match &mut self.producer {
            Some(producer) => Ok(&mut **producer),
            None => Err(Error::Internal("sent without a producer".to_owned())),
        }
    }

    fn open(&mut self) -> Result<()> {
        let exactly_once = self.exactly_once();
        self.ensure_producer()?;
        if self.state == TransactionState::Probing {
            return Err(Error::Internal("sent while a former transaction may not have ended".to_owned()));
        }
        let producer = self.ensure_producer()?;
        if exactly_once {
            producer.begin()?;
        }
        (self.idle_since, self.left_over.since) = (None, None);
        self.transition_to(TransactionState::Open);
        Ok(())
    }

    /// Whether anything was sent since the last commit.
    pub fn is_open(&self) -> bool {
        self.state == TransactionState::Open
    }

    /// Commits everything sent since the last commit together with these offsets. On an error the caller must
    /// [`abandon`](Self::abandon) and open its tasks again from what is committed, or may commit again if it
    /// [may be put off](Self::may_be_put_off).
    pub fn commit(&mut self, offsets: &[OffsetToCommit]) -> Result<()> {
        // Rule 4 of `Membership`: the fence is taken at the start, and without one no commit starts.
        self.calling.begin(|| "a place in the group, to commit".to_owned());
        let fence = retry_harmless(|| self.group.fence());
        let committed = fence.map(|fence| {
            if self.exactly_once() {
                self.commit_transaction(offsets, &fence)
            } else {
                self.commit_plain(offsets, &fence)
            }
        });
        self.calling.end();
        match committed? {
            Ok(()) => {
                self.transition_to(TransactionState::Ready);
                Ok(())
            }
            Err(error) => {
                if leaves_doubt(&error) && !self.may_be_put_off(&error) {
                    self.transition_to(TransactionState::InDoubt);
                }
                Err(error.into())
            }
        }
    }

    /// Whether the commit may simply be retried later: what was sent stays sent, and offsets may be committed twice. Not
    /// if records were lost, and not with transactions.
    pub fn may_be_put_off(&self, error: &TransportError) -> bool {
        let passes = matches!(error.kind(), TransportErrorKind::Retriable | TransportErrorKind::TimedOut);
        passes && error.failed().is_empty() && !self.exactly_once()
    }

    fn commit_transaction(
        &mut self,
        offsets: &[OffsetToCommit],
        fence: &Fence,
    ) -> std::result::Result<(), TransportError> {
        self.for_sending().map_err(into_transport)?;
        self.refuse_unseen()?;
        let Some(producer) = &mut self.producer else { return Ok(()) };
        if !offsets.is_empty() {
            self.written.mark_sources(offsets);
            let offsets_of = offsets.len();
            self.calling.begin(|| format!("the transaction to take {offsets_of} offsets"));
            producer.send_offsets(offsets, fence, TRANSACTION_CALL_TIMEOUT.min(self.patience))?;
        }
        self.calling
            .begin(|| "what was sent to be acknowledged, and its transaction to be committed".to_owned());
        producer.commit(TRANSACTION_CALL_TIMEOUT.min(self.patience))
    }

    fn commit_plain(
        &mut self,
        offsets: &[OffsetToCommit],
        fence: &Fence,
    ) -> std::result::Result<(), TransportError> {
        let timeout = FLUSH_TIMEOUT.min(self.patience);
        if let Some(producer) = &mut self.producer {
            self.calling.begin(|| "what was sent to be acknowledged, to commit".to_owned());
            producer.flush(timeout)?;
            producer.poll(Duration::ZERO)?;
        }
        if self.state == TransactionState::Missing {
            self.ensure_producer().map_err(into_transport)?;
        }
        if offsets.is_empty() {
            return Ok(());
        }
        let group = &fence.group;
        self.calling.begin(|| format!("group {group} to take {} offsets", offsets.len()));
        // Committing the same offsets twice changes nothing, so the call may be repeated after any unclear answer.
        retry_harmless(|| self.group.commit(fence, offsets, timeout)).map_err(into_transport)
    }

    /// How many partitions a topic has; asks the broker, at most `timeout`.
    pub fn count_partitions(&mut self, topic: &str, timeout: Duration) -> Result<PartitionId> {
        let timeout = timeout.min(self.patience);
        let producer = self.ensure_producer()?;
        let handle = producer.topic(topic)?;
        self.calling.begin(|| format!("the brokers to tell how many partitions topic {topic} has"));
        let counted = self.ensure_producer()?.partition_count(handle, timeout);
        self.calling.end();
        Ok(counted?)
    }

    /// How many partitions topics have by now: one question for all of them, of at most `timeout`.
    pub fn count_again(
        &mut self,
        topics: &[TopicName],
        timeout: Duration,
    ) -> Result<Vec<crate::transport::Result<PartitionId>>> {
        let count = topics.len();
        self.calling
            .begin(|| format!("the brokers to tell how many partitions {count} known topics have by now"));
        let counts = self.ensure_producer().and_then(|producer| {
            let handles: crate::transport::Result<Vec<_>> =
                topics.iter().map(|topic| producer.topic(topic)).collect();
            Ok(producer.partition_counts(&handles?, timeout))
        });
        self.calling.end();
        counts
    }

    /// Begins the wait of a record for room in the producer's queue.
    pub fn wait_for_room(&mut self, topic: &str) {
        self.calling.begin(|| format!("room in its queue, for a record to topic {topic}"));
    }

    /// Ends the wait of the call.
    pub fn waited(&mut self) {
        self.calling.end();
    }

    /// How long a call may take.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Serves delivery reports; a record that could not be delivered is the error.
    pub fn poll(&mut self) -> Result<()> {
        match &mut self.producer {
            Some(producer) if self.state != TransactionState::InDoubt => Ok(producer.poll(Duration::ZERO)?),
            _ => Ok(()),
        }
    }

    /// Gives up what was not committed: aborts if an answer is certain, otherwise drops the producer.
    pub fn abort(&mut self) {
        if !self.exactly_once() {
            return if self.state != TransactionState::Ready {
                self.drop_producer()
            };
        }
        match self.state {
            TransactionState::Open => {
                let aborted = self.producer.as_mut().map(|producer| producer.abort(ABORT_TIMEOUT));
                match aborted {
                    Some(Ok(())) if !self.is_worn_out() => return self.start_probing(),
                    Some(Ok(())) => {}
                    Some(Err(error)) => {
                        if let Some(so_far) = self.warned.abort.count(SystemClock.monotonic_ms()) {
                            tracing::warn!(%error, so_far, "an abort went unanswered; the producer is replaced");
                        }
                    }
                    None => {}
                }
                self.drop_producer();
            }
            // Its batches are too large for a topic that it was to send to: it would fail again in the same way.
            TransactionState::Ready | TransactionState::Probing if self.is_worn_out() => self.drop_producer(),
            // The last commit was answered, but its markers may be missing as well.
            TransactionState::Ready => self.start_probing(),
            TransactionState::Probing => {}
            TransactionState::Missing | TransactionState::InDoubt => self.drop_producer(),
        }
    }

    /// Whether the producer has to be replaced before it sends anything more.
    fn is_worn_out(&self) -> bool {
        self.producer.as_deref().is_some_and(|producer| producer.is_worn_out())
    }

    fn start_probing(&mut self) {
        self.left_over.add(&mut self.written);
        self.transition_to(TransactionState::Probing);
    }

    fn drop_producer(&mut self) {
        self.left_over.add(&mut self.written);
        self.producer = None;
        self.transition_to(TransactionState::Missing);
    }
}

fn into_transport(error: Error) -> TransportError {
    match error {
        Error::Transport(error) => error,
        other => TransportError::new(TransportErrorKind::Fatal, "commit", other.to_string()),
    }
}

/// Whether the producer must not be used again: the outcome is unknown, or it is fenced or broken.
fn leaves_doubt(error: &TransportError) -> bool {
    // An error that demands an abort, or happened before anything was sent, has a known outcome: not committed.
    // So has one about records that were refused: then no commit is tried.
    let kind = error.kind();
    !matches!(kind, TransportErrorKind::AbortTransaction | TransportErrorKind::Retriable)
        && !kind.blames_the_record()
}

/// Repeats a call that may safely be made twice, while its error may pass.
fn retry_harmless<T>(mut call: impl FnMut() -> crate::transport::Result<T>) -> Result<T> {
    let begun_ms = SystemClock.monotonic_ms();
    loop {
        match call() {
            Ok(value) => return Ok(value),
            Err(error)
                if error.kind() == TransportErrorKind::Retriable
                    && SystemClock.monotonic_ms() - begun_ms < RETRY_MS =>
            {
                tracing::debug!(%error, "repeated");
                #[allow(
                    clippy::disallowed_methods,
                    reason = "a broker that is away is waited for, off the record path"
                )]
                std::thread::sleep(RETRY_PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::TransactionState::{InDoubt, Missing, Open, Probing, Ready};
    use super::*;
    use crate::runtime::trial::Trial;
    use crate::runtime::trial::warnings;
    use crate::runtime::trial::watched::Watched;
    use crate::transport::GroupSpec;

    /// Before, all calls of all producers were logged as one wait: while one of them waited for its coordinator, no other
    /// wait was seen.
    #[test]
    fn what_one_producer_waits_for_does_not_hide_what_another_waits_for() {
        let waits = Arc::<Waits>::default();
        let logged: Arc<Mutex<Vec<String>>> = Arc::default();
        let (looked, log) = (Arc::clone(&waits), Arc::clone(&logged));
        let trial = Trial::new(0, 1, &["in"]).expect("a broker");
        let transport = Watched::around(&trial.transport, move |call, _| {
            if call == "init_transactions" {
                // The control thread looks.
                let ((), warned) = warnings(|| {
                    looked.update(0);
                    looked.update(6_000);
                });
                log.lock().expect("not poisoned").extend(warned);
            }
            Ok(())
        });
        let spec = GroupSpec {
            group: "app".into(),
            client_id: "member".to_owned(),
            subtopologies: Vec::new(),
            properties: Default::default(),
        };
        let membership = transport.membership(&spec).expect("a member");
        let mut committers = [0, 1].map(|number| {
            let config = StreamsConfig::new("app", "embedded:");
            let (name, group) = (format!("p{number}"), membership.group());
            let spec = producer_spec(&config, &name, name.clone());
            Committer::new(Arc::clone(&transport), spec, group, Scope::default(), &waits, Duration::ZERO)
        });
        committers[1].wait_for_room("out");
        committers[0].ensure_producer().expect("is made");
        let logged = logged.lock().expect("not poisoned");
        for what in
            ["the coordinator to take transactional id p0", "room in its queue, for a record to topic out"]
        {
            assert!(logged.iter().any(|line| line.contains(what)), "{what} is not in {logged:?}");
        }
    }

    #[test]
    fn the_machine_allows_what_is_drawn_and_nothing_else() {
        let allowed = [
            (Missing, Ready),
            (Missing, Probing),
            (Missing, InDoubt),
            (Missing, Missing),
            (Probing, Ready),
            (Probing, InDoubt),
            (Probing, Missing),
            (Ready, Probing),
            (Ready, Open),
            (Ready, Ready),
            (Ready, InDoubt),
            (Ready, Missing),
            (Open, Open),
            (Open, Ready),
            (Open, Probing),
            (Open, InDoubt),
            (Open, Missing),
            (InDoubt, Missing),
        ];
        for from in [Missing, Probing, Ready, Open, InDoubt] {
            for to in [Missing, Probing, Ready, Open, InDoubt] {
                assert_eq!(from.may_become(to), allowed.contains(&(from, to)), "{from:?} -> {to:?}");
            }
        }
    }
}
