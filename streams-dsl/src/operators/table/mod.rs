//! Operators of tables.

mod filter;
mod group_by;
mod map_values;
mod read;
mod row_serde;
mod source;
mod suppress;
mod to_stream;
mod transform_values;
mod value_transformer;

pub(crate) use row_serde::RowSerde;
pub(crate) use source::SourceOrigin;
pub use value_transformer::{TransformContext, ValueTransformer};
