//! Kafka's frames, as far as a proxy has to read them: whose request it is, and which answer belongs to it.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

/// Longer than any message of a test; a longer one is not Kafka.
const FRAME_MAX: usize = 256 << 20;

/// The requests that faults are about, by their numbers in the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// Writing records.
    Produce = 0,
    /// Reading records.
    Fetch = 1,
    /// Asking for offsets by time.
    ListOffsets = 2,
    /// Asking for leaders.
    Metadata = 3,
    /// Committing offsets of a group.
    OffsetCommit = 8,
    /// Asking for them.
    OffsetFetch = 9,
    /// Asking for a coordinator.
    FindCoordinator = 10,
    /// Joining a group.
    JoinGroup = 11,
    /// Staying in it.
    Heartbeat = 12,
    /// Handing out its partitions.
    SyncGroup = 14,
    /// Getting a producer id, which fences the one before.
    InitProducerId = 22,
    /// Telling the transaction coordinator of partitions.
    AddPartitionsToTxn = 24,
    /// Telling it of offsets.
    AddOffsetsToTxn = 25,
    /// Committing or aborting.
    EndTxn = 26,
    /// Writing offsets in a transaction.
    TxnOffsetCommit = 28,
}

/// One message with its length in front, as it goes over the wire.
pub(crate) struct Frame {
    bytes: Vec<u8>,
}

impl Frame {
    /// The next one; none at an orderly end.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut length = [0; 4];
        if from.read(&mut length[..1])? == 0 {
            return Ok(None);
        }
        from.read_exact(&mut length[1..])?;
        let size = u32::from_be_bytes(length) as usize;
        if size > FRAME_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {size} bytes")));
        }
        let mut bytes = length.to_vec();
        bytes.resize(4 + size, 0);
        from.read_exact(&mut bytes[4..])?;
        Ok(Some(Self { bytes }))
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Of a request: which one it is.
    pub(crate) fn api(&self) -> i16 {
        self.bytes.get(4..6).and_then(|bytes| bytes.try_into().ok()).map_or(-1, i16::from_be_bytes)
    }

    /// Of a request: the number that its answer will have.
    pub(crate) fn request_number(&self) -> i32 {
        self.number(8)
    }

    /// Of an answer: the number of its request.
    pub(crate) fn answer_number(&self) -> i32 {
        self.number(4)
    }

    fn number(&self, at: usize) -> i32 {
        self.bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(-1, i32::from_be_bytes)
    }
}
