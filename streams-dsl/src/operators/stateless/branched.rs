//! What becomes of a branch of a split stream (`org.apache.kafka.streams.kstream.Branched`).

use crate::handles::KStream;

type Chain<'a, K, V> = Box<dyn FnOnce(KStream<K, V>) -> Option<KStream<K, V>> + 'a>;

/// A branch's name, and what to do with it at once (`org.apache.kafka.streams.kstream.Branched`).
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let branches = builder
///     .stream::<String, i64>("payments")
///     .named("size-")
///     .split()
///     .branch_with(|_, amount| *amount > 1000, Branched::with_consumer(|large| large.to("alerts")))
///     .branch_with(
///         |_, amount| *amount > 100,
///         Branched::with_function(|medium| Some(medium.map_values(|amount| amount / 100))).with_name("medium"),
///     )
///     .no_default_branch();
/// // What a consumer took is not in the result.
/// assert_eq!(branches.keys().collect::<Vec<_>>(), ["size-medium"]);
/// ```
pub struct Branched<'a, K, V> {
    pub(crate) name: Option<String>,
    pub(crate) chain: Option<Chain<'a, K, V>>,
}

impl<K, V> Default for Branched<'_, K, V> {
    fn default() -> Self {
        Branched::new()
    }
}

impl<'a, K, V> Branched<'a, K, V> {
    /// A branch named after its position, from 1; the default branch is 0.
    pub fn new() -> Self {
        Branched { name: None, chain: None }
    }

    /// A branch of that name; its node and its entry in the result carry the splitter's name before it (`Branched.as`).
    pub fn named(name: &str) -> Self {
        Branched { name: Some(name.to_owned()), chain: None }
    }

    /// Puts what `chain` makes of the branch into the result; nothing for `None` (`Branched.withFunction`).
    pub fn with_function(chain: impl FnOnce(KStream<K, V>) -> Option<KStream<K, V>> + 'a) -> Self {
        Branched { name: None, chain: Some(Box::new(chain)) }
    }

    /// Hands the branch over; it is not part of the result (`Branched.withConsumer`).
    pub fn with_consumer(consumer: impl FnOnce(KStream<K, V>) + 'a) -> Self {
        Branched::with_function(move |branch| {
            consumer(branch);
            None
        })
    }

    /// Names the branch (`Branched.withName`).
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }
}
