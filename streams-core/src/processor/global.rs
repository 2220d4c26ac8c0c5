//! Read access of tasks to global stores, which another thread keeps current.

use std::any::Any;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::error::{Result, UsageError};

/// The global stores' read handles, by store name; every node may use them.
#[derive(Clone, Default)]
pub struct GlobalReaders(Rc<BTreeMap<String, Box<dyn Any>>>);

impl GlobalReaders {
    /// Read handles by store name.
    pub fn new(readers: BTreeMap<String, Box<dyn Any>>) -> Self {
        GlobalReaders(Rc::new(readers))
    }

    /// The handle of a store, `None` when there is no global store of that name.
    pub(super) fn get<S: Clone + 'static>(&self, name: &str) -> Option<Result<S>> {
        let reader = self.0.get(name)?;
        Some(reader.downcast_ref::<S>().cloned().ok_or_else(|| {
            UsageError::GlobalStoreType { store: name.into(), asked: std::any::type_name::<S>() }.into()
        }))
    }
}
