//! Operators of tables.
