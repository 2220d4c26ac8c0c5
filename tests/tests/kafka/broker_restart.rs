//! The broker is restarted in mid-run, in order and by SIGKILL; the application goes on by itself.

use std::time::Duration;

use tests::checks::{Exactness, SoakModel};
use tests::lab::KafkaCluster;

use crate::support::{Soak, turn};

/// Longer than all the time-outs that a broker which is away may use up one after the other.
const LIMIT: Duration = Duration::from_secs(180);

const RECORDS: usize = 60_000;

#[test]
#[ignore = "offsets can stay pending in the group for ever after a SIGKILL of the broker; see the changelog"]
fn an_application_survives_restarts_of_the_broker() {
    let _turn = turn();
    let cluster = KafkaCluster::start(1).expect("a broker of its own");
    let model = SoakModel { records: 60_000, keys: 500 };
    let soak = Soak::new(cluster.client(), "broker-restart", model);
    let mut process = Soak::start(&soak.settings("one"));
    process.wait_running(LIMIT).expect("it runs");
    let mut input = soak.model.input();
    for in_order in [true, false] {
        // Acknowledged before the broker goes down: a producer that is cut off may write a batch twice, and this is a
        // test of the application, which is in the middle of these records.
        let part: Vec<_> = input.by_ref().take(RECORDS / 3).collect();
        soak.client.produce(&soak.topics.input, part).expect("a part of the input is written");
        if in_order { cluster.stop_broker(0) } else { cluster.kill_broker(0) }.expect("down");
        std::thread::sleep(Duration::from_secs(2));
        cluster.start_broker(0).expect("up");
    }
    soak.client.produce(&soak.topics.input, input).expect("the rest of the input is written");
    let written: i64 = soak.client.end_offsets(&soak.topics.input).expect("the input's ends").iter().sum();
    assert_eq!(usize::try_from(written), Ok(RECORDS), "the broker took every record of the input once");
    soak.wait_done(LIMIT);
    let last = process.latest();
    println!("{last:?}");
    assert_eq!(last.wiped_tasks, 0, "{last:?}");
    assert!(process.close(LIMIT).expect("it closes"));
    soak.check(Exactness::Whole);
}
