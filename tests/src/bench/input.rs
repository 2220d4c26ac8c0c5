//! The input of all workloads: the same on every machine and for everyone measured.

use lab::{KafkaClient, LabError, TestRecord};

/// The topic with the input.
pub const INPUT_TOPIC: &str = "bench-input";

/// Its partitions.
pub const INPUT_PARTITIONS: i32 = 4;

const KEYS: u64 = 100_000;
/// With ten bytes of key, 100 bytes a record.
const VALUE_BYTES: usize = 90;
/// The begin of a minute, so that five million records fill exactly fifty windows.
const FIRST_TIMESTAMP: u64 = 1_700_000_040_000;
const SEED: u64 = 0x5EED_5712_EA35;

/// Writes records 0 to `records` - 1, each to the partition that Kafka's default partitioner chooses for its key.
pub fn write_input(client: &KafkaClient, records: u64) -> Result<(), LabError> {
    client.create_topic(INPUT_TOPIC, INPUT_PARTITIONS, &[])?;
    client.produce(INPUT_TOPIC, (0..records).map(input_record))
}

/// Record number `n`: a key out of 100,000, 90 letters, and a timestamp 0.6 ms after the one before.
pub fn input_record(n: u64) -> TestRecord {
    let mut state = SEED ^ n.wrapping_mul(0xA076_1D64_78BD_642F);
    let key = format!("user-{:05}", next(&mut state) % KEYS);
    let mut value = Vec::with_capacity(VALUE_BYTES + 7);
    while value.len() < VALUE_BYTES {
        value.extend(next(&mut state).to_le_bytes().map(|byte| b'a' + byte % 26));
    }
    value.truncate(VALUE_BYTES);
    let timestamp = i64::try_from(FIRST_TIMESTAMP + n * 3 / 5).unwrap_or(i64::MAX);
    TestRecord::new(key, value).at(timestamp)
}

/// The next number of the splitmix64 sequence.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_million_records_fill_fifty_minutes_with_a_hundred_bytes_each() {
        let (first, last) = (input_record(0), input_record(4_999_999));
        let minute = |record: &TestRecord| record.timestamp.unwrap_or(0) / 60_000;
        assert_eq!(minute(&last) - minute(&first), 49);
        for record in [first, last] {
            let bytes = record.key.map_or(0, |key| key.len()) + record.value.map_or(0, |value| value.len());
            assert_eq!(bytes, 100);
        }
        assert_eq!(input_record(17), input_record(17));
        assert_ne!(input_record(17).key, input_record(18).key);
    }
}
