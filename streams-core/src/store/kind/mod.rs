//! The kinds of stores, each with its handle, that processors get, and its settings.

mod change_buffer;
mod join_buffer;
mod key_value;
mod list_value;
mod session;
mod versioned;
mod window;

pub use change_buffer::{ChangeBuffer, ChangeBufferBuilder};
pub use join_buffer::{BufferedRecord, JoinBuffer, JoinBufferBuilder, Unreadable};
pub use key_value::{
    KeyValueStore, KeyValueStoreBuilder, KeyValueStoreKind, TimestampedKeyValueStore,
    TimestampedKeyValueStoreBuilder,
};
pub use list_value::{ListValueStore, ListValueStoreBuilder};
pub use session::{SessionStore, SessionStoreBuilder, SessionStoreKind};
pub use versioned::{VersionedKeyValueStore, VersionedKeyValueStoreBuilder, VersionedStoreKind};
pub use window::{
    TimestampedWindowStore, TimestampedWindowStoreBuilder, WindowStore, WindowStoreBuilder, WindowStoreKind,
};

use state_stores::codec::CodecRef;
use state_stores::{ValueAndTimestamp, ValueFormat};

use crate::record::Data;

/// What a store keeps of a value: the value alone, or with its time.
pub trait ValueForm: Clone + Send + Sync + 'static {
    /// What it keeps of a `V`.
    type Stored<V: Data>: Data;

    /// Whether that has a time.
    const IS_TIMESTAMPED: bool;

    /// How it is written, by a codec of the value alone.
    #[doc(hidden)]
    fn format<V: Data>(codec: CodecRef<V>) -> ValueFormat<Self::Stored<V>>;
}

/// The value alone. The changelog has the time of the current record.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

/// The value with its time, which the changelog has, too.
#[derive(Clone, Copy, Debug)]
pub struct Timestamped;

impl ValueForm for Plain {
    type Stored<V: Data> = V;

    const IS_TIMESTAMPED: bool = false;

    fn format<V: Data>(codec: CodecRef<V>) -> ValueFormat<V> {
        ValueFormat::plain(codec)
    }
}

impl ValueForm for Timestamped {
    type Stored<V: Data> = ValueAndTimestamp<V>;

    const IS_TIMESTAMPED: bool = true;

    fn format<V: Data>(codec: CodecRef<V>) -> ValueFormat<ValueAndTimestamp<V>> {
        ValueFormat::timestamped(codec)
    }
}
