//! Topics and offsets, and a broker that is away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use streams_core::ids::{Offset, TopicPartition};
use streams_core::transport::kafka::KafkaTransport;
use streams_core::transport::{Isolation, NewTopic, OffsetQuery, Transport, TransportErrorKind as Kind};
use tests::lab::TestRecord;

use crate::{LIMIT, Outcome, admin, client, producer_spec};

#[test]
fn topics_are_made_once_and_deleted_once() -> Outcome {
    let mut admin = admin()?;
    let name: Arc<str> = "kt-admin".into();
    let topic = NewTopic {
        name: Arc::clone(&name),
        partitions: 3,
        replication_factor: -1,
        configs: BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]),
    };
    admin.create_topics(std::slice::from_ref(&topic), LIMIT)?;
    admin.create_topics(&[topic], LIMIT)?;
    let names = [Arc::clone(&name), "kt-nowhere".into()];
    let found = admin.topics(&names, LIMIT)?;
    assert_eq!(found.len(), 1, "the missing one is left out");
    assert_eq!(found.get(&name).map(|info| info.partitions), Some(3));
    admin.delete_topics(&names, LIMIT)?;
    admin.delete_topics(&names, LIMIT)?;
    let start = Instant::now();
    while !admin.topics(&names, LIMIT)?.is_empty() {
        assert!(start.elapsed() < LIMIT, "still there");
    }
    Ok(())
}

#[test]
fn offsets_are_found_by_place_and_by_time() -> Outcome {
    client()?.create_topic("kt-offsets", 2, &[])?;
    let at = |n: i64| TestRecord::new("k", "v").at(1_000 + n).to_partition(0);
    client()?.produce("kt-offsets", (0..10).map(at))?;
    let partition = TopicPartition::new("kt-offsets", 0);
    let mut admin = admin()?;
    admin.delete_records(&[(partition.clone(), 4)], LIMIT)?;
    let both = [partition.clone(), TopicPartition::new("kt-offsets", 1), partition];
    let mut ask =
        |query| -> Outcome<Vec<Offset>> { Ok(admin.offsets(&both, query, LIMIT)?.into_values().collect()) };
    assert_eq!(ask(OffsetQuery::Earliest)?, [4, 0]);
    assert_eq!(ask(OffsetQuery::Latest(Isolation::ReadCommitted))?, [10, 0]);
    assert_eq!(ask(OffsetQuery::AtTime(1_006))?, [6, 0]);
    assert_eq!(ask(OffsetQuery::AtTime(5_000))?, [10, 0], "none is later: the end");
    assert_eq!(ask(OffsetQuery::AtTime(-1))?, [4, 0], "no query code");
    let missing = [TopicPartition::new("kt-offsets-missing", 0)];
    let asked = admin.offsets(&missing, OffsetQuery::Earliest, LIMIT).map_err(|error| error.kind());
    assert_eq!(asked, Err(Kind::UnknownTopic));
    let some = [both[1].clone(), missing[0].clone(), TopicPartition::new("kt-offsets", 2)];
    let each = admin.offsets_each(&some, OffsetQuery::Earliest, LIMIT)?;
    let kinds: Vec<_> =
        each.into_iter().map(|(of, offset)| (of.to_string(), offset.map_err(|error| error.kind()))).collect();
    let expected = [
        ("kt-offsets-1".to_string(), Ok(0)),
        ("kt-offsets-2".to_string(), Err(Kind::UnknownTopic)),
        ("kt-offsets-missing-0".to_string(), Err(Kind::UnknownTopic)),
    ];
    assert_eq!(kinds, expected, "one that is missing keeps nobody from the others");
    Ok(())
}

#[test]
fn a_broker_that_is_away_is_named_and_nothing_hangs() -> Outcome {
    let away = "127.0.0.1:1";
    let transport = KafkaTransport::new(away, BTreeMap::new())?;
    let short = Duration::from_millis(700);
    let start = Instant::now();
    let mut admin = transport.admin("a")?;
    let mut producer = transport.producer(&producer_spec(Some("kt-away")))?;
    let topic = producer.topic("t")?;
    let topics = admin.topics(&["t".into()], short).err();
    let partition = [TopicPartition::new("t", 0)];
    let offsets = admin.offsets(&partition, OffsetQuery::Earliest, short).err();
    let committed = admin.committed("g", &partition, short).err();
    let transactions = producer.init_transactions(short).err();
    let partitions = producer.partition_count(topic, short).err();
    for error in [topics, offsets, committed, transactions, partitions] {
        let error = error.ok_or("nobody is there")?;
        println!("{error}");
        assert!(matches!(error.kind(), Kind::TimedOut | Kind::Retriable), "{error}");
        assert!(error.to_string().contains(away), "{error}");
    }
    drop((admin, producer));
    // Each of them ends in its time; the client library's own time-outs are minutes.
    assert!(start.elapsed() < Duration::from_secs(40), "took {:?}", start.elapsed());
    assert!(KafkaTransport::new(" ", BTreeMap::new()).is_err());
    Ok(())
}
