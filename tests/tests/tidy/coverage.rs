//! Each fault of the field has tests that exist (docs/field-coverage.md).

use std::collections::BTreeSet;

use crate::source::find_word;
use crate::{report, root};

const PAGE: &str = "docs/field-coverage.md";

/// The faults by their numbers.
fn all() -> BTreeSet<String> {
    let seldom = [28, 31, 33, 36, 40, 44, 48, 49, 50, 53, 54];
    let read = (1..=21).map(|number| format!("F{number}"));
    let reported = (1..=55).filter(|number| !seldom.contains(number)).map(|number| format!("S{number:02}"));
    let tried = [1, 2, 3, 4, 5, 8].map(|number| format!("B{number}"));
    read.chain(reported).chain(tried).collect()
}

/// The rows of the page: their numbers, and the tests that they name.
fn rows(page: &str) -> impl Iterator<Item = (&str, Vec<(&str, &str)>)> {
    page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
        let number = cells.first().filter(|cell| cell.contains(|c: char| c.is_ascii_digit()))?;
        let named = cells.get(2)?.split('`').filter_map(|test| test.split_once("::"));
        Some((*number, named.collect()))
    })
}

/// Whether a file has a test of that name.
fn has_test(text: &str, name: &str) -> bool {
    find_word(text, name).any(|at| {
        let Some(before) = text[..at].strip_suffix("fn ") else { return false };
        // Its attributes and comments follow an empty line.
        before[before.rfind("\n\n").unwrap_or(0)..].contains("#[test]")
            && text[at + name.len()..].starts_with('(')
    })
}

fn problems(page: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut missing = all();
    for (number, tests) in rows(page) {
        if !missing.remove(number) {
            problems.push(format!("{PAGE}: {number} is there twice, or is none"));
        }
        if tests.is_empty() {
            problems.push(format!("{PAGE}: {number} names no test"));
        }
        for (path, name) in tests {
            match read(path) {
                None => problems.push(format!("{PAGE}: {number}: there is no {path}")),
                Some(text) if !has_test(&text, name) => {
                    problems.push(format!("{PAGE}: {number}: {path} has no test {name}"));
                }
                Some(_) => {}
            }
        }
    }
    problems.extend(missing.iter().map(|number| format!("{PAGE}: {number} is missing")));
    problems
}

#[test]
fn each_fault_of_the_field_has_tests_that_exist() {
    let page = std::fs::read_to_string(root().join(PAGE)).unwrap_or_default();
    let read = |path: &str| std::fs::read_to_string(root().join(path)).ok();
    report("what was asked for is shown by tests", problems(&page, read));
}

#[test]
fn a_test_that_does_not_exist_is_found() {
    let page = "| F1 | x | `a.rs::one`<br>`a.rs::two` |\n| F1 | y | |\n| F2 | z | `b.rs::one` |\n";
    let file = "#[test]\n#[ignore = \"why\"]\nfn one() {\n}\n\n/// Helps.\nfn two() {}\n";
    let found = problems(page, |path| (path == "a.rs").then(|| file.to_owned()));
    let wrong = ["F1: a.rs has no test two", "F1 is there twice", "F1 names no test", "F2: there is no b.rs"];
    for (problem, wrong) in found.iter().zip(wrong) {
        assert!(problem.contains(wrong), "{wrong}: {problem}");
    }
    assert_eq!(found.len(), wrong.len() + all().len() - 2);
}
