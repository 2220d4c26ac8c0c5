//! A process that is stopped while it only writes: its uncommitted work is not committed when it continues, though it has
//! read nothing whose offset would show the group that it was expelled.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use field::process::Program;
use field::{LIMIT, turn};
use lab::{KafkaClient, shared};

const PARTITIONS: usize = 2;

/// How many counts of each task there are; each is there once, and in order.
fn counts(client: &KafkaClient, output: &str) -> BTreeMap<String, usize> {
    let mut seen: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for record in client.consume_all(output, true).expect("read") {
        seen.entry(record.key_text()).or_default().push(record.value_text().parse().expect("a count"));
    }
    for (task, counts) in &seen {
        let expected: Vec<usize> = (1..=counts.len()).collect();
        assert_eq!(counts, &expected, "task {task}");
    }
    seen.into_iter().map(|(task, counts)| (task, counts.len())).collect()
}

/// Waits until every task has counted further than that.
fn wait_counts(client: &KafkaClient, output: &str, before: &BTreeMap<String, usize>) {
    let begin = Instant::now();
    loop {
        let now = counts(client, output);
        let further = |(task, count): (&String, &usize)| *count > before.get(task).copied().unwrap_or(0);
        if now.len() == PARTITIONS && now.iter().all(further) {
            return;
        }
        assert!(begin.elapsed() < LIMIT, "{now:?} after {before:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn stopped(name: &str, times: usize) {
    let client = shared().expect("a broker").client();
    let (input, output) = (format!("{name}-in"), format!("{name}-out"));
    client.create_topic(&input, 2, &[]).expect("created");
    client.create_topic(&output, 1, &[]).expect("created");
    let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let mut programs = folders.each_ref().map(|folder| {
        let folder = folder.path().to_string_lossy();
        let settings =
            ["consumer.session.timeout.ms=6000", "commit.interval.ms=100", "statestore.cache.max.bytes=0"];
        let arguments = [client.bootstrap(), name, &*folder, &*input, &*output];
        Program::start(env!("CARGO_BIN_EXE_ticker"), &[&arguments[..], &settings[..]].concat())
    });
    for time in 0..times {
        programs.iter().for_each(|program| program.wait("tasks=1"));
        wait_counts(&client, &output, &counts(&client, &output));
        let [first, second] = &mut programs;
        let (one, other) = if time % 2 == 0 { (first, second) } else { (second, first) };
        one.process.pause().expect("stopped");
        let before = counts(&client, &output);
        other.wait("tasks=2");
        wait_counts(&client, &output, &before);
        one.process.resume().expect("continued");
    }
    programs.iter().for_each(|program| program.wait("tasks=1"));
    wait_counts(&client, &output, &counts(&client, &output));
}

#[test]
fn what_a_stopped_process_has_written_without_reading_is_not_committed_later() {
    let _turn = turn();
    stopped("stopped-ticker", 2);
}

#[test]
#[ignore = "a campaign: takes minutes"]
fn campaign_of_stops() {
    let _turn = turn();
    stopped("stopped-ticker-long", 30);
}
