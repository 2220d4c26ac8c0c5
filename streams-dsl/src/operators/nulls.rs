//! Which values are Kafka's null.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use streams_core::serde::SerdeRef;

/// Which values of a type are Kafka's null: those that its serde says, and where no serde is known, the `None` of an
/// `Option`. Of a type that has no null every value counts, at the cost of one branch.
pub(crate) enum Nulls<T> {
    Never,
    Serde(SerdeRef<T>),
    Option,
}

impl<T> Nulls<T> {
    /// As that serde has it.
    pub(crate) fn of(serde: Option<&SerdeRef<T>>) -> Self {
        match serde {
            Some(serde) if serde.nullable() => Nulls::Serde(Arc::clone(serde)),
            None if is_option::<T>() => Nulls::Option,
            _ => Nulls::Never,
        }
    }

    /// Whether the value is Kafka's null.
    #[inline]
    pub(crate) fn contain(&self, value: &T) -> bool {
        match self {
            Nulls::Never => false,
            Nulls::Serde(serde) => serde.is_null(value),
            Nulls::Option => is_none(value),
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
            Nulls::Option => Nulls::Option,
        }
    }
}

/// Whether a type is an `Option`. Streams of any type have operators, so that no trait can tell: its name does.
fn is_option<T>() -> bool {
    let option = std::any::type_name::<Option<()>>();
    option.split_once('<').is_some_and(|(option, _)| {
        std::any::type_name::<T>().strip_prefix(option).is_some_and(|rest| rest.starts_with('<'))
    })
}

/// Whether an `Option` is `None`, its first variant.
fn is_none<T>(option: &T) -> bool {
    /// Whether all that it is given is 0.
    struct IsZero(bool);

    impl Hasher for IsZero {
        fn write(&mut self, bytes: &[u8]) {
            self.0 &= bytes.iter().all(|byte| *byte == 0);
        }

        fn finish(&self) -> u64 {
            u64::from(self.0)
        }
    }

    let mut zero = IsZero(true);
    std::mem::discriminant(option).hash(&mut zero);
    zero.0
}

#[cfg(test)]
mod tests {
    use streams_core::serde::DefaultSerde;

    use super::*;

    #[test]
    fn the_none_of_an_option_is_null_with_a_serde_and_without() {
        for nulls in [Nulls::of(None), Nulls::of(Some(&Option::<String>::default_serde()))] {
            assert!(nulls.contain(&None));
            assert_eq!(nulls.reject(Some("a".to_owned())), Some(Some("a".to_owned())));
            assert!(!nulls.contain(&Some(String::new())));
        }
        let nulls = Nulls::of(None);
        assert!(nulls.contain(&None::<Box<u8>>) && !nulls.contain(&Some(Box::new(0_u8))));
        let nulls = Nulls::of(None);
        assert!(nulls.contain(&None::<()>) && !nulls.contain(&Some(())));
    }

    #[test]
    fn other_types_have_no_null() {
        enum Choice {
            First,
        }
        assert!(!Nulls::of(None).contain(&0_u64));
        assert!(!Nulls::of(None).contain(&Choice::First));
        assert!(!Nulls::of(None).contain(&Ok::<(), ()>(())));
    }
}
