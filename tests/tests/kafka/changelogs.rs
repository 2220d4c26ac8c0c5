//! Restoring reads a changelog to its very end, whatever lies there.

use std::time::Duration;

use kstreams::prelude::*;
use tests::lab::{TestRecord, shared};

use crate::support::{App, committed, config, texts, turn};

const TIME: i64 = 1_700_000_000_000;

/// A foreign producer leaves long aborted stretches in the changelog, before and after its last committed record.
#[test]
fn aborted_stretches_do_not_end_a_restore_early() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for topic in ["stretch-in", "stretch-out"] {
        client.create_topic(topic, 1, &[]).expect("topic");
    }
    let topology = || {
        let builder = StreamsBuilder::new();
        let counts = builder.stream::<String, String>("stretch-in").group_by_key();
        counts.count_with(Materialized::named("counts")).to_stream().to("stretch-out");
        builder.build().expect("a topology")
    };
    let ask =
        |key: &str| client.produce("stretch-in", [TestRecord::new(key, "v").at(TIME)]).expect("produced");
    let lost = tempfile::tempdir().expect("a folder");
    let first = App::run(topology(), config(&client, "stretch", lost.path()));
    ask("first");
    committed(&client, "stretch-out", 1);
    first.close();

    let changelog = "stretch-counts-changelog";
    let foreign = client.transactional("stretch-foreign", Duration::from_secs(60)).expect("a producer");
    let aborted = || {
        let records = (0..20_000_i64).map(|n| TestRecord::new("last", n.to_be_bytes()).at(TIME));
        foreign.begin().expect("begun");
        foreign.send(changelog, records).expect("sent");
        foreign.abort().expect("aborted");
    };
    aborted();
    foreign.begin().expect("begun");
    foreign.send(changelog, [TestRecord::new("last", 777_i64.to_be_bytes()).at(TIME)]).expect("sent");
    foreign.commit().expect("committed");
    aborted();

    // Without its local state, and then with it: nothing is left to restore.
    let folder = tempfile::tempdir().expect("a folder");
    for (key, restored, expected) in [("last", 2, "last=778"), ("first", 0, "first=2")] {
        let before = client.consume_all("stretch-out", true).expect("read").len();
        let app = App::run(topology(), config(&client, "stretch", folder.path()));
        let metrics = app.streams.totals();
        assert_eq!((metrics.restored_records, metrics.wiped_tasks), (restored, 0), "{metrics:?}");
        ask(key);
        let found = texts(&committed(&client, "stretch-out", before + 1));
        assert_eq!(found.last().map(String::as_str), Some(expected));
        app.close();
    }
}
