//! Ordered byte stores with atomic batches, and typed state stores under an uncommitted overlay.
//!
//! ```text
//! restore   turns changelog records into the local form of a store that is not open
//! kind      key-value, versioned, window, session stores: typed keys and values, Kafka Streams' rules of time and expiry
//! table     typed values under byte keys: an overlay over a keyspace, scans of both, entries that expire or do not
//! overlay   typed entries that are not committed yet, and a bounded cache of clean ones
//! schema    the bytes of window and session keys, and the time segments they live in
//! backend   one task's database: named keyspaces of ordered bytes, one atomic batch over all of them
//! ```
//!
//! Each uses what stands below it, and never what stands above.
//!
//! A store takes every write into its overlay. [`StateStore::stage`] serializes what changed into a [`Batch`]
//! (and hands the changelog form to the caller); once the caller has written the batch to the [`Backend`] it
//! calls [`StateStore::committed`]. [`StateStore::rollback`] forgets everything since the last commit
//! instead. So the backend only ever holds committed state, together with the offsets that belong to it
//! ([`offsets`]). Scans ([`cursor`]) read as they go, from either end, while the store may change.
//!
//! ```
//! use std::sync::Arc;
//!
//! use state_stores::{BackendRef, Batch, Codec, CodecError, KeyValueSpec, KeyValueTable, MemoryBackend, StateStore};
//! use state_stores::{ValueFormat, keyspaces};
//!
//! struct Text;
//! impl Codec<String> for Text {
//!     fn encode(&self, value: &String, out: &mut Vec<u8>) -> Result<(), CodecError> {
//!         out.extend_from_slice(value.as_bytes());
//!         Ok(())
//!     }
//!     fn decode(&self, bytes: &[u8]) -> Result<String, CodecError> {
//!         String::from_utf8(bytes.to_vec()).map_err(|error| CodecError::new(error.to_string()))
//!     }
//! }
//!
//! # fn main() -> state_stores::Result<()> {
//! let backend: BackendRef = Arc::new(MemoryBackend::new());
//! let plain = ValueFormat::plain(Arc::new(Text));
//! let mut store = KeyValueTable::open(KeyValueSpec::new("names", backend.clone(), Arc::new(Text), plain))?;
//! store.put(&"k".to_owned(), Some("v".to_owned()), 42)?;
//!
//! let mut batch = Batch::new();
//! store.stage(&mut |record| Ok(assert_eq!((record.key, record.timestamp), (&b"k"[..], 42))), &mut batch)?;
//! backend.write(&batch)?;
//! store.committed()?;
//! let mut scan = store.all().over(&store).rev();
//! assert_eq!(scan.next().transpose()?, Some(("k".to_owned(), "v".to_owned())));
//!
//! let rows = keyspaces::store_keyspace(&*backend, "names")?;
//! assert_eq!(backend.get(rows, b"k")?.as_deref(), Some(&b"v"[..]));
//! # Ok(())
//! # }
//! ```
//!
//! This crate knows no topics, tasks, changelogs or clients.
// docs.rs shows which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(test), deny(clippy::expect_used))]

pub mod backend;
mod causes;
pub mod codec;
pub mod cursor;
mod debug_as_display;
mod error;
pub mod excerpt;
pub mod headers;
pub mod keyspaces;
mod kind;
pub mod metadata;
pub mod offsets;
mod overlay;
mod restore;
pub mod schema;
mod store;
mod table;

pub use backend::batch::{Batch, Write, Writes};
pub use backend::disk::{self, DiskMemory};
pub use backend::memory::MemoryBackend;
#[doc(hidden)]
#[cfg(feature = "rocksdb")]
pub use backend::rocksdb::RocksReader;
#[cfg(feature = "rocksdb")]
pub use backend::rocksdb::{RocksBackend, RocksMemory};
pub use backend::{Backend, BackendRef, Direction, KeyRange, Keyspace, RawEntry, Scan};
pub use causes::{Causes, Short, causes_of, drop_payload, panic_message};
pub use codec::{Codec, CodecError, CodecRef};
pub use error::{Result, StoreError};
pub use headers::{Header, Headers};
pub use kind::change_buffer::{BufferTable, Buffered, ChangeBufferSpec};
pub use kind::key_value::{KeyValueCursor, KeyValueSpec, KeyValueTable, TimestampedKeyValueTable};
pub use kind::list_value::{ListValueCursor, ListValueSpec, ListValueTable};
pub use kind::session::{ClosedOrder, SessionCursor, SessionKey, SessionSpec, SessionTable};
pub use kind::versioned::{HistoryCursor, VersionedPut, VersionedRecord, VersionedSpec, VersionedTable};
pub use kind::window::{TimestampedWindowTable, WindowCursor, WindowSpec, WindowTable, WindowsOfKey};
pub use restore::{Restore, RestoreFormat};
pub use schema::record_context::RecordContext;
pub use store::{LogRecord, StateStore};
pub use table::change::{FlushedChange, Tracking};
pub use table::format::{ValueAndTimestamp, ValueFormat};
