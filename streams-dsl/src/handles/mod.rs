//! The handles on a plan that programs hold: what they know, and where they stand. Operators are methods on them, and
//! are written in `operators`, as are the handles that only one family of operators has.

mod global_table;
mod grouped;
mod grouped_table;
mod stream;
mod streams_builder;
mod table;

pub use global_table::GlobalKTable;
pub use grouped::{KGroupedStream, SessionWindowedKStream, TimeWindowedKStream};
pub use grouped_table::KGroupedTable;
pub use stream::KStream;
pub use streams_builder::StreamsBuilder;
pub use table::KTable;
pub(crate) use table::TableOrigin;
