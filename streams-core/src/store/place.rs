//! Where stores keep their committed entries: on disk, in memory, or in a custom database (`DslStoreSuppliers`).

use std::fmt::{self, Debug};
use std::sync::Arc;

use state_stores::{BackendRef, disk};

use crate::config::StoreType;
use crate::error::Result;
use crate::ids::TaskId;
use crate::user_code::{UserPanic, caught};

/// Where a store keeps its committed entries.
#[derive(Clone, Debug)]
pub enum StorePlace {
    /// On disk, in RocksDB: one database for each task, under `state.dir`. Needs the feature `rocksdb`.
    Disk,
    /// In memory; restored from the changelog after a restart.
    Memory,
    /// Wherever a supplier of your own puts them.
    Custom(Arc<dyn BackendSupplier>),
}

impl StorePlace {
    /// The databases of a custom supplier.
    pub fn custom(supplier: impl BackendSupplier + 'static) -> Self {
        StorePlace::Custom(Arc::new(supplier))
    }
}

impl From<StoreType> for StorePlace {
    fn from(store_type: StoreType) -> Self {
        match store_type {
            StoreType::RocksDb => StorePlace::Disk,
            StoreType::InMemory => StorePlace::Memory,
        }
    }
}

/// On disk; in memory where no database is compiled in (feature `rocksdb`).
impl Default for StorePlace {
    fn default() -> Self {
        if disk::IS_AVAILABLE { StorePlace::Disk } else { StorePlace::Memory }
    }
}

/// Two places are one if a task's stores there share a database; custom ones are distinguished by their names.
impl PartialEq for StorePlace {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (StorePlace::Disk, StorePlace::Disk) | (StorePlace::Memory, StorePlace::Memory) => true,
            (StorePlace::Custom(one), StorePlace::Custom(other)) => {
                match (name_of(&**one), name_of(&**other)) {
                    (Ok(one), Ok(other)) => one == other,
                    _ => Arc::ptr_eq(one, other),
                }
            }
            _ => false,
        }
    }
}

impl Eq for StorePlace {}

/// Opens custom databases for stores of any kind: ordered bytes with atomic batches are all that a
/// [`Backend`](state_stores::Backend) has to offer.
///
/// A task has one database of a supplier, for all of its stores that are placed there. It holds the stores' changelog
/// offsets as well, so that one that survives a restart is restored from where it was.
pub trait BackendSupplier: Send + Sync {
    /// Its name: suppliers of the same name are one.
    fn name(&self) -> &str;

    /// Opens the database of a task, creating it if need be. It is dropped when the task is closed.
    fn open(&self, task: TaskId) -> Result<BackendRef>;

    /// Removes the database of a task, as it can no longer be trusted: it is opened again, and restored from the
    /// changelogs. It is not open now.
    fn wipe(&self, task: TaskId) -> Result<()>;
}

impl Debug for dyn BackendSupplier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("BackendSupplier").field(&shown_name(self)).finish()
    }
}

/// The name of a supplier. It is user code, and may panic.
pub(crate) fn name_of(supplier: &dyn BackendSupplier) -> std::result::Result<&str, UserPanic> {
    caught(|| supplier.name())
}

/// The name of a supplier in messages.
pub(crate) fn shown_name(supplier: &dyn BackendSupplier) -> &str {
    name_of(supplier).unwrap_or("(without a name, as name() panics)")
}
