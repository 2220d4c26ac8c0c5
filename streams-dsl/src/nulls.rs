//! Which values are Kafka's null.

use std::sync::{Arc, OnceLock};

use streams_core::serde::SerdeRef;

/// Which values of a type are Kafka's null: those that its serde says, and where no serde is known, those that the user
/// says (`nullable` of a stream or table). Of a type that has no null every value counts, at the cost of one branch.
pub(crate) enum Nulls<T> {
    Never,
    Serde(SerdeRef<T>),
    NullTest(NullTest<T>),
}

/// Room for what the user says of a type's nulls: of a table after its operator has been added.
pub(crate) type NullTest<T> = Arc<OnceLock<fn(&T) -> bool>>;

impl<T> Nulls<T> {
    /// As that serde has it. Without one there are none.
    pub(crate) fn of(serde: Option<&SerdeRef<T>>) -> Self {
        match serde {
            Some(serde) if serde.nullable() => Nulls::Serde(Arc::clone(serde)),
            _ => Nulls::Never,
        }
    }

    /// As that serde has it, and without one as the user says.
    pub(crate) fn of_or_test(serde: Option<&SerdeRef<T>>, null_test: &NullTest<T>) -> Self {
        match serde {
            Some(_) => Nulls::of(serde),
            None => Nulls::NullTest(Arc::clone(null_test)),
        }
    }

    /// Whether the value is Kafka's null.
    #[inline]
    pub(crate) fn contain(&self, value: &T) -> bool {
        match self {
            Nulls::Never => false,
            Nulls::Serde(serde) => serde.is_null(value),
            Nulls::NullTest(null_test) => null_test.get().is_some_and(|is_null| is_null(value)),
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
        match self {
            Nulls::Never => Nulls::Never,
            Nulls::Serde(serde) => Nulls::Serde(Arc::clone(serde)),
            Nulls::NullTest(null_test) => Nulls::NullTest(Arc::clone(null_test)),
        }
    }
}

#[cfg(test)]
mod tests {
    use streams_core::serde::DefaultSerde;

    use super::*;

    #[test]
    fn a_serde_says_what_is_null() {
        let nulls = Nulls::of(Some(&Option::<String>::default_serde()));
        assert!(nulls.contain(&None));
        assert_eq!(nulls.reject(Some("a".to_owned())), Some(Some("a".to_owned())));
        assert!(!Nulls::of(Some(&String::default_serde())).contain(&String::new()));
    }

    #[test]
    fn without_a_serde_nothing_is_null_until_the_user_says_so() {
        assert!(!Nulls::of(None).contain(&None::<u8>));
        let null_test = NullTest::<Option<u8>>::default();
        let nulls = Nulls::of_or_test(None, &null_test);
        assert!(!nulls.contain(&None));
        null_test.get_or_init(|| Option::is_none);
        assert!(nulls.contain(&None) && !nulls.contain(&Some(0)));
    }
}
