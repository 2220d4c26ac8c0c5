//! A killed process loses no batch that was written, and no part of one: a child of this test writes batches
//! until it is killed, and the database it leaves behind is checked.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use state_stores::{Batch, RocksBackend, StoreError, offsets};

use crate::support::{contents, rocks};

const DIR: &str = "STATE_STORES_CRASH_DIR";
const PADDING: [u8; 2000] = [7; 2000];

/// The child. Not a test of its own: it does nothing unless it was started by the one below.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let backend = rocks(dir.as_ref());
    let (one, two) = (backend.keyspace("one").unwrap(), backend.keyspace("two").unwrap());
    let of_offsets = offsets::offsets_keyspace(&*backend).unwrap();
    let mut out = std::io::stdout();
    let next = offsets::read_offsets(&*backend).unwrap().first().map_or(0, |stored| stored.offset as u64);
    for number in next..u64::MAX {
        let mut batch = Batch::new();
        batch.put(one, &number.to_be_bytes(), &PADDING);
        batch.put(two, b"latest", &number.to_be_bytes());
        batch.put(two, &number.to_be_bytes(), b"");
        offsets::put_offset(&mut batch, of_offsets, "changelog", 0, number as i64 + 1);
        backend.write(&batch).unwrap();
        writeln!(out, "written {number}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn a_kill_leaves_an_exact_prefix() {
    let dir = tempfile::tempdir().unwrap();
    // Killed, reopened by the next child, killed again: recovery starts from what recovery left behind.
    for batches in [1, 300, 6000] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_that_writes_until_it_is_killed", "--nocapture"])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let written =
            |line: &String| line.split("written ").nth(1).and_then(|number| number.parse::<u64>().ok());
        lines.by_ref().filter(|line| written(line).is_some()).nth(batches - 1).unwrap();
        let locked = RocksBackend::open(dir.path(), crate::support::memory()).unwrap_err();
        assert!(matches!(locked, StoreError::Locked { .. }), "{locked}");
        child.kill().unwrap();
        let last = lines.filter_map(|line| written(&line)).last();
        child.wait().unwrap();
        check(dir.path(), batches as u64, last);
    }
}

fn check(dir: &std::path::Path, at_least: u64, last: Option<u64>) {
    let backend = rocks(dir);
    let offset = offsets::read_offsets(&*backend).unwrap()[0].offset as u64;
    assert!(offset >= at_least && last.is_none_or(|last| offset > last), "{offset} after {last:?}");
    let [one, two] = ["one", "two"].map(|name| contents(&*backend, backend.keyspace(name).unwrap()));
    assert!(one.keys().map(Vec::as_slice).eq((0..offset).map(u64::to_be_bytes).collect::<Vec<_>>().iter()));
    assert!(one.values().all(|value| value == &PADDING));
    assert_eq!(two.len() as u64, offset + 1);
    assert_eq!(two[&b"latest"[..]], (offset - 1).to_be_bytes());
    drop(backend);
    RocksBackend::open(dir, crate::support::memory()).unwrap();
}

/// Before: column families missing in a truncated MANIFEST were gone, the offsets were there, and a task continued
/// from empty stores.
#[test]
fn a_manifest_that_was_cut_short_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..3_u64 {
        let backend = rocks(dir.path());
        let store = backend.keyspace(&format!("store-{number}")).unwrap();
        let mut batch = Batch::new();
        batch.put(store, &number.to_be_bytes(), b"row");
        backend.write(&batch).unwrap();
        backend.flush().unwrap();
    }
    let current = std::fs::read_to_string(dir.path().join("CURRENT")).unwrap();
    let manifest = dir.path().join(current.trim_end());
    let whole = std::fs::read(&manifest).unwrap();
    std::fs::write(&manifest, &whole[..whole.len() / 2]).unwrap();
    let damaged = RocksBackend::open(dir.path(), crate::support::memory()).unwrap_err();
    assert!(damaged.is_damage(), "{damaged}");
    assert!(damaged.to_string().contains(&format!("but had {}", whole.len())), "{damaged}");
    std::fs::write(&manifest, &whole).unwrap();
    let backend = rocks(dir.path());
    let store = backend.keyspace("store-0").unwrap();
    assert_eq!(backend.get(store, &0_u64.to_be_bytes()).unwrap().as_deref(), Some(&b"row"[..]));
}

/// Before: writes went into the deleted files, without an error, until RocksDB began a new one.
#[test]
fn a_database_whose_files_go_away_takes_no_more_writes() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("database");
    let (aside, other) = (parent.path().join("aside"), parent.path().join("other"));
    drop(rocks(&other));
    let ways: [&dyn Fn(); 3] =
        [&|| std::fs::remove_dir_all(&dir).unwrap(), &|| std::fs::rename(&dir, &aside).unwrap(), &|| {
            std::fs::remove_dir_all(&dir).unwrap();
            std::fs::rename(&other, &dir).unwrap();
        }];
    for go_away in ways {
        let backend = rocks(&dir);
        let store = backend.keyspace("store").unwrap();
        let mut batch = Batch::new();
        batch.put(store, b"key", b"row");
        backend.write(&batch).unwrap();
        go_away();
        let error = backend.write(&batch).unwrap_err();
        assert!(matches!(error, StoreError::Deleted { .. }), "{error}");
        assert!(error.to_string().contains(&dir.display().to_string()), "{error}");
    }
}
