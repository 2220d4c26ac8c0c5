//! Draws a case: a topology of two to eight operators between sources and sinks, and a script that fits it.

use super::case::{Case, CaseConfig, Op, Options};
use super::ops::{Draw, GLOBAL, Kind, Operator, fits, operators};
use super::rng::Rng;
use super::script;

/// The most calls of a case, sources and sinks included.
const CALLS_MAX: usize = 24;

/// How many of the latest registers are likely to be read next.
const RECENT: usize = 2;

/// How much likelier a favoured operator is.
const FAVOUR: u32 = 12;

struct Drawn<'a> {
    draw: Draw,
    /// Beginnings of the names of operators that the run is about.
    favoured: &'a [String],
    ops: Vec<Op>,
    /// Kind of each register.
    kinds: Vec<Kind>,
    used: Vec<bool>,
}

impl Drawn<'_> {
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
        let first = self.kinds.len() as u32;
        let outputs = (first..first + operator.outputs.len() as u32).collect();
        inputs.iter().for_each(|input| self.used[*input as usize] = true);
        self.kinds.extend(operator.outputs);
        self.used.resize(self.kinds.len(), false);
        self.ops.push(Op { op: operator.name.to_owned(), inputs, outputs, options });
    }

    fn weight(&self, operator: &Operator) -> u32 {
        let is_favoured = self.favoured.iter().any(|begin| operator.name.starts_with(begin.as_str()));
        if is_favoured { FAVOUR * operator.weight } else { operator.weight }
    }

    /// One more call, of any operator that is possible.
    fn step(&mut self, among: impl Fn(&Operator) -> bool) {
        let possible: Vec<&Operator> =
            operators().filter(|operator| among(operator) && self.possible(operator)).collect();
        let weights: Vec<u32> = possible.iter().map(|operator| self.weight(operator)).collect();
        let Some(at) = self.draw.rng.weighted(&weights) else { return };
        let inputs: Option<Vec<u32>> = possible[at].inputs.iter().map(|kind| self.register(kind)).collect();
        if let Some(inputs) = inputs.filter(|inputs| fits(possible[at], inputs, &self.ops)) {
            self.call(possible[at], inputs);
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
            let Some(at) = self.draw.rng.weighted(&weights) else {
                self.used[register] = true;
                continue;
            };
            self.call(ends[at], vec![register as u32]);
        }
    }
}

/// The case of that number in the run of that seed; operators whose names begin as one of `favoured` are likelier.
pub fn case(seed: u64, number: u64, favoured: &[String]) -> Case {
    let mut drawn = Drawn {
        draw: Draw::new(Rng::new(seed, number)),
        favoured,
        ops: Vec::new(),
        kinds: Vec::new(),
        used: Vec::new(),
    };
    let is_source = |one: &Operator| one.inputs.is_empty();
    let sources = 1 + drawn.draw.rng.below(3);
    let first = drawn.draw.rng.below(10);
    // Most begin with a stream, and most of the others with a table.
    let tables = favoured.iter().any(|begin| begin == "table");
    let begin = if first < if tables { 3 } else { 8 } { "stream" } else { "table" };
    drawn.step(|one| one.name == begin);
    (1..sources).for_each(|_| drawn.step(is_source));
    let depth = 2 + drawn.draw.rng.below(7);
    (0..depth).for_each(|_| drawn.step(|one| !one.inputs.is_empty() && one.outputs != Vec::<Kind>::new()));
    drawn.finish();
    let rng = &mut drawn.draw.rng;
    let optimization = match rng.below(6) {
        0 | 1 => "all",
        2 => *rng.pick(&["reuse.ktable.source.topics", "merge.repartition.topics", "single.store.self.join"]),
        _ => "none",
    };
    let config = CaseConfig {
        cache_bytes: if rng.chance(35) { 10 << 20 } else { 0 },
        optimization: optimization.to_owned(),
        emit_interval_ms: if rng.chance(60) { 0 } else { 1000 },
    };
    let input = script::draw(&mut drawn.draw, &drawn.ops);
    Case { config, ops: drawn.ops, input }
}
