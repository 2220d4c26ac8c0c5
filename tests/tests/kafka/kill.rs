//! Killed with SIGKILL at random moments, an application writes what a run without a fault writes, and keeps its state.

use std::time::{Duration, Instant};

use tests::apps::{Feed, SoakSettings, SoakTopics};
use tests::checks::{Exactness, SoakModel};
use tests::lab::shared;

use crate::support::{Chance, Soak, turn};

const KILLS: u64 = 30;

/// At-least-once has less to prove: that nothing is lost.
const KILLS_AT_LEAST_ONCE: u64 = 8;

/// Every sixth kill comes at any moment of a start, the others hit a running application.
const KILLS_OF_STARTS: u64 = 6;

/// Changelog records that the databases may be behind: those of half a second (decision 0007), with what was due after an
/// outage. All of them are over 150,000.
const TAIL_MAX: u64 = 30_000;

const LIMIT: Duration = Duration::from_secs(180);

fn kill_again_and_again(
    soak: &Soak,
    settings: &SoakSettings,
    (kills, per_second): (u64, u32),
    exactness: Exactness,
) {
    let mut chance = Chance::new(&soak.app);
    let feed = Feed::start(&soak.client, &soak.topics.input, soak.model.input(), per_second);
    let begin = Instant::now();
    let mut tails = Vec::new();
    for kill in 1..=kills {
        let mut process = Soak::start(settings);
        if kill % KILLS_OF_STARTS == 0 {
            std::thread::sleep(chance.millis_below(2_000));
        } else {
            process.wait_running(LIMIT).expect("it runs");
            std::thread::sleep(chance.millis_below(1_200));
        }
        tails.extend(process.running().map(|said| (said.restored_records, said.wiped_tasks)));
        process.kill().expect("killed");
    }
    println!("{}: {kills} kills in {:?}, input done: {}", soak.app, begin.elapsed(), feed.is_done());
    feed.finish().expect("the input is written");
    let mut process = Soak::start(settings);
    let said = process.wait_running(LIMIT).expect("it runs");
    tails.push((said.restored_records, said.wiped_tasks));
    soak.wait_done(LIMIT);
    let last = process.latest();
    println!(
        "{}: (restored, wiped) after each restart {tails:?}; done after {:?}",
        soak.app,
        begin.elapsed()
    );
    assert!(process.close(LIMIT).expect("it closes"), "{last:?}");
    soak.check(exactness);
    assert_eq!(last.dropped_records, 0, "nothing is dropped");
    for (restored, wiped) in tails.iter().skip(1) {
        assert_eq!(*wiped, 0, "local state is kept: {tails:?}");
        assert!(*restored <= TAIL_MAX, "only the tail is restored: {tails:?}");
    }
    let logged: i64 = SoakTopics::changelogs(&soak.app)
        .iter()
        .flat_map(|topic| soak.client.end_offsets(topic).expect("offsets"))
        .sum();
    if exactness == Exactness::AtLeast {
        // What is processed again is logged again, so that the tail says little.
        return;
    }
    let most = tails.iter().map(|(restored, _)| restored.cast_signed()).max().unwrap_or(0);
    assert!(logged > 4 * most, "{most} of {logged} changelog records restored is not a tail");
}

/// Caching off: every update of every key, in order.
#[test]
fn thirty_kills_change_no_update() {
    let _turn = turn();
    let model = SoakModel { records: 300_000, keys: 1_000 };
    let soak = Soak::new(shared().expect("a broker").client(), "kill-uncached", model);
    kill_again_and_again(&soak, &soak.settings("one"), (KILLS, 4_000), Exactness::Whole);
}

/// Caching on, and a static member: the final value of every key and window.
#[test]
fn thirty_kills_change_no_final_value() {
    let _turn = turn();
    let model = SoakModel { records: 300_000, keys: 1_000 };
    let soak = Soak::new(shared().expect("a broker").client(), "kill-cached", model);
    let settings =
        SoakSettings { cache_bytes: 10 << 20, instance: Some("one".to_owned()), ..soak.settings("one") };
    kill_again_and_again(&soak, &settings, (KILLS, 5_000), Exactness::Advancing);
}

/// Under at-least-once records are processed again after a kill, but none is left out.
#[test]
fn kills_lose_nothing_under_at_least_once() {
    let _turn = turn();
    let model = SoakModel { records: 100_000, keys: 500 };
    let soak = Soak::new(shared().expect("a broker").client(), "kill-at-least-once", model);
    let settings = SoakSettings { guarantee: "at_least_once".to_owned(), ..soak.settings("one") };
    kill_again_and_again(&soak, &settings, (KILLS_AT_LEAST_ONCE, 5_000), Exactness::AtLeast);
}
