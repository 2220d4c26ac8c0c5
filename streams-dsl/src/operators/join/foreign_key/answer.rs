//! The foreign side: answers a subscription with the foreign row, if there is one (`SubscriptionJoinProcessorSupplier`).

use streams_core::processor::{Data, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;
use streams_core::serde::foreign_key::{Instruction, Subscription, SubscriptionResponse};

use crate::rows::{ValueGetter, ValueGetterSupplier};

/// Looks up the foreign row and answers as the subscription's instruction says. An answer has the larger one of the two
/// timestamps, and the message's headers.
pub(super) struct AnswerProcessor<KO, VO> {
    rows: Box<dyn ValueGetter<KO, VO>>,
}

impl<KO: Data, VO: Data> AnswerProcessor<KO, VO> {
    /// The instance of one task.
    pub(super) fn open(
        rows: &ValueGetterSupplier<KO, VO>,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        Ok(AnswerProcessor { rows: rows.open(&context.stores())? })
    }
}

impl<K: Data, KO: Data, VO: Data> Processor<Option<KO>, Subscription<K>, K, SubscriptionResponse<VO>>
    for AnswerProcessor<KO, VO>
{
    fn process(
        &mut self,
        record: Record<Option<KO>, Subscription<K>>,
        context: &mut ProcessorContext<'_, K, SubscriptionResponse<VO>>,
    ) -> ProcessorResult {
        let Record { key: foreign_key, value: subscription, timestamp, headers } = record;
        // Read even if there is nothing to answer: to an LRU map that is a use of the row.
        let row = match &foreign_key {
            Some(foreign_key) => self.rows.get(foreign_key)?,
            None => None,
        };
        let timestamp = row.as_ref().map_or(timestamp, |row| timestamp.max(row.timestamp));
        let row = row.map(|row| row.value);
        let foreign_value = match subscription.instruction {
            Instruction::DeleteKeyNoPropagate => return Ok(()),
            Instruction::DeleteKeyAndPropagate => None,
            Instruction::PropagateNullIfNoForeignValue => row,
            Instruction::PropagateOnlyIfForeignValue if row.is_none() => return Ok(()),
            Instruction::PropagateOnlyIfForeignValue => row,
        };
        let Subscription { hash, primary_key, primary_partition, .. } = subscription;
        let value = SubscriptionResponse { hash, foreign_value, primary_partition };
        context.forward(Record { key: primary_key, value, timestamp, headers })
    }
}
