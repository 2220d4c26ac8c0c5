//! Applications under test, and the equipment to run them as processes that are killed and started again.
#![expect(clippy::disallowed_methods, reason = "it waits for other processes, by the clock of the machine")]

mod embedded;
mod feed;
mod process;
mod soak;

pub use embedded::EmbeddedClient;
pub use feed::Feed;
pub use process::{SoakProcess, SoakReport, SoakSettings};
pub use soak::{SoakTopics, WINDOW_MS, chain, soak_topology};
