//! The handle of a table that every instance holds whole.

use std::rc::Rc;

/// A table of which every instance has all rows, whatever their partition
/// (`org.apache.kafka.streams.kstream.GlobalKTable`). Streams join it by any key, without co-partitioning; see
/// [`KStream::join_global`](crate::KStream::join_global).
pub struct GlobalKTable<K, V> {
    pub(crate) store: Rc<str>,
    queryable: bool,
    types: std::marker::PhantomData<fn() -> (K, V)>,
}

impl<K, V> Clone for GlobalKTable<K, V> {
    fn clone(&self) -> Self {
        GlobalKTable { store: Rc::clone(&self.store), queryable: self.queryable, types: self.types }
    }
}

impl<K, V> GlobalKTable<K, V> {
    /// A table in a store.
    pub(crate) fn new(store: &str, queryable: bool) -> Self {
        GlobalKTable { store: store.into(), queryable, types: std::marker::PhantomData }
    }

    /// The name under which the table's store can be queried; `None` if it was given none
    /// (`GlobalKTable.queryableStoreName`).
    pub fn queryable_store_name(&self) -> Option<&str> {
        self.queryable.then_some(&*self.store)
    }
}
