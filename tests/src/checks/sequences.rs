//! Compares, key by key, the values that were written with those that had to be.

use std::collections::BTreeMap;

use lab::ConsumedRecord;

/// The values of each key in order.
pub type Sequences = BTreeMap<String, Vec<String>>;

/// How many differences are shown.
const TOLD: usize = 5;

/// How much of an expected sequence must have been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exactness {
    /// All of it: nothing lost, nothing twice.
    Whole,
    /// Some of it in its order, each value once, the last one at the end: what a cache lets through.
    Advancing,
    /// At least as much as all of it: nothing lost, but some of it counted twice.
    AtLeast,
}

/// The values of each key, in the order of offsets. A null value is the text `null`.
pub fn sequences_of(records: &[ConsumedRecord]) -> Sequences {
    let mut sequences = Sequences::new();
    for record in records {
        let value = record.value.as_ref().map_or_else(|| "null".to_owned(), |_| record.value_text());
        sequences.entry(record.key_text()).or_default().push(value);
    }
    sequences
}

/// Tells the first differences.
pub fn compare(expected: &Sequences, actual: &Sequences, exactness: Exactness) -> Result<(), String> {
    let mut differences = Vec::new();
    for (key, wanted) in expected {
        let found = actual.get(key).map(Vec::as_slice).unwrap_or_default();
        if !fits(wanted, found, exactness) {
            differences.push(describe(key, wanted, found));
        }
    }
    let surplus = actual.keys().filter(|key| !expected.contains_key(*key));
    differences.extend(surplus.map(|key| format!("{key}: not expected at all")));
    if differences.is_empty() {
        return Ok(());
    }
    let told = differences.iter().take(TOLD).cloned().collect::<Vec<_>>().join("\n  ");
    Err(format!("{} of {} keys differ:\n  {told}", differences.len(), expected.len()))
}

fn fits(wanted: &[String], found: &[String], exactness: Exactness) -> bool {
    match exactness {
        Exactness::Whole => wanted == found,
        Exactness::Advancing => wanted.last() == found.last() && is_subsequence(found, wanted),
        Exactness::AtLeast => counted(wanted) <= counted(found),
    }
}

/// How many records the last value stands for: a count, or the length of a chain (`hash/length ...`).
fn counted(values: &[String]) -> Option<u64> {
    let last = values.last()?;
    let number = last.split_once('/').map_or(last.as_str(), |(_, length)| length);
    number.split(' ').next()?.parse().ok()
}

fn is_subsequence(part: &[String], whole: &[String]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|value| rest.any(|other| other == value))
}

fn describe(key: &str, wanted: &[String], found: &[String]) -> String {
    let same = wanted.iter().zip(found).take_while(|(one, other)| one == other).count();
    format!(
        "{key}: {} values instead of {}; value {same} is {:?} instead of {:?}, followed by {:?}; the last is {:?} \
         instead of {:?}",
        found.len(),
        wanted.len(),
        found.get(same),
        wanted.get(same),
        found.get(same + 1),
        found.last(),
        wanted.last(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: &str, found: &str, exactness: Exactness) -> bool {
        let of = |text: &str| Sequences::from([("k".to_owned(), text.chars().map(String::from).collect())]);
        compare(&of(wanted), &of(found), exactness).is_ok()
    }

    #[test]
    fn loss_repetition_and_order_are_told() {
        assert!(check("123", "123", Exactness::Whole));
        for wrong in ["12", "1233", "132", "1223", ""] {
            assert!(!check("123", wrong, Exactness::Whole), "{wrong}");
        }
        assert!(check("1234", "24", Exactness::Advancing));
        for wrong in ["23", "424", "244", ""] {
            assert!(!check("1234", wrong, Exactness::Advancing), "{wrong}");
        }
        assert!(check("123", "124", Exactness::AtLeast) && check("123", "12312343", Exactness::AtLeast));
        for wrong in ["12", "", "1232"] {
            assert!(!check("123", wrong, Exactness::AtLeast), "{wrong}");
        }
        let surplus = Sequences::from([("x".to_owned(), Vec::new())]);
        assert!(compare(&Sequences::new(), &surplus, Exactness::Whole).is_err());
    }
}
