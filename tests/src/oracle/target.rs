//! What a case is about: five operators, so that a run calls every operator often, however many there are.
//!
//! Case by case all operators take their turns. Whatever one of them needs, and the topology does not have yet, is called
//! before it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::ops::{Kind, Operator, operators};

/// How far the turn of each of a case's operators is from the one before, once more after each round.
const APART: u64 = 7;

/// How many calls it takes at least to have what has two turns.
const DEEP: u32 = 3;

/// How many calls it takes at least to have a register of a kind.
static COSTS: LazyLock<BTreeMap<Kind, u32>> = LazyLock::new(|| {
    let mut costs = BTreeMap::new();
    loop {
        let mut cheaper = false;
        for operator in operators() {
            let inputs: Option<u32> = operator.inputs.iter().map(|kind| costs.get(kind)).sum();
            let Some(inputs) = inputs else { continue };
            for kind in operator.outputs {
                let known = costs.entry(*kind).or_insert(u32::MAX);
                cheaper |= inputs + 1 < *known;
                *known = (*known).min(inputs + 1);
            }
        }
        if !cheaper {
            return costs;
        }
    }
});

/// The operator once for each turn in a round: what reads what takes many calls gets fewer records in each.
fn turns(operator: &'static Operator) -> impl Iterator<Item = &'static Operator> {
    let deepest = operator.inputs.iter().filter_map(|kind| COSTS.get(kind)).max();
    std::iter::repeat_n(operator, if deepest.is_some_and(|calls| *calls >= DEEP) { 2 } else { 1 })
}

/// The operators that the case of that number is about: of those whose names begin as one of `favoured`, or of all.
pub fn of(number: u64, favoured: &[String]) -> [&'static Operator; 5] {
    let is_favoured = |one: &&Operator| favoured.iter().any(|begin| one.name.starts_with(begin.as_str()));
    let mut all: Vec<&'static Operator> = operators().filter(is_favoured).flat_map(turns).collect();
    if all.is_empty() {
        all = operators().flat_map(turns).collect();
    }
    let (count, round) = (all.len() as u64, number / all.len() as u64);
    [0, 1, 2, 3, 4].map(|nth| all[((number + nth * APART * (round + 1)) % count) as usize])
}

/// The operators that give a register of that kind and read only what takes fewer calls.
pub fn ways_to(kind: Kind) -> Vec<&'static Operator> {
    let cheaper = |input: &Kind| COSTS.get(input) < COSTS.get(kind);
    operators().filter(|one| one.outputs.contains(&kind) && one.inputs.iter().all(cheaper)).collect()
}
