//! What `join` of a stream takes: a table with the stream's type of key.

use streams_core::processor::Data;

use crate::handles::KTable;

mod sealed {
    pub trait Sealed {}
}

/// A table with keys of type `K`, as [`KStream::join`](crate::KStream::join) and
/// [`KStream::left_join`](crate::KStream::left_join) take it: a [`KTable`]. It is a trait so that the compiler says what
/// joins two streams when it is given one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a table with keys of type `{K}`",
    label = "not a `KTable` with this stream's type of key",
    note = "two streams are joined in windows, by `left.join_stream(&right, joiner, JoinWindows::..)`, `left_join_stream` \
            or `outer_join_stream`; a global table is joined by `join_global`, tables with other keys by `join_foreign_key`"
)]
pub trait JoinedTable<K>: sealed::Sealed {
    /// What its rows are.
    type Row: Data;

    /// The table.
    fn table(&self) -> &KTable<K, Self::Row>;
}

impl<K, V> sealed::Sealed for KTable<K, V> {}

impl<K: Data, V: Data> JoinedTable<K> for KTable<K, V> {
    type Row = V;

    fn table(&self) -> &KTable<K, V> {
        self
    }
}
