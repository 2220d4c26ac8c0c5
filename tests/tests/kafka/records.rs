//! What belongs to a record survives the way through repartition topics and sinks, and only committed records are read.

use std::time::Duration;

use kstreams::prelude::*;
use tests::lab::{TestRecord, shared};

use crate::support::{App, committed, config, texts, turn};

const TIME: i64 = 1_700_000_000_000;

fn through_a_repartition_topic(input: &str, output: &str) -> streams_core::topology::Topology {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>(input)
        .select_key(|_, value| value.clone())
        .repartition_with(Repartitioned::named("between"))
        .map_values(|value| value.to_uppercase())
        .to(output);
    builder.build().expect("a topology")
}

#[test]
fn times_and_headers_survive_repartition_topics_and_sinks() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    for topic in ["headers-in", "headers-out"] {
        client.create_topic(topic, 3, &[]).expect("topic");
    }
    let sent: Vec<TestRecord> = (0..30)
        .map(|n| {
            let record = TestRecord::new(format!("k{n}"), format!("v{n}")).at(TIME - n * 1_000);
            let mut record =
                record.header("trace", n.to_string()).header("trace", "again").header("raw", [0xff]);
            record.headers.push(("none".to_owned(), None));
            record
        })
        .collect();
    client.produce("headers-in", sent.clone()).expect("produced");
    let app = App::run(
        through_a_repartition_topic("headers-in", "headers-out"),
        config(&client, "headers", folder.path()),
    );
    for topic in ["headers-between-repartition", "headers-out"] {
        let mut found = committed(&client, topic, sent.len());
        found.sort_by_key(|record| std::cmp::Reverse(record.timestamp));
        for (sent, found) in sent.iter().zip(&found) {
            assert_eq!(found.key, sent.value, "{topic}");
            assert_eq!(Some(found.timestamp), sent.timestamp, "{topic}");
            assert_eq!(found.headers, sent.headers, "{topic}");
        }
    }
    app.close();
}

#[test]
fn what_an_upstream_transaction_aborts_is_never_read() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    for topic in ["upstream-in", "upstream-out"] {
        client.create_topic(topic, 1, &[]).expect("topic");
    }
    let app = App::run(
        through_a_repartition_topic("upstream-in", "upstream-out"),
        config(&client, "upstream", folder.path()),
    );
    let upstream = client.transactional("upstream-producer", Duration::from_secs(60)).expect("a producer");
    let send = |values: [&str; 2]| {
        upstream.begin().expect("begun");
        upstream.send("upstream-in", values.map(|value| TestRecord::new("k", value).at(TIME))).expect("sent");
    };
    send(["a", "b"]);
    upstream.commit().expect("committed");
    send(["lost", "gone"]);
    upstream.abort().expect("aborted");
    send(["c", "d"]);
    committed(&client, "upstream-out", 2);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(
        texts(&committed(&client, "upstream-out", 2)),
        ["a=A", "b=B"],
        "an open transaction is not read"
    );
    upstream.commit().expect("committed");
    assert_eq!(texts(&committed(&client, "upstream-out", 4)), ["a=A", "b=B", "c=C", "d=D"]);
    assert!(app.streams.totals().processed_records >= 8, "four records in each stage");
    app.close();
}

#[test]
fn a_tombstone_deletes_the_row_and_reaches_the_output() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    for topic in ["rows-in", "rows-out", "rows-stream", "rows-joined"] {
        client.create_topic(topic, 1, &[]).expect("topic");
    }
    let builder = StreamsBuilder::new();
    let table = builder.table::<String, String>("rows-in");
    table.to_stream().to("rows-out");
    let left = |value, row: Option<String>| format!("{value}/{}", row.unwrap_or_default());
    builder.stream::<String, String>("rows-stream").left_join(&table, left).to("rows-joined");
    let app = App::run(builder.build().expect("a topology"), config(&client, "rows", folder.path()));
    let ask = |value: &str, time| {
        client.produce("rows-stream", [TestRecord::new("k", value).at(TIME + time)]).expect("produced");
    };
    client.produce("rows-in", [TestRecord::new("k", "row").at(TIME)]).expect("produced");
    committed(&client, "rows-out", 1);
    ask("1", 10);
    committed(&client, "rows-joined", 1);
    client.produce("rows-in", [TestRecord::tombstone("k").at(TIME + 20)]).expect("produced");
    assert_eq!(texts(&committed(&client, "rows-out", 2)), ["k=row", "k=null"]);
    ask("2", 30);
    assert_eq!(texts(&committed(&client, "rows-joined", 2)), ["k=1/row", "k=2/"]);
    app.close();
}
