//! `group_by`: gathers a stream by a key of one's choice, to be aggregated.

use streams_core::processor::Data;
use streams_core::serde::DefaultSerde;

use crate::options::Grouped;
use crate::{KGroupedStream, KStream};

impl<K: Data, V: Data> KStream<K, V> {
    /// Groups the records by a new key (`KStream.groupBy`): [`select_key`](Self::select_key) and
    /// [`group_by_key`](Self::group_by_key) in one.
    ///
    /// The aggregation that follows always repartitions. Records with a null key are dropped on the way.
    ///
    /// ```
    /// # use streams_dsl::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let by_word = builder.stream::<String, String>("words").group_by(|_line, word| word.clone());
    /// # let _ = by_word;
    /// # Ok::<(), DslError>(())
    /// ```
    pub fn group_by<K2: Data + DefaultSerde>(
        &self,
        selector: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
    ) -> KGroupedStream<K2, V>
    where
        V: DefaultSerde,
    {
        self.group_by_with(selector, Grouped::new())
    }

    /// As [`group_by`](Self::group_by), with options; their name is also that of the node that selects the key.
    pub fn group_by_with<K2: Data>(
        &self,
        selector: impl Fn(&K, &V) -> K2 + Send + Sync + 'static,
        grouped: Grouped<K2, V>,
    ) -> KGroupedStream<K2, V> {
        let named = match &grouped.name {
            Some(name) => self.named(name),
            None => self.clone(),
        };
        KGroupedStream::new(
            named.add_select_key(selector),
            grouped.key_serde.resolve(None),
            grouped.value_serde.resolve(self.value_serde.as_ref()),
            true,
            named.step.given_name(),
        )
    }
}
