//! Options of operators: serdes, names, stores. Plain builders, each in its file.
//!
//! All options that name serdes are [`Options`] and have three ways to begin: `new()` (or `named(..)`) takes what the stream
//! inherits and else the types' own serdes; `with(..)` names serdes; `inherit()` is for types without a serde of their
//! own. The order is always: explicit, then inherited, then by type.

mod common;
mod consumed;
mod grouped;
mod joined;
mod materialized;
mod printed;
mod produced;
mod repartitioned;
mod serde_choice;
mod stream_joined;
mod suppressed;
mod table_joined;
mod topology_settings;

pub use common::{OnePair, Options};
pub use consumed::{Consumed, Reading};
pub use grouped::{Grouped, Grouping};
pub use joined::{Joined, Joining};
pub use materialized::{Materialized, Storing};
pub use printed::Printed;
pub use produced::{Produced, Writing};
pub use repartitioned::{Repartitioned, Spreading};
pub use stream_joined::{StreamJoined, StreamJoining};
pub use streams_core::config::StoreType;
pub use suppressed::{BufferConfig, Eager, EagerBufferConfig, Strict, StrictBufferConfig, Suppressed};
pub use table_joined::{ForeignKeyJoining, TableJoined};
pub use topology_settings::TopologySettings;

pub(crate) use printed::Format;
pub(crate) use serde_choice::SerdeChoice;
pub(crate) use suppressed::{Bounds, Wait};
