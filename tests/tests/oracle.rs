//! The random oracle: every case on which it ever found a difference, with edges that the documentation distinguishes,
//! and 500 cases of one seed. `make oracle` runs others.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::path::{Path, PathBuf};

use tests::oracle::campaign::Plan;
use tests::oracle::case::Case;
use tests::oracle::{JavaOracle, campaign};

/// The seed of the cases that every run of the tests repeats.
const SEED: u64 = 20_260_101;

/// The files of `tests/oracle`, each a case that failed once, or an edge, and says so by its name.
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

#[test]
fn random_cases_are_equal_and_reach_every_operator_and_rule() {
    let plan = Plan { seed: SEED, first: 0, runs: 500, favoured: &[], differences_max: 1 };
    let report = campaign::run(&plan).unwrap();
    let differences: Vec<String> = report.differences.iter().map(|one| one.report(SEED)).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let missing = report.coverage.missing();
    assert!(missing.is_empty(), "{}\ntoo little of {}", report.coverage.table(), missing.join(", "));
}
