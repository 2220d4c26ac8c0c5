//! What a database records besides its rows, and what follows from it when it is opened again.
//!
//! For each store its kind and layout, for each changelog the topic's id and the cluster's. An offset means something only
//! in the log it was taken from: a topic that was deleted and created again, or another cluster, has other records there.

use std::collections::BTreeMap;

use state_stores::RestoreFormat;

use crate::ids::{Offset, TopicPartition};

/// The most that is subtracted from the time for which a changelog keeps deletions, as clocks differ.
const CLOCK_MARGIN_MAX_MS: i64 = 3_600_000;

/// How many offsets a changelog may end before the local offset without being cut short. A broker that forgets the markers
/// of an answered commit (decision 0008) leaves out one each. The rows are then those of a commit that may be taken back,
/// and the log has every record.
const MARKERS_FORGOTTEN_MAX: i64 = 2;

/// Identifies a log among those that had its name. An unknown part equals anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::runtime) struct LogIdentity {
    pub topic_id: Option<String>,
    pub cluster_id: Option<String>,
}

impl LogIdentity {
    /// Its stored form.
    pub fn encode(&self) -> String {
        let text = |id: &Option<String>| id.clone().unwrap_or_default();
        format!("{}\n{}", text(&self.topic_id), text(&self.cluster_id))
    }

    /// Parses the stored form.
    pub fn decode(text: &str) -> Self {
        let mut ids = text.split('\n').map(|id| (!id.is_empty()).then(|| id.to_owned()));
        LogIdentity { topic_id: ids.next().flatten(), cluster_id: ids.next().flatten() }
    }

    /// Updated with what is known now; the rest stays as it was.
    pub fn updated(&self, now: &LogIdentity) -> Self {
        LogIdentity {
            topic_id: now.topic_id.clone().or_else(|| self.topic_id.clone()),
            cluster_id: now.cluster_id.clone().or_else(|| self.cluster_id.clone()),
        }
    }

    /// Why `now` is another log, if it is.
    pub fn differs(&self, now: &LogIdentity) -> Option<String> {
        let differ = |before: &Option<String>, now: &Option<String>| {
            before.as_ref().zip(now.as_ref()).filter(|(before, now)| before != now).is_some()
        };
        let text = |id: &Option<String>| id.clone().unwrap_or_default();
        if differ(&self.cluster_id, &now.cluster_id) {
            let (before, now) = (text(&self.cluster_id), text(&now.cluster_id));
            return Some(format!("it is of cluster {now}, the local state of cluster {before}"));
        }
        if differ(&self.topic_id, &now.topic_id) {
            let (before, now) = (text(&self.topic_id), text(&now.topic_id));
            return Some(format!(
                "it was deleted and created again: its topic id is {now}, the local state is of {before}"
            ));
        }
        None
    }
}

/// The name under which a changelog's identity is stored.
pub(in crate::runtime) fn log_name(partition: &TopicPartition) -> String {
    format!("log {partition}")
}

/// The name under which a store's kind and layout are stored.
pub(in crate::runtime) fn store_name(store: &str) -> String {
    format!("store {store}")
}

/// The stored form of a store's kind and layout.
pub(in crate::runtime) fn kind_text(format: &RestoreFormat) -> String {
    format!("{}\n{}", format.changelog_kind(), format.layout())
}

/// What a store was when its database was last used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::runtime) enum WasKind {
    /// The same as now, or it is new.
    Same,
    /// It has the same changelog records, but other rows.
    OtherLayout(String),
    /// Its changelog holds something else.
    OtherKind(String),
}

/// Compares a store with its stored kind and layout.
pub(in crate::runtime) fn was_kind(
    metadata: &BTreeMap<String, String>,
    store: &str,
    format: &RestoreFormat,
) -> WasKind {
    let Some(kept) = metadata.get(&store_name(store)) else { return WasKind::Same };
    let (kind, layout) = kept.split_once('\n').unwrap_or((kept, ""));
    if kind != format.changelog_kind() {
        WasKind::OtherKind(kind.to_owned())
    } else if layout != format.layout() {
        WasKind::OtherLayout(layout.to_owned())
    } else {
        WasKind::Same
    }
}

/// What is known of a store at its opening, and of its changelog.
#[derive(Clone, Debug)]
pub(in crate::runtime) struct Facts {
    /// The changelog offset up to which the database is current.
    pub stored: Option<Offset>,
    /// What the broker has of it.
    pub start: Offset,
    pub end: Offset,
    /// Whether other programs write to it: a source topic, which can be read again.
    pub is_source: bool,
    /// Whether the thread that opens it has committed the task itself. Then the log may end earlier than before, because the
    /// broker took back commits whose markers it had forgotten (decision 0008).
    pub is_reopened: bool,
    pub before: LogIdentity,
    pub now: LogIdentity,
    /// For how long the store was not in use here, if known.
    pub untouched_ms: Option<i64>,
    /// How long the changelog keeps deletions at least.
    pub deletions_kept_ms: i64,
}

/// What to do with a store at its opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::runtime) enum Verdict {
    /// Continue from that offset.
    Resume(Offset),
    /// Empty it and fill it from the log, for this reason.
    Rebuild(String),
    /// Refuse it, for this reason: the local rows may be all that is left.
    Refuse(String),
}

/// Decides about a store.
pub(in crate::runtime) fn judge(facts: &Facts) -> Verdict {
    let (start, end) = (facts.start, facts.end);
    let Some(stored) = facts.stored else { return Verdict::Resume(start) };
    let lost = |why: String| {
        if facts.is_source || stored == 0 { Verdict::Rebuild(why) } else { Verdict::Refuse(why) }
    };
    if let Some(other) = facts.before.differs(&facts.now) {
        return lost(other);
    }
    if stored > end {
        let why =
            format!("it ends at offset {end}, but had come to {stored} when the local state was written");
        // Commits that are taken back never leave a log empty.
        let is_taken_back = facts.is_reopened && end > 0;
        return if is_taken_back || stored - end <= MARKERS_FORGOTTEN_MAX {
            Verdict::Rebuild(why)
        } else {
            lost(why)
        };
    }
    if stored < start {
        return Verdict::Rebuild(format!(
            "it begins at offset {start} now, and the local state has come to {stored} only"
        ));
    }
    let margin = (facts.deletions_kept_ms / 10).min(CLOCK_MARGIN_MAX_MS);
    match facts.untouched_ms {
        Some(untouched) if stored < end && untouched > facts.deletions_kept_ms - margin => {
            Verdict::Rebuild(format!(
                "the local state was left alone for {untouched} ms, and the changelog forgets deletions after {} ms",
                facts.deletions_kept_ms
            ))
        }
        _ => Verdict::Resume(stored),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(topic: &str, cluster: &str) -> LogIdentity {
        LogIdentity::decode(&format!("{topic}\n{cluster}"))
    }

    fn verdict(change: impl FnOnce(&mut Facts)) -> &'static str {
        let mut facts = Facts {
            stored: Some(100),
            start: 0,
            end: 100,
            is_source: false,
            is_reopened: false,
            before: id("t", "c"),
            now: id("t", "c"),
            untouched_ms: Some(0),
            deletions_kept_ms: 86_400_000,
        };
        change(&mut facts);
        match judge(&facts) {
            Verdict::Resume(_) => "resume",
            Verdict::Rebuild(_) => "rebuild",
            Verdict::Refuse(_) => "refuse",
        }
    }

    #[test]
    fn a_changelog_that_is_another_one_is_never_taken_as_empty() {
        let (topic, cluster, unknown) = (|| id("other", "c"), || id("t", "other"), || id("", ""));
        assert_eq!(verdict(|_| {}), "resume");
        assert_eq!(verdict(|facts| facts.now = topic()), "refuse");
        // The log has grown beyond the local offset.
        assert_eq!(verdict(|facts| (facts.now, facts.end) = (topic(), 1_000)), "refuse");
        assert_eq!(verdict(|facts| facts.now = cluster()), "refuse");
        assert_eq!(verdict(|facts| (facts.now, facts.is_source) = (topic(), true)), "rebuild");
        assert_eq!(verdict(|facts| (facts.now, facts.stored) = (topic(), Some(0))), "rebuild");
        assert_eq!(verdict(|facts| (facts.now, facts.stored) = (topic(), None)), "resume");
        assert_eq!(verdict(|facts| facts.now = unknown()), "resume");
        assert_eq!(verdict(|facts| facts.before = unknown()), "resume");
    }

    #[test]
    fn offsets_outside_of_the_log_are_not_gone_on_from() {
        assert_eq!(verdict(|facts| facts.end = 97), "refuse");
        assert_eq!(verdict(|facts| facts.end = 99), "rebuild", "a marker that was forgotten");
        assert_eq!(verdict(|facts| (facts.end, facts.is_reopened) = (97, true)), "rebuild");
        // Before: the good rows of a running application were thrown away, and it counted on from nothing.
        assert_eq!(verdict(|facts| (facts.end, facts.is_reopened) = (0, true)), "refuse");
        assert_eq!(verdict(|facts| (facts.end, facts.is_source) = (97, true)), "rebuild");
        assert_eq!(verdict(|facts| (facts.start, facts.end) = (101, 200)), "rebuild");
        assert_eq!(verdict(|facts| (facts.start, facts.end) = (100, 100)), "resume");
        // Emptied by retention, and nothing here.
        assert_eq!(
            verdict(|facts| (facts.start, facts.end, facts.stored) = (22_512, 22_512, None)),
            "resume"
        );
    }

    #[test]
    fn what_may_have_missed_a_deletion_is_rebuilt() {
        let day = 86_400_000;
        let left = |hours: i64, end| {
            verdict(|facts| (facts.untouched_ms, facts.end) = (Some(hours * 3_600_000), end))
        };
        assert_eq!((left(22, 101), left(24, 101)), ("resume", "rebuild"));
        assert_eq!(left(1_000, 100), "resume", "nothing was written since");
        assert_eq!(verdict(|facts| (facts.untouched_ms, facts.end) = (None, 101)), "resume");
        assert_eq!(verdict(|facts| (facts.untouched_ms, facts.end) = (Some(i64::MAX), day)), "rebuild");
        assert_eq!(
            verdict(|facts| (facts.deletions_kept_ms, facts.end) = (0, 101)),
            "resume",
            "in the same moment"
        );
    }

    #[test]
    fn identities_are_kept_and_updated() {
        let both = id("t", "c");
        assert_eq!(LogIdentity::decode(&both.encode()), both);
        assert_eq!(LogIdentity::decode(""), LogIdentity::default());
        assert_eq!(both.updated(&id("u", "")), id("u", "c"));
    }

    #[test]
    fn a_store_of_another_kind_is_found() {
        let window = RestoreFormat::Window { retention_ms: 200_000, timestamped: true };
        let kept = BTreeMap::from([(store_name("s"), kind_text(&window))]);
        assert_eq!(was_kind(&kept, "s", &window), WasKind::Same);
        assert_eq!(was_kind(&kept, "other", &RestoreFormat::KeyValue), WasKind::Same);
        let longer = RestoreFormat::Window { retention_ms: 400_000, timestamped: true };
        assert!(matches!(was_kind(&kept, "s", &longer), WasKind::OtherLayout(_)));
        let plain = RestoreFormat::TimestampedKeyValue;
        assert_eq!(was_kind(&kept, "s", &plain), WasKind::OtherKind("window".to_owned()));
    }
}
