//! The operators, one a file: the method on its handle, what it adds to the plan, and its processor.
//!
//! | folder | operators |
//! |---|---|
//! | `stateless` | of streams, record by record |
//! | `table` | of tables |
//! | `aggregate` | of grouped streams |
//! | `join` | of streams and tables |

pub mod aggregate;
pub mod join;
pub mod stateless;
pub mod table;
