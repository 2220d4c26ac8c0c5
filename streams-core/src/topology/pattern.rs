//! A regular expression for the topics of a source.

use std::fmt;
use std::sync::Arc;

use regex::Regex;

use crate::error::TopologyError;

/// Names topics by a regular expression, which the whole name must match (`java.util.regex.Pattern` in
/// `StreamsBuilder.stream`). The syntax is that of the `regex` crate: Java's without look-around and back-references.
///
/// ```
/// # use streams_core as kstreams;
/// use kstreams::topology::TopicPattern;
///
/// let orders = TopicPattern::new("orders-[a-z]+")?;
/// assert!(orders.matches("orders-europe") && !orders.matches("old-orders-europe"));
/// assert!(TopicPattern::new("orders-(").is_err());
/// # Ok::<(), kstreams::error::TopologyError>(())
/// ```
#[derive(Clone)]
pub struct TopicPattern {
    text: Arc<str>,
    whole: Regex,
}

impl TopicPattern {
    /// A pattern of that text; an error if it is not a regular expression.
    pub fn new(text: &str) -> Result<Self, TopologyError> {
        let whole = Regex::new(&format!("^(?:{text})$")).map_err(|error| TopologyError::InvalidPattern {
            pattern: text.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(TopicPattern { text: text.into(), whole })
    }

    /// Whether a topic of that name is meant.
    pub fn matches(&self, topic: &str) -> bool {
        self.whole.is_match(topic)
    }

    /// The regular expression as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for TopicPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TopicPattern {}

impl fmt::Debug for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicPattern({})", self.text)
    }
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
