//! Serdes that write the same value differently each time it was read back.

use std::collections::HashMap;

use streams_dsl::prelude::*;

/// Each that is read back has another order.
type Row = Json<HashMap<String, String>>;

fn row(foreign_key: &str) -> Row {
    let fields = (0..30).map(|number| (number.to_string(), String::new()));
    Json(fields.chain([("foreign key".to_owned(), foreign_key.to_owned())]).collect())
}

/// Before: each answer was dropped as stale once the row had been read back from the database.
#[test]
fn a_foreign_key_join_knows_a_row_again_by_its_stored_bytes() {
    let builder = StreamsBuilder::new();
    let key = |row: &Row| row.0.get("foreign key").cloned();
    let others = builder.table::<String, String>("other");
    let rows = builder.table::<String, Row>("in");
    rows.filter(|_, row| row.0.len() > 1)
        .join_foreign_key(&others, key, |_, other| other)
        .to_stream()
        .map_values(Option::unwrap_or_default)
        .to("out");
    let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
    let input = driver.create_input_topic::<String, Row>("in");
    let others = driver.create_input_topic::<String, String>("other");
    let out = || driver.create_output_topic::<String, String>("out").read_values().unwrap();
    input.pipe("a".to_owned(), row("f"), 0).unwrap();
    others.pipe("f".to_owned(), "1".to_owned(), 1).unwrap();
    assert_eq!(out(), ["1"]);
    driver.restart().unwrap();
    others.pipe("f".to_owned(), "2".to_owned(), 2).unwrap();
    others.pipe("f".to_owned(), "3".to_owned(), 3).unwrap();
    assert_eq!(out(), ["2", "3"]);
    // An answer to a row that has changed is stale all the same.
    input.pipe("a".to_owned(), row("g"), 4).unwrap();
    others.pipe("f".to_owned(), "4".to_owned(), 5).unwrap();
    assert_eq!((out(), driver.dropped_records()), (vec![String::new()], 0), "its result was deleted");
}
