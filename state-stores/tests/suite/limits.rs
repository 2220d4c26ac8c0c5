//! The files that all databases of a process may have open.

use std::process::Command;

use state_stores::{Backend, Batch, RocksBackend, RocksMemory};

const DATABASES: usize = 4;
const KEYSPACES: usize = 20;
/// Files of a keyspace: fewer than what RocksDB merges.
const FILES: usize = 3;
const ROWS: usize = 20;

fn key(file: usize, row: usize) -> Vec<u8> {
    format!("{row}-{file}").into_bytes()
}

/// A row to each keyspace and file, and all of them read back: more files than the process may open, with their directories.
fn write_and_read(memory: &RocksMemory) {
    let folder = tempfile::tempdir().unwrap();
    let open = |number: usize| RocksBackend::open(folder.path().join(format!("{number}")), memory).unwrap();
    let databases: Vec<_> = (0..DATABASES).map(open).collect();
    let keyspaces = |database: &RocksBackend| -> Vec<_> {
        (0..KEYSPACES).map(|number| database.keyspace(&format!("store/{number}")).unwrap()).collect()
    };
    for database in &databases {
        let keyspaces = keyspaces(database);
        for file in 0..FILES {
            let mut batch = Batch::new();
            for keyspace in &keyspaces {
                (0..ROWS).for_each(|row| batch.put(*keyspace, &key(file, row), b"value"));
            }
            database.write(&batch).unwrap();
            database.flush().unwrap();
        }
    }
    for database in &databases {
        for keyspace in keyspaces(database) {
            for (file, row) in (0..FILES).flat_map(|file| (0..ROWS).map(move |row| (file, row))) {
                let found = database.get(keyspace, &key(file, row)).unwrap();
                assert_eq!(found.as_deref(), Some(&b"value"[..]));
            }
        }
    }
}

#[test]
#[ignore = "run by the test below, in a process that may open few files"]
fn few_files() {
    let memory = RocksMemory::new(1 << 20, 8 << 20).shared_by(DATABASES, DATABASES * KEYSPACES);
    write_and_read(&memory);
}

/// Showed before: "Too many open files", as each of RocksDB's 64 parts of what may be open has one file at least.
#[cfg(unix)]
#[test]
fn more_state_than_files_that_may_be_open_is_no_error() {
    let own = std::env::current_exe().unwrap();
    let mut child = Command::new("sh");
    child
        .arg("-c")
        .arg("ulimit -n 256 && exec \"$0\" --exact limits::few_files --ignored --nocapture")
        .arg(own);
    let output = child.output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
