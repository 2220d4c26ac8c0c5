//! `Joined::with_grace_period`: records of the stream wait until late updates of the table can come no more
//! (`KStreamKTableJoinProcessor` with a buffer).
//!
//! A record waits until the stream time of the buffer is its own time and the grace period. One that comes later than
//! that is joined at once, and so is one with a null key, for which there is nothing to wait.

use std::sync::Arc;
use std::time::Duration;

use streams_core::error::Result;
use streams_core::processor::{Data, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;
use streams_core::serde::SerdeRef;
use streams_core::store::{BufferedRecord, JoinBuffer, JoinBufferBuilder, Unreadable};
use streams_core::time::from_ms;
use streams_core::topology::ChangelogKind;

use super::stream_table::{TableJoin, TableJoinProcessor};
use crate::error::{DslError, OptionError, found};
use crate::graph::Writer;
use crate::rows::ValueGetterSupplier;

/// What the name of the buffer ends with.
pub(super) const BUFFER_SUFFIX: &str = "-Buffer";

/// The error of a join with a grace period whose table knows no history.
pub(super) fn not_versioned(operator: &str) -> DslError {
    DslError::Option { operator: operator.to_owned(), cause: OptionError::NotVersioned }
}

/// The grace period of a join, and how its records are written down meanwhile.
pub(super) struct Grace<K, V> {
    grace_ms: i64,
    key_serde: Option<SerdeRef<K>>,
    value_serde: Option<SerdeRef<V>>,
}

impl<K: Data, V: Data> Grace<K, V> {
    /// A grace period of this length, with the serdes of the records that wait.
    pub(super) fn new(
        grace: Duration,
        key_serde: Option<SerdeRef<K>>,
        value_serde: Option<SerdeRef<V>>,
    ) -> Self {
        let grace_ms = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
        Grace { grace_ms, key_serde, value_serde }
    }

    /// Writes the join and its buffer into the topology.
    pub(super) fn write<VT, VO, F>(
        &self,
        join: &Arc<TableJoin<K, V, F>>,
        getter: &ValueGetterSupplier<K, VT>,
        writer: &mut Writer<'_>,
    ) -> crate::error::Result<()>
    where
        VT: Data,
        VO: Data,
        F: Fn(&K, V, Option<VT>) -> Result<Option<VO>> + Send + Sync + 'static,
    {
        let name = writer.name.clone();
        let key_serde = found(self.key_serde.clone(), &name, "key")?;
        let value_serde = found(self.value_serde.clone(), &name, "value")?;
        let buffer = format!("{name}{BUFFER_SUFFIX}");
        let store = JoinBufferBuilder::new(&buffer, &name, key_serde, value_serde, from_ms(self.grace_ms));
        let (join, rows, buffer): (_, _, Arc<str>) = (Arc::clone(join), getter.clone(), buffer.into());
        let supplier = move |context: &mut InitContext<'_>| {
            let join = TableJoinProcessor::open(&join, &rows, context)?;
            Ok(GraceJoinProcessor { join, buffer: context.state_store(&buffer)? })
        };
        writer.processor::<_, K, V, K, VO>(&name, supplier)?;
        writer.add_store(store)?;
        writer.connect(&getter.stores)?;
        getter.stores.iter().try_for_each(|store| self.check(store, writer))
    }

    /// The table must know its rows of as long ago as records wait.
    fn check(&self, store: &str, writer: &Writer<'_>) -> crate::error::Result<()> {
        let kind = writer.topology.store_definition(store).map(|store| store.changelog);
        let Some(ChangelogKind::Versioned { history_retention_ms }) = kind else {
            return Err(not_versioned(&writer.name));
        };
        if self.grace_ms > history_retention_ms {
            return Err(DslError::Option {
                operator: writer.name.clone(),
                cause: OptionError::HistoryTooShort {
                    store: store.to_owned(),
                    grace: from_ms(self.grace_ms),
                    history_retention: from_ms(history_retention_ms),
                },
            });
        }
        Ok(())
    }
}

struct GraceJoinProcessor<K, V, VT, F> {
    join: TableJoinProcessor<K, V, VT, F>,
    buffer: JoinBuffer<K, V>,
}

impl<K, V, VT, VO, F> Processor<K, V, K, VO> for GraceJoinProcessor<K, V, VT, F>
where
    K: Data,
    V: Data,
    VT: Data,
    VO: Data,
    F: Fn(&K, V, Option<VT>) -> Result<Option<VO>> + 'static,
{
    fn process(
        &mut self,
        record: Record<K, V>,
        context: &mut ProcessorContext<'_, K, VO>,
    ) -> ProcessorResult {
        if let Some(reason) = self.join.join.refuses(&record) {
            context.drop_record_as(reason, "a join with a table needs both");
            return Ok(());
        }
        if self.join.join.has_null_key(&record) {
            return self.join_now(record, context);
        }
        let Record { key, value, timestamp, headers } = record;
        let kept = context.task().record_context(timestamp, &headers);
        let waiting = BufferedRecord { key, value, context: kept };
        if !self.buffer.put(&waiting)? {
            return self.join_now(waiting.into_parts().0, context);
        }
        for due in self.buffer.take_due()? {
            let (record, kept) = match due {
                Ok(due) => due.into_parts(),
                Err(unreadable) => {
                    let Unreadable { context: kept, error } = *unreadable;
                    // The buffer has deleted it.
                    context.skip_unreadable(kept.as_ref(), error)?;
                    continue;
                }
            };
            // It is this one that the joiner fails on, not the one that made it due; the others are due all the same.
            context.attempt_kept(&kept, |context| self.join_now(record, context))?;
        }
        Ok(())
    }
}

impl<K: Data, V: Data, VT: Data, F> GraceJoinProcessor<K, V, VT, F> {
    fn join_now<VO: Data>(
        &self,
        record: Record<K, V>,
        context: &mut ProcessorContext<'_, K, VO>,
    ) -> ProcessorResult
    where
        F: Fn(&K, V, Option<VT>) -> Result<Option<VO>>,
    {
        match self.join.join(record)? {
            Some(joined) => context.forward(joined),
            None => Ok(()),
        }
    }
}
