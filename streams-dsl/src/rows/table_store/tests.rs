//! Which store the options make, where it is kept, and which options fit no store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use streams_core::error::Result as CoreResult;
use streams_core::ids::TaskId;
use streams_core::store::{BackendRef, BackendSupplier, StorePlace, Stores};
use streams_core::testing::TopologyTestDriver;

use crate::error::DslError;
use crate::handles::{KTable, StreamsBuilder};
use crate::options::{
    BufferConfig, Consumed, Joined, Materialized, StoreType, StreamJoined, Suppressed, TopologySettings,
};
use crate::windows::{JoinWindows, TimeWindows, millis};

type Rows = Materialized<String, String>;

fn versioned() -> Rows {
    Rows::as_store(Stores::persistent_versioned_key_value_store("rows", millis(1000)))
}

fn build_grace_join(rows: Rows, grace_ms: u64) -> Result<(), DslError> {
    let builder = StreamsBuilder::new();
    let table = builder.table_with("table", Consumed::new(), rows);
    let joined = Joined::named("enrich").with_grace_period(millis(grace_ms));
    let stream = builder.stream::<String, String>("in");
    stream.join_with(&table, |left, right: String| left + &right, joined).to("out");
    builder.build().map(drop)
}

#[test]
fn a_grace_period_needs_a_versioned_table() {
    let error = build_grace_join(Rows::named("rows"), 500).unwrap_err().to_string();
    assert!(error.contains("enrich") && error.contains("versioned"), "{error}");
}

#[test]
fn a_grace_period_is_at_most_the_history_retention() {
    build_grace_join(versioned(), 1000).unwrap();
    let error = build_grace_join(versioned(), 1001).unwrap_err().to_string();
    assert!(error.contains("enrich") && error.contains("1001 ms") && error.contains("rows"), "{error}");
}

#[test]
fn a_global_table_is_not_versioned() {
    let builder = StreamsBuilder::new();
    builder.global_table_with("table", Consumed::new(), versioned());
    assert!(builder.build().unwrap_err().to_string().contains("global table cannot be versioned"));
}

#[test]
fn a_table_needs_a_store_for_rows_and_windows_one_for_windows() {
    let builder = StreamsBuilder::new();
    let rows = Rows::as_store(Stores::in_memory_window_store("rows", millis(10), millis(10), false));
    builder.table_with("table", Consumed::new(), rows);
    assert!(builder.build().unwrap_err().to_string().contains("name a key-value store"));

    let builder = StreamsBuilder::new();
    let groups = builder.stream::<String, String>("in").group_by_key();
    let windows = groups.windowed_by(TimeWindows::of_size_with_no_grace(millis(10)));
    windows.count_with(Materialized::as_store(Stores::in_memory_key_value_store("counts")));
    assert!(builder.build().unwrap_err().to_string().contains("not for windows"));

    let builder = StreamsBuilder::new();
    let groups = builder.stream::<String, String>("in").group_by_key();
    let windows = groups.windowed_by(TimeWindows::of_size_with_no_grace(millis(10)));
    let store = Stores::in_memory_window_store("counts", millis(10), millis(10), true);
    windows.count_with(Materialized::as_store(store));
    assert!(builder.build().unwrap_err().to_string().contains("must not retain duplicates"));
}

#[test]
fn versioned_rows_are_not_suppressed() {
    let suppress = |rows: Rows| {
        let builder = StreamsBuilder::new();
        let table: KTable<String, String> = builder.table_with("table", Consumed::new(), rows);
        // The filter takes after its table.
        let kept = table.filter(|_, value| value.len() > 1).named("later");
        kept.suppress(Suppressed::until_time_limit(millis(10), BufferConfig::unbounded()));
        builder.build().map(drop)
    };
    suppress(Rows::named("rows")).unwrap();
    let error = suppress(versioned()).unwrap_err().to_string();
    assert!(error.contains("later") && error.contains("only supported for non-versioned KTables"), "{error}");
}

/// Databases in memory, counted when they are opened.
struct Counted {
    name: &'static str,
    opened: Arc<AtomicUsize>,
}

impl BackendSupplier for Counted {
    fn name(&self) -> &str {
        self.name
    }

    fn open(&self, _: TaskId) -> CoreResult<BackendRef> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(streams_core::store::MemoryBackend::new()))
    }

    fn wipe(&self, _: TaskId) -> CoreResult<()> {
        Ok(())
    }
}

fn counted(name: &'static str) -> (StorePlace, Arc<AtomicUsize>) {
    let opened = Arc::new(AtomicUsize::new(0));
    (StorePlace::custom(Counted { name, opened: Arc::clone(&opened) }), opened)
}

#[test]
fn a_place_is_that_of_the_supplier_else_of_the_options_else_of_the_topology() {
    let (of_supplier, of_options, of_topology) =
        (counted("supplier"), counted("options"), counted("topology"));
    let builder = StreamsBuilder::new();
    let groups = builder.stream::<String, String>("in").group_by_key();
    let supplier = Stores::key_value_store_in("first", of_supplier.0);
    let first = Materialized::as_store(supplier).with_store_type(of_options.0.clone());
    groups.count_with(first).to_stream().to("first");
    groups.count_with(Materialized::named("second").with_store_type(of_options.0)).to_stream().to("second");
    groups.count_with(Materialized::named("third")).to_stream().to("third");
    groups.count_with(Materialized::named("fourth").with_store_type(StoreType::InMemory));
    let settings = TopologySettings::new().with_store_place(of_topology.0);

    let driver = TopologyTestDriver::of(builder.build_with(settings).unwrap()).unwrap();
    driver.create_input_topic::<String, String>("in").pipe("a".into(), "1".into(), 0).unwrap();
    for topic in ["first", "second", "third"] {
        let counts = driver.create_output_topic::<String, Option<i64>>(topic);
        assert_eq!(counts.read_key_values().unwrap(), [("a".into(), Some(1))], "{topic}");
    }
    let opened = [of_supplier.1, of_options.1, of_topology.1].map(|opened| opened.load(Ordering::Relaxed));
    assert_eq!(opened, [1, 1, 1]);
}

#[test]
fn the_stores_of_a_join_of_streams_are_where_they_are_asked_to_be() {
    let opened_by = |joined: StreamJoined<String, String, String>| {
        let (of_options, of_topology) = (counted("options"), counted("topology"));
        let builder = StreamsBuilder::new();
        let [left, right] = ["left", "right"].map(|topic| builder.stream::<String, String>(topic));
        let windows = JoinWindows::of_time_difference_and_grace(millis(5), millis(5));
        let joined = if joined.own.this_store_supplier.is_some() {
            joined
        } else {
            joined.with_store_type(of_options.0)
        };
        let joiner = |one: Option<String>, other: Option<String>| {
            one.unwrap_or_default() + "+" + &other.unwrap_or_default()
        };
        left.outer_join_stream_with(&right, joiner, windows, joined).to("out");
        let settings = TopologySettings::new().with_store_place(of_topology.0);
        let driver = TopologyTestDriver::of(builder.build_with(settings).unwrap()).unwrap();
        driver.create_input_topic::<String, String>("left").pipe("a".into(), "1".into(), 0).unwrap();
        driver.create_input_topic::<String, String>("right").pipe("a".into(), "2".into(), 1).unwrap();
        let results = driver.create_output_topic::<String, String>("out").read_values().unwrap();
        assert_eq!(results, ["1+2"]);
        [of_options.1, of_topology.1].map(|opened| opened.load(Ordering::Relaxed))
    };
    assert_eq!(opened_by(StreamJoined::new()), [1, 0]);
    // The other side's store says nothing of a place; the one of what waits goes with this side's.
    let this = Stores::in_memory_window_store("this", millis(15), millis(10), true);
    assert_eq!(opened_by(StreamJoined::new().with_this_store_supplier(this)), [0, 1]);
}
