//! References to stores: a name together with the type of the store.

use std::fmt;
use std::marker::PhantomData;

use crate::ids::StoreName;

/// A store's name and type, said once: `H` is what processors get, such as
/// [`KeyValueStore<String, i64>`](super::KeyValueStore).
///
/// Adding a store returns its reference. Processors, topologies and tests take it wherever they take a name, and then
/// know the type: a wrong one does not compile. The reference of a store that an operator makes is
/// [`named`](Self::named) like the operator's option.
///
/// ```
/// # use streams_core as kstreams;
/// use kstreams::store::{KeyValueStore, StoreRef, Stores, TimestampedKeyValueStore};
///
/// let last: StoreRef<KeyValueStore<String, i64>> = Stores::key_value_store("last").store_ref();
/// assert_eq!(last.name(), "last");
/// // The table of `count_with(Materialized::named("visits"))`.
/// let visits = StoreRef::<TimestampedKeyValueStore<String, u64>>::named("visits");
/// assert_eq!(visits.to_string(), "visits");
/// ```
pub struct StoreRef<H> {
    name: StoreName,
    handle: PhantomData<fn() -> H>,
}

impl<H> StoreRef<H> {
    /// The store of that name, of which the caller says that it has this type: as with a name alone, an error where it is
    /// opened if it has not.
    pub fn named(name: &str) -> Self {
        StoreRef { name: name.into(), handle: PhantomData }
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<H> Clone for StoreRef<H> {
    fn clone(&self) -> Self {
        StoreRef { name: StoreName::clone(&self.name), handle: PhantomData }
    }
}

impl<H> fmt::Debug for StoreRef<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreRef<{}>({:?})", std::any::type_name::<H>(), self.name)
    }
}

impl<H> fmt::Display for StoreRef<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What names a store of type `H`: a [`StoreRef`] of that type, or a name, which may be of any.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a store of type `{H}`",
    label = "a reference to a store of another type, or not a name",
    note = "pass the `StoreRef` that adding the store returned, if it has these types, or the store's name as a `&str`"
)]
pub trait NamedStore<H> {
    /// The store's name.
    fn store_name(&self) -> &str;
}

impl<H> NamedStore<H> for &StoreRef<H> {
    fn store_name(&self) -> &str {
        &self.name
    }
}

impl<H, T: AsRef<str> + ?Sized> NamedStore<H> for &T {
    fn store_name(&self) -> &str {
        (*self).as_ref()
    }
}

/// What names the stores that a processor uses: `&["a", "b"]`, `&store` of a [`StoreRef`], or several of them,
/// `(&a, &b)`. None are `&[]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name stores",
    label = "not the names of stores",
    note = "pass `&[]` for none, `&[\"name\"]`, `&store` of the `StoreRef` that adding it returned, or `(&one, &other)`"
)]
pub trait StoreNames {
    /// The stores' names.
    fn store_names(&self) -> Vec<&str>;
}

/// Lists of names whose length is not known.
macro_rules! lists {
    ($($list:ty),+) => {
        $(impl StoreNames for &$list {
            fn store_names(&self) -> Vec<&str> {
                self.iter().map(AsRef::as_ref).collect()
            }
        })+
    };
}

lists!([&str], [String], Vec<&str>, Vec<String>);

impl<const N: usize> StoreNames for &[&str; N] {
    fn store_names(&self) -> Vec<&str> {
        self.to_vec()
    }
}

impl<H> StoreNames for &StoreRef<H> {
    fn store_names(&self) -> Vec<&str> {
        vec![&self.name]
    }
}

/// Tuples of references.
macro_rules! tuples {
    ($($names:ident)+) => {
        impl<$($names),+> StoreNames for ($(&StoreRef<$names>,)+) {
            #[allow(non_snake_case, reason = "the values are called as their types")]
            fn store_names(&self) -> Vec<&str> {
                let ($($names,)+) = self;
                vec![$($names.name()),+]
            }
        }
    };
}

tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
