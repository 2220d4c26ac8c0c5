//! What is logged once for each application: preparations are repeated while a restart waits, several times a second.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::kafka_streams::lock;

/// The texts that were logged.
#[derive(Debug, Default)]
pub(crate) struct Said(Mutex<BTreeSet<String>>);

impl Said {
    /// Whether a text was not logged before; it is now.
    pub fn is_new(&self, text: impl Into<String>) -> bool {
        lock(&self.0).insert(text.into())
    }
}
