//! For how long a stream-stream join finds the partners of late records. What is expected is what Kafka Streams 4.3.1 gives
//! on its `TopologyTestDriver`; `tests/oracle` has a case for both.

use streams_dsl::prelude::*;

/// The results of records of the left (`'l'`) and the right stream at those times, all of one key.
fn joined(kind: &str, grace_ms: u64, records: &[(char, i64)]) -> Vec<String> {
    let builder = StreamsBuilder::new();
    let (left, right) = (builder.stream::<String, i64>("l"), builder.stream::<String, i64>("r"));
    let windows = JoinWindows::of_time_difference_and_grace(millis(10), millis(grace_ms));
    let shown = |side: Option<i64>| side.map_or("-".to_owned(), |time| time.to_string());
    match kind {
        "inner" => left.join_stream(&right, |l, r| format!("{l}+{r}"), windows),
        "left" => left.left_join_stream(&right, move |l, r| format!("{l}+{}", shown(r)), windows),
        _ => left.outer_join_stream(&right, move |l, r| format!("{}+{}", shown(l), shown(r)), windows),
    }
    .to("out");
    let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
    for (side, time) in records {
        let input = driver.create_input_topic::<String, i64>(&side.to_string());
        input.pipe("k".into(), *time, *time).unwrap();
    }
    driver.create_output_topic::<String, String>("out").read_values().unwrap()
}

/// The store keeps what is younger than stream time less the window's size and grace. Without grace the very last partner is
/// lost to a record that is as late as can be.
#[test]
fn partners_are_kept_for_less_than_the_size_and_the_grace() {
    let late = |by| [('l', 100), ('l', by), ('r', 110)];
    for (grace, at_the_edge) in [(0, 120), (5, 125)] {
        let kept = joined("inner", grace, &late(at_the_edge - 1));
        assert!(kept.contains(&"100+110".to_owned()), "grace {grace}: {kept:?}");
        let lost = joined("inner", grace, &late(at_the_edge));
        assert!(!lost.contains(&"100+110".to_owned()), "grace {grace}: {lost:?}");
    }
    assert_eq!(joined("inner", 0, &late(119)), ["100+110", "119+110"]);
    assert_eq!(joined("inner", 0, &late(120)), ["120+110"]);
    assert_eq!(joined("inner", 5, &late(120)), ["100+110", "120+110"]);
    assert_eq!(joined("left", 0, &late(119)), ["100+-", "100+110", "119+110"]);
    assert_eq!(joined("left", 0, &late(120)), ["100+-", "120+110"]);
    assert_eq!(joined("left", 5, &late(124)), ["100+-", "100+110"]);
    assert_eq!(joined("outer", 0, &late(125)), ["100+-", "-+110"]);
    assert_eq!(joined("outer", 5, &late(125)), ["100+-", "-+110"]);
}

#[test]
fn records_in_order_are_joined_up_to_the_difference() {
    for grace in [0, 5] {
        assert_eq!(joined("inner", grace, &[('l', 100), ('r', 110)]), ["100+110"]);
        assert!(joined("inner", grace, &[('l', 100), ('r', 111)]).is_empty());
        assert_eq!(joined("inner", grace, &[('l', 100), ('l', 110), ('r', 90)]), ["100+90"]);
    }
}
