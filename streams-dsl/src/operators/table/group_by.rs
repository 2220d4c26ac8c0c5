//! `KTable::group_by`: gathers rows by a key of one's choice, to be aggregated (`KTableRepartitionMap`).

use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Record};
use streams_core::serde::DefaultSerde;

use crate::graph::GraphNode;
use crate::handles::{KGroupedTable, KTable};
use crate::naming::prefix;
use crate::operators::fallible::{before, user};
use crate::operators::nulls::Nulls;
use crate::options::Grouped;

impl<K: Data, V: Data> KTable<K, V> {
    /// Groups the rows by a new key, each with a new value (`KTable.groupBy`).
    ///
    /// * Always repartitions: `<application.id>-<name of the group or store>-repartition` carries both sides of each
    ///   update, in one record if the group stays the same (KIP-904), else in two.
    /// * Nulls: a key or value of the selector that is null (an `Option` that is `None`) leaves the row out of all
    ///   groups. A deleted row leaves its group; the selector sees what it was.
    /// * Time: that of the update. An out-of-order update of a versioned table is left out.
    /// * Store: the table is stored, as what a row was must be known.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let homes = builder.table::<String, String>("homes");
    /// homes.group_by(|name, city| (city, name.clone())).count().to_stream().to("inhabitants");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let homes = driver.create_input_topic::<String, String>("homes");
    /// homes.pipe("alice".into(), "Rome".into(), 0)?;
    /// homes.pipe("bob".into(), "Rome".into(), 1)?;
    /// homes.pipe("alice".into(), "Paris".into(), 2)?;
    /// let inhabitants = driver.create_output_topic::<String, Option<i64>>("inhabitants").read_key_values()?;
    /// let (rome, paris) = (|n| ("Rome".to_owned(), Some(n)), ("Paris".to_owned(), Some(1)));
    /// assert_eq!(inhabitants, [rome(1), rome(2), rome(1), paris]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn group_by<K2, V2>(
        &self,
        selector: impl Fn(&K, V) -> (K2, V2) + Send + Sync + 'static,
    ) -> KGroupedTable<K2, V2>
    where
        K2: Data + PartialEq + DefaultSerde,
        V2: Data + DefaultSerde,
    {
        self.group_by_with(selector, Grouped::new())
    }

    /// As [`group_by`](Self::group_by), with options; their name is also that of the node that selects.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let homes = builder.table::<String, String>("homes");
    /// homes.group_by_with(|name, city| (city, name.clone()), Grouped::named("by-city")).count();
    /// assert!(builder.build()?.describe().to_string().contains("topic: by-city-repartition"));
    /// # Ok::<(), DslError>(())
    /// ```
    pub fn group_by_with<K2: Data + PartialEq, V2: Data>(
        &self,
        selector: impl Fn(&K, V) -> (K2, V2) + Send + Sync + 'static,
        grouped: Grouped<K2, V2>,
    ) -> KGroupedTable<K2, V2> {
        self.add_group_by(move |key, value| Ok(selector(key, value)), grouped)
    }

    /// As [`group_by`](Self::group_by), with a selector that may fail; see [`try_group_by_with`](Self::try_group_by_with).
    pub fn try_group_by<K2, V2, E: Into<UserError>>(
        &self,
        selector: impl Fn(&K, V) -> Result<(K2, V2), E> + Send + Sync + 'static,
    ) -> KGroupedTable<K2, V2>
    where
        K2: Data + PartialEq + DefaultSerde,
        V2: Data + DefaultSerde,
    {
        self.try_group_by_with(selector, Grouped::new())
    }

    /// As [`group_by_with`](Self::group_by_with), with a selector that may fail. If the handler resumes, the row stays in the
    /// group that it was in, and is never subtracted from it; a selector that returns an `Option` leaves such a row
    /// out of all groups instead. See [`try_map_values`](Self::try_map_values).
    pub fn try_group_by_with<K2: Data + PartialEq, V2: Data, E: Into<UserError>>(
        &self,
        selector: impl Fn(&K, V) -> Result<(K2, V2), E> + Send + Sync + 'static,
        grouped: Grouped<K2, V2>,
    ) -> KGroupedTable<K2, V2> {
        self.add_group_by(move |key, value| user(selector(key, value)), grouped)
    }

    fn add_group_by<K2: Data + PartialEq, V2: Data>(
        &self,
        selector: impl Fn(&K, V) -> Result<(K2, V2)> + Send + Sync + 'static,
        grouped: Grouped<K2, V2>,
    ) -> KGroupedTable<K2, V2> {
        let named = match &grouped.name {
            Some(name) => self.named(name),
            None => self.clone(),
        };
        let name = named.step.next_name(prefix::TABLE_SELECT);
        let (key_serde, value_serde) = (grouped.key_serde.resolve(None), grouped.value_serde.resolve(None));
        let select = Arc::new(Select {
            selector,
            keys: Nulls::of(key_serde.as_ref()),
            values: Nulls::of(value_serde.as_ref()),
        });
        let node = GraphNode::new(&name, move |writer| {
            let (select, versioned) = (Arc::clone(&select), writer.has_versioned_parent());
            let supplier = Arc::new(move || SelectRows { select: Arc::clone(&select), versioned });
            writer.own_stateless::<_, K, Change<V>, K2, Change<V2>>(&supplier)
        });
        let step = self.step.add(node);
        self.enable_sending_old_values(true);
        KGroupedTable::new(step, key_serde, value_serde, named.step.given_name())
    }
}

/// What all instances share.
struct Select<F, K, V> {
    selector: F,
    keys: Nulls<K>,
    values: Nulls<V>,
}

struct SelectRows<F, K, V> {
    select: Arc<Select<F, K, V>>,
    /// Whether the table is a versioned one.
    versioned: bool,
}

impl<K, V, K2, V2, F> Processor<K, Change<V>, K2, Change<V2>> for SelectRows<F, K2, V2>
where
    K: Data,
    V: Data,
    K2: Data + PartialEq,
    V2: Data,
    F: Fn(&K, V) -> Result<(K2, V2)> + 'static,
{
    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        context: &mut ProcessorContext<'_, K2, Change<V2>>,
    ) -> ProcessorResult {
        let Record { key, value: Change { new, old, is_latest }, timestamp, headers } = record;
        if self.versioned && !is_latest {
            // Groups hold the latest version of each row.
            return Ok(());
        }
        let Select { selector, keys, values } = &*self.select;
        let grouped = |value: Option<V>| -> Result<_> {
            let Some(value) = value else { return Ok(None) };
            let (key, value) = selector(&key, value)?;
            Ok((!keys.contain(&key) && !values.contain(&value)).then_some((key, value)))
        };
        let (new, old) = (grouped(new)?, before(grouped(old))?);
        let mut forward = |key, new, old| {
            let value = Change { new, old, is_latest };
            context.forward(Record { key, value, timestamp, headers: headers.clone() })
        };
        match (new, old) {
            (Some((key, new)), Some((old_key, old))) if key == old_key => forward(key, Some(new), Some(old)),
            (new, old) => {
                if let Some((key, value)) = old {
                    forward(key, None, Some(value))?;
                }
                match new {
                    Some((key, value)) => forward(key, Some(value), None),
                    None => Ok(()),
                }
            }
        }
    }
}
