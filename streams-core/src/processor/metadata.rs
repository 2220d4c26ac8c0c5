//! Numbers that processors commit together with offsets (`ProcessorMetadata`).

use std::collections::BTreeMap;

/// Numbers by name that are committed with the offsets of all partitions that a task reads. Emission on window close
/// keeps here, under the name of the store, up to which time it has emitted windows.
#[doc(hidden)]
#[derive(Clone, Debug, Default)]
pub struct ProcessorMetadata {
    values: BTreeMap<String, i64>,
    needs_commit: bool,
}

impl ProcessorMetadata {
    /// Merges what was committed with one partition. Of several numbers under one name the largest counts.
    pub fn merge(&mut self, committed: &BTreeMap<String, i64>) {
        for (name, value) in committed {
            let known = self.values.entry(name.clone()).or_insert(*value);
            *known = (*known).max(*value);
        }
    }

    /// The number of that name.
    pub fn get(&self, name: &str) -> Option<i64> {
        self.values.get(name).copied()
    }

    /// Sets a number that the next commit includes.
    pub fn set(&mut self, name: &str, value: i64) {
        self.needs_commit = true;
        match self.values.get_mut(name) {
            Some(known) => *known = value,
            None => {
                self.values.insert(name.to_owned(), value);
            }
        }
    }

    /// All numbers.
    pub fn values(&self) -> &BTreeMap<String, i64> {
        &self.values
    }

    /// Whether a number was set since the last commit. If so, the commit includes every partition, even one without
    /// progress.
    pub fn needs_commit(&self) -> bool {
        self.needs_commit
    }

    /// Marks all numbers as committed.
    pub fn committed(&mut self) {
        self.needs_commit = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_the_partitions_counts() {
        let mut metadata = ProcessorMetadata::default();
        metadata.merge(&BTreeMap::from([("a".to_owned(), 5), ("b".to_owned(), 1)]));
        metadata.merge(&BTreeMap::from([("a".to_owned(), 3), ("b".to_owned(), 2)]));
        assert_eq!((metadata.get("a"), metadata.get("b"), metadata.get("c")), (Some(5), Some(2), None));
        assert!(!metadata.needs_commit());
        metadata.set("a", 4);
        assert_eq!((metadata.get("a"), metadata.needs_commit()), (Some(4), true));
        metadata.committed();
        assert!(!metadata.needs_commit());
    }
}
