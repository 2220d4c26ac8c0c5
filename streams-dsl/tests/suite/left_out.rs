//! Dropped records are visible: counted by reason, and logged in a warning with place, time, key and what judged them.

#![allow(clippy::disallowed_methods, reason = "an application runs by the clock of the machine")]

use std::time::{Duration, Instant};

use streams_core::processor::DropReason;
use streams_core::processor::timestamp_extractor::{FailOnInvalidTimestamp, RejectFutureTimestamp};
use streams_core::transport::embedded::EmbeddedBroker;
use streams_core::transport::{NewTopic, OutRecord, ProducerSpec, Transport};
use streams_dsl::prelude::*;

/// What `test` warns of leaving out.
fn warnings(test: impl FnOnce()) -> Vec<String> {
    crate::support::warnings(test).into_iter().filter(|text| text.contains("left out")).collect()
}

fn windowed(builder: &StreamsBuilder, consumed: Consumed<String, i64>) {
    let windows = TimeWindows::of_size_and_grace(millis(10), millis(5));
    let counts = builder.stream_with("in", consumed).group_by_key().windowed_by(windows).count();
    counts.to_stream().map(|key, count| (key.key, count.unwrap_or(0))).to("out");
}

#[test]
fn a_late_record_is_told_once_a_minute_with_what_judged_it() {
    let told = warnings(|| {
        let builder = StreamsBuilder::new();
        windowed(&builder, Consumed::default());
        let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
        let input = driver.create_input_topic::<String, i64>("in");
        for time in [3, 1_700_000_000_000_000, 14, 15] {
            input.pipe("alice".to_owned(), 1, time).unwrap();
        }
        driver.advance_wall_clock_time(seconds(61)).unwrap();
        input.pipe("bob".to_owned(), 1, 25).unwrap();
        input.pipe("bob".to_owned(), 1, 26).unwrap();
        assert_eq!((driver.dropped().of(DropReason::Late), driver.dropped_records()), (4, 4));
    });
    assert_eq!(told.len(), 2, "{told:#?}");
    let parts = [
        "at=in-0 offset 2",
        "timestamp=14 ",
        "key=\"alice\"",
        "stream_time=1700000000000000 ",
        "task=0_0",
        "from 10 to 20",
        "5 ms after its end",
        "reason=late",
        "node=KSTREAM-AGGREGATE",
        "so_far=1 ",
    ];
    for part in parts {
        assert!(told[0].contains(part), "{} lacks {part}", told[0]);
    }
    for part in ["at=in-0 offset 4", "key=\"bob\"", "timestamp=25 ", "so_far=3 "] {
        assert!(told[1].contains(part), "{} lacks {part}", told[1]);
    }
}

#[test]
fn every_kind_of_window_tells_of_late_records() {
    type Windowing = fn(KGroupedStream<String, i64>) -> KTable<Windowed<String>, i64>;
    let kinds: [(&str, Windowing); 3] = [
        ("hopping", |grouped| {
            let windows = TimeWindows::of_size_with_no_grace(millis(10)).advance_by(millis(5));
            grouped.windowed_by(windows).count()
        }),
        ("sliding", |grouped| {
            let windows = SlidingWindows::of_time_difference_with_no_grace(millis(10));
            grouped.windowed_by(windows).count()
        }),
        ("session", |grouped| {
            grouped.windowed_by(SessionWindows::of_inactivity_gap_with_no_grace(millis(10))).count()
        }),
    ];
    for (kind, windowed_by) in kinds {
        let told = warnings(|| {
            let builder = StreamsBuilder::new();
            let counts = windowed_by(builder.stream::<String, i64>("in").group_by_key());
            counts.to_stream().for_each(|_, _| ());
            let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
            let input = driver.create_input_topic::<String, i64>("in");
            for time in [0, 100_000, 7] {
                input.pipe("a".to_owned(), 1, time).unwrap();
            }
            assert!(driver.dropped().of(DropReason::Late) >= 1, "{kind}");
        });
        assert_eq!(told.len(), 1, "{kind}: {told:#?}");
        assert!(told[0].contains("at=in-0 offset 2") && told[0].contains("stream time 100000"), "{told:?}");
    }
}

#[test]
fn nulls_and_invalid_times_are_counted_by_reason() {
    let told = warnings(|| {
        let builder = StreamsBuilder::new();
        builder.stream::<Option<String>, Option<i64>>("in").group_by_key().count().to_stream().to("out");
        let skipping = "LogAndSkipOnInvalidTimestamp";
        let config = StreamsConfig::new("test", "embedded:").with("default.timestamp.extractor", skipping);
        let driver = TopologyTestDriver::new(builder.build().unwrap(), config.unwrap()).unwrap();
        let input = driver.create_input_topic::<Option<String>, Option<i64>>("in");
        input.pipe(None, Some(1), 0).unwrap();
        input.pipe(Some("a".to_owned()), None, 0).unwrap();
        input.pipe(Some("b".to_owned()), None, 0).unwrap();
        input.pipe(Some("c".to_owned()), Some(1), -1).unwrap();
        // Was lost without a word: this time stood for a record that had been reported already.
        input.pipe(Some("d".to_owned()), Some(1), Timestamp::MIN).unwrap();
        let counts: Vec<_> = driver.dropped().iter().collect();
        let expected =
            [(DropReason::NullKey, 1), (DropReason::NullValue, 2), (DropReason::InvalidTimestamp, 2)];
        assert_eq!(counts, expected);
        assert_eq!(driver.dropped_records(), 5);
    });
    let shown: Vec<_> = ["key=null", "key=\"a\"", "key=\"c\""].into_iter().zip(&told).collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(shown.iter().all(|(part, text)| text.contains(part)), "{shown:#?}");
}

#[test]
fn a_time_too_far_in_the_future_can_be_kept_out() {
    let an_hour = Duration::from_secs(3_600);
    let start = 1_700_000_000_000;
    let started = |extractor| {
        let builder = StreamsBuilder::new();
        windowed(&builder, Consumed::default().with_timestamp_extractor(extractor));
        let config = StreamsConfig::new("test", "embedded:");
        let driver = TopologyTestDriver::builder(builder.build().unwrap(), config).with_start_time(start);
        driver.build().unwrap()
    };
    let told = warnings(|| {
        let driver = started(RejectFutureTimestamp::skipping(an_hour, FailOnInvalidTimestamp));
        let input = driver.create_input_topic::<String, i64>("in");
        for time in [start, start * 1_000, start + 3_600_000, start + 3_600_001, i64::MAX] {
            input.pipe("a".to_owned(), 1, time).unwrap();
        }
        assert_eq!((driver.dropped().of(DropReason::FutureTimestamp), driver.dropped_records()), (3, 3));
        let out = driver.create_output_topic::<String, i64>("out").read_values().unwrap();
        assert_eq!(out, [1, 1]);
    });
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("timestamp=1700000000000000 ") && told[0].contains("key=\"a\""), "{told:?}");

    let driver = started(RejectFutureTimestamp::failing(an_hour, FailOnInvalidTimestamp));
    let input = driver.create_input_topic::<String, i64>("in");
    let text = input.pipe("a".to_owned(), 1, start * 1_000).unwrap_err().to_string();
    assert!(text.contains("in-0 offset 0") && text.contains("ahead of the wall clock"), "{text}");
}

/// What a global table leaves out used to be counted nowhere.
#[test]
fn global_tables_count_what_they_leave_out() {
    let told = warnings(|| {
        let builder = StreamsBuilder::new();
        let names = builder.global_table::<String, i64>("names");
        let joined = builder.stream::<String, String>("in");
        joined.join_global(&names, |key, _| key.clone(), |text, name| format!("{text}{name}")).to("out");
        let config = StreamsConfig::new("test", "embedded:");
        let config = config.with("deserialization.exception.handler", "LogAndContinue").unwrap();
        let driver = TopologyTestDriver::new(builder.build().unwrap(), config).unwrap();
        driver
            .create_input_topic::<String, String>("names")
            .pipe("a".to_owned(), "poison".to_owned(), 0)
            .unwrap();
        driver.create_input_topic::<Option<String>, i64>("names").pipe(None, 1, 0).unwrap();
        let counts: Vec<_> = driver.dropped().iter().collect();
        assert_eq!(counts, [(DropReason::NullKey, 1), (DropReason::Deserialization, 1)]);
    });
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].contains("at=names-0 offset 0") && told[0].contains("key=\"a\""), "{told:#?}");
}

/// A versioned store takes no version that is older than its history.
#[test]
fn what_a_store_is_too_young_for_is_counted() {
    let told = warnings(|| {
        let builder = StreamsBuilder::new();
        let hour = Duration::from_secs(3_600);
        builder
            .table_with::<String, i64>(
                "in",
                Consumed::default(),
                Materialized::as_store(Stores::persistent_versioned_key_value_store("rows", hour)),
            )
            .to_stream()
            .for_each(|_, _| ());
        let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
        let input = driver.create_input_topic::<String, i64>("in");
        for time in [10_000_000, 5, 10_000_001] {
            input.pipe("a".to_owned(), 1, time).unwrap();
        }
        assert_eq!((driver.dropped().of(DropReason::Expired), driver.dropped_records()), (1, 1));
    });
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("store rows") && told[0].contains("at=in-0 offset 1"), "{told:#?}");
    assert!(told[0].contains("node=KTABLE-SOURCE"), "{told:#?}");
}

/// The counts of stream threads and of the global thread come together in the application's metrics, also after it has ended.
#[test]
fn an_application_tells_what_its_tasks_and_its_global_tables_leave_out() {
    let limit = Duration::from_secs(120);
    let builder = StreamsBuilder::new();
    let names = builder.global_table::<String, i64>("names");
    let numbers = builder.stream::<String, String>("in").try_map_values(|text| text.parse::<i64>());
    numbers.join_global(&names, |key, _| key.clone(), |number, name| number + name).to("out");
    let broker = EmbeddedBroker::in_memory();
    let topic = |name: &str| NewTopic {
        name: name.into(),
        partitions: 1,
        replication_factor: 1,
        configs: Default::default(),
    };
    let topics = ["names", "in", "out"].map(topic);
    broker.transport().admin("admin").unwrap().create_topics(&topics, limit).unwrap();
    let spec = ProducerSpec {
        client_id: "producer".to_owned(),
        transactional_id: None,
        transaction_timeout_ms: 60_000,
        properties: Default::default(),
    };
    let mut producer = broker.transport().producer(&spec).unwrap();
    let headers = Headers::new();
    let bytes = |text: &'static str| text.as_bytes();
    let records = [
        ("names", Some(bytes("a")), bytes("poison")),
        ("names", Some(bytes("b")), &[0; 8]),
        ("in", Some(bytes("a")), bytes("1")),
        ("in", Some(bytes("b")), bytes("one")),
        ("in", None, bytes("2")),
    ];
    for (topic, key, value) in records {
        let topic = producer.topic(topic).unwrap();
        let (value, headers) = (Some(value), &headers);
        producer.send(OutRecord { topic, partition: 0, key, value, timestamp: 1, headers, tag: 0 }).unwrap();
    }
    producer.flush(limit).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = StreamsConfig::new("app", "embedded:")
        .with_state_dir(folder.path())
        .with("processing.exception.handler", "LogAndContinue")
        .and_then(|config| config.with("deserialization.exception.handler", "LogAndContinue"));
    let app = KafkaStreams::builder(builder.build().unwrap(), config.unwrap()).with_broker(broker);
    let app = app.build().unwrap();
    app.start().unwrap();
    let expected = [(DropReason::NullKey, 1), (DropReason::Deserialization, 1), (DropReason::Processing, 1)];
    let begin = Instant::now();
    while app.totals().dropped.iter().collect::<Vec<_>>() != expected {
        assert!(begin.elapsed() < limit, "{:?} {:?}", app.totals(), app.error());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(app.close(limit));
    assert_eq!(app.totals().dropped_records, 3);
}
