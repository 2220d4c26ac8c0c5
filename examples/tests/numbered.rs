//! The numbered examples print what their files say.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The output that the file promises: the `text` block at its top.
fn said(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{name}.rs"));
    let source = std::fs::read_to_string(&path).unwrap();
    let lines = source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim_start);
    let block = lines.skip_while(|line| *line != "```text").skip(1).take_while(|line| *line != "```");
    block.map(str::to_owned).collect()
}

/// The program, with a state folder of its own.
fn program(program: &str, state: &Path) -> Command {
    let mut program = Command::new(program);
    program.env("TMPDIR", state);
    program
}

/// Runs the program and compares its output.
fn run(name: &str, path: &str, arguments: &[&Path], expected: &[String]) {
    let state = tempfile::tempdir().unwrap();
    let output = program(path, state.path()).args(arguments).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(!expected.is_empty(), "{name} does not say what it prints");
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected, "{name}");
}

macro_rules! prints_what_it_says {
    ($($test:ident: $name:literal,)+) => {$(
        #[test]
        fn $test() {
            run($name, env!(concat!("CARGO_BIN_EXE_", $name)), &[], &said($name));
        }
    )+};
}

prints_what_it_says! {
    sessions: "02_sessions",
    foreign_key_join: "03_foreign_key_join",
    processor: "04_processor",
    custom_serde: "05_custom_serde",
    exactly_once: "06_exactly_once",
    testing: "07_testing",
}

#[test]
fn service() {
    let state = tempfile::tempdir().unwrap();
    let mut service = program(env!("CARGO_BIN_EXE_01_service"), state.path());
    let mut service = service.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(service.stdout.take().unwrap()).lines().map(Result::unwrap);
    let id = service.id().to_string();
    let service = Arc::new(Mutex::new(service));
    // A service that does not get ready, or does not end, fails the test instead of blocking it.
    let (ended, end) = channel::<()>();
    let blocked = Arc::clone(&service);
    std::thread::spawn(move || {
        if end.recv_timeout(Duration::from_secs(180)) == Err(RecvTimeoutError::Timeout) {
            let _ = blocked.lock().unwrap().kill();
        }
    });

    let mut said = said("01_service");
    let last = said.pop();
    // The order of the first two lines is not defined.
    let mut printed: Vec<_> = lines.by_ref().take(said.len()).collect();
    printed.sort();
    said.sort();
    assert_eq!(printed, said);
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(lines.next(), last);
    drop(ended);
    assert!(service.lock().unwrap().wait().unwrap().success());
}

#[cfg(feature = "rocksdb")]
#[test]
fn embedded_durable() {
    let folder = tempfile::tempdir().unwrap();
    for expected in [said("08_embedded_durable"), vec!["run 2".to_owned()], vec!["run 3".to_owned()]] {
        run("08_embedded_durable", env!("CARGO_BIN_EXE_08_embedded_durable"), &[folder.path()], &expected);
    }
}
