//! How often each operator and each rule was really exercised in a run.

use std::collections::BTreeMap;

use super::evidence::Evidence;
use super::ops::{FAMILIES, operators};

/// The number of cases that floors are given for.
const FLOORS_PER: u64 = 500;

/// How often an operator's results must reach a sink in 500 cases.
const OPERATOR_FLOOR: u64 = 2;

/// Below this number of cases, floors say nothing.
const RUNS_MIN: u64 = 200;

/// How much of an error tells it from others.
const REASON_CHARS: usize = 110;

/// An error without the numbers in it.
fn reason(failure: &str) -> String {
    failure.chars().filter(|letter| !letter.is_ascii_digit()).take(REASON_CHARS).collect()
}

/// Counts over a run.
#[derive(Default)]
pub struct Coverage {
    cases: u64,
    operators: BTreeMap<&'static str, (u64, u64)>,
    rules: BTreeMap<&'static str, u64>,
    /// How many cases end in an error on both sides, by what Kafka Streams says.
    failures: BTreeMap<String, u64>,
}

impl Coverage {
    /// Counts a case.
    pub fn add(&mut self, evidence: &Evidence<'_>) {
        self.cases += 1;
        if let Some(failure) = &evidence.outcome.failure {
            *self.failures.entry(reason(failure)).or_default() += 1;
        }
        for operator in operators() {
            let calls = evidence.case.ops.iter().enumerate().filter(|(_, op)| op.op == operator.name);
            let (drawn, reached) = self.operators.entry(operator.name).or_default();
            for (at, op) in calls {
                *drawn += 1;
                let is_sink = op.outputs.is_empty();
                *reached +=
                    u64::from(evidence.outcome.failure.is_none() && (is_sink || evidence.reached(at)));
            }
        }
        for rule in FAMILIES.iter().flat_map(|family| family.rules) {
            *self.rules.entry(rule.name).or_default() += (rule.measure)(evidence);
        }
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: Coverage) {
        self.cases += other.cases;
        for (reason, cases) in other.failures {
            *self.failures.entry(reason).or_default() += cases;
        }
        for (name, (drawn, reached)) in other.operators {
            let counts = self.operators.entry(name).or_default();
            *counts = (counts.0 + drawn, counts.1 + reached);
        }
        for (name, times) in other.rules {
            *self.rules.entry(name).or_default() += times;
        }
    }

    /// The counts as a table.
    pub fn table(&self) -> String {
        let failures: u64 = self.failures.values().sum();
        let mut text = format!("{} cases, {failures} of them end in an error on both sides\n", self.cases);
        for (reason, cases) in &self.failures {
            text.push_str(&format!("{cases:>6} {reason}\n"));
        }
        text.push_str(&format!("{:<34}{:>10}{:>12}\n", "operator", "calls", "with results"));
        for (name, (drawn, reached)) in &self.operators {
            text.push_str(&format!("{name:<34}{drawn:>10}{reached:>12}\n"));
        }
        text.push_str(&format!("{:<34}{:>10}{:>12}\n", "rule", "times", "at least"));
        for rule in FAMILIES.iter().flat_map(|family| family.rules) {
            let times = self.rules.get(rule.name).copied().unwrap_or_default();
            text.push_str(&format!("{:<34}{times:>10}{:>12}\n", rule.name, self.scaled(rule.floor)));
        }
        text
    }

    fn scaled(&self, floor: u64) -> u64 {
        floor * self.cases / FLOORS_PER
    }

    /// What was exercised too little; nothing is asked of a short run.
    pub fn missing(&self) -> Vec<String> {
        if self.cases < RUNS_MIN {
            return Vec::new();
        }
        let mut missing = Vec::new();
        for (name, (_, reached)) in &self.operators {
            if *reached < self.scaled(OPERATOR_FLOOR) {
                missing.push(format!("{name}: {reached} calls with results"));
            }
        }
        for rule in FAMILIES.iter().flat_map(|family| family.rules) {
            let times = self.rules.get(rule.name).copied().unwrap_or_default();
            if times < self.scaled(rule.floor) {
                missing.push(format!("{}: {times} times, at least {}", rule.name, self.scaled(rule.floor)));
            }
        }
        missing
    }
}
