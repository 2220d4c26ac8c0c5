//! One partition's buffered records. Only the head is deserialized, so that a skipped or lost partition costs nothing.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use super::application_plan::ApplicationPlan;
use crate::error::Result;
use crate::ids::{Offset, TopicPartition};
use crate::processor::{NodeMeter, Prepared, SourceInput, TaskContext, TopicMeter};
use crate::time::Timestamp;
use crate::transport::RawRecord;

/// Records of one partition in offset order (`org.apache.kafka.streams.processor.internals.RecordQueue`).
pub(crate) struct RecordQueue {
    partition: Rc<TopicPartition>,
    input: Box<dyn SourceInput>,
    waiting: VecDeque<RawRecord>,
    /// Bytes of the buffered records, including the head.
    bytes: usize,
    head_bytes: usize,
    head_header_bytes: usize,
    /// Mean bytes of recent records.
    mean_bytes: usize,
    /// Offset and event time of the deserialized head.
    head: Option<(Offset, Timestamp)>,
    /// The head as it was read, for what goes to a dead letter queue.
    head_raw: Option<RawRecord>,
    /// The largest event time processed, -1 before the first; kept in the committed offsets' metadata.
    partition_time: Timestamp,
    meters: Option<SourceMeters>,
}

/// What is measured of the records of a partition: they come to its source when they are processed.
pub(crate) struct SourceMeters {
    pub node: Rc<NodeMeter>,
    pub topic: Rc<TopicMeter>,
}

impl SourceMeters {
    /// Those of the source that reads that partition.
    pub fn of(plan: &ApplicationPlan, context: &TaskContext, partition: &TopicPartition) -> Option<Self> {
        let source = plan.topology.graph().source_of_topic(&plan.application_id, &partition.topic)?;
        let name = Arc::from(&*source.name);
        let meters = context.meters();
        let (node, topic) = (meters.node(&name, true), meters.topic(&name, &partition.topic, true));
        Some(SourceMeters { node, topic })
    }
}

impl RecordQueue {
    pub fn new(
        partition: TopicPartition,
        input: Box<dyn SourceInput>,
        partition_time: Timestamp,
        meters: Option<SourceMeters>,
    ) -> Self {
        RecordQueue {
            partition: Rc::new(partition),
            input,
            waiting: VecDeque::new(),
            bytes: 0,
            head_bytes: 0,
            head_header_bytes: 0,
            mean_bytes: 0,
            head: None,
            head_raw: None,
            partition_time,
            meters,
        }
    }

    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// How many records are buffered, including the head.
    pub fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.head.is_some())
    }

    /// Bytes of the buffered records.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many more records to fetch, given limits of records and bytes. It is refilled when it is half empty: few large
    /// batches instead of many small ones.
    pub fn room(&self, records_max: usize, bytes_max: usize) -> usize {
        let records = self.len();
        if records * 2 > records_max || self.bytes * 2 > bytes_max {
            return 0;
        }
        let by_bytes = match self.mean_bytes {
            0 => usize::MAX,
            mean => ((bytes_max - self.bytes) / mean).max(1),
        };
        (records_max - records).min(by_bytes)
    }

    pub fn push(&mut self, records: impl Iterator<Item = RawRecord>) {
        let (before, bytes_before) = (self.waiting.len(), self.bytes);
        for record in records {
            self.bytes += record.bytes();
            self.waiting.push_back(record);
        }
        if let Some(mean) = (self.bytes - bytes_before).checked_div(self.waiting.len() - before) {
            self.mean_bytes = mean;
        }
    }

    /// Drops everything that is buffered.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.head = None;
        self.head_raw = None;
        self.bytes = 0;
        self.head_bytes = 0;
        self.head_header_bytes = 0;
    }

    /// The event time of the next record, `None` when there is none.
    pub fn head_timestamp(&self) -> Option<Timestamp> {
        self.head.map(|(_, timestamp)| timestamp)
    }

    /// The offset of the next unprocessed record.
    pub fn next_offset(&self) -> Option<Offset> {
        match self.head {
            Some((offset, _)) => Some(offset),
            None => self.waiting.front().map(RawRecord::offset),
        }
    }

    pub fn partition_time(&self) -> Timestamp {
        self.partition_time
    }

    /// Makes the next record the head if there is none, or drops it: it counts as consumed then. One record at most, since a
    /// handler or an extractor may take long. False if there was no record.
    pub fn advance_head(&mut self, task: &mut TaskContext) -> Result<bool> {
        if self.head.is_some() {
            return Ok(true);
        }
        let Some(raw) = self.waiting.pop_front() else { return Ok(false) };
        let bytes = raw.bytes();
        task.enter_record(&self.partition, raw.offset(), raw.timestamp());
        let prepared = self.input.prepare(&raw, self.partition_time, task)?;
        if let Prepared::Head { timestamp, header_bytes } = prepared {
            self.head = Some((raw.offset(), timestamp));
            self.head_bytes = bytes;
            self.head_header_bytes = header_bytes;
            if task.keeps_records() {
                self.head_raw = Some(raw);
            }
        } else {
            self.bytes -= bytes;
        }
        Ok(true)
    }

    /// Sends the head through the topology.
    pub fn process_head(&mut self, task: &mut TaskContext) -> Result<()> {
        let Some((offset, timestamp)) = self.head.take() else { return Ok(()) };
        if let Some(meters) = &self.meters {
            meters.node.reached(timestamp, task.wall_clock_ms());
            meters.topic.count(self.head_bytes + self.head_header_bytes);
        }
        self.bytes -= std::mem::take(&mut self.head_bytes);
        self.partition_time = self.partition_time.max(timestamp);
        task.enter_record(&self.partition, offset, timestamp);
        if self.head_raw.is_some() {
            task.keep_raw(self.head_raw.take());
        }
        self.input.process(task)
    }
}
