//! What `KTable::transform_values` calls for each row (`ValueTransformerWithKey`).

use streams_core::processor::ProcessorResult;
use streams_core::record::Headers;
use streams_core::time::Timestamp;

/// Makes another value of each row of a table, with stores to help
/// (`org.apache.kafka.streams.kstream.ValueTransformerWithKey`).
/// [`KTable::transform_values_with`](crate::KTable::transform_values_with) has an example.
///
/// Each task has an instance for the updates, and one for every operator that looks rows up in a table that is not
/// stored. An instance is used by one thread, and dropped when its task closes. It cannot forward: the row is all that
/// results from it. A closure from key and value will do where no store is needed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not transform rows with key `{K}` and value `{V}` into `{V2}`",
    label = "not a transformer of these rows",
    note = "implement `ValueTransformer<K, V, V2>` for the types of the table, or give a closure \
            `|key: &K, value: Option<V>|` that returns an `Option<V2>`"
)]
pub trait ValueTransformer<K, V, V2>: 'static {
    /// The new value of a row, of which `value` is the old one; `None` on either side means no row. Unlike a mapper it
    /// sees deletions. It should give the same for the same row, as tables that are not stored call it for each lookup.
    fn transform(
        &mut self,
        key: &K,
        value: Option<V>,
        context: &TransformContext<'_>,
    ) -> ProcessorResult<Option<V2>>;
}

impl<K, V, V2, F> ValueTransformer<K, V, V2> for F
where
    F: FnMut(&K, Option<V>) -> Option<V2> + 'static,
{
    fn transform(
        &mut self,
        key: &K,
        value: Option<V>,
        _context: &TransformContext<'_>,
    ) -> ProcessorResult<Option<V2>> {
        Ok(self(key, value))
    }
}

/// What a transformer can find out about the current row.
#[derive(Clone, Copy, Debug)]
pub struct TransformContext<'a> {
    pub(crate) timestamp: Timestamp,
    pub(crate) headers: &'a Headers,
}

impl TransformContext<'_> {
    /// The time of the update, or in a lookup that of the row; -1 in the lookup of a row that does not exist.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The headers of the update; none in a lookup.
    pub fn headers(&self) -> &Headers {
        self.headers
    }
}
