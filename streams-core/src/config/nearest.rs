//! Finds the setting that a misspelt name was meant to be.

use super::keys::{KEYS, Support, client_keys};
use super::prefix::PREFIXES;

/// The most similar name among all settings, if it is similar at all.
pub(super) fn nearest(key: &str) -> Option<String> {
    let unprefixed = KEYS.iter().filter(|definition| usable(definition.support));
    let names = unprefixed.map(|definition| definition.name.to_owned());
    let prefixed = PREFIXES
        .iter()
        .flat_map(|prefix| client_keys(prefix).iter().map(move |key| format!("{prefix}{}", key.name)));
    let best =
        names.chain(prefixed).map(|name| (distance(key, &name), name)).min_by_key(|(distance, _)| *distance);
    // With a third of its letters wrong it is another word, not a misspelling.
    best.filter(|(distance, name)| distance * 3 <= name.len()).map(|(_, name)| name)
}

/// A hint at a setting that is refused as well would not help.
fn usable(support: Support) -> bool {
    !matches!(support, Support::NotHere(_) | Support::NotYet(_) | Support::AliasOf(_))
}

/// Levenshtein's distance: insertions, deletions and replacements of bytes.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        row[0] = left;
        for (j, b) in to.bytes().enumerate() {
            let above = row[j + 1];
            left = (diagonal + usize::from(a != b)).min(above + 1).min(left + 1);
            row[j + 1] = left;
            diagonal = above;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_slips() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn a_slip_finds_its_setting_and_noise_none() {
        assert_eq!(nearest("num.stream.thread").as_deref(), Some("num.stream.threads"));
        assert_eq!(nearest("comit.interval.ms").as_deref(), Some("commit.interval.ms"));
        assert_eq!(nearest("consumers.max.poll.records").as_deref(), Some("consumer.max.poll.records"));
        assert_eq!(nearest("xyzzy"), None);
    }
}
