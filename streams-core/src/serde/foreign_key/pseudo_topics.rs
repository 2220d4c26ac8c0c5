//! The topic names that serdes get for the parts of a message: a serde may choose a format by topic.

use std::sync::OnceLock;

/// The topics that a foreign-key join passes to the serdes of its parts: the subscription topic's full name with `-pk`
/// for primary keys, `-fk` for foreign keys, and `-vh` for the rows that are hashed. None of them exists.
pub struct PseudoTopics {
    topic: String,
    names: OnceLock<PseudoTopicNames>,
    /// Until the application is known.
    undecorated: PseudoTopicNames,
}

struct PseudoTopicNames {
    primary_key: String,
    foreign_key: String,
    value_hash: String,
}

impl PseudoTopicNames {
    fn of(topic: &str) -> Self {
        let part = |suffix| format!("{topic}-{suffix}");
        PseudoTopicNames { primary_key: part("pk"), foreign_key: part("fk"), value_hash: part("vh") }
    }
}

impl PseudoTopics {
    /// Names for a subscription topic, given without the application's prefix.
    pub fn new(topic: &str) -> Self {
        PseudoTopics {
            topic: topic.to_owned(),
            names: OnceLock::new(),
            undecorated: PseudoTopicNames::of(topic),
        }
    }

    /// Sets the application's prefix; called when a task starts.
    pub fn resolve(&self, application_id: &str) {
        self.names.get_or_init(|| PseudoTopicNames::of(&format!("{application_id}-{}", self.topic)));
    }

    fn names(&self) -> &PseudoTopicNames {
        self.names.get().unwrap_or(&self.undecorated)
    }

    /// For keys of the primary table.
    pub fn primary_key(&self) -> &str {
        &self.names().primary_key
    }

    /// For keys of the foreign table.
    pub fn foreign_key(&self) -> &str {
        &self.names().foreign_key
    }

    /// For rows of the primary table that are hashed.
    pub fn value_hash(&self) -> &str {
        &self.names().value_hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_applications_prefix_once_it_is_known() {
        let topics = PseudoTopics::new("join-topic");
        assert_eq!(topics.primary_key(), "join-topic-pk");
        topics.resolve("app");
        assert_eq!(topics.primary_key(), "app-join-topic-pk");
        assert_eq!(topics.foreign_key(), "app-join-topic-fk");
        assert_eq!(topics.value_hash(), "app-join-topic-vh");
    }
}
