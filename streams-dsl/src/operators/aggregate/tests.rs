//! The old value of an update, which only operators downstream of an aggregation see.

use std::fmt::Debug;
use std::sync::Arc;

use streams_core::config::StreamsConfig;
use streams_core::processor::{Data, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Record};
use streams_core::testing::TopologyTestDriver;

use crate::graph::GraphNode;
use crate::prelude::*;

/// Forwards each update as text, `key: old -> new`.
struct ShowChanges;

impl<K: Data + Debug, A: Data + Debug> Processor<K, Change<A>, String, String> for ShowChanges {
    fn process(
        &mut self,
        record: Record<K, Change<A>>,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        let Change { old, new, .. } = record.value;
        context.forward(Record::new(String::new(), format!("{old:?} -> {new:?}"), record.timestamp))
    }
}

/// Asks a table for old values, as `suppress` and `KTable.groupBy` do, and writes its updates.
fn show_changes<K: Data + Debug, A: Data + Debug>(table: &KTable<K, A>) {
    assert!(table.enable_sending_old_values(true));
    let supplier = Arc::new(|| ShowChanges);
    let node = GraphNode::new("changes", move |writer| {
        writer.own_stateless::<_, K, Change<A>, String, String>(&supplier)
    });
    KStream::<String, String>::new(table.step.add(node), None, None, false).to("out");
}

fn changes(program: impl Fn(&KStream<String, i64>), cache_bytes: usize) -> Vec<String> {
    let builder = StreamsBuilder::new();
    program(&builder.stream("in"));
    let config = StreamsConfig::new("test", "embedded:").with_statestore_cache_max_bytes(cache_bytes);
    let driver = TopologyTestDriver::new(builder.build().unwrap(), config).unwrap();
    let input = driver.create_input_topic::<String, i64>("in");
    for (value, timestamp) in [(5, 0), (7, 3), (1, 4)] {
        input.pipe("a".to_owned(), value, timestamp).unwrap();
    }
    driver.create_output_topic::<String, String>("out").read_values().unwrap()
}

#[test]
fn the_first_old_value_is_the_initial_aggregate_unless_cached() {
    let count = |stream: &KStream<String, i64>| show_changes(&stream.group_by_key().count());
    assert_eq!(changes(count, 0), ["Some(0) -> Some(1)", "Some(1) -> Some(2)", "Some(2) -> Some(3)"]);
    assert_eq!(changes(count, 1 << 20), ["None -> Some(1)", "Some(1) -> Some(2)", "Some(2) -> Some(3)"]);
    let windows = TimeWindows::of_size_with_no_grace(millis(10));
    let windowed = |stream: &KStream<String, i64>| {
        show_changes(
            &stream.group_by_key().windowed_by(windows).aggregate(|| 100, |_, value, sum| sum + value),
        );
    };
    assert_eq!(changes(windowed, 0)[..2], ["Some(100) -> Some(105)", "Some(105) -> Some(112)"]);
    assert_eq!(changes(windowed, 1 << 20)[..2], ["None -> Some(105)", "Some(105) -> Some(112)"]);
}

#[test]
fn a_reduction_has_no_old_value_at_first() {
    let reduce = |stream: &KStream<String, i64>| show_changes(&stream.group_by_key().reduce(i64::max));
    assert_eq!(changes(reduce, 0), ["None -> Some(5)", "Some(5) -> Some(7)", "Some(7) -> Some(7)"]);
}

#[test]
fn a_session_that_grows_is_replaced() {
    let sessions = SessionWindows::of_inactivity_gap_with_no_grace(millis(10));
    let count =
        |stream: &KStream<String, i64>| show_changes(&stream.group_by_key().windowed_by(sessions).count());
    assert_eq!(
        changes(count, 0),
        ["None -> Some(1)", "Some(1) -> None", "None -> Some(2)", "Some(2) -> None", "None -> Some(3)"]
    );
}
