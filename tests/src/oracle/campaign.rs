//! A run: many cases on both engines, up to the first difference.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;

use super::case::{Case, Fault};
use super::compare::difference;
use super::coverage::Coverage;
use super::evidence::Evidence;
use super::java::JavaOracle;
use super::outcome::Outcome;
use super::{engine, generate, shrink};

/// How many cases the Java program has queued, so that both engines always have work.
const AHEAD: usize = 4;

/// A worker has a Java program of its own, which takes a while to come up.
const CASES_PER_WORKER: u64 = 200;

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

/// Which cases to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The seed of the run.
    pub seed: u64,
    /// The number of the first case.
    pub first: u64,
    /// How many cases.
    pub runs: u64,
    /// If there are any, the cases are about operators whose names begin as one of them.
    pub favoured: &'a [String],
    /// After how many differences the run ends.
    pub differences_max: usize,
}

/// What a run has come to.
#[derive(Default)]
pub struct Report {
    /// What was exercised.
    pub coverage: Coverage,
    /// The differences, by number.
    pub differences: Vec<Difference>,
}

/// Runs the cases of a plan, several at a time if they are many.
pub fn run(plan: &Plan<'_>) -> Result<Report, Fault> {
    let processors = std::thread::available_parallelism().map_or(1, |processors| processors.get() as u64);
    let workers = plan.runs.div_ceil(CASES_PER_WORKER).clamp(1, processors);
    let found = AtomicUsize::new(0);
    let reports: Vec<Result<Report, String>> = std::thread::scope(|scope| {
        let worker = |worker| {
            let (found, numbers) =
                (&found, (plan.first + worker..plan.first + plan.runs).step_by(workers as usize));
            // A fault need not be able to leave its thread.
            scope.spawn(move || run_some(plan, numbers, found).map_err(|fault| fault.to_string()))
        };
        let workers: Vec<_> = (0..workers).map(worker).collect();
        let ended =
            |worker: ScopedJoinHandle<'_, _>| worker.join().unwrap_or(Err("a worker panicked".to_owned()));
        workers.into_iter().map(ended).collect()
    });
    let mut all = Report::default();
    for report in reports {
        let report = report?;
        all.coverage.merge(report.coverage);
        all.differences.extend(report.differences);
    }
    all.differences.sort_by_key(|difference| difference.number);
    all.differences.truncate(plan.differences_max);
    Ok(all)
}

/// Runs those cases, until all workers together have found enough differences.
fn run_some(
    plan: &Plan<'_>,
    mut numbers: impl Iterator<Item = u64>,
    found: &AtomicUsize,
) -> Result<Report, Fault> {
    let mut java = JavaOracle::start()?;
    let mut report = Report::default();
    let mut ahead = VecDeque::new();
    while found.load(Ordering::Relaxed) < plan.differences_max {
        while ahead.len() < AHEAD
            && let Some(number) = numbers.next()
        {
            let case = generate::case(plan.seed, number, plan.favoured);
            java.submit(&case)?;
            ahead.push_back((number, case));
        }
        let Some((number, case)) = ahead.pop_front() else { break };
        let told = |fault: Fault| format!("seed {}, case {number}: {fault}", plan.seed);
        let ours = engine::run(&case).map_err(told)?;
        let theirs = java.answer().map_err(told)?;
        let Some(text) = difference(&case, &ours, &theirs) else {
            report.coverage.add(&Evidence { case: &case, outcome: &theirs });
            continue;
        };
        found.fetch_add(1, Ordering::Relaxed);
        // What is on its way must be taken off it before smaller cases are tried, and comes again after them.
        ahead.iter().try_for_each(|_| java.answer().map(drop))?;
        report.differences.push(shrunk(&mut java, number, &case, &text));
        ahead.iter().try_for_each(|(_, case)| java.submit(case))?;
    }
    Ok(report)
}
