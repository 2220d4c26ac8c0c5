//! Makes a case that differs as small as it can be while it still differs.

use super::case::{Case, Op, Step};
use super::ops::operator;

/// How many smaller cases are tried at most.
const TRIES_MAX: u32 = 1500;

/// The smallest case found for which `differs` still holds.
pub fn shrink(case: &Case, mut differs: impl FnMut(&Case) -> bool) -> Case {
    let mut best = case.clone();
    let mut tries = 0;
    loop {
        let mut smaller = false;
        for candidates in [inputs, ops, details] {
            let mut at = 0;
            // The list is made again after each success, and continued where it was.
            while let Some(candidate) = candidates(&best, at) {
                tries += 1;
                if tries > TRIES_MAX {
                    return best;
                }
                if candidate != best && differs(&candidate) {
                    (best, smaller) = (candidate, true);
                } else {
                    at += 1;
                }
            }
        }
        if !smaller {
            return best;
        }
    }
}

/// Without a part of the input: first halves, quarters and so on, then single steps.
fn inputs(case: &Case, at: usize) -> Option<Case> {
    let length = case.input.len();
    let (mut size, mut number) = (length.div_ceil(2), at);
    while size > 0 {
        let parts = length.div_ceil(size);
        if number < parts {
            let mut smaller = case.clone();
            smaller.input.drain(number * size..((number + 1) * size).min(length));
            return Some(smaller);
        }
        number -= parts;
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    None
}

/// Without one call, from the last to the first: twice, with its readers reading what it read, and without them.
fn ops(case: &Case, at: usize) -> Option<Case> {
    let position = case.ops.len().checked_sub(1 + at / 2)?;
    let gone = &case.ops[position];
    let bypass = at.is_multiple_of(2) && bypassed(gone);
    let mut missing: Vec<u32> = gone.outputs.clone();
    let mut smaller = Case { ops: Vec::new(), ..case.clone() };
    for (number, op) in case.ops.iter().enumerate() {
        if number == position {
            continue;
        }
        let mut op = op.clone();
        if bypass {
            for input in op.inputs.iter_mut().filter(|input| missing.contains(input)) {
                *input = gone.inputs[0];
            }
        } else if op.inputs.iter().any(|input| missing.contains(input)) {
            missing.extend(&op.outputs);
            continue;
        }
        smaller.ops.push(op);
    }
    Some(smaller)
}

/// Whether readers of the call can read its first input instead.
fn bypassed(op: &Op) -> bool {
    operator(&op.op).is_ok_and(|operator| {
        let first = operator.inputs.first();
        first.is_some() && operator.outputs.iter().all(|output| Some(output) == first)
    })
}

/// With one detail less: an option, the headers, the cache, the optimization, or the later times nearer.
fn details(case: &Case, at: usize) -> Option<Case> {
    let mut smaller = case.clone();
    if at == 0 {
        smaller.config.cache_bytes = 0;
        return Some(smaller);
    }
    if at == 1 {
        smaller.config.optimization = "none".to_owned();
        return Some(smaller);
    }
    let mut number = at - 2;
    for op in &mut smaller.ops {
        let optional = [
            "name",
            "materialized",
            "advance",
            "before",
            "after",
            "store",
            "joined",
            "keyed",
            "old",
            "emit",
            "start",
            "join_grace",
        ];
        let given: Vec<&str> = optional.into_iter().filter(|name| op.options.contains_key(*name)).collect();
        if number < given.len() {
            op.options.remove(given[number]);
            return Some(smaller);
        }
        number -= given.len();
    }
    let records = smaller.input.iter_mut().filter_map(|step| match step {
        Step::Record(record) => Some(record),
        Step::Advance { .. } => None,
    });
    let record = records.filter(|record| !record.headers.is_empty()).nth(number)?;
    record.headers.clear();
    Some(smaller)
}
