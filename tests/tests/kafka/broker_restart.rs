//! The broker is restarted in mid-run, in order and by SIGKILL; the application goes on by itself.

use std::time::Duration;

use tests::apps::Feed;
use tests::checks::{Exactness, SoakModel};
use tests::lab::KafkaCluster;

use crate::support::{Soak, turn};

const LIMIT: Duration = Duration::from_secs(90);

#[test]
fn an_application_survives_restarts_of_the_broker() {
    let _turn = turn();
    let cluster = KafkaCluster::start(1).expect("a broker of its own");
    let model = SoakModel { records: 60_000, keys: 500 };
    let soak = Soak::new(cluster.client(), "broker-restart", model);
    let feed = Feed::start(&soak.client, &soak.topics.input, soak.model.input(), 3_000);
    let mut process = Soak::start(&soak.settings("one"));
    process.wait_running(LIMIT).expect("it runs");
    for in_order in [true, false] {
        let before = process.latest().processed_records;
        process.wait_until(LIMIT, |said| said.processed_records > before + 5_000).expect("it works");
        if in_order { cluster.stop_broker(0) } else { cluster.kill_broker(0) }.expect("down");
        std::thread::sleep(Duration::from_secs(2));
        cluster.start_broker(0).expect("up");
    }
    println!("input done: {}", feed.is_done());
    feed.finish().expect("the input is written");
    let written: i64 = soak.client.end_offsets(&soak.topics.input).expect("the input's ends").iter().sum();
    assert_eq!(written, 60_000, "the broker took every record of the input once");
    soak.wait_done(LIMIT);
    let last = process.latest();
    println!("{last:?}");
    assert_eq!(last.wiped_tasks, 0, "{last:?}");
    assert!(process.close(LIMIT).expect("it closes"));
    soak.check(Exactness::Whole);
}
