//! Checks of what an application has written, independent of the engine: a model and comparisons.

pub mod changelogs;
mod sequences;
mod soak_model;

pub use sequences::{Exactness, compare, sequences_of};
pub use soak_model::{InputRange, SoakModel};
