//! Processes of one application share the partitions; one is killed, one joins, and the results stay the same.

use std::collections::BTreeSet;
use std::time::Duration;

use tests::apps::{Feed, SoakProcess};
use tests::checks::{Exactness, SoakModel};
use tests::lab::shared;

use crate::support::{Soak, turn};

const LIMIT: Duration = Duration::from_secs(180);

/// Two sub-topologies with four partitions each.
const TASKS: usize = 8;

/// Waits until each process runs a share and all of them together run everything.
fn wait_shared(processes: &mut [&mut SoakProcess]) {
    let begin = std::time::Instant::now();
    loop {
        let said: Vec<_> = processes.iter().map(|process| process.latest()).collect();
        let shares: Vec<usize> = said.iter().map(|report| report.running_tasks).collect();
        let all_run = said.iter().all(|report| report.state == "RUNNING");
        if all_run && shares.iter().sum::<usize>() == TASKS && !shares.contains(&0) {
            println!("shares {shares:?} after {:?}", begin.elapsed());
            return;
        }
        assert!(begin.elapsed() < LIMIT, "{said:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Each thread of each instance has an id of its own, and keeps it: nobody fences anybody else.
fn assert_transactional_ids(soak: &Soak, instances: usize) {
    let noted = soak.client.consume_all("__transaction_state", false).expect("read");
    let ids: BTreeSet<String> = noted
        .iter()
        .filter_map(|record| record.key_text().find("processes-").map(|at| record.key_text().split_off(at)))
        .collect();
    assert_eq!(ids.len(), instances * soak.settings("any").threads, "{ids:?}");
}

#[test]
fn processes_share_the_work_and_take_over_from_each_other() {
    let _turn = turn();
    let model = SoakModel { records: 100_000, keys: 500 };
    let soak = Soak::new(shared().expect("a broker").client(), "processes", model);
    let feed = Feed::start(&soak.client, &soak.topics.input, soak.model.input(), 5_000);
    let mut first = Soak::start(&soak.settings("first"));
    first.wait_running(LIMIT).expect("it runs");
    let mut second = Soak::start(&soak.settings("second"));
    wait_shared(&mut [&mut first, &mut second]);
    let mut third = Soak::start(&soak.settings("third"));
    wait_shared(&mut [&mut first, &mut second, &mut third]);
    second.kill().expect("killed");
    wait_shared(&mut [&mut first, &mut third]);
    let mut fourth = Soak::start(&soak.settings("fourth"));
    wait_shared(&mut [&mut first, &mut third, &mut fourth]);
    // One leaves in order, and one comes back to the state that it had when it was killed.
    assert!(first.close(LIMIT).expect("it closes"));
    let mut second = Soak::start(&soak.settings("second"));
    wait_shared(&mut [&mut second, &mut third, &mut fourth]);
    println!("input done: {}", feed.is_done());
    feed.finish().expect("the input is written");
    soak.wait_done(LIMIT);
    for process in [second, third, fourth] {
        assert!(process.close(LIMIT).expect("it closes"));
    }
    soak.check(Exactness::Whole);
    assert_transactional_ids(&soak, 4);
}
