//! Every default, every way to make a setting, and every error.

use std::path::PathBuf;
use std::time::Duration;

use super::*;

fn config() -> StreamsConfig {
    StreamsConfig::new("app", "localhost:9092")
}

/// The message with which a setting is refused.
fn refused(key: &str, value: &str) -> String {
    config().set(key, value).unwrap_err().to_string()
}

/// The message with which a configuration with that setting is refused.
fn invalid(key: &str, value: &str) -> String {
    config().with(key, value).unwrap().validate().unwrap_err().to_string()
}

#[test]
fn defaults_are_those_of_kafka_but_for_the_documented_three() {
    let config = config();
    assert_eq!(config.processing_guarantee(), ProcessingGuarantee::ExactlyOnceV2);
    assert_eq!(config.statestore_uncommitted_max_bytes(), 32 << 20);
    assert_eq!(
        (config.rocksdb_block_cache_bytes(), config.rocksdb_write_buffer_bytes()),
        (64 << 20, 64 << 20)
    );

    assert_eq!((config.application_id(), config.client_id()), ("app".to_owned(), None));
    assert_eq!(config.bootstrap(), Bootstrap::Kafka("localhost:9092".to_owned()));
    assert_eq!(config.state_dir(), std::env::temp_dir().join("kafka-streams"));
    assert_eq!((config.num_stream_threads(), config.num_standby_replicas()), (1, 0));
    assert_eq!((config.commit_interval_ms(), config.poll_ms()), (100, 100));
    assert_eq!(config.commit_interval(), Duration::from_millis(100));
    assert_eq!((config.max_task_idle(), config.state_cleanup_dir_max_age()), (Some(Duration::ZERO), None));
    assert_eq!((config.max_task_idle_ms(), config.task_timeout_ms()), (0, 300_000));
    assert_eq!(config.statestore_cache_max_bytes(), 10 << 20);
    assert_eq!((config.buffered_records_per_partition(), config.max_poll_records()), (1000, 1000));
    assert_eq!((config.repartition_purge_interval_ms(), config.log_summary_interval_ms()), (30_000, 120_000));
    assert_eq!((config.state_cleanup_delay_ms(), config.state_cleanup_dir_max_age_ms()), (600_000, -1));
    assert_eq!(config.windowstore_changelog_additional_retention_ms(), 86_400_000);
    assert_eq!(config.outer_join_emit_interval_ms(), 1000);
    assert_eq!(config.windowed_aggregation_emit_interval_ms(), 1000);
    assert_eq!((config.transaction_timeout_ms(), config.max_poll_interval_ms()), (10_000, 300_000));
    assert_eq!(config.replication_factor(), -1);
    let extractor = config.default_timestamp_extractor();
    assert_eq!(extractor, BuiltInTimestampExtractor::FailOnInvalidTimestamp);
    assert_eq!(config.deserialization_exception_handler(), BuiltInExceptionHandler::LogAndFail);
    assert_eq!(config.processing_exception_handler(), BuiltInExceptionHandler::LogAndFail);
    assert_eq!(config.production_exception_handler(), BuiltInExceptionHandler::LogAndFail);
    assert!(!config.processing_exception_handler_global_enabled());
    assert!(!config.ensure_explicit_internal_resource_naming() && !config.allow_os_group_write_access());
    assert_eq!(
        (config.dsl_store_type(), config.auto_offset_reset()),
        (StoreType::RocksDb, AutoOffsetReset::Earliest)
    );
    assert_eq!(config.topology_optimization(), TopologyOptimization::default());
    assert_eq!(config.metrics_recording_level(), MetricsRecordingLevel::Info);
    assert!(config.main_consumer_properties().is_empty() && config.producer_properties().is_empty());
    assert_eq!(config.validate(), Ok(()));
    assert!(config.warnings().is_empty());
}

#[test]
fn what_is_set_is_read() {
    let mut config = StreamsConfig::new("app", "embedded:/data/broker")
        .with_num_stream_threads(4)
        .with_num_standby_replicas(1)
        .with_state_dir("/data/state")
        .with_processing_guarantee(ProcessingGuarantee::AtLeastOnce)
        .with_statestore_cache_max_bytes(0)
        .with_application_server("host:80");
    assert_eq!(config.commit_interval_ms(), 30_000, "the default follows the guarantee");
    config = config.with_commit_interval(std::time::Duration::from_millis(5));
    config.set("poll.ms", 7).unwrap().set("replication.factor", " 3 ").unwrap();
    config.set("default.timestamp.extractor", "WallclockTimestampExtractor").unwrap();
    config.set("topology.optimization", "merge.repartition.topics, single.store.self.join").unwrap();
    config.set("ensure.explicit.internal.resource.naming", true).unwrap();

    assert_eq!(config.bootstrap(), Bootstrap::EmbeddedIn(PathBuf::from("/data/broker")));
    assert_eq!(config.state_dir(), PathBuf::from("/data/state"));
    assert_eq!((config.num_stream_threads(), config.num_standby_replicas()), (4, 1));
    assert_eq!((config.commit_interval_ms(), config.poll_ms(), config.replication_factor()), (5, 7, 3));
    assert!(!config.exactly_once() && !config.read_committed());
    assert_eq!(config.default_timestamp_extractor(), BuiltInTimestampExtractor::WallclockTimestamp);
    let optimization = config.topology_optimization();
    assert!(optimization.merge_repartition_topics && optimization.single_store_self_join);
    assert!(!optimization.reuse_ktable_source_topics && config.ensure_explicit_internal_resource_naming());
    assert_eq!(config.application_server().as_deref(), Some("host:80"));
    assert_eq!(config.validate(), Ok(()));
    assert_eq!(StreamsConfig::new("a", "embedded:").bootstrap(), Bootstrap::EmbeddedInMemory);
    assert_eq!(StreamsConfig::new("a", "embedded:").validate(), Ok(()));
}

#[test]
fn java_class_names_are_understood() {
    let handler = "org.apache.kafka.streams.errors.LogAndContinueExceptionHandler";
    let config = config()
        .with("deserialization.exception.handler", handler)
        .and_then(|config| config.with("processing.exception.handler", "LogAndContinue"))
        .and_then(|config| config.with("dsl.store.suppliers.class", IN_MEMORY))
        .unwrap();
    assert_eq!(config.deserialization_exception_handler(), BuiltInExceptionHandler::LogAndContinue);
    assert_eq!(config.processing_exception_handler(), BuiltInExceptionHandler::LogAndContinue);
    assert_eq!(config.dsl_store_type(), StoreType::InMemory);
}

const IN_MEMORY: &str = "org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$InMemoryDslStoreSuppliers";

#[test]
fn an_old_name_counts_where_the_new_one_is_not_set() {
    let mut config = config().with("cache.max.bytes.buffering", 5).unwrap();
    assert_eq!(config.statestore_cache_max_bytes(), 5);
    assert_eq!(
        config.warnings(),
        ["cache.max.bytes.buffering is an old name; write statestore.cache.max.bytes"]
    );
    config.set("statestore.cache.max.bytes", 6).unwrap();
    assert_eq!(config.statestore_cache_max_bytes(), 6);
    config.set("default.dsl.store", "in_memory").unwrap();
    assert_eq!(config.dsl_store_type(), StoreType::InMemory);
}

#[test]
fn what_has_no_effect_is_a_warning() {
    let config = config().with("max.warmup.replicas", 3).unwrap();
    assert_eq!(config.validate(), Ok(()));
    let warning = "max.warmup.replicas has no effect: there are no warm-up replicas: a task moves at once";
    assert_eq!(config.warnings(), [warning]);
}

/// Showed before: a start that timed out without a word about the setting.
#[test]
fn times_with_which_a_client_hardly_works_are_warnings() {
    for key in ["connections.max.idle.ms", "producer.connections.max.idle.ms", "admin.socket.timeout.ms"] {
        let warned = |value: i64| config().with(key, value).unwrap().warnings();
        let warnings = warned(10);
        let begin = format!("{key}=10 is hardly possible: ");
        assert!(warnings.iter().any(|warning| warning.starts_with(&begin)), "{warnings:?}");
        assert!(!warned(1_000).iter().any(|warning| warning.contains("hardly possible")));
    }
    let off = config().with("producer.connections.max.idle.ms", 0).unwrap().warnings();
    assert_eq!(off, [""; 0]);
}

#[test]
fn clients_get_what_their_prefix_says() {
    let config = config()
        .with("security.protocol", "ssl")
        .and_then(|config| config.with("sasl.username", "u"))
        .and_then(|config| config.with("request.timeout.ms", 5000))
        .and_then(|config| config.with("consumer.fetch.max.bytes", 1_000_001))
        .and_then(|config| config.with("main.consumer.fetch.max.bytes", 1_000_002))
        .and_then(|config| config.with("consumer.group.instance.id", "i"))
        .and_then(|config| config.with("consumer.max.poll.records", 9))
        .and_then(|config| config.with("main.consumer.auto.offset.reset", "latest"))
        .and_then(|config| config.with("producer.linger.ms", 20))
        .and_then(|config| config.with("producer.transaction.timeout.ms", 60_000))
        .and_then(|config| config.with("admin.debug", "broker"))
        .and_then(|config| config.with("topic.segment.bytes", 1048576))
        .unwrap();
    let common = [("sasl.username", "u"), ("security.protocol", "SSL"), ("socket.timeout.ms", "5000")];
    let with = |own: &[(&str, &str)]| -> BTreeMap<String, String> {
        common.iter().chain(own).map(|(k, v)| (k.to_string(), v.to_string())).collect()
    };
    let main = with(&[("fetch.max.bytes", "1000002"), ("group.instance.id", "i")]);
    assert_eq!(config.main_consumer_properties(), main);
    assert_eq!(config.restore_consumer_properties(), with(&[("fetch.max.bytes", "1000001")]));
    assert_eq!(config.global_consumer_properties(), with(&[("fetch.max.bytes", "1000001")]));
    assert_eq!(config.producer_properties(), with(&[("linger.ms", "20")]));
    assert_eq!(config.admin_properties(), with(&[("debug", "broker")]));
    let segment = BTreeMap::from([("segment.bytes".to_owned(), "1048576".to_owned())]);
    assert_eq!(config.topic_properties(), segment);
    assert_eq!((config.max_poll_records(), config.transaction_timeout_ms()), (9, 60_000));
    assert_eq!(config.auto_offset_reset(), AutoOffsetReset::Latest);
    assert_eq!(config.validate(), Ok(()));
}

#[test]
fn an_unknown_setting_is_refused_with_the_nearest() {
    let message = refused("num.stream.thread", "2");
    assert_eq!(message, "unknown setting 'num.stream.thread'; did you mean 'num.stream.threads'?");
    assert!(refused("xyzzy", "1").contains("StreamsConfig::definitions() lists all"));
    assert!(refused("consumer.", "1").starts_with("unknown setting 'consumer.'"));
}

#[test]
fn known_settings_without_a_place_here_say_what_to_do() {
    let message = refused("default.key.serde", "Serdes$StringSerde");
    assert!(message.contains("does not exist here: a type brings its serde"), "{message}");
    assert!(refused("upgrade.from", "3.4").contains("stop the old application first"));
    let message = refused("rack.aware.assignment.tags", "zone");
    assert!(message.contains("known to Kafka Streams but not supported here yet"), "{message}");
    assert!(refused("client.tag.zone", "a").contains("not supported here yet"));
    let message = refused("group.protocol", "streams");
    let expected = "group.protocol=streams is known to Kafka Streams but not supported here yet; use classic";
    assert_eq!(message, expected);
}

#[test]
fn client_settings_out_of_place_say_where_to_put_them() {
    assert!(refused("linger.ms", "5").ends_with("write 'producer.linger.ms'"));
    assert!(refused("producer.transactional.id", "x").contains("is decided by the library"));
    assert!(refused("enable.auto.commit", "true").contains("commit.interval.ms"));
    let message = refused("consumer.fetch.max.wait.ms", "5");
    assert!(message.ends_with("librdkafka does not have: set consumer.fetch.wait.max.ms"), "{message}");
    assert!(refused("sasl.jaas.config", "x").ends_with("set sasl.username and sasl.password"));
    assert!(refused("buffer.memory", "5").ends_with("set producer.queue.buffering.max.kbytes"));
}

#[test]
fn a_wrong_value_says_what_is_right() {
    let message = refused("num.stream.threads", "0");
    assert_eq!(message, "num.stream.threads=0 is not possible; it takes a whole number from 1 to 1000");
    assert!(refused("num.stream.threads", "100000").contains("from 1 to 1000"));
    assert_eq!(refused("poll.ms", "x"), "poll.ms=x is not possible; it takes a whole number from 0");
    assert!(refused("allow.os.group.write.access", "yes").ends_with("it takes true or false"));
    let message = refused("processing.guarantee", "exactly_once");
    assert!(message.ends_with("it takes exactly_once_v2 or at_least_once"), "{message}");
    assert!(refused("topology.optimization", "all,none").contains("none, all, or some of reuse."));
    assert!(refused("consumer.max.poll.records", "0").starts_with("consumer.max.poll.records=0 is not"));
    assert!(
        refused("producer.compression.type", "best")
            .ends_with("it takes none or gzip or snappy or lz4 or zstd")
    );
}

#[test]
fn the_two_required_settings_are_required() {
    let missing =
        |id: &str, servers: &str| StreamsConfig::new(id, servers).validate().unwrap_err().to_string();
    assert!(missing("", "a:1").starts_with("'application.id' is not set"));
    assert!(missing("a", "").starts_with("'bootstrap.servers' is not set"));
    assert!(missing("my app", "a:1").contains("topics are named after it"));
    assert!(missing(&"a".repeat(201), "a:1").contains("at most 200"));
    for servers in ["localhost", "localhost:", "localhost:0", ":9092", "a:1,b", "a b:1", "::1:9092"] {
        assert!(missing("a", servers).contains("host:port"), "{servers}");
    }
    for (servers, why) in [
        ("localhost", "'localhost' has no port"),
        ("a:1,b", "'b' has no port"),
        ("http://a:9092", "a protocol that Kafka does not have (PLAINTEXT, "),
    ] {
        assert!(missing("a", servers).contains(why), "{servers}: {}", missing("a", servers));
    }
    for servers in ["a:1, b:2", "PLAINTEXT://a:1", "sasl_ssl://a:1", "[::1]:9092"] {
        assert_eq!(StreamsConfig::new("a", servers).validate(), Ok(()), "{servers}");
    }
}

#[test]
fn settings_must_go_together() {
    assert!(invalid("commit.interval.ms", "10000").contains("producer.transaction.timeout.ms=10000"));
    let slow = config().with("commit.interval.ms", 10_000).unwrap();
    assert_eq!(slow.with_processing_guarantee(ProcessingGuarantee::AtLeastOnce).validate(), Ok(()));
    assert!(invalid("consumer.isolation.level", "read_uncommitted").contains("set it to read_committed"));
    assert!(invalid("producer.enable.idempotence", "false").contains("set it to true"));
    assert!(invalid("producer.acks", "1").contains("set it to all"));
    assert!(invalid("producer.max.in.flight.requests.per.connection", "6").contains("at most 5"));
    assert!(invalid("application.server", "nowhere").starts_with("application.server=nowhere"));
    assert!(
        invalid("replication.factor", "0")
            .ends_with("-1 for the brokers' default, or a number of copies from 1")
    );
    let shared = StreamsConfig::new("a", "embedded:/d").with_state_dir("/d").validate().unwrap_err();
    assert!(shared.to_string().contains("a directory of its own"));
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = config().with_state_dir(file.path()).validate().unwrap_err().to_string();
    assert!(error.contains("but this is a file"), "{error}");
}

/// Before: taken. The retention of changelogs deleted rows of stores, and a hidden topic was waited for without end.
#[test]
fn what_the_library_depends_on_cannot_be_set() {
    for (key, value, why) in [
        ("topic.cleanup.policy", "delete", "follows from what an internal topic is for"),
        ("topic.cleanup.policy", "compact", "follows from what an internal topic is for"),
        ("consumer.topic.blacklist", "in", "hide topics of the application"),
        ("main.consumer.topic.blacklist", "in", "hide topics of the application"),
        ("consumer.enable.partition.eof", "false", "ends of partitions"),
        ("consumer.auto.commit.enable", "true", "committed with the results"),
        ("consumer.offset.store.method", "file", "committed with the results"),
        ("consumer.group.remote.assignor", "range", "placed by the library"),
        ("consumer.group.instance.id", "", ""),
        ("producer.delivery.report.only.error", "false", "reports of records"),
        ("producer.enable.gapless.guarantee", "true", "idempotent"),
        ("admin.metadata.broker.list", "a:1", "bootstrap.servers"),
        ("consumer.log.queue", "true", "logged by the library"),
    ] {
        if why.is_empty() {
            assert!(config().set(key, value).is_ok(), "{key}");
            continue;
        }
        let text = refused(key, value);
        assert!(text.starts_with(&format!("'{key}' is decided by the library: ")), "{text}");
        assert!(text.contains(why), "{why}: {text}");
    }
    assert!(config().set("topic.retention.ms", 1).is_ok());
}

/// Before: `making client ...: `max.poll.interval.ms`must be >= `session.timeout.ms``, when other clients were there.
#[test]
fn settings_that_librdkafka_does_not_take_together_are_refused_with_both_values() {
    for (key, value, parts) in [
        (
            "consumer.max.poll.interval.ms",
            "100",
            ["session.timeout.ms=10000 (the default)", "raise max.poll.interval.ms"],
        ),
        ("consumer.session.timeout.ms", "3600000", ["max.poll.interval.ms=300000 (the default)", "lower"]),
        ("main.consumer.heartbeat.interval.ms", "10000", ["session.timeout.ms=10000", "lower"]),
        ("consumer.fetch.max.bytes", "1", ["message.max.bytes=1000000 (the default)", "raise"]),
        ("restore.consumer.receive.message.max.bytes", "1000", ["fetch.max.bytes", "at least 52429312"]),
        ("admin.receive.message.max.bytes", "1000", ["fetch.max.bytes", "at least 52429312"]),
        ("producer.max.in.flight", "100", ["idempotent", "at most 5"]),
        ("producer.retries", "0", ["idempotent", "at least 1"]),
        ("producer.acks", "1", ["idempotent", "set it to all"]),
        ("producer.queuing.strategy", "lifo", ["idempotent", "set it to fifo"]),
        ("producer.queue.buffering.backpressure.threshold", "2", ["idempotent", "set it to 1"]),
        ("producer.reconnect.backoff.max.ms", "0", ["reconnect.backoff.ms=100", "raise"]),
        ("producer.delivery.timeout.ms", "20000", ["producer.transaction.timeout.ms=10000", "lower"]),
        ("producer.socket.timeout.ms", "20000", ["producer.transaction.timeout.ms=10000", "lower"]),
    ] {
        let text = invalid(key, value);
        assert!(text.starts_with(&format!("{key}={value} does not go together with ")), "{text}");
        for part in parts {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    let with = |settings: &[(&str, &str)]| {
        let add = |config: StreamsConfig, (key, value): &(&str, &str)| config.with(key, value).unwrap();
        settings.iter().fold(config(), add)
    };
    let both = [("consumer.max.poll.interval.ms", "5000"), ("main.consumer.session.timeout.ms", "6000")];
    let text = with(&both).validate().unwrap_err().to_string();
    assert!(text.starts_with("consumer.max.poll.interval.ms=5000 does not go together with main."), "{text}");
    assert!(text.contains("main.consumer.session.timeout.ms=6000;"), "{text}");
    // What was raised together is taken, and so is what concerns a consumer that is not a member.
    for settings in [
        &[("consumer.max.poll.interval.ms", "6000"), ("main.consumer.session.timeout.ms", "6000")][..],
        &[("consumer.fetch.max.bytes", "2000"), ("consumer.message.max.bytes", "1000")],
        &[("restore.consumer.session.timeout.ms", "3600000")],
        &[("producer.acks", "all"), ("producer.retries", "1"), ("producer.enable.idempotence", "true")],
        &[("processing.guarantee", "at_least_once"), ("producer.delivery.timeout.ms", "20000")],
    ] {
        assert_eq!(with(settings).validate(), Ok(()), "{settings:?}");
    }
    assert!(
        !with(&[("producer.enable.idempotence", "true")])
            .producer_properties()
            .contains_key("enable.idempotence")
    );
}

/// Damaged records would be processed, and tasks of new topics be found late.
#[test]
fn settings_that_cost_safety_are_warned_of() {
    for (key, value, why) in [
        ("consumer.check.crcs", "false", "damaged"),
        ("main.consumer.topic.metadata.refresh.interval.ms", "-1", "tasks of a new topic"),
        ("consumer.topic.metadata.refresh.interval.ms", "600000", "tasks of a new topic"),
    ] {
        let warnings = config().with(key, value).unwrap().warnings();
        assert!(warnings.iter().any(|text| text.starts_with(key) && text.contains(why)), "{warnings:?}");
    }
    assert!(
        config().with("consumer.topic.metadata.refresh.interval.ms", 300_000).unwrap().warnings().is_empty()
    );
}

/// Before: a folder with that name below the current one.
#[test]
fn the_tilde_of_shells_is_refused_in_paths() {
    // Showed before: state in the machine's folder for temporary files, as if nothing were set.
    let error = config().with_state_dir("").validate().unwrap_err().to_string();
    assert!(error.starts_with("state.dir= is not possible; it takes a directory"), "{error}");
    let error = config().with_state_dir("~/state").validate().unwrap_err().to_string();
    assert!(error.starts_with("state.dir=~/state is not possible; it takes a whole path"), "{error}");
    let error = StreamsConfig::new("a", "embedded:~/topics").validate().unwrap_err().to_string();
    assert!(error.starts_with("bootstrap.servers=embedded:~/topics is not possible"), "{error}");
    assert_eq!(config().with_state_dir("/data/~a").validate(), Ok(()));
}

#[test]
fn typed_setters_are_checked_by_validate() {
    let error = config().with_num_stream_threads(0).validate().unwrap_err().to_string();
    assert!(error.starts_with("num.stream.threads=0 is not possible"), "{error}");
}

#[test]
fn it_is_plain_data() {
    let config = config().with("poll.ms", 5).unwrap().with("ssl.key.password", "hush").unwrap();
    let json = serde_json::to_value(&config).unwrap();
    let expected = serde_json::json!({
        "application.id": "app", "bootstrap.servers": "localhost:9092",
        "poll.ms": 5, "ssl.key.password": "hush",
    });
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<StreamsConfig>(json).unwrap(), config);
    let error = serde_json::from_str::<StreamsConfig>(r#"{"poll.mss": 5}"#).unwrap_err().to_string();
    assert!(error.contains("did you mean 'poll.ms'?"), "{error}");
    let shown = format!("{config:?}");
    assert!(shown.contains("localhost:9092") && !shown.contains("hush"), "{shown}");
}

#[test]
fn a_properties_file_is_read() {
    let text = "application.id = app\nbootstrap.servers: localhost:9092\npoll.ms 5\n";
    let config = StreamsConfig::from_properties_str(text).unwrap();
    assert_eq!(config.poll_ms(), 5);
    assert_eq!(config.validate(), Ok(()));
    assert!(StreamsConfig::from_properties_str("a=\\uD800").is_err());
    let missing = StreamsConfig::from_properties_str("poll.ms=5").unwrap().validate().unwrap_err();
    assert!(missing.to_string().starts_with("'application.id' is not set"));
}

/// The table itself: names are unique, defaults are values of their kind, aliases lead somewhere.
#[test]
fn the_table_is_consistent() {
    for (index, definition) in StreamsConfig::definitions().iter().enumerate() {
        let name = definition.name;
        let same = StreamsConfig::definitions()[index + 1..].iter().find(|other| other.name == name);
        assert_eq!(same, None, "{name} twice");
        assert!(!definition.doc.is_empty(), "{name}");
        if let Some(value) = definition.default.value() {
            assert_eq!(definition.parse(name, &value.to_string()), Ok(value), "{name}");
        }
        if let Support::AliasOf(new) = definition.support {
            assert_eq!(super::definition(new).unwrap().default, definition.default, "{name}");
        }
        assert!(prefix::split(name).is_none(), "{name} begins with a client's prefix");
    }
}

/// Kafka Streams 4.3.1's own list (`StreamsConfig.CONFIG`).
#[test]
fn every_setting_of_kafka_is_known() {
    let names = "application.id bootstrap.servers num.standby.replicas \
        processing.exception.handler.global.enabled state.dir ensure.explicit.internal.resource.naming \
        acceptable.recovery.lag cache.max.bytes.buffering statestore.cache.max.bytes client.id \
        default.deserialization.exception.handler default.key.serde default.list.key.serde.inner \
        default.list.value.serde.inner default.list.key.serde.type default.list.value.serde.type \
        default.production.exception.handler default.timestamp.extractor default.value.serde \
        deserialization.exception.handler errors.dead.letter.queue.topic.name max.task.idle.ms \
        max.warmup.replicas num.stream.threads processing.exception.handler processing.guarantee \
        production.exception.handler task.assignor.class replication.factor security.protocol \
        task.timeout.ms topology.optimization group.protocol allow.os.group.write.access application.server \
        buffered.records.per.partition built.in.metrics.version commit.interval.ms config.providers \
        enable.metrics.push rack.aware.assignment.non_overlap_cost rack.aware.assignment.strategy \
        rack.aware.assignment.tags rack.aware.assignment.traffic_cost repartition.purge.interval.ms \
        connections.max.idle.ms default.dsl.store dsl.store.suppliers.class dsl.store.format \
        default.client.supplier log.summary.interval.ms metadata.max.age.ms metrics.num.samples \
        metric.reporters metrics.recording.level metrics.sample.window.ms poll.ms \
        probing.rebalance.interval.ms processor.wrapper.class receive.buffer.bytes reconnect.backoff.ms \
        reconnect.backoff.max.ms retry.backoff.ms request.timeout.ms metadata.recovery.strategy \
        metadata.recovery.rebootstrap.trigger.ms rocksdb.config.setter send.buffer.bytes \
        state.cleanup.delay.ms state.cleanup.dir.max.age.ms upgrade.from windowed.inner.class.serde \
        windowstore.changelog.additional.retention.ms window.size.ms";
    let missing: Vec<_> = names.split_whitespace().filter(|name| definition(name).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(names.split_whitespace().count(), 74, "as many as Kafka defines");
}
