//! Brokers are restarted in mid-run, in order and by SIGKILL; the application goes on by itself.
//!
//! A SIGKILL of the only broker makes Apache Kafka 4.3.1 forget markers of transactions now and then (decision 0008), which
//! the application has to make up for: about one kill in twelve.

use std::time::{Duration, Instant};

use tests::apps::SoakProcess;
use tests::checks::{Exactness, SoakModel};
use tests::lab::KafkaCluster;

use crate::support::{Chance, Soak, turn};

/// Longer than all the time-outs that a broker which is away may use up one after the other.
const LIMIT: Duration = Duration::from_secs(120);

const RECORDS: u32 = 60_000;

/// A cluster of its own, and the application on it.
struct Restarts {
    cluster: KafkaCluster,
    soak: Soak,
    process: SoakProcess,
    begin: Instant,
}

impl Restarts {
    fn start(app: &str, brokers: usize) -> Self {
        let cluster = KafkaCluster::start(brokers).expect("brokers of its own");
        let soak = Soak::new(cluster.client(), app, SoakModel { records: RECORDS, keys: 500 });
        let mut process = Soak::start(&soak.settings("one"));
        process.wait_running(LIMIT).expect("it runs");
        Restarts { cluster, soak, process, begin: Instant::now() }
    }

    /// Takes a broker down so often, in the middle of a part of the input, and checks the results.
    fn run(self, times: u32, mut down: impl FnMut(&KafkaCluster, u32) -> usize) -> u64 {
        let mut input = self.soak.model.input();
        let part = usize::try_from(RECORDS / (times + 1)).expect("small");
        for turn in 0..times {
            // Acknowledged before the broker goes down: a producer that is cut off may write a batch twice, and this is
            // a test of the application, which is in the middle of these records.
            self.write(input.by_ref().take(part).collect());
            let node = down(&self.cluster, turn);
            std::thread::sleep(Duration::from_millis(500));
            self.cluster.start_broker(node).expect("up");
            println!("{:?}: broker {node} is back", self.begin.elapsed());
        }
        self.write(input.collect());
        let client = &self.soak.client;
        let written: i64 =
            client.end_offsets(&self.soak.topics.input).expect("the input's ends").iter().sum();
        assert_eq!(u32::try_from(written), Ok(RECORDS), "the broker took every record of the input once");
        self.soak.wait_done(LIMIT);
        let last = self.process.latest();
        println!("{:?}: {last:?}", self.begin.elapsed());
        assert!(self.process.close(LIMIT).expect("it closes"));
        self.soak.check(Exactness::Whole);
        last.wiped_tasks
    }

    fn write(&self, part: Vec<tests::lab::TestRecord>) {
        self.soak.client.produce(&self.soak.topics.input, part).expect("a part of the input is written");
    }
}

#[test]
fn an_application_survives_restarts_of_its_only_broker() {
    let _turn = turn();
    let wiped = Restarts::start("broker-restart", 1).run(2, |cluster, _| {
        cluster.stop_broker(0).expect("down");
        0
    });
    assert_eq!(wiped, 0, "all state was kept");
}

#[test]
#[ignore = "after a SIGKILL of a broker records can be lost, or tasks wait for ever; see the changelog"]
fn an_application_survives_kills_of_its_only_broker() {
    let _turn = turn();
    let mut chance = Chance::new("broker-kill");
    Restarts::start("broker-kill", 1).run(6, |cluster, _| {
        std::thread::sleep(chance.millis_below(300));
        cluster.kill_broker(0).expect("down");
        0
    });
}

#[test]
#[ignore = "after a SIGKILL of a broker records can be lost, or tasks wait for ever; see the changelog"]
fn an_application_survives_kills_of_each_of_three_brokers() {
    let _turn = turn();
    let mut chance = Chance::new("broker-kill-of-three");
    Restarts::start("broker-kill-of-three", 3).run(3, |cluster, turn| {
        std::thread::sleep(chance.millis_below(300));
        let node = usize::try_from(turn).expect("small");
        cluster.kill_broker(node).expect("down");
        node
    });
}
