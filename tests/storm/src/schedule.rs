//! What happens when: data that a seed makes, that is printed one event a line, and that can be given back.

use serde::{Deserialize, Serialize};

use crate::proxy::{Act, Rule, Way};
use crate::wire::Api;

/// Processes of the application.
pub const PROCESSES: usize = 3;

/// Brokers.
pub const BROKERS: usize = 3;

/// The broker that alone holds the topic of the table.
pub const ONLY_REPLICA: usize = 2;

/// After a fault of a broker, the replicas are given so long to follow again.
const BROKER_PAUSE_MS: u64 = 15_000;

/// After a fault of a process, it is given so long to come back.
const PROCESS_PAUSE_MS: u64 = 3_000;

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it begins, in milliseconds from the begin of the storm.
    pub at_ms: u64,
    /// How long it lasts, in milliseconds.
    pub for_ms: u64,
    /// What it is.
    #[serde(flatten)]
    pub fault: Fault,
}

/// Which right is taken away from the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// To write results.
    WriteResults,
    /// To read the input.
    ReadInput,
    /// To be in its group.
    JoinGroup,
}

/// The kinds of faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// SIGKILL, and a new start.
    KillProcess {
        /// Which.
        process: usize,
    },
    /// SIGKILL of all at the same time.
    KillAllProcesses,
    /// SIGSTOP for longer than session and transaction last.
    StopProcess {
        /// Which.
        process: usize,
    },
    /// SIGTERM, and a new start.
    RestartProcess {
        /// Which.
        process: usize,
    },
    /// SIGKILL, and a new start without its state directory.
    DeleteState {
        /// Which.
        process: usize,
    },
    /// SIGKILL, and a new start with a file of a database damaged.
    DamageState {
        /// Which.
        process: usize,
        /// Chooses the file and the place.
        salt: u64,
    },
    /// Its disk is full.
    FullDisk {
        /// Which; it has a small file system of its own.
        process: usize,
    },
    /// SIGKILL.
    KillBroker {
        /// Which.
        node: usize,
    },
    /// SIGTERM.
    StopBroker {
        /// Which.
        node: usize,
    },
    /// SIGSTOP: connections stay, nothing is answered.
    FreezeBroker {
        /// Which.
        node: usize,
    },
    /// SIGKILL of the coordinator of the group.
    KillGroupCoordinator,
    /// SIGKILL of the coordinator of some of the transactions.
    KillTransactionCoordinator {
        /// The partition of the topic of transactions.
        partition: i32,
    },
    /// SIGKILL of the only replica of the table that is joined: it has no leader meanwhile.
    Leaderless,
    /// A topic of results gets partitions.
    AddPartitions {
        /// How many more.
        more: i32,
    },
    /// What was processed is deleted from the input.
    TrimInput,
    /// All processes are closed, and what they have not read of the input is deleted.
    TrimUnread,
    /// All processes are closed, what they have processed is deleted, and then the offsets that they have committed.
    DeleteOffsets,
    /// The topic of chains refuses all records as too large.
    RefuseRecords,
    /// A right is revoked.
    Revoke {
        /// Which.
        right: Right,
    },
    /// The proxies do this.
    Network {
        /// To what.
        rule: Rule,
    },
}

/// Kinds as `--only` names them, with how long they last (milliseconds, at least and in addition at most).
const KINDS: &[(&str, u64, u64)] = &[
    ("kill_process", 500, 4_000),
    ("network", 3_000, 5_000),
    ("stop_process", 13_000, 5_000),
    ("kill_broker", 3_000, 9_000),
    ("restart_process", 500, 2_000),
    ("delete_state", 500, 2_000),
    ("kill_group_coordinator", 3_000, 6_000),
    ("network", 3_000, 5_000),
    ("damage_state", 500, 2_000),
    ("kill_transaction_coordinator", 3_000, 6_000),
    ("refuse_records", 2_000, 4_000),
    ("kill_process", 500, 4_000),
    ("freeze_broker", 4_000, 8_000),
    ("revoke", 2_000, 4_000),
    ("leaderless", 6_000, 10_000),
    ("network", 3_000, 5_000),
    ("trim_input", 100, 0),
    ("trim_unread", 2_000, 3_000),
    ("full_disk", 4_000, 6_000),
    ("kill_all_processes", 500, 3_000),
    ("stop_broker", 3_000, 6_000),
    ("add_partitions", 100, 0),
    ("delete_offsets", 500, 2_000),
];

impl Fault {
    /// Its name.
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::KillProcess { .. } => "kill_process",
            Fault::KillAllProcesses => "kill_all_processes",
            Fault::StopProcess { .. } => "stop_process",
            Fault::RestartProcess { .. } => "restart_process",
            Fault::DeleteState { .. } => "delete_state",
            Fault::DamageState { .. } => "damage_state",
            Fault::FullDisk { .. } => "full_disk",
            Fault::KillBroker { .. } => "kill_broker",
            Fault::StopBroker { .. } => "stop_broker",
            Fault::FreezeBroker { .. } => "freeze_broker",
            Fault::KillGroupCoordinator => "kill_group_coordinator",
            Fault::KillTransactionCoordinator { .. } => "kill_transaction_coordinator",
            Fault::Leaderless => "leaderless",
            Fault::AddPartitions { .. } => "add_partitions",
            Fault::TrimInput => "trim_input",
            Fault::TrimUnread => "trim_unread",
            Fault::DeleteOffsets => "delete_offsets",
            Fault::RefuseRecords => "refuse_records",
            Fault::Revoke { .. } => "revoke",
            Fault::Network { .. } => "network",
        }
    }

    /// The process that it takes for itself.
    pub fn process(&self) -> Option<usize> {
        match self {
            Fault::KillProcess { process }
            | Fault::StopProcess { process }
            | Fault::RestartProcess { process }
            | Fault::DeleteState { process }
            | Fault::DamageState { process, .. }
            | Fault::FullDisk { process } => Some(*process),
            _ => None,
        }
    }

    /// Whether it takes all processes.
    pub fn takes_all_processes(&self) -> bool {
        matches!(self, Fault::KillAllProcesses | Fault::TrimUnread | Fault::DeleteOffsets)
    }

    /// Whether a broker is away meanwhile: one at a time, as two of three have to be in sync.
    pub fn takes_broker(&self) -> bool {
        let kind = self.kind();
        kind.ends_with("_broker") || kind.ends_with("_coordinator") || kind == "leaderless"
    }

    /// Whether an application may end with an error meanwhile, to be started again: what was refused needs a person's
    /// decision.
    pub fn permits_an_end(&self) -> bool {
        matches!(self, Fault::RefuseRecords | Fault::Revoke { .. } | Fault::FullDisk { .. })
    }
}

/// Random numbers that a seed repeats (splitmix64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The events of a seed.
    pub fn of(seed: u64) -> Self {
        Chance(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    fn index(&mut self, limit: usize) -> usize {
        usize::try_from(self.below(limit as u64)).unwrap_or(0)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        choices.get(self.index(choices.len())).copied()
    }
}

/// The events of a seed for a storm of this many milliseconds, in their order. `only` names the kinds; empty is all of
/// them. All kinds come up before one comes again.
pub fn schedule(seed: u64, length_ms: u64, only: &[String]) -> Vec<Event> {
    let mut chance = Chance::of(seed);
    let kinds: Vec<_> =
        KINDS.iter().filter(|(kind, ..)| only.is_empty() || only.iter().any(|one| one == kind)).collect();
    let mut events: Vec<Event> = Vec::new();
    let mut waiting: Vec<&(&str, u64, u64)> = Vec::new();
    let (mut at_ms, mut broker_free_ms, mut free_ms) = (3_000, 0, [0_u64; PROCESSES]);
    while at_ms < length_ms && !kinds.is_empty() {
        if waiting.is_empty() {
            waiting.clone_from(&kinds);
        }
        let &(kind, least, more) = waiting.swap_remove(chance.index(waiting.len()));
        let for_ms = least + chance.below(more + 1);
        let mut fault = fault_of(kind, &mut chance);
        // A process that nobody else has taken; the rest waits for it.
        if let Some(process) = fault.process() {
            at_ms = at_ms.max(free_ms[process]);
            free_ms[process] = at_ms + for_ms + PROCESS_PAUSE_MS;
        }
        if fault.takes_all_processes() {
            at_ms = free_ms.iter().copied().fold(at_ms, u64::max);
            free_ms = [at_ms + for_ms + PROCESS_PAUSE_MS; PROCESSES];
        }
        if fault.takes_broker() {
            at_ms = at_ms.max(broker_free_ms);
            broker_free_ms = at_ms + for_ms + BROKER_PAUSE_MS;
        }
        if let Fault::AddPartitions { more } = &mut fault {
            *more = 1 + i32::from(chance.below(2) == 1);
        }
        if at_ms + for_ms >= length_ms {
            break;
        }
        events.push(Event { at_ms, for_ms, fault });
        at_ms += 1_500 + chance.below(5_000);
    }
    events
}

fn fault_of(kind: &str, chance: &mut Chance) -> Fault {
    let (process, node) = (chance.index(PROCESSES), chance.index(BROKERS));
    match kind {
        "kill_process" => Fault::KillProcess { process },
        "kill_all_processes" => Fault::KillAllProcesses,
        "stop_process" => Fault::StopProcess { process },
        "restart_process" => Fault::RestartProcess { process },
        "delete_state" => Fault::DeleteState { process },
        "damage_state" => Fault::DamageState { process, salt: chance.below(1 << 32) },
        // The one with a small file system of its own.
        "full_disk" => Fault::FullDisk { process: 0 },
        "kill_broker" => Fault::KillBroker { node },
        "stop_broker" => Fault::StopBroker { node },
        "freeze_broker" => Fault::FreezeBroker { node },
        "kill_group_coordinator" => Fault::KillGroupCoordinator,
        "kill_transaction_coordinator" => {
            Fault::KillTransactionCoordinator { partition: i32::try_from(chance.below(3)).unwrap_or(0) }
        }
        "leaderless" => Fault::Leaderless,
        "add_partitions" => Fault::AddPartitions { more: 1 },
        "trim_input" => Fault::TrimInput,
        "trim_unread" => Fault::TrimUnread,
        "delete_offsets" => Fault::DeleteOffsets,
        "refuse_records" => Fault::RefuseRecords,
        "revoke" => {
            let rights = [Right::WriteResults, Right::ReadInput, Right::JoinGroup];
            Fault::Revoke { right: chance.one_of(&rights).unwrap_or(Right::WriteResults) }
        }
        _ => Fault::Network { rule: rule_of(chance) },
    }
}

/// The requests of transactions are hit most: their outcomes are what can be in doubt.
fn rule_of(chance: &mut Chance) -> Rule {
    const APIS: &[Option<Api>] = &[
        Some(Api::EndTxn),
        Some(Api::EndTxn),
        Some(Api::TxnOffsetCommit),
        Some(Api::TxnOffsetCommit),
        Some(Api::AddPartitionsToTxn),
        Some(Api::AddOffsetsToTxn),
        Some(Api::InitProducerId),
        Some(Api::Produce),
        Some(Api::Produce),
        Some(Api::Fetch),
        Some(Api::FindCoordinator),
        Some(Api::JoinGroup),
        Some(Api::Heartbeat),
        Some(Api::OffsetFetch),
        Some(Api::Metadata),
        None,
    ];
    let api = chance.one_of(APIS).unwrap_or(None);
    let way = if chance.below(2) == 0 { Way::Request } else { Way::Answer };
    let act = match chance.below(4) {
        0 => Act::Drop,
        1 => Act::Cut,
        // Within the patience of clients, and beyond it.
        2 => Act::Delay(200 + chance.below(1_500)),
        _ => Act::Delay(8_000 + chance.below(8_000)),
    };
    let times = match (api, act) {
        (None, _) => 60,
        // Each holds up a connection.
        (_, Act::Delay(_)) => 3,
        _ => 1 + chance.below(10),
    };
    Rule { api, way, act, times }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_repeats_its_events_and_another_has_others() {
        assert_eq!(schedule(1, 600_000, &[]), schedule(1, 600_000, &[]));
        assert_ne!(schedule(1, 600_000, &[]), schedule(2, 600_000, &[]));
    }

    #[test]
    fn events_are_data() {
        for event in schedule(3, 1_200_000, &[]) {
            let line = serde_json::to_string(&event).expect("a line");
            assert_eq!(serde_json::from_str::<Event>(&line).expect(&line), event);
        }
    }

    #[test]
    fn all_kinds_come_up_and_only_those_asked_for() {
        let kinds = |events: &[Event]| events.iter().map(|event| event.fault.kind()).collect::<BTreeSet<_>>();
        let all: BTreeSet<_> = KINDS.iter().map(|(kind, ..)| *kind).collect();
        assert_eq!(kinds(&schedule(5, 1_200_000, &[])), all);
        let two = ["network".to_owned(), "kill_process".to_owned()];
        assert_eq!(kinds(&schedule(5, 300_000, &two)), BTreeSet::from(["kill_process", "network"]));
    }

    #[test]
    fn one_broker_is_away_at_a_time_and_a_process_suffers_one_fault_at_a_time() {
        for seed in 0..50 {
            let events = schedule(seed, 1_200_000, &[]);
            let taken = |one: &Event, other: &Event| {
                let brokers = one.fault.takes_broker() && other.fault.takes_broker();
                let all = Fault::takes_all_processes;
                let process = one.fault.process().is_some() && one.fault.process() == other.fault.process();
                let every = (all(&one.fault) && (all(&other.fault) || other.fault.process().is_some()))
                    || (all(&other.fault) && one.fault.process().is_some());
                brokers || process || every
            };
            for (at, one) in events.iter().enumerate() {
                for other in &events[at + 1..] {
                    let apart = other.at_ms >= one.at_ms + one.for_ms;
                    assert!(apart || !taken(one, other), "seed {seed}: {one:?} and {other:?}");
                }
            }
        }
    }
}
