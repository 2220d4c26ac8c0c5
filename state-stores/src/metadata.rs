//! A database's metadata: named texts, and the version of its layout.
//!
//! Call [`claim`] first after opening a database: one of another version is refused, not misread.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::backend::batch::Batch;
use crate::backend::{Backend, Direction, Keyspace};
use crate::error::{Result, StoreError};

/// The name of the keyspace.
pub const METADATA_KEYSPACE: &str = "state/metadata";

/// The version of the layout that this library writes.
pub const LAYOUT_VERSION: &str = "2";

/// The name of the version.
const LAYOUT: &str = "layout";

/// Opens the keyspace of metadata.
pub fn metadata_keyspace(backend: &dyn Backend) -> Result<Keyspace> {
    backend.keyspace(METADATA_KEYSPACE)
}

/// Adds a text to `batch`, in the keyspace that [`metadata_keyspace`] gave.
pub fn put_metadata(batch: &mut Batch, keyspace: Keyspace, name: &str, text: &str) {
    batch.put(keyspace, name.as_bytes(), text.as_bytes());
}

/// All texts by their names.
pub fn read_metadata(backend: &dyn Backend) -> Result<BTreeMap<String, String>> {
    let keyspace = metadata_keyspace(backend)?;
    let mut texts = BTreeMap::new();
    for entry in backend.scan(keyspace, (Bound::Unbounded, Bound::Unbounded), Direction::Forward)? {
        let (name, text) = entry?;
        let text_of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        texts.insert(text_of(&name), text_of(&text));
    }
    Ok(texts)
}

/// Makes sure that this version of the library wrote the database, or claims an empty one.
pub fn claim(backend: &dyn Backend) -> Result<()> {
    let keyspace = metadata_keyspace(backend)?;
    match backend.get(keyspace, LAYOUT.as_bytes())? {
        Some(version) if version == LAYOUT_VERSION.as_bytes() => Ok(()),
        Some(version) => Err(StoreError::Layout { found: String::from_utf8_lossy(&version).into_owned() }),
        None => {
            let mut batch = Batch::new();
            put_metadata(&mut batch, keyspace, LAYOUT, LAYOUT_VERSION);
            backend.write(&batch)
        }
    }
}
