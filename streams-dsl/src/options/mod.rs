//! Options of operators: serdes, names, stores. Plain builders, each in its file.
//!
//! Every option struct that names serdes has three ways to begin: `new()` (or `named(..)`) takes what the stream
//! inherits and else the types' own serdes; `with(..)` names serdes; `inherit()` is for types without a serde of their
//! own. The order is always: explicit, then inherited, then by type.

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

pub use consumed::Consumed;
pub use grouped::Grouped;
pub use joined::Joined;
pub use materialized::{Materialized, StoreType};
pub use printed::Printed;
pub use produced::Produced;
pub use repartitioned::Repartitioned;
pub use stream_joined::StreamJoined;
pub use suppressed::{BufferConfig, Eager, EagerBufferConfig, Strict, StrictBufferConfig, Suppressed};
pub use table_joined::TableJoined;
pub use topology_settings::TopologySettings;

pub(crate) use printed::Format;
pub(crate) use serde_choice::SerdeChoice;
pub(crate) use suppressed::{Bounds, Wait};
