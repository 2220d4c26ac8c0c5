//! Applications under test, and the equipment to run them as processes that are killed and started again.

mod feed;
mod process;
mod soak;

pub use feed::Feed;
pub use process::{SoakProcess, SoakReport, SoakSettings};
pub use soak::{SoakTopics, WINDOW_MS, chain, soak_topology};
