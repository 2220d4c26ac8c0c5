//! Which serde an operator uses.

use streams_core::serde::{DefaultSerde, SerdeRef};

/// A serde that was named, and the one that the type brings.
pub(crate) struct SerdeChoice<T> {
    explicit: Option<SerdeRef<T>>,
    by_type: Option<SerdeRef<T>>,
}

impl<T> Clone for SerdeChoice<T> {
    fn clone(&self) -> Self {
        SerdeChoice { explicit: self.explicit.clone(), by_type: self.by_type.clone() }
    }
}

impl<T> SerdeChoice<T> {
    /// The chosen serde.
    pub(crate) fn explicit(serde: SerdeRef<T>) -> Self {
        SerdeChoice { explicit: Some(serde), by_type: None }
    }

    /// What is inherited, or none.
    pub(crate) fn inherit() -> Self {
        SerdeChoice { explicit: None, by_type: None }
    }

    /// What is inherited, else the type's own.
    pub(crate) fn by_type() -> Self
    where
        T: DefaultSerde,
    {
        SerdeChoice { explicit: None, by_type: Some(T::default_serde()) }
    }

    /// The same, with that serde before all others.
    pub(crate) fn or_explicit(self, serde: SerdeRef<T>) -> Self {
        SerdeChoice { explicit: Some(serde), ..self }
    }

    /// Explicit, then inherited, then by type.
    pub(crate) fn resolve(&self, inherited: Option<&SerdeRef<T>>) -> Option<SerdeRef<T>> {
        self.explicit.as_ref().or(inherited).or(self.by_type.as_ref()).cloned()
    }
}
