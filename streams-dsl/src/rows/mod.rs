//! The rows of tables: how they are stored, looked up, and forwarded when they change.

mod forwarder;
mod materialized_rows;
mod table_rows;
mod table_store;
mod value_getter;

pub(crate) use forwarder::TableForwarder;
pub(crate) use materialized_rows::MaterializedRows;
pub(crate) use table_rows::TableRows;
pub(crate) use table_store::{RowStoreSpec, TableStoreSpec, row_store};
pub(crate) use value_getter::{ValueGetter, ValueGetterSupplier};
