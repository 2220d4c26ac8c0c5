//! Settings of internal topics at their limits; `resolve`'s transcripts hold the ordinary ones.

use std::collections::BTreeMap;

use super::changelog_configs;
use crate::topology::{ChangelogKind, StoreDef};

fn store(changelog: ChangelogKind) -> StoreDef {
    StoreDef::new("s", changelog)
}

#[test]
fn retention_stops_at_the_largest_number() {
    let window = store(ChangelogKind::Window { retention_ms: i64::MAX - 1 });
    let configs = changelog_configs(&window, &BTreeMap::new(), 2);
    assert_eq!(configs["retention.ms"], i64::MAX.to_string());
    let versioned = store(ChangelogKind::Versioned { history_retention_ms: i64::MAX });
    let configs = changelog_configs(&versioned, &BTreeMap::new(), 0);
    assert_eq!(configs["min.compaction.lag.ms"], i64::MAX.to_string());
}

#[test]
fn a_join_window_is_never_compacted() {
    let mut join = store(ChangelogKind::JoinWindow { retention_ms: 5 });
    join.log_configs.insert("cleanup.policy".to_owned(), "compact".to_owned());
    let configs = changelog_configs(&join, &BTreeMap::new(), 2);
    assert_eq!((&*configs["cleanup.policy"], &*configs["retention.ms"]), ("delete", "7"));
}
