//! Lists of partitions, each with an offset, metadata and an error.

use std::ffi::{CStr, c_int};
use std::ptr::{NonNull, addr_of};

use rdkafka::bindings as rd;

use super::{Code, c_string};
use crate::ids::{Offset, PartitionId, TopicPartition};

/// An owned `rd_kafka_topic_partition_list_t`.
pub(in crate::transport::kafka) struct PartitionList(NonNull<rd::rd_kafka_topic_partition_list_t>);

/// One entry, copied out.
#[derive(Clone, Debug)]
pub(in crate::transport::kafka) struct Entry {
    pub(in crate::transport::kafka) partition: TopicPartition,
    pub(in crate::transport::kafka) offset: Offset,
    pub(in crate::transport::kafka) metadata: Vec<u8>,
    pub(in crate::transport::kafka) error: Code,
}

// SAFETY: owned memory that refers to no thread.
unsafe impl Send for PartitionList {}

impl PartitionList {
    /// An empty list.
    #[allow(clippy::expect_used, reason = "librdkafka aborts the process itself when memory is out")]
    pub(in crate::transport::kafka) fn new() -> Self {
        // SAFETY: no preconditions; the number is only a hint.
        let list = unsafe { rd::rd_kafka_topic_partition_list_new(8) };
        PartitionList(NonNull::new(list).expect("rd_kafka_topic_partition_list_new never returns null"))
    }

    /// Appends a partition with an offset and, where there is some, metadata.
    pub(in crate::transport::kafka) fn add(
        &mut self,
        topic: &str,
        partition: PartitionId,
        offset: Offset,
        metadata: &[u8],
    ) {
        let topic = c_string(topic);
        // SAFETY: the list is ours; the returned entry belongs to it and is written before the list changes again. The
        // metadata is allocated by libc because the list frees it with libc's `free`.
        unsafe {
            let entry =
                rd::rd_kafka_topic_partition_list_add(self.0.as_ptr(), topic.as_ptr(), partition as c_int);
            (*entry).offset = offset;
            if !metadata.is_empty() {
                let copy = libc::malloc(metadata.len());
                if !copy.is_null() {
                    copy.cast::<u8>().copy_from_nonoverlapping(metadata.as_ptr(), metadata.len());
                    (*entry).metadata = copy;
                    (*entry).metadata_size = metadata.len();
                }
            }
        }
    }

    /// The offset of the first entry.
    pub(super) fn first_offset(&self) -> Option<Offset> {
        // SAFETY: ours; the entries are an array of `cnt`.
        unsafe {
            let list = self.0.as_ref();
            (list.cnt > 0).then(|| (*list.elems).offset)
        }
    }

    pub(super) fn as_ptr(&self) -> *mut rd::rd_kafka_topic_partition_list_t {
        self.0.as_ptr()
    }
}

impl Drop for PartitionList {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once; frees names and metadata.
        unsafe { rd::rd_kafka_topic_partition_list_destroy(self.0.as_ptr()) };
    }
}

/// Copies the entries of a list out.
///
/// # Safety
/// `list` is null or a valid list that does not change meanwhile.
pub(super) unsafe fn entries_of(list: *const rd::rd_kafka_topic_partition_list_t) -> Vec<Entry> {
    if list.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller's promise; `elems` is an array of `cnt` entries.
    unsafe {
        let count = usize::try_from((*list).cnt).unwrap_or(0);
        (0..count).map(|index| entry_of((*list).elems.add(index))).collect()
    }
}

/// Copies an entry out.
///
/// # Safety
/// `entry` is a valid entry of a list.
pub(super) unsafe fn entry_of(entry: *const rd::rd_kafka_topic_partition_t) -> Entry {
    // SAFETY: the caller's promise. The topic is a C string; the metadata is `metadata_size` bytes or null. The error is
    // read as an integer because it may be a code that the enum does not know.
    unsafe {
        let topic = CStr::from_ptr((*entry).topic).to_string_lossy();
        let metadata = (*entry).metadata.cast::<u8>();
        Entry {
            partition: TopicPartition::new(&*topic, (*entry).partition),
            offset: (*entry).offset,
            metadata: if metadata.is_null() {
                Vec::new()
            } else {
                std::slice::from_raw_parts(metadata, (*entry).metadata_size).to_vec()
            },
            error: addr_of!((*entry).err).cast::<Code>().read(),
        }
    }
}
