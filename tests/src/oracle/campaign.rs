//! A run: many cases on both engines, up to the first difference.

use super::case::{Case, Fault};
use super::compare::difference;
use super::coverage::Coverage;
use super::evidence::Evidence;
use super::java::JavaOracle;
use super::outcome::Outcome;
use super::{engine, generate, shrink};

/// How many cases the Java program has at hand, so that both engines always have work.
const AHEAD: u64 = 4;

/// A case that both engines see differently.
#[derive(Debug)]
pub struct Difference {
    /// Its number in the run.
    pub number: u64,
    /// The case, as small as it could be made.
    pub case: Case,
    /// What differs.
    pub text: String,
}

impl Difference {
    /// What a reader needs to see and to repeat it.
    pub fn report(&self, seed: u64) -> String {
        let case = serde_json::to_string_pretty(&self.case).unwrap_or_default();
        format!("seed {seed}, case {}\n{case}\n{}", self.number, self.text)
    }
}

/// Compares both engines on a case.
pub fn check(java: &mut JavaOracle, case: &Case) -> Result<(Option<String>, Outcome), Fault> {
    java.submit(case)?;
    let ours = engine::run(case)?;
    let theirs = java.answer()?;
    Ok((difference(case, &ours, &theirs), theirs))
}

/// What kind of difference it is: its first word.
fn kind(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// Makes a case that differs smaller, as long as it differs in the same kind.
pub fn shrunk(java: &mut JavaOracle, number: u64, case: &Case, text: &str) -> Difference {
    let same = |checked: &Result<(Option<String>, Outcome), Fault>| match checked {
        Ok((Some(smaller), _)) => kind(smaller) == kind(text),
        Ok((None, _)) | Err(_) => false,
    };
    let case = shrink::shrink(case, |smaller| !smaller.ops.is_empty() && same(&check(java, smaller)));
    let text = match check(java, &case) {
        Ok((Some(text), _)) => text,
        Ok((None, _)) => "the difference comes and goes".to_owned(),
        Err(fault) => fault.to_string(),
    };
    Difference { number, case, text }
}

/// Runs the cases `from..to` of a seed, up to `differences_max` differences; operators whose names begin as one of
/// `favoured` are likelier.
pub fn run(
    java: &mut JavaOracle,
    seed: u64,
    favoured: &[String],
    cases: std::ops::Range<u64>,
    differences_max: usize,
) -> Result<(Coverage, Vec<Difference>), Fault> {
    let (mut coverage, mut found) = (Coverage::default(), Vec::new());
    let mut ahead = std::collections::VecDeque::new();
    let mut next = cases.start;
    loop {
        while next < cases.end && (ahead.len() as u64) < AHEAD {
            let case = generate::case(seed, next, favoured);
            java.submit(&case)?;
            ahead.push_back((next, case));
            next += 1;
        }
        let Some((number, case)) = ahead.pop_front() else { break };
        let ours = engine::run(&case)?;
        let theirs = java.answer()?;
        if theirs.failure.is_some() && std::env::var_os("O2").is_some() {
            eprintln!("FAIL {number} {:?} / {:?}", ours.failure, theirs.failure);
        }
        if let Some(text) = difference(&case, &ours, &theirs) {
            // What is on its way must be taken off it before smaller cases are tried.
            let later: Vec<(u64, Case)> = ahead.drain(..).collect();
            later.iter().try_for_each(|_| java.answer().map(drop))?;
            next = number + 1;
            found.push(shrunk(java, number, &case, &text));
            if found.len() >= differences_max {
                break;
            }
        } else {
            coverage.add(&Evidence { case: &case, outcome: &theirs });
        }
    }
    Ok((coverage, found))
}
