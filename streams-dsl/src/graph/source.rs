//! What a stream reads: topics by name, or all that match a pattern.

use streams_core::ids::TopicName;
use streams_core::topology::TopicPattern;

/// What a stream reads.
#[derive(Clone, Debug)]
pub enum SourceTopics {
    /// Topics by name.
    Named(Vec<TopicName>),
    /// Every topic that matches.
    Matching(TopicPattern),
}

/// One or several topics: a name; an array, slice or vector of names; or a [`TopicPattern`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no topics",
    note = "give a name, an array, slice or vector of names, or a `TopicPattern`"
)]
pub trait Topics {
    /// Which they are.
    #[doc(hidden)]
    fn topics(self) -> SourceTopics;
}

impl Topics for &str {
    fn topics(self) -> SourceTopics {
        SourceTopics::Named(vec![self.into()])
    }
}

impl Topics for &String {
    fn topics(self) -> SourceTopics {
        self.as_str().topics()
    }
}

impl<T: AsRef<str>> Topics for &[T] {
    fn topics(self) -> SourceTopics {
        SourceTopics::Named(self.iter().map(|name| name.as_ref().into()).collect())
    }
}

impl<T: AsRef<str>, const N: usize> Topics for [T; N] {
    fn topics(self) -> SourceTopics {
        self.as_slice().topics()
    }
}

impl<T: AsRef<str>> Topics for Vec<T> {
    fn topics(self) -> SourceTopics {
        self.as_slice().topics()
    }
}

impl Topics for TopicPattern {
    fn topics(self) -> SourceTopics {
        SourceTopics::Matching(self)
    }
}
