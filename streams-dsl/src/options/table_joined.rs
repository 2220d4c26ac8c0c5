//! How two tables are joined by a foreign key (`org.apache.kafka.streams.kstream.TableJoined`).

use std::sync::Arc;

use streams_core::partitioner::StreamPartitioner;
use streams_core::serde::{DefaultSerde, SerdeRef};

use super::SerdeChoice;
use super::common::Options;

/// How two tables are joined by a foreign key: how the two tables are partitioned, and serdes for what their sides tell
/// each other (`org.apache.kafka.streams.kstream.TableJoined`, which has no serdes). The name is that of the join's nodes,
/// topics and store: `<name>-subscription-registration-topic`, `<name>-subscription-store`,
/// `<name>-subscription-response-topic`, `<name>-result` and so on.
///
/// `K` and `V` are of the table that is joined, `KO` and `VO` of the other one. Serdes are inherited from the tables;
/// what a table does not know (that of `map_values`, say) is the type's own. Values of the table that is joined are
/// serialized to hash them.
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::prelude::*;
///
/// let joined: TableJoined<String, String, String, i64> = TableJoined::new().with_name("priced");
/// # drop(joined);
/// ```
pub type TableJoined<K, V, KO, VO> = Options<K, V, ForeignKeyJoining<K, KO, VO>>;

/// What [`TableJoined`] has besides serdes and a name.
pub struct ForeignKeyJoining<K, KO, VO> {
    pub(crate) partitioner: Option<Arc<dyn StreamPartitioner<K, ()>>>,
    pub(crate) other_partitioner: Option<Arc<dyn StreamPartitioner<KO, ()>>>,
    pub(crate) key_serde: SerdeChoice<KO>,
    pub(crate) value_serde: SerdeChoice<VO>,
}

impl<K, KO, VO> ForeignKeyJoining<K, KO, VO> {
    fn of(key_serde: SerdeChoice<KO>, value_serde: SerdeChoice<VO>) -> Self {
        ForeignKeyJoining { partitioner: None, other_partitioner: None, key_serde, value_serde }
    }
}

impl<K, KO: DefaultSerde, VO: DefaultSerde> Default for ForeignKeyJoining<K, KO, VO> {
    fn default() -> Self {
        ForeignKeyJoining::of(SerdeChoice::by_type(), SerdeChoice::by_type())
    }
}

impl<K, V, KO, VO> TableJoined<K, V, KO, VO> {
    /// With the serdes that the tables have; for types without a serde of their own.
    pub fn inherit() -> Self {
        let other = ForeignKeyJoining::of(SerdeChoice::inherit(), SerdeChoice::inherit());
        Self::of(SerdeChoice::inherit(), SerdeChoice::inherit(), other)
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

    /// How the table that is joined is partitioned (`TableJoined.withPartitioner`); by default answers go back to the
    /// partition that asked. Must choose one partition, or leave it to the key
    /// ([`Partitions::Default`](streams_core::partitioner::Partitions)).
    #[must_use]
    pub fn with_partitioner(mut self, partitioner: impl StreamPartitioner<K, ()> + 'static) -> Self {
        self.own.partitioner = Some(Arc::new(partitioner));
        self
    }

    /// How the other table is partitioned (`TableJoined.withOtherPartitioner`); by the hash of its key unless this is
    /// given. Must choose one partition, or leave it to the key. It is not asked for rows without a foreign key, which
    /// any partition can answer.
    #[must_use]
    pub fn with_other_partitioner(mut self, partitioner: impl StreamPartitioner<KO, ()> + 'static) -> Self {
        self.own.other_partitioner = Some(Arc::new(partitioner));
        self
    }

    /// Sets the serde of foreign keys.
    #[must_use]
    pub fn with_other_key_serde(mut self, serde: SerdeRef<KO>) -> Self {
        self.own.key_serde = self.own.key_serde.or_explicit(serde);
        self
    }

    /// Sets the serde of the other table's values.
    #[must_use]
    pub fn with_other_value_serde(mut self, serde: SerdeRef<VO>) -> Self {
        self.own.value_serde = self.own.value_serde.or_explicit(serde);
        self
    }
}
