//! Every case on which the random oracle ever found a difference. `make oracle` runs random ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::path::{Path, PathBuf};

use tests::oracle::case::Case;
use tests::oracle::{JavaOracle, campaign};

/// The files of `tests/oracle`, each a case that failed once and says so by its name.
fn regressions() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|end| end == "json")).collect();
    files.sort();
    files
}

#[test]
fn what_failed_once_stays_equal() {
    let mut java = JavaOracle::start().unwrap();
    let mut failed = Vec::new();
    for file in regressions() {
        let case: Case = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        if let (Some(difference), _) = campaign::check(&mut java, &case).unwrap() {
            failed.push(format!("{}: {difference}", file.display()));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
