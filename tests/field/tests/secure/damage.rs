//! A broker that serves damaged bytes: an error that says where, no wrong value, no record left out in silence.

use std::path::{Path, PathBuf};

use field::{App, config, turn};
use kstreams::prelude::*;
use lab::{KafkaCluster, TestRecord};
use streams_core::runtime::KafkaStreams;

use crate::support::{IN_SECONDS, says};

/// The only segment of a partition.
fn segment(cluster: &KafkaCluster, partition: &str) -> PathBuf {
    fn find(folder: &Path, partition: &str) -> Option<PathBuf> {
        for entry in std::fs::read_dir(folder).ok()?.flatten() {
            let path = entry.path();
            if path.file_name().is_some_and(|name| name == partition) {
                return Some(path.join("00000000000000000000.log"));
            }
            if let Some(found) = path.is_dir().then(|| find(&path, partition)).flatten() {
                return Some(found);
            }
        }
        None
    }
    find(cluster.folder().expect("a broker of our own"), partition).expect("a segment")
}

/// Flips a bit in the first place where these bytes are.
fn damage(file: &Path, at: &[u8]) {
    let mut bytes = std::fs::read(file).expect("the segment");
    let place = bytes.windows(at.len()).position(|window| window == at).expect("is in the segment");
    bytes[place] ^= 1;
    std::fs::write(file, bytes).expect("written");
}

/// Flips a bit of a batch's records, which are compressed; its header is 61 bytes long.
fn damage_compressed(file: &Path, batch: usize) {
    let mut bytes = std::fs::read(file).expect("the segment");
    let mut start = 0;
    for _ in 0..batch {
        let length = i32::from_be_bytes(bytes[start + 8..start + 12].try_into().expect("four bytes"));
        start += 12 + usize::try_from(length).expect("a length");
    }
    bytes[start + 61 + 20] ^= 0x55;
    std::fs::write(file, bytes).expect("written");
}

#[test]
fn damaged_bytes_are_an_error_with_their_place() {
    let _turn = turn();
    let cluster = KafkaCluster::start(1).expect("a broker");
    let client = cluster.client();
    for topic in ["plain", "packed", "plain-out", "packed-out"] {
        client.create_topic(topic, 1, &[]).expect("topic");
    }
    client.alter_topic("packed", &[("compression.type", "zstd")]).expect("compressed");
    // A batch each.
    for topic in ["plain", "packed"] {
        for word in ["first", "second", "third"] {
            client.produce(topic, [TestRecord::new("k", word.repeat(50))]).expect("sent");
        }
    }
    cluster.stop_broker(0).expect("stopped");
    damage(&segment(&cluster, "plain-0"), b"second");
    damage_compressed(&segment(&cluster, "packed-0"), 1);
    cluster.start_broker(0).expect("started");

    for topic in ["plain", "packed"] {
        let folder = tempfile::tempdir().expect("a folder");
        let builder = StreamsBuilder::new();
        let output = format!("{topic}-out");
        builder.stream::<String, String>(topic).to(output.as_str());
        let config = config(&client, &format!("damage-{topic}"), folder.path());
        let streams = KafkaStreams::new(builder.build().expect("a topology"), config).expect("fine");
        streams.start().expect("it starts");
        let app = App { streams };
        assert!(app.streams.wait_for(IN_SECONDS, State::is_final), "{:?}", app.streams.reasons());
        let error = app.streams.error().expect("an error").to_string();
        println!("{error}");
        says(&error, &[&format!("{topic}-0 at 1"), "failed CRC32C check", "damaged"]);
        let written = client.consume_all(&output, true).expect("read");
        assert!(written.len() <= 1, "nothing is left out: {written:?}");
        assert!(written.iter().all(|record| record.value_text() == "first".repeat(50)), "{written:?}");
    }
}
