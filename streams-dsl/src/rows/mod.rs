//! The rows of tables: how they are stored, looked up, and forwarded when they change.

mod forwarder;
mod row_store;
mod stored_rows;
mod table_store;
mod value_getter;

pub(crate) use forwarder::TableForwarder;
pub(crate) use row_store::RowStore;
pub(crate) use stored_rows::StoredRows;
pub(crate) use table_store::{RowStoreSpec, TableStore, row_store};
pub(crate) use value_getter::{ValueGetter, ValueGetterSupplier};
