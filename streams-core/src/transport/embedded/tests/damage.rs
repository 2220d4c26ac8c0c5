//! A broker in a directory whose write-ahead log is damaged after the process has ended in order or was killed: nothing
//! that was acknowledged is missing without an error.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::*;
use crate::runtime::trial::{count_of, warnings};

const TORN: &str = "a write was not complete";
const MACHINE: &str = "had not reached the disk";
const DAMAGED: [&str; 2] = ["it is damaged (", "put a copy in its place"];

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn write_values(broker: &Arc<EmbeddedBroker>, values: std::ops::Range<usize>) {
    let mut writer = transactional(broker, "x");
    for value in values {
        commit_values(&mut *writer, &partition(), &[&value.to_string()]);
    }
}

/// The directory of a broker that wrote `0..100`, was closed, wrote `100..200`, and was killed or closed.
fn left_by(killed: bool) -> tempfile::TempDir {
    let (live, left) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let broker = EmbeddedBroker::open(live.path()).unwrap();
    create(&broker, "t", 1);
    write_values(&broker, 0..100);
    drop(broker);
    let broker = EmbeddedBroker::open(live.path()).unwrap();
    write_values(&broker, 100..200);
    if !killed {
        drop(broker);
        return live;
    }
    // What the kernel has of the files is what a killed process leaves.
    fs::create_dir(left.path().join("log")).unwrap();
    for file in fs::read_dir(live.path().join("log")).unwrap().map(|file| file.unwrap()) {
        fs::copy(file.path(), left.path().join("log").join(file.file_name())).unwrap();
    }
    left
}

fn logs(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.join("log")).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "log")).collect()
}

/// The log with the tail of a broker that was killed.
fn log(dir: &Path) -> PathBuf {
    let log = logs(dir).into_iter().max().unwrap();
    assert!(fs::metadata(&log).unwrap().len() > 1_000);
    log
}

fn cut(log: &Path, length: u64) {
    fs::File::options().write(true).open(log).unwrap().set_len(length).unwrap();
}

fn flip(log: &Path, at: usize) {
    let mut bytes = fs::read(log).unwrap();
    bytes[at] ^= 1;
    fs::write(log, bytes).unwrap();
}

fn length(log: &Path) -> u64 {
    fs::metadata(log).unwrap().len()
}

fn all() -> Vec<String> {
    (0..200).map(|value| value.to_string()).collect()
}

/// Opens the directory, twice: the second start must not take for granted what the first one refused.
#[track_caller]
fn assert_refused(dir: &Path) {
    for _ in 0..2 {
        let said = EmbeddedBroker::open(dir).map(|broker| committed_values(&broker, &partition()).len());
        let said = said.map_err(|error| error.to_string()).unwrap_err();
        for part in DAMAGED {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(said.contains(&dir.canonicalize().unwrap().display().to_string()), "{said}");
    }
}

/// What is there, and what was logged.
fn opened(dir: &Path) -> (Vec<String>, Vec<String>) {
    warnings(|| committed_values(&EmbeddedBroker::open(dir).unwrap(), &partition()))
}

#[test]
fn nothing_depends_on_the_log_of_a_broker_that_was_closed() {
    for damage in [|log: &Path| fs::remove_file(log).unwrap(), |log: &Path| cut(log, 0)] {
        let dir = left_by(false);
        logs(dir.path()).iter().for_each(|log| damage(log));
        assert_eq!(opened(dir.path()), (all(), vec![]));
    }
}

#[test]
fn an_undamaged_log_of_a_killed_process_is_read_without_a_word() {
    let dir = left_by(true);
    assert_eq!(opened(dir.path()), (all(), vec![]));
    assert_eq!(opened(dir.path()), (all(), vec![]));
}

#[test]
fn a_deleted_log_is_refused() {
    let dir = left_by(true);
    fs::remove_file(log(dir.path())).unwrap();
    assert_refused(dir.path());
}

#[test]
fn an_emptied_log_is_refused() {
    let dir = left_by(true);
    cut(&log(dir.path()), 0);
    assert_refused(dir.path());
}

#[test]
fn a_log_that_was_cut_is_refused() {
    for part in [2, 3, 10] {
        let dir = left_by(true);
        let log = log(dir.path());
        cut(&log, length(&log) / part);
        assert_refused(dir.path());
    }
    let dir = left_by(true);
    let log = log(dir.path());
    cut(&log, length(&log) - 1);
    assert_refused(dir.path());
}

#[test]
fn a_log_with_a_wrong_byte_is_refused() {
    let template = left_by(true);
    let bytes = length(&log(template.path()));
    // Among them lengths and types of records, which lead a reader astray.
    for at in (0..15).chain((1..10).map(|part| bytes * part / 10)).chain([bytes - 1]) {
        let dir = left_by(true);
        flip(&log(dir.path()), usize::try_from(at).unwrap());
        assert_refused(dir.path());
    }
}

#[test]
fn a_write_that_a_crash_cut_off_is_dropped_with_a_warning() {
    // A whole header of a write and a part of it; a part of a header; the first of two parts of a write.
    let whole_part = [&[0, 0, 0, 0, 0, 0][..], &[2]].concat();
    for (torn, is_whole) in
        [(&b"\x01\x02\x03\x04\x50\x00\x01half"[..], false), (b"\x01\x02\x03", false), (&whole_part, true)]
    {
        let dir = left_by(true);
        let log = log(dir.path());
        fs::File::options().append(true).open(&log).unwrap().write_all(torn).unwrap();
        if is_whole {
            // Its checksum is wrong: that is damage.
            assert_refused(dir.path());
            continue;
        }
        let (values, lines) = opened(dir.path());
        assert_eq!((values, count_of(&lines, TORN), lines.len()), (all(), 1, 1), "{lines:#?}");
        assert_eq!(opened(dir.path()), (all(), vec![]));
    }
}

/// Pretends that the machine has been started since.
fn restart_machine(dir: &Path) {
    let note = dir.join("log/acknowledged");
    let text = fs::read_to_string(&note).unwrap();
    let (numbers, boot) = text.trim_end().rsplit_once(' ').unwrap();
    fs::write(note, format!("{numbers} {}\n", "0".repeat(boot.len()))).unwrap();
}

#[test]
fn a_machine_that_died_loses_the_tail_that_was_not_synced_with_a_warning() {
    let dir = left_by(true);
    let log = log(dir.path());
    cut(&log, length(&log) / 2);
    restart_machine(dir.path());
    let (values, lines) = opened(dir.path());
    assert!(values.len() > 100 && values.len() < 200 && all().starts_with(&values), "{}", values.len());
    assert_eq!(count_of(&lines, MACHINE), 1, "{lines:#?}");
    assert_eq!(opened(dir.path()), (values, vec![]));
}

#[test]
fn a_machine_that_died_loses_nothing_that_was_synced() {
    let dir = left_by(false);
    restart_machine(dir.path());
    assert_eq!(opened(dir.path()), (all(), vec![]));
    restart_machine(dir.path());
    // As if all of it had been made from an older copy of everything else.
    let note = dir.path().join("log/acknowledged");
    let text = fs::read_to_string(&note).unwrap();
    fs::write(note, text.replacen(" 0", " 1", 1)).unwrap();
    assert_refused(dir.path());
}
