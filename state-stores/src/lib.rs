//! state-stores
