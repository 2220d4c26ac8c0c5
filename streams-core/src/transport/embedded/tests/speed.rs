//! How fast records go through the broker. Run with
//! `cargo test --release -p streams-core --lib embedded::tests::speed -- --ignored --nocapture`.

use super::*;

const RECORDS: u32 = 4_000_000;
const PARTITIONS: PartitionId = 4;

fn measure(what: &str, broker: &Arc<EmbeddedBroker>, mut writer: Box<dyn Producer>, commit_every: u32) {
    create(broker, "t", PARTITIONS);
    let topic = writer.topic("t").unwrap();
    let mut reader = consumer(broker, Isolation::ReadCommitted);
    let of = |partition| TopicPartition::new("t", partition);
    let handles: Vec<_> =
        (0..PARTITIONS).map(|partition| reader.assign(&of(partition), 0).unwrap()).collect();
    let (headers, value, mut batch, mut read) = (Headers::new(), [7; 100], Vec::new(), 0);
    let clock = crate::time::SystemClock;
    let start = crate::time::Clock::now_ms(&clock);
    for round in 0..RECORDS {
        if commit_every > 0 && round % commit_every == 0 {
            writer.begin().unwrap();
        }
        let key = round.to_be_bytes();
        let partition = round as PartitionId % PARTITIONS;
        let (key, value) = (Some(&key[..]), Some(&value[..]));
        writer.send(OutRecord { topic, partition, key, value, timestamp: 0, headers: &headers }).unwrap();
        if round % 10_000 == 9_999 {
            if commit_every == 0 {
                writer.flush(NOW).unwrap();
            } else if round % commit_every == commit_every - 1 {
                writer.commit(NOW).unwrap();
            }
            for handle in &handles {
                while !reader.fetch(*handle, 1_000, &mut batch).unwrap().at_end {}
                read += batch.len();
                batch.clear();
            }
        }
    }
    let elapsed_ms = crate::time::Clock::now_ms(&clock) - start;
    assert_eq!(read, RECORDS as usize);
    println!("{what}: {:.2} M records/s", f64::from(RECORDS) / elapsed_ms as f64 / 1_000.0);
}

#[test]
#[ignore = "a measurement"]
fn records_per_second() {
    let broker = EmbeddedBroker::in_memory();
    measure("in memory", &broker, producer(&broker), 0);
    let broker = EmbeddedBroker::in_memory();
    measure("in memory, transactions of 10k", &broker, transactional(&broker, "x"), 10_000);
    let dir = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::open(dir.path()).unwrap();
    measure("durable, transactions of 10k", &broker, transactional(&broker, "x"), 10_000);
}
