//! What all aggregations have in common: a fold of a key's values into one state, moved in and out.

use streams_core::serde::SerdeRef;

/// How the values of a key become one aggregate. The three operations of users (count, reduce, aggregate) are its
/// implementations; the processors (plain, windowed, sessions) are written once for all of them.
///
/// The aggregate is taken and given back by value, so that a fold that grows a collection never copies it.
pub trait Fold<K, V, A>: Send + Sync + 'static {
    /// The aggregate before its first value; `None` where the first value itself becomes the aggregate.
    fn initial(&self) -> Option<A>;

    /// The aggregate with one more value. `aggregate` is `None` only if [`initial`](Self::initial) is.
    fn add(&self, key: &K, value: V, aggregate: Option<A>) -> A;
}

/// A fold whose aggregates can be joined: sessions that turn out to be one.
pub(crate) trait MergingFold<K, V, A>: Fold<K, V, A> {
    /// The aggregate of both. Starts with [`initial`](Fold::initial), as in Kafka Streams.
    fn merge(&self, key: &K, aggregate: Option<A>, session: A) -> A;
}

/// Which values of a type are Kafka's null.
///
/// Only a serde knows: a type that may be null is an `Option`, and its serde says which of its values is the null.
/// Without a serde, or with that of a type that has no null, every value counts, at the cost of one branch.
pub(crate) struct Nulls<T>(Option<SerdeRef<T>>);

impl<T> Nulls<T> {
    /// As that serde has it.
    pub(crate) fn of(serde: Option<&SerdeRef<T>>) -> Self {
        Nulls(serde.filter(|serde| serde.nullable()).cloned())
    }

    /// Whether the value is Kafka's null.
    #[inline]
    pub(crate) fn contain(&self, value: &T) -> bool {
        match &self.0 {
            None => false,
            Some(serde) => serde.is_null(value),
        }
    }

    /// The value, unless it is Kafka's null.
    #[inline]
    pub(crate) fn reject(&self, value: T) -> Option<T> {
        (!self.contain(&value)).then_some(value)
    }
}

impl<T> Clone for Nulls<T> {
    fn clone(&self) -> Self {
        Nulls(self.0.clone())
    }
}
