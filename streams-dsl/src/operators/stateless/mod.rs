//! Stateless operators of streams: record by record, no store.

mod branch;
mod branched;
mod filter;
mod flat_map;
mod flat_map_values;
mod for_each;
mod group_by;
mod group_by_key;
mod map;
mod map_values;
mod merge;
mod peek;
mod print;
mod process;
mod process_values;
mod repartition;
mod select_key;
mod split_late;
mod split_results;
mod to;
mod to_table;

pub use branch::BranchedKStream;
pub use branched::Branched;
pub(crate) use merge::PassThrough;
