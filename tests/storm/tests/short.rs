//! The short form of `make storm`: about a minute, with the faults that a cluster sees most.

#![allow(clippy::panic, reason = "tests fail by panicking")]

use std::time::Duration;

use storm::{Act, Api, Event, Fault, Rule, Storm, Way, Weather};

fn at(second: u64, seconds: u64, fault: Fault) -> Event {
    Event { at_ms: second * 1_000, for_ms: seconds * 1_000, fault }
}

fn network(api: Api, way: Way, act: Act) -> Fault {
    Fault::Network { rule: Rule { api: Some(api), way, act, times: 2 } }
}

#[test]
fn a_short_storm_leaves_everything_right() {
    let events = vec![
        at(6, 1, Fault::KillProcess { process: 1 }),
        at(9, 4, network(Api::TxnOffsetCommit, Way::Answer, Act::Drop)),
        at(12, 14, Fault::StopProcess { process: 2 }),
        at(14, 5, Fault::KillGroupCoordinator),
        at(22, 1, Fault::DeleteState { process: 0 }),
        at(26, 0, Fault::AddPartitions { more: 2 }),
        at(28, 4, network(Api::EndTxn, Way::Request, Act::Delay(9_000))),
        at(34, 0, Fault::TrimInput),
        at(36, 1, Fault::KillAllProcesses),
        at(42, 2, Fault::TrimUnread),
        at(48, 1, Fault::DeleteOffsets),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let storm =
        Storm { program: env!("CARGO_BIN_EXE_storm_app").into(), folder: folder.path().to_path_buf() };
    match storm.pass(&Weather { length: Duration::from_secs(56), events, per_second: 300 }) {
        Ok(touched) => assert!(touched > 0, "no event of the network met a message"),
        Err(wrong) => {
            let kept = folder.keep();
            panic!("{wrong}\nlogs and state are kept in {}", kept.display());
        }
    }
}
