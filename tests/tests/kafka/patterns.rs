//! Topics of a pattern come to exist while two instances run, and are read once.

use std::collections::BTreeMap;

use kstreams::prelude::*;
use tests::lab::{TestRecord, shared};

use crate::support::{App, committed, config, turn};

const ROUNDS: usize = 20;
const PER_ROUND: usize = 100;

#[test]
fn topics_that_come_later_are_read_once_by_all_instances_together() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    client.create_topic("pattern-in-a", 2, &[]).expect("topic");
    client.create_topic("pattern-out", 1, &[]).expect("topic");
    let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let apps = folders.each_ref().map(|folder| {
        let builder = StreamsBuilder::new();
        let pattern = TopicPattern::new("pattern-in-[a-z]").expect("a pattern");
        builder.stream::<String, String>(pattern).to("pattern-out");
        let mut config = config(&client, "pattern", folder.path());
        config.set("metadata.max.age.ms", 300).expect("a setting");
        App::run(builder.build().expect("a topology"), config)
    });

    let mut topics = vec!["pattern-in-a"];
    for round in 0..ROUNDS {
        // The second one has more partitions, and so there are more tasks from then on.
        if round == ROUNDS / 4 {
            client.create_topic("pattern-in-b", 4, &[]).expect("topic");
            topics.push("pattern-in-b");
        }
        for topic in &topics {
            let records = (0..PER_ROUND)
                .map(|n| TestRecord::new(format!("k{n}"), format!("{topic} {round}")).at(1_900_000_000_000));
            client.produce(topic, records).expect("sent");
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }

    let written = ROUNDS * PER_ROUND + (ROUNDS - ROUNDS / 4) * PER_ROUND;
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    for record in committed(&client, "pattern-out", written) {
        *seen.entry((record.key_text(), record.value_text())).or_default() += 1;
    }
    assert_eq!(seen.len(), written, "each once");
    let running: usize = apps.iter().map(|app| app.streams.totals().running_tasks).sum();
    assert_eq!(running, 4);
    apps.iter().for_each(App::close);
}

#[test]
fn a_pattern_without_a_topic_is_an_error_that_names_it() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>(TopicPattern::new("nowhere-.*").expect("a pattern")).to("pattern-none");
    let topology = builder.build().expect("a topology");
    let streams = KafkaStreams::new(topology, config(&client, "pattern-none", folder.path())).expect("fine");
    let error = streams.start().expect_err("no topic").to_string();
    assert!(
        error.contains("no topic matches the pattern nowhere-.* of source KSTREAM-SOURCE-0000000000"),
        "{error}"
    );
}
