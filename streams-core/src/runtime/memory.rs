//! How the memory of an application's clients is divided (`client.buffer.max.bytes`).
//!
//! A client of librdkafka has limits for each partition, not for all of them together, and cannot change them later. So the
//! limits follow from what the application may be assigned at most, which is known at the start: each partition of its
//! sources is read by one thread of one process at a time, and so needs its share once, however many threads there are.
//!
//! | for | of the whole |
//! |---|---|
//! | records of sources: in librdkafka, on their way, and in the tasks' queues | 1/2 |
//! | records of changelogs, while tasks are opened | 1/8 |
//! | records of global topics | 1/8 |
//! | results that are not acknowledged | 1/4, divided by the threads |
//!
//! What a partition may have of it is divided once more: a quarter may lie in librdkafka's queue before more is fetched, an
//! eighth is fetched at once, and a quarter may lie in its task's queue. What is fetched when a queue is nearly full comes on
//! top of it, and so does what is taken over when a task's queue is; together they fill the share. All queues of a thread's
//! tasks have a bound as well, for records that are larger than what a partition should have.

use std::collections::BTreeMap;

use super::application_plan::ApplicationPlan;
use crate::config::StreamsConfig;

/// Kafka client properties.
type Properties = BTreeMap<String, String>;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// What librdkafka needs for a record besides its bytes; it does not count it.
const RECORD_OVERHEAD: usize = 400;

/// The memory of an application's clients, divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientMemory {
    /// For the main consumers of all threads.
    pub sources: Share,
    /// For the restorer's consumer.
    pub changelogs: Share,
    /// For the consumer of global topics.
    pub globals: Share,
    /// For the producer of one thread.
    producer_bytes: usize,
    threads: usize,
}

impl ClientMemory {
    /// Divides it over what the application has.
    pub fn new(config: &StreamsConfig, plan: &ApplicationPlan) -> Self {
        let count = |number: i32| usize::try_from(number).unwrap_or(0);
        let of_plan = plan.subtopologies.values();
        let sources =
            of_plan.clone().flat_map(|part| &part.sources).map(|(_, partitions)| count(*partitions));
        let logged = |part: &crate::topology::Subtopology| {
            part.stores.iter().filter(|store| store.changelog.is_some()).count() * count(part.tasks)
        };
        let globals = plan.global_topics.iter().map(|(_, partitions)| count(*partitions));
        ClientMemory::divide(
            config.client_buffer_max_bytes(),
            sources.sum(),
            of_plan.map(logged).sum(),
            globals.sum(),
            config.num_stream_threads(),
        )
    }

    fn divide(bytes: usize, sources: usize, changelogs: usize, globals: usize, threads: usize) -> Self {
        ClientMemory {
            sources: Share { bytes: bytes / 2, partitions: sources.max(1) },
            changelogs: Share { bytes: bytes / 8, partitions: changelogs.max(1) },
            globals: Share { bytes: bytes / 8, partitions: globals.max(1) },
            producer_bytes: (bytes / 4 / threads.max(1)).clamp(4 * MIB, 64 * MIB),
            threads: threads.max(1),
        }
    }

    /// For the queues of the tasks of one thread.
    pub fn buffered(&self) -> BufferedBytes {
        let Share { bytes, .. } = self.sources;
        BufferedBytes { of_partition: self.sources.queue_bytes(), of_thread: bytes / 4 / self.threads }
    }

    /// A producer's settings: what the user has not set follows from its share.
    pub fn producer(&self, mut properties: Properties) -> Properties {
        let records = self.producer_bytes / 256;
        set(&mut properties, "queue.buffering.max.kbytes", self.producer_bytes / KIB);
        set(&mut properties, "queue.buffering.max.messages", records);
        properties
    }
}

/// How much the queues of a thread's tasks may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BufferedBytes {
    /// Of one partition, before more is taken over.
    pub of_partition: usize,
    /// Of all, before tasks that hold nothing get something.
    pub of_thread: usize,
}

impl BufferedBytes {
    /// For tests, on brokers in memory.
    #[cfg(any(test, feature = "testing"))]
    pub const UNBOUNDED: BufferedBytes =
        BufferedBytes { of_partition: usize::MAX / 2, of_thread: usize::MAX };
}

/// The memory that the partitions of one kind share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    bytes: usize,
    partitions: usize,
}

impl Share {
    fn of_partition(self) -> usize {
        self.bytes / self.partitions
    }

    /// Bytes of a partition's records that may lie in its task's queue, or in librdkafka's before more is fetched.
    pub fn queue_bytes(self) -> usize {
        (self.of_partition() / 4).clamp(32 * KIB, 8 * MIB)
    }

    /// Bytes of a partition's records that are fetched at once. A single batch that is larger comes all the same.
    fn fetch_bytes(self) -> usize {
        (self.of_partition() / 8).clamp(16 * KIB, MIB)
    }

    /// Records that may lie in librdkafka's queue before more is fetched.
    fn queue_records(self) -> usize {
        match self.queue_bytes() {
            bytes if bytes >= 8 * MIB => 50_000,
            bytes => bytes / RECORD_OVERHEAD,
        }
    }

    /// Bytes of one broker's answer, which stay in memory until the last of its records has been processed.
    fn answer_bytes(self) -> usize {
        (self.bytes / 32).clamp(MIB, 50 * MIB)
    }

    /// A consumer's settings: what the user has not set follows from the share.
    pub fn consumer(self, mut properties: Properties) -> Properties {
        // librdkafka refuses answers that are smaller than a message may be.
        let largest = properties.get("message.max.bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
        set(&mut properties, "queued.max.messages.kbytes", self.queue_bytes() / KIB);
        set(&mut properties, "queued.min.messages", self.queue_records());
        set(&mut properties, "fetch.max.bytes", self.answer_bytes().max(largest));
        // Both are names of the same setting.
        if !properties.contains_key("max.partition.fetch.bytes") {
            set(&mut properties, "fetch.message.max.bytes", self.fetch_bytes());
        }
        properties
    }
}

fn set(properties: &mut Properties, key: &str, value: usize) {
    properties.entry(key.to_owned()).or_insert_with(|| value.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the partitions of a share may have at once, with records of that size.
    fn worst(share: Share, record: usize) -> usize {
        let queued = share.queue_bytes().min(share.queue_records() * record);
        let fetched = share.fetch_bytes();
        let records = (queued + fetched) / record;
        // In librdkafka; in the task, whose queue was just not full when it took all of that over.
        let in_client = queued + fetched + records * 304;
        let in_task = share.queue_bytes() + queued + fetched;
        share.partitions * (in_client + in_task)
    }

    #[test]
    fn the_partitions_together_stay_below_the_bound_whatever_they_are() {
        let bound = 512 * MIB;
        for partitions in [1, 4, 10, 100, 400, 1_000, 2_000] {
            let memory = ClientMemory::divide(bound, partitions, partitions, partitions, 3);
            for record in [100, 1_000, 10_000] {
                let all = worst(memory.sources, record);
                println!("{partitions} partitions, {record} bytes: {} MiB", all / MIB);
                assert!(all <= 2 * memory.sources.bytes, "{partitions} partitions, {record} bytes: {all}");
            }
        }
    }

    #[test]
    fn few_partitions_have_what_makes_them_fast() {
        let share = ClientMemory::divide(512 * MIB, 4, 4, 0, 1).sources;
        assert_eq!((share.queue_bytes(), share.queue_records()), (8 * MIB, 50_000));
        assert_eq!((share.fetch_bytes(), share.answer_bytes()), (MIB, 8 * MIB));
    }

    #[test]
    fn what_the_user_sets_stays() {
        let share = ClientMemory::divide(512 * MIB, 400, 0, 0, 1).sources;
        let own = [("fetch.max.bytes", "5000000"), ("max.partition.fetch.bytes", "777777")];
        let own: Properties =
            own.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let properties = share.consumer(own);
        assert_eq!(properties["fetch.max.bytes"], "5000000");
        assert_eq!(properties["max.partition.fetch.bytes"], "777777");
        assert!(!properties.contains_key("fetch.message.max.bytes"));
        let large = [("message.max.bytes".to_owned(), "20000000".to_owned())].into_iter().collect();
        assert_eq!(share.consumer(large)["fetch.max.bytes"], "20000000");
    }
}
