//! Operators of tables.

mod filter;
mod forwarder;
mod group_by;
mod map_values;
mod read;
mod row_serde;
mod source;
mod stored_rows;
mod suppress;
mod to_stream;
mod transform_values;

pub(crate) use forwarder::TableForwarder;
pub(crate) use row_serde::RowSerde;
pub(crate) use source::SourceOrigin;
pub(crate) use stored_rows::StoredRows;
