//! The kill test on the durable embedded broker, which dies with the application and is opened again with it.

use std::path::Path;
use std::time::{Duration, Instant};

use tests::apps::{EmbeddedClient, SoakProcess, SoakSettings, SoakTopics};
use tests::checks::{Exactness, SoakModel};

use crate::support::{Chance, turn};

const KILLS: u64 = 30;
const LIMIT: Duration = Duration::from_secs(180);

/// Changelog records that the databases may be behind: those of half a second (decision 0007), with what was due after an
/// outage.
const TAIL_MAX: u64 = 20_000;

/// Stage one and stage two process every record, the table has a row for each key.
const MODEL: SoakModel = SoakModel { records: 300_000, keys: 1_000 };

/// Whether the input is written and processed.
fn is_done(client: &EmbeddedClient, topics: &SoakTopics) -> bool {
    let written: i64 = client.end_offsets(&topics.input).expect("offsets").values().sum();
    let between = SoakTopics::repartition("kill-embedded");
    let processed = client.is_done("kill-embedded", &[topics.input.as_str(), between.as_str()]);
    written == i64::from(MODEL.records) && processed.expect("offsets")
}

/// Waits until nothing has been committed for two seconds: most probably the input is written and processed.
fn wait_quiet(process: &SoakProcess) {
    let begin = Instant::now();
    let (mut commits, mut since) = (0, Instant::now());
    while since.elapsed() < Duration::from_secs(2) {
        assert!(begin.elapsed() < 2 * LIMIT, "{:?}", process.latest());
        let now = process.latest().commits;
        if now != commits {
            (commits, since) = (now, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn thirty_kills_of_an_embedded_broker_change_no_update() {
    let _turn = turn();
    let mut chance = Chance::new("kill-embedded");
    let folder = tempfile::tempdir().expect("a folder");
    let broker = folder.path().join("broker");
    let settings = SoakSettings {
        bootstrap: format!("embedded:{}", broker.display()),
        app: "kill-embedded".to_owned(),
        state_dir: folder.path().join("state"),
        threads: 2,
        guarantee: "exactly_once_v2".to_owned(),
        cache_bytes: 0,
        instance: None,
        session_timeout_ms: 1_500,
        records: MODEL.records,
        keys: MODEL.keys,
        per_second: 8_000,
        set: Vec::new(),
    };
    let start =
        || SoakProcess::start(Path::new(env!("CARGO_BIN_EXE_soak_app")), &settings).expect("it starts");
    let begin = Instant::now();
    let mut tails = Vec::new();
    for kill in 1..=KILLS {
        let mut process = start();
        if kill % 6 == 0 {
            std::thread::sleep(chance.millis_below(1_000));
        } else {
            process.wait_running(LIMIT).expect("it runs");
            std::thread::sleep(chance.millis_below(2_000));
        }
        tails.extend(process.running().map(|said| (said.restored_records, said.wiped_tasks)));
        process.kill().expect("killed");
    }
    println!("{KILLS} kills in {:?}: {tails:?}", begin.elapsed());
    let topics = SoakTopics::of("kill-embedded");
    let killed = Instant::now();
    let client = loop {
        let mut process = start();
        process.wait_running(LIMIT).expect("it runs");
        wait_quiet(&process);
        assert!(process.close(LIMIT).expect("it closes"));
        let client = EmbeddedClient::open(&broker).expect("the broker's folder");
        if is_done(&client, &topics) {
            break client;
        }
        // The machine stood still, and not the application.
        assert!(killed.elapsed() < 2 * LIMIT, "it does not get to the end of the input");
    };
    println!("done after {:?}", begin.elapsed());
    MODEL.check(|topic| client.consume_all(topic), &topics, Exactness::Whole).expect("the model's results");
    for (restored, wiped) in tails.iter().skip(1) {
        assert_eq!(*wiped, 0, "local state is kept: {tails:?}");
        assert!(*restored <= TAIL_MAX, "only the tail is restored: {tails:?}");
    }
}
