//! Opens stores by their references, so that a processor's supplier gets them with their types.

use super::InitContext;
use crate::error::Result;
use crate::store::{StoreNames, StoreRef};

/// What opens stores in a task.
type Opener<S> = Box<dyn Fn(&InitContext<'_>) -> Result<S> + Send + Sync>;

/// References to stores that a processor is made from: `&store`, or several, `(&a, &b)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a reference to stores",
    label = "not a reference to stores",
    note = "pass `&store` of the `StoreRef` that adding the store returned, or `(&one, &other)`; names have no types"
)]
pub trait OpenStores: StoreNames {
    /// The stores: one, or a tuple of them.
    type Stores;

    /// What opens them in each task.
    #[doc(hidden)]
    fn opener(&self) -> Opener<Self::Stores>;
}

impl<H: Clone + 'static> OpenStores for &StoreRef<H> {
    type Stores = H;

    fn opener(&self) -> Opener<H> {
        let store = StoreRef::clone(self);
        Box::new(move |context| context.state_store(&store))
    }
}

/// Tuples of references.
macro_rules! tuples {
    ($($names:ident)+) => {
        impl<$($names: Clone + 'static),+> OpenStores for ($(&StoreRef<$names>,)+) {
            type Stores = ($($names,)+);

            #[allow(non_snake_case, reason = "the values are called as their types")]
            fn opener(&self) -> Opener<Self::Stores> {
                let ($($names,)+) = *self;
                $(let $names = StoreRef::clone($names);)+
                Box::new(move |context| Ok(($(context.state_store(&$names)?,)+)))
            }
        }
    };
}

tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
