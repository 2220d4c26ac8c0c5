//! The operators, one a file: the method on its handle, what it adds to the plan, and its processor.
//!
//! | folder | operators |
//! |---|---|
//! | `stateless` | of streams, record by record |
//! | `table` | of tables |
//! | `aggregate` | of grouped streams |
//! | `join` | of streams and tables |
//!
//! `fallible`: those whose closures may fail. `nulls`: which values they take for Kafka's null.

pub mod aggregate;
mod fallible;
pub mod join;
mod nulls;
pub mod stateless;
pub mod table;
