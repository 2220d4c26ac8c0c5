//! Aggregations of grouped streams and tables: count, reduce, aggregate; of streams also in windows and in sessions.
//!
//! | file | what it holds |
//! |---|---|
//! | `count`, `reduce`, `aggregate` | the operations on a grouped stream; the last one also their common processor |
//! | `time_window`, `session_window` | the same operations in windows and sessions |
//! | `time_window_processor`, `sliding_window_processor`, `session_window_processor` | their processors |
//! | `layout` | what differs between windows of a fixed length: listed ones and sliding ones |
//! | `sliding_plan` | which sliding windows a record changes and makes |
//! | `emit` | emission on window close |
//! | `of_table`, `of_table_processor` | the same operations on a grouped table, and their processor |
//! | `cogroup` | several grouped streams folded into one table; `cogrouped` has the handles, `cogroup_plan` the nodes |
//! | `fold` | what a count, a reduction and a user's aggregation have in common |
//! | `draft` | how an aggregation becomes a node of the plan: numbers, repartition topic, store |
//! | `forward` | how updates leave: at once, or when the store's cache is flushed |

#[allow(clippy::module_inception, reason = "the operation is called aggregate, as is the family")]
mod aggregate;
mod cogroup;
mod cogroup_plan;
mod cogrouped;
mod count;
mod draft;
mod emit;
mod fold;
mod forward;
mod layout;
mod of_table;
mod of_table_processor;
mod reduce;
mod session_window;
mod session_window_processor;
mod sliding_plan;
mod sliding_window_processor;
mod time_window;
mod time_window_processor;

#[cfg(test)]
mod tests;

pub use cogrouped::{
    CogroupedBy, CogroupedKStream, SessionWindowedCogroupedKStream, TimeWindowedCogroupedKStream,
};
