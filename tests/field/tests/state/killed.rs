//! Processes that are killed over their state, and one whose state lies where others delete it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::time::Duration;

use field::process::{DEFAULT_FOLDER, Program};
use field::{LIMIT, committed, turn, wait_committed};
use lab::{KafkaClient, TestRecord, shared};

use crate::world::wait;

const COUNTER: &str = env!("CARGO_BIN_EXE_counter");

fn topics(client: &KafkaClient, name: &str) -> (String, String) {
    let (input, output) = (format!("{name}-in"), format!("{name}-out"));
    client.create_topic(&input, 1, &[]).expect("created");
    client.create_topic(&output, 1, &[]).expect("created");
    (input, output)
}

/// Every count of every key, which is there once and in order.
fn counted(client: &KafkaClient, output: &str) -> usize {
    let mut seen: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for record in client.consume_all(output, true).expect("read") {
        let count = record.value.as_deref().and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes);
        seen.entry(record.key_text()).or_default().push(count.expect("a count"));
    }
    for (key, counts) in &seen {
        assert_eq!(counts, &(1..).take(counts.len()).collect::<Vec<_>>(), "{key}");
    }
    seen.values().map(Vec::len).sum()
}

/// Each guarantee continues from what a killed process of the other one has left. Under exactly-once it is killed in the
/// middle of its work, otherwise when everything is committed, so that nothing need be there twice.
#[test]
fn local_state_of_a_killed_process_fits_both_guarantees() {
    const RECORDS: usize = 300;
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let name = "killed-both";
    let (input, output) = topics(&client, name);
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().to_string_lossy();
    let mut sent = 0;
    for guarantee in ["at_least_once", "exactly_once_v2", "at_least_once", "exactly_once_v2", "at_least_once"]
    {
        let record = |n: usize| TestRecord::new(format!("k{}", n % 7), "v");
        client.produce(&input, (sent..sent + RECORDS).map(record)).expect("produced");
        sent += RECORDS;
        let guarantee_is = format!("processing.guarantee={guarantee}");
        let settings = [
            &*guarantee_is,
            "consumer.session.timeout.ms=6000",
            "producer.transaction.timeout.ms=3000",
            "statestore.cache.max.bytes=0",
            "commit.interval.ms=100",
        ];
        let arguments = [client.bootstrap(), name, &*folder, &*input, &*output, "3"];
        let mut program = Program::start(COUNTER, &[&arguments[..], &settings[..]].concat());
        match guarantee {
            "exactly_once_v2" => program.wait_records(100),
            _ => wait_committed(&client, name, &[&input], 3 * LIMIT),
        }
        program.wait("wiped=0");
        program.process.kill().expect("killed");
    }
    // What a killed process left open holds the last counts back, until the broker gives it up.
    wait(|| counted(&client, &output) >= sent, || format!("all counts: {}", counted(&client, &output)));
    assert_eq!(counted(&client, &output), sent);
}

/// No `state.dir` is set, and something empties the directory of temporary files.
#[test]
fn state_in_the_directory_of_temporary_files_is_warned_of_and_heals() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let name = "killed-default";
    let (input, output) = topics(&client, name);
    let temporary = tempfile::tempdir().expect("a folder");
    let start = || {
        let settings = ["state.cleanup.delay.ms=400", "statestore.cache.max.bytes=0"];
        let arguments = [client.bootstrap(), name, DEFAULT_FOLDER, &*input, &*output, "0"];
        let environment: [(&str, &OsStr); 1] = [("TMPDIR", temporary.path().as_os_str())];
        Program::start_in(COUNTER, &[&arguments[..], &settings[..]].concat(), &environment)
    };
    let record = || TestRecord::new("k", "v");
    let mut program = start();
    program.wait("tasks=1");
    let told = program.logged("state.dir is the default");
    let place = temporary.path().join("kafka-streams");
    assert!(told.len() == 1 && told[0].contains(&*place.to_string_lossy()), "{told:?}");
    client.produce(&input, [record(), record()]).expect("produced");
    committed(&client, &output, 2);
    std::fs::remove_dir_all(place.join(name)).expect("deleted");
    wait(|| program.said().contains("closed="), || format!("the end: {}", program.said()));
    let said = program.said();
    assert!(said.starts_with("ERROR") && said.contains("state.dir"), "{said}");
    program.process.wait(Duration::from_secs(30)).expect("it ends by itself");

    let mut program = start();
    client.produce(&input, [record()]).expect("produced");
    committed(&client, &output, 3);
    assert_eq!(counted(&client, &output), 3);
    program.process.kill().expect("killed");
}
