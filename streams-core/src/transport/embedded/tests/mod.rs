//! What the embedded broker promises.
