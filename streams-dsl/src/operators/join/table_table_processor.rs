//! The processors of a join of tables, and the lookup of its rows (`KTableKTableInnerJoin`, `KTableKTableLeftJoin`,
//! `KTableKTableRightJoin`, `KTableKTableOuterJoin`, `KTableKTableJoinMerger`).

use std::borrow::Cow;
use std::sync::Arc;

use streams_core::error::Result;
use streams_core::processor::{Data, DropReason, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Record};
use streams_core::store::ValueAndTimestamp;

use crate::operators::fallible::before;
use crate::rows::{MaterializedRows, ValueGetter};

/// Joins the updates of one table with the rows of the other.
///
/// 1. An out-of-order update of a versioned table, or of one that inherits that, is dropped and counted.
/// 2. Without the other row nothing is forwarded if there can be no result, or if there was and is none.
/// 3. A result's time is the larger one of the update's and the other row's.
pub(super) struct TableJoinSide<K, VO, F> {
    /// Makes a result of this table's row and the other's.
    pub(super) combine: Arc<F>,
    pub(super) partner: Box<dyn ValueGetter<K, VO>>,
    /// Whether there is no result without a row of the other table.
    pub(super) needs_partner: bool,
    pub(super) send_old_values: bool,
    /// Whether this table is a versioned one.
    pub(super) versioned: bool,
}

impl<K, V, VO, VR, F> Processor<K, Change<V>, K, Change<VR>> for TableJoinSide<K, VO, F>
where
    K: Data,
    V: Data,
    VO: Data,
    VR: Data,
    F: Fn(Option<V>, Option<VO>) -> Result<Option<VR>> + 'static,
{
    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        context: &mut ProcessorContext<'_, K, Change<VR>>,
    ) -> ProcessorResult {
        let Record { key, value: change, timestamp, headers } = record;
        let is_latest = change.is_latest;
        if self.versioned && !is_latest {
            context.drop_record_as(DropReason::OutOfOrder, "a join of tables takes the latest versions only");
            return Ok(());
        }
        let partner = self.partner.get(&key)?;
        if partner.is_none() && (self.needs_partner || (change.new.is_none() && change.old.is_none())) {
            return Ok(());
        }
        let (partner, timestamp) = match partner {
            None => (None, timestamp),
            Some(row) => (Some(row.value), timestamp.max(row.timestamp)),
        };
        let old_partner = if self.send_old_values { partner.clone() } else { None };
        let new = (self.combine)(change.new, partner)?;
        let old = if self.send_old_values { before((self.combine)(change.old, old_partner))? } else { None };
        context.forward(Record { key, value: Change { new, old, is_latest }, timestamp, headers })
    }
}

/// Takes the results of both sides, and stores them if the joined table is stored.
pub(super) struct JoinMerger<K: Data, V: Data> {
    rows: MaterializedRows<K, V>,
}

impl<K: Data, V: Data> JoinMerger<K, V> {
    /// The instance of one task.
    pub(super) fn open(
        store_name: Option<&str>,
        send_old_values: bool,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        Ok(JoinMerger { rows: MaterializedRows::open(store_name, send_old_values, context)? })
    }
}

impl<K: Data, V: Data> Processor<K, Change<V>, K, Change<V>> for JoinMerger<K, V> {
    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        context: &mut ProcessorContext<'_, K, Change<V>>,
    ) -> ProcessorResult {
        let Some((store, forwarder)) = self.rows.opened() else { return context.forward(record) };
        let timestamp = record.timestamp;
        if forwarder.cached() {
            store.put_at(&record.key, record.value.new.map(Cow::Owned), timestamp)?;
            return Ok(());
        }
        let kept = record.value.new.as_ref().map(Cow::Borrowed);
        let taken = store.put_at(&record.key, kept, timestamp)?;
        let Some(is_latest) = taken else { return Ok(()) };
        let mut record = record;
        record.value.is_latest = is_latest;
        context.forward(record)
    }
}

/// Joins rows where they are looked up.
pub(super) struct JoinGetter<K, V, VO, F> {
    pub(super) rows: Box<dyn ValueGetter<K, V>>,
    pub(super) other_rows: Box<dyn ValueGetter<K, VO>>,
    pub(super) combine: Arc<F>,
    /// Whether there is no result without a row of the first table.
    pub(super) needs_row: bool,
}

impl<K, V, VO, VR, F> ValueGetter<K, VR> for JoinGetter<K, V, VO, F>
where
    F: Fn(Option<V>, Option<VO>) -> Result<Option<VR>>,
{
    fn get(&self, key: &K) -> ProcessorResult<Option<ValueAndTimestamp<VR>>> {
        let row = self.rows.get(key)?;
        if row.is_none() && self.needs_row {
            return Ok(None);
        }
        let other = self.other_rows.get(key)?;
        // One of the two is there if there is a result.
        let time = |timestamp: Option<i64>| timestamp.unwrap_or(i64::MIN);
        let timestamp =
            time(row.as_ref().map(|row| row.timestamp)).max(time(other.as_ref().map(|row| row.timestamp)));
        let value = (self.combine)(row.map(|row| row.value), other.map(|row| row.value))?;
        Ok(value.map(|value| ValueAndTimestamp { value, timestamp }))
    }
}
