//! Stateless operators of streams.
