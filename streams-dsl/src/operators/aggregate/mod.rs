//! Aggregations of grouped streams and tables: count, reduce, aggregate; of streams also in windows and in sessions.
//!
//! | file | what it holds |
//! |---|---|
//! | `count`, `reduce`, `aggregator` | the operations on a grouped stream, whatever it is laid over |
//! | `layout` | what differs between all of time, windows and sessions, one file a kind: processor, store, keys |
//! | `fold` | what a count, a reduction and a user's aggregation have in common |
//! | `add` | how an aggregation becomes a node of the plan: numbers, repartition topic, store |
//! | `emit` | emission on window close |
//! | `forward` | how updates leave: at once, or when the store's cache is flushed |
//! | `cogroup` | several grouped streams folded into one table; `cogrouped` is its handle, `cogroup_plan` makes nodes of it |
//! | `of_table`, `of_table_processor` | the same operations on a grouped table, and their processor |

mod add;
mod aggregator;
mod cogroup;
mod cogroup_plan;
mod cogrouped;
mod count;
mod emit;
mod fold;
mod forward;
mod layout;
mod of_table;
mod of_table_processor;
mod reduce;

#[cfg(test)]
mod tests;

pub use cogrouped::{CogroupedKStream, SessionWindowedCogroupedKStream, TimeWindowedCogroupedKStream};
pub use layout::{Layout, Unmerged};
