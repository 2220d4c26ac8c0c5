//! Draws a case: a topology of a few operators between sources and sinks, and a script that fits it.

use super::case::{Case, CaseConfig, Op, Options};
use super::ops::{Draw, GLOBAL, Kind, Operator, STREAM, caches_fit, fits, operators};
use super::rng::Rng;
use super::{script, target};

/// The most calls of a case, sources and sinks included.
const CALLS_MAX: usize = 24;

/// How many of the latest registers are likely to be read next.
const RECENT: usize = 2;

/// How many records an operator may give, at a rough estimate.
const RECORDS_MAX: f64 = 20_000.0;

/// How many records a source gives, at the same estimate.
const SOURCE_RECORDS: f64 = 25.0;

/// In how many of 100 cases an operator that reads two registers of a kind gets one more to read.
const ANOTHER: usize = 70;

/// How often registers are drawn for a call, if they do not fit together.
const TRIES: usize = 4;

struct Drawn {
    draw: Draw,
    ops: Vec<Op>,
    /// Kind of each register.
    kinds: Vec<Kind>,
    used: Vec<bool>,
    /// How many records each register is good for, roughly.
    records: Vec<f64>,
}

impl Drawn {
    /// A register of that kind: in most cases one of the latest.
    fn register(&mut self, kind: Kind) -> Option<u32> {
        let of_kind: Vec<usize> = (0..self.kinds.len()).filter(|at| self.kinds[*at] == kind).collect();
        let recent = &of_kind[of_kind.len().saturating_sub(RECENT)..];
        let from = if self.draw.rng.chance(75) { recent } else { &of_kind };
        (!of_kind.is_empty()).then(|| *self.draw.rng.pick(from) as u32)
    }

    fn possible(&self, operator: &Operator) -> bool {
        operator.inputs.iter().all(|kind| self.kinds.contains(kind))
    }

    fn call(&mut self, operator: &Operator, inputs: Vec<u32>) {
        let options: Options = (operator.draw)(&mut self.draw);
        let records = self.estimate(operator, &inputs, &options);
        if records > RECORDS_MAX {
            return;
        }
        self.records.extend(operator.outputs.iter().map(|_| records));
        let first = self.kinds.len() as u32;
        let outputs = (first..first + operator.outputs.len() as u32).collect();
        inputs.iter().for_each(|input| self.used[*input as usize] = true);
        self.kinds.extend(operator.outputs);
        self.used.resize(self.kinds.len(), false);
        self.ops.push(Op { op: operator.name.to_owned(), inputs, outputs, options });
    }

    /// How many records a call gives, roughly: joins of streams multiply them.
    fn estimate(&self, operator: &Operator, inputs: &[u32], options: &Options) -> f64 {
        let of = |input: &u32| self.records[*input as usize];
        let number = |option: &str| options.get(option).and_then(serde_json::Value::as_f64);
        let records = match operator.inputs {
            [] => SOURCE_RECORDS,
            [STREAM, STREAM] if options.contains_key("difference") => {
                inputs.iter().map(of).product::<f64>() / 2.0
            }
            [STREAM] if options.contains_key("difference") => of(&inputs[0]).powi(2) / 2.0,
            _ => inputs.iter().map(of).sum(),
        };
        let windows = number("size").zip(number("advance")).map_or(1.0, |(size, advance)| size / advance);
        let several = if operator.name.starts_with("flat_map") { 2.0 } else { 1.0 };
        records * windows.max(1.0) * several
    }

    /// A call of that operator, after calls of what it reads and the topology does not have yet.
    fn reach(&mut self, operator: &Operator) {
        for (at, kind) in operator.inputs.iter().enumerate() {
            // Two of a kind are seldom one and the same.
            let another = operator.inputs[..at].contains(kind) && self.draw.rng.chance(ANOTHER);
            if self.kinds.contains(kind) && !another {
                continue;
            }
            let ways = target::ways_to(kind);
            let weights: Vec<u32> = ways.iter().map(|way| way.weight).collect();
            if let Some(at) = self.draw.rng.weighted(&weights) {
                self.reach(ways[at]);
            }
        }
        self.read(operator);
    }

    /// A call of that operator, if there is what it reads.
    fn read(&mut self, operator: &Operator) {
        for _ in 0..TRIES {
            let inputs: Option<Vec<u32>> = operator.inputs.iter().map(|kind| self.register(kind)).collect();
            if let Some(inputs) = inputs.filter(|inputs| fits(operator, inputs, &self.ops)) {
                return self.call(operator, inputs);
            }
        }
    }

    /// One more call, of any operator that is possible.
    fn step(&mut self, among: impl Fn(&Operator) -> bool) {
        let possible: Vec<&Operator> =
            operators().filter(|operator| among(operator) && self.possible(operator)).collect();
        let weights: Vec<u32> = possible.iter().map(|operator| operator.weight).collect();
        if let Some(at) = self.draw.rng.weighted(&weights) {
            self.read(possible[at]);
        }
    }

    /// Leads everything that nothing reads to a sink.
    fn finish(&mut self) {
        while self.ops.len() < 3 * CALLS_MAX {
            let open = (0..self.kinds.len()).find(|at| !self.used[*at] && self.kinds[*at] != GLOBAL);
            let Some(register) = open else { return };
            let kind = self.kinds[register];
            let ends = operators().filter(|one| one.inputs == [kind] && one.outputs != [kind]);
            let mut ends: Vec<&Operator> = ends.collect();
            if ends.iter().any(|one| one.outputs.is_empty()) {
                ends.retain(|one| one.outputs.is_empty());
            }
            let weights: Vec<u32> = ends.iter().map(|one| one.weight).collect();
            self.used[register] = true;
            if let Some(at) = self.draw.rng.weighted(&weights) {
                self.call(ends[at], vec![register as u32]);
            }
        }
    }
}

/// The case of that number in the run of that seed. If there are `favoured`, cases are about operators whose names begin
/// as one of them.
pub fn case(seed: u64, number: u64, favoured: &[String]) -> Case {
    let mut drawn = Drawn {
        draw: Draw::new(Rng::new(seed, number)),
        ops: Vec::new(),
        kinds: Vec::new(),
        used: Vec::new(),
        records: Vec::new(),
    };
    let is_source = |one: &Operator| one.inputs.is_empty();
    let sources = 1 + drawn.draw.rng.below(3);
    let first = drawn.draw.rng.below(10);
    // Most begin with a stream, and most of the others with a table.
    let begin = if first < 8 { "stream" } else { "table" };
    drawn.step(|one| one.name == begin);
    (1..sources).for_each(|_| drawn.step(is_source));
    for operator in target::of(number, favoured) {
        let depth = drawn.draw.rng.below(3);
        (0..depth).for_each(|_| drawn.step(|one| !one.inputs.is_empty() && !one.outputs.is_empty()));
        drawn.reach(operator);
    }
    drawn.finish();
    let rng = &mut drawn.draw.rng;
    let optimization = match rng.below(6) {
        0 | 1 => "all",
        2 => *rng.pick(&["reuse.ktable.source.topics", "merge.repartition.topics", "single.store.self.join"]),
        _ => "none",
    };
    let config = CaseConfig {
        cache_bytes: if rng.chance(35) && caches_fit(&drawn.ops) { 10 << 20 } else { 0 },
        optimization: optimization.to_owned(),
        emit_interval_ms: if rng.chance(60) { 0 } else { 1000 },
    };
    let input = script::draw(&mut drawn.draw, &drawn.ops);
    Case { config, ops: drawn.ops, input }
}
