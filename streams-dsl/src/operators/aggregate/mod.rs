//! Aggregations of grouped streams.
