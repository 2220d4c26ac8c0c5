//! What the options of all operators have: serdes, a name, and a part of their own.

use streams_core::serde::{DefaultSerde, SerdeRef};

use super::SerdeChoice;

/// Options of an operator: serdes, a name, and in `O` what only that operator has. The type of each operator's options,
/// as [`Consumed`](super::Consumed), says what the name names.
pub struct Options<K, V, O> {
    pub(crate) name: Option<String>,
    pub(crate) key_serde: SerdeChoice<K>,
    pub(crate) value_serde: SerdeChoice<V>,
    pub(crate) own: O,
}

/// Marks options that name the serdes of one key and one value.
pub trait OnePair: Default {}

impl<K, V, O: Clone> Clone for Options<K, V, O> {
    fn clone(&self) -> Self {
        Options {
            name: self.name.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            own: self.own.clone(),
        }
    }
}

impl<K: DefaultSerde, V: DefaultSerde, O: Default> Default for Options<K, V, O> {
    fn default() -> Self {
        Options::new()
    }
}

impl<K, V, O> Options<K, V, O> {
    pub(super) fn of(key_serde: SerdeChoice<K>, value_serde: SerdeChoice<V>, own: O) -> Self {
        Options { name: None, key_serde, value_serde, own }
    }

    /// With inherited serdes, else the types' own, and without a name.
    pub fn new() -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
        O: Default,
    {
        Self::of(SerdeChoice::by_type(), SerdeChoice::by_type(), O::default())
    }

    /// Sets the name.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Sets the serde of keys.
    #[must_use]
    pub fn with_key_serde(mut self, serde: SerdeRef<K>) -> Self {
        self.key_serde = self.key_serde.or_explicit(serde);
        self
    }

    /// Sets the serde of values.
    #[must_use]
    pub fn with_value_serde(mut self, serde: SerdeRef<V>) -> Self {
        self.value_serde = self.value_serde.or_explicit(serde);
        self
    }
}

impl<K, V, O: OnePair> Options<K, V, O> {
    /// With these serdes.
    pub fn with(key_serde: SerdeRef<K>, value_serde: SerdeRef<V>) -> Self {
        Self::of(SerdeChoice::explicit(key_serde), SerdeChoice::explicit(value_serde), O::default())
    }

    /// With inherited serdes; for types without a serde of their own.
    pub fn inherit() -> Self {
        Self::of(SerdeChoice::inherit(), SerdeChoice::inherit(), O::default())
    }

    /// As [`new`](Self::new), with a name (`as` in Java).
    pub fn named(name: &str) -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::new().with_name(name)
    }
}
