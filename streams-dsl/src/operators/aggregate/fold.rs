//! What all aggregations have in common: a fold of a key's values into one state, moved in and out.

use streams_core::error::Result;

/// How the values of a key become one aggregate. The three operations of users (count, reduce, aggregate) are its
/// implementations; the processors (plain, windowed, sessions) are written once for all of them.
///
/// The aggregate is taken and given back by value, so that a fold that grows a collection never copies it.
pub trait Fold<K, V, A>: Send + Sync + 'static {
    /// The aggregate before its first value; `None` where the first value itself becomes the aggregate.
    fn initial(&self) -> Option<A>;

    /// The aggregate with one more value. `aggregate` is `None` only if [`initial`](Self::initial) is.
    fn add(&self, key: &K, value: V, aggregate: Option<A>) -> Result<A>;

    /// The aggregate of two sessions that turn out to be one. Starts with [`initial`](Self::initial), as in Kafka Streams.
    fn merge(&self, key: &K, aggregate: Option<A>, session: A) -> Result<A>;
}
