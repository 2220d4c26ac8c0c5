//! How two tables are joined by a foreign key (`org.apache.kafka.streams.kstream.TableJoined`).

use std::sync::Arc;

use streams_core::partitioner::StreamPartitioner;
use streams_core::serde::{DefaultSerde, SerdeRef};

use super::SerdeChoice;

/// How two tables are joined by a foreign key: a name for the parts of the join, how the two tables are partitioned,
/// and serdes for what their sides tell each other (`org.apache.kafka.streams.kstream.TableJoined`, which has no
/// serdes).
///
/// `K` and `V` are of the table that is joined, `KO` and `VO` of the other one. Serdes are inherited from the tables;
/// what a table does not know (that of `map_values`, say) is the type's own.
pub struct TableJoined<K, V, KO, VO> {
    pub(crate) name: Option<String>,
    pub(crate) partitioner: Option<Arc<dyn StreamPartitioner<K, ()>>>,
    pub(crate) other_partitioner: Option<Arc<dyn StreamPartitioner<KO, ()>>>,
    pub(crate) key_serde: SerdeChoice<K>,
    pub(crate) value_serde: SerdeChoice<V>,
    pub(crate) other_key_serde: SerdeChoice<KO>,
    pub(crate) other_value_serde: SerdeChoice<VO>,
}

impl<K, V, KO, VO> Default for TableJoined<K, V, KO, VO>
where
    K: DefaultSerde,
    V: DefaultSerde,
    KO: DefaultSerde,
    VO: DefaultSerde,
{
    fn default() -> Self {
        TableJoined::new()
    }
}

impl<K, V, KO, VO> TableJoined<K, V, KO, VO> {
    /// With inherited serdes, else the types' own; partitioned by key.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let joined: TableJoined<String, String, String, i64> = TableJoined::new().with_name("priced");
    /// # drop(joined);
    /// ```
    pub fn new() -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
        KO: DefaultSerde,
        VO: DefaultSerde,
    {
        TableJoined {
            name: None,
            partitioner: None,
            other_partitioner: None,
            key_serde: SerdeChoice::by_type(),
            value_serde: SerdeChoice::by_type(),
            other_key_serde: SerdeChoice::by_type(),
            other_value_serde: SerdeChoice::by_type(),
        }
    }

    /// With the serdes that the tables have; for types without a serde of their own.
    pub fn inherit() -> Self {
        TableJoined {
            name: None,
            partitioner: None,
            other_partitioner: None,
            key_serde: SerdeChoice::inherit(),
            value_serde: SerdeChoice::inherit(),
            other_key_serde: SerdeChoice::inherit(),
            other_value_serde: SerdeChoice::inherit(),
        }
    }

    /// As [`new`](Self::new), with a name (`TableJoined.as`).
    pub fn named(name: &str) -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
        KO: DefaultSerde,
        VO: DefaultSerde,
    {
        Self::new().with_name(name)
    }

    /// Names the join's nodes, topics and store: `<name>-subscription-registration-topic`, `<name>-subscription-store`,
    /// `<name>-subscription-response-topic`, `<name>-result` and so on (`TableJoined.withName`).
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// How the table that is joined is partitioned (`TableJoined.withPartitioner`); by default answers go back to the
    /// partition that asked. Must choose one partition, or leave it to the key
    /// ([`Partitions::Default`](streams_core::partitioner::Partitions)).
    #[must_use]
    pub fn with_partitioner(mut self, partitioner: impl StreamPartitioner<K, ()> + 'static) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }

    /// How the other table is partitioned (`TableJoined.withOtherPartitioner`); by the hash of its key unless this is
    /// given. Must choose one partition, or leave it to the key. It is not asked for rows without a foreign key, which
    /// any partition can answer.
    #[must_use]
    pub fn with_other_partitioner(mut self, partitioner: impl StreamPartitioner<KO, ()> + 'static) -> Self {
        self.other_partitioner = Some(Arc::new(partitioner));
        self
    }

    /// Writes keys of the table that is joined so.
    #[must_use]
    pub fn with_key_serde(mut self, serde: SerdeRef<K>) -> Self {
        self.key_serde = self.key_serde.or_explicit(serde);
        self
    }

    /// Writes values of the table that is joined so, to hash them.
    #[must_use]
    pub fn with_value_serde(mut self, serde: SerdeRef<V>) -> Self {
        self.value_serde = self.value_serde.or_explicit(serde);
        self
    }

    /// Writes foreign keys so.
    #[must_use]
    pub fn with_other_key_serde(mut self, serde: SerdeRef<KO>) -> Self {
        self.other_key_serde = self.other_key_serde.or_explicit(serde);
        self
    }

    /// Writes values of the other table so.
    #[must_use]
    pub fn with_other_value_serde(mut self, serde: SerdeRef<VO>) -> Self {
        self.other_value_serde = self.other_value_serde.or_explicit(serde);
        self
    }
}
