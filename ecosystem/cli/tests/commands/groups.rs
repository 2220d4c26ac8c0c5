//! Groups on a real broker: listed, described, reset and deleted.

use std::time::Duration;

use kstreams::prelude::*;
use lab::{KafkaClient, TestRecord, shared};
use serde_json::{Value, json};

use super::{Run, file, streams};

const LIMIT: Duration = Duration::from_secs(300);

fn groups(client: &KafkaClient, verb: &str, more: &[&str]) -> Run {
    streams(&[&["groups", verb, "--bootstrap-server", client.bootstrap(), "--json"], more].concat())
}

/// Ten records in each of two partitions, of which a group has read three and seven.
fn group(client: &KafkaClient, group: &str, topic: &str) {
    client.create_topic(topic, 2, &[]).expect("topic");
    let record = |number: i32| {
        let mut record = TestRecord::new("k", number.to_string());
        record.partition = Some(number % 2);
        record.timestamp = Some(i64::from(number / 2 + 1) * 1_000);
        record
    };
    client.produce(topic, (0..20).map(record)).expect("sent");
    client.set_group_offsets(group, &[(topic, 0, 3), (topic, 1, 7)]).expect("offsets");
}

/// One cell of each row.
fn column(table: &Value, name: &str) -> Vec<Value> {
    table.as_array().expect("rows").iter().map(|row| row[name].clone()).collect()
}

#[test]
fn groups_are_listed_and_described() {
    let client = shared().expect("a broker").client();
    group(&client, "gr-described", "gr-described-in");
    let listed = groups(&client, "list", &[]).json(0);
    assert!(column(&listed, "group").contains(&json!("gr-described")), "{listed}");
    let empty = groups(&client, "list", &["--state", "Empty"]).json(0);
    assert!(column(&empty, "group").contains(&json!("gr-described")), "{empty}");
    let stable = groups(&client, "list", &["--state", "stable,dead"]).json(0);
    assert!(!column(&stable, "group").contains(&json!("gr-described")), "{stable}");

    let one = ["--group", "gr-described"];
    let lag = groups(&client, "describe", &one).json(0);
    assert_eq!(column(&lag, "offset_lag"), [json!(7), json!(3)]);
    let all = groups(&client, "describe", &["--group", "gr-described", "--offsets", "--verbose"]).json(0);
    assert_eq!(column(&all, "current_offset"), [json!(3), json!(7)]);
    assert_eq!(column(&all, "log_end_offset"), [json!(10), json!(10)]);
    let state = groups(&client, "describe", &["--group", "gr-described", "--state", "--verbose"]).json(0);
    assert_eq!((&state[0]["state"], &state[0]["members"]), (&json!("Empty"), &json!(0)), "{state}");
    let members = groups(&client, "describe", &["--group", "gr-described", "--members"]).json(0);
    assert_eq!(members, json!([]));
    assert_eq!(groups(&client, "describe", &[]).code, 2, "no group is named");
    assert_eq!(groups(&client, "describe", &["--all-groups", "--state", "--members"]).code, 2);
}

#[test]
fn a_running_application_is_described_and_left_alone() {
    let client = shared().expect("a broker").client();
    group(&client, "gr-running", "gr-running-in");
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("gr-running-in").for_each(|_, _| ());
    let config = StreamsConfig::new("gr-running", client.bootstrap());
    let app = KafkaStreams::new(builder.build_with(&config).expect("a topology"), config).expect("an app");
    app.start().expect("a start");
    assert!(app.wait_for(LIMIT, |state| state == State::Running));
    let members = groups(&client, "describe", &["--group", "gr-running", "--members"]).json(0);
    assert_eq!(
        members[0]["client_id"].as_str().map(|id| id.starts_with("gr-running")),
        Some(true),
        "{members}"
    );
    let state = groups(&client, "describe", &["--group", "gr-running", "--state"]).json(0);
    assert_eq!((&state[0]["state"], &state[0]["members"]), (&json!("Stable"), &json!(1)), "{state}");

    let reset = ["--group", "gr-running", "--all-input-topics", "--to-earliest", "--execute"];
    let refused = groups(&client, "reset-offsets", &reset);
    assert!(refused.code == 1 && refused.err.contains("stop every instance"), "{refused:?}");
    let deleted = groups(&client, "delete", &["--group", "gr-running"]);
    let rows = deleted.json(1);
    assert!(rows[0]["status"].as_str().is_some_and(|status| status.contains("not empty")), "{rows}");
    assert!(app.close(LIMIT));
}

#[test]
fn offsets_are_reset_in_all_ways() {
    let client = shared().expect("a broker").client();
    group(&client, "gr-reset", "gr-reset-in");
    let reset = |more: &[&str]| {
        groups(
            &client,
            "reset-offsets",
            &[&["--group", "gr-reset", "--input-topic", "gr-reset-in"], more].concat(),
        )
    };
    for (way, offsets) in [
        (&["--to-earliest"][..], [0, 0]),
        (&["--to-latest"], [10, 10]),
        (&["--to-current"], [3, 7]),
        (&["--to-offset", "5"], [5, 5]),
        (&["--to-offset", "50"], [10, 10]),
        (&["--shift-by", "2"], [5, 9]),
        (&["--shift-by", "-5"], [0, 2]),
        (&["--to-datetime", "1970-01-01T00:00:05.000"], [4, 4]),
        (&["--by-duration", "PT1H"], [10, 10]),
    ] {
        let planned = reset(&[way, &["--dry-run"]].concat()).json(0);
        assert_eq!(column(&planned, "new_offset"), offsets.map(Value::from), "{way:?}");
    }
    let committed = || {
        let found = client.committed_offsets("gr-reset", &["gr-reset-in"]).expect("offsets");
        found.into_values().map(|committed| committed.offset).collect::<Vec<_>>()
    };
    assert_eq!(committed(), [3, 7], "nothing was changed");

    let exported = reset(&["--to-offset", "5", "--dry-run", "--export"]);
    let lines = streams(&[
        "groups",
        "reset-offsets",
        "--bootstrap-server",
        client.bootstrap(),
        "--group",
        "gr-reset",
        "--input-topic",
        "gr-reset-in:1",
        "--to-offset",
        "5",
        "--dry-run",
        "--export",
    ]);
    assert_eq!(lines.out, "gr-reset-in,1,5\n", "{exported:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let plan = file(&folder, "plan.csv", &lines.out);
    let from = ["--group", "gr-reset", "--from-file", &plan, "--execute"];
    assert_eq!(column(&groups(&client, "reset-offsets", &from).json(0), "new_offset"), [json!(5)]);
    assert_eq!(committed(), [3, 5]);
    assert_eq!(reset(&["--to-earliest", "--execute"]).code, 0);
    assert_eq!(committed(), [0, 0]);

    assert_eq!(reset(&["--to-earliest"]).code, 2, "neither --dry-run nor --execute");
    assert_eq!(reset(&["--to-earliest", "--to-latest", "--dry-run"]).code, 2, "two ways");
    let nowhere = groups(&client, "reset-offsets", &["--group", "gr-reset", "--to-earliest", "--dry-run"]);
    assert!(nowhere.code == 1 && nowhere.err.contains("--all-input-topics"), "{nowhere:?}");
}

#[test]
fn offsets_and_groups_are_deleted() {
    let client = shared().expect("a broker").client();
    group(&client, "gr-deleted", "gr-deleted-in");
    client.create_topic("gr-deleted-counts-changelog", 1, &[]).expect("topic");
    let of = ["--group", "gr-deleted", "--input-topic", "gr-deleted-in:0"];
    let deleted = groups(&client, "delete-offsets", &of).json(0);
    assert_eq!(deleted, json!([{"topic": "gr-deleted-in", "partition": 0, "status": "deleted"}]));
    let left = client.committed_offsets("gr-deleted", &["gr-deleted-in"]).expect("offsets");
    assert_eq!(left.into_keys().collect::<Vec<_>>(), [("gr-deleted-in".to_owned(), 1)]);

    let all = ["--group", "gr-deleted", "--delete-all-internal-topics"];
    assert_eq!(groups(&client, "delete", &all).json(0)[0]["status"], "deleted");
    let listed = groups(&client, "list", &[]).json(0);
    assert!(!column(&listed, "group").contains(&json!("gr-deleted")), "{listed}");
    let again = groups(&client, "delete", &["--group", "gr-deleted"]);
    assert_eq!(again.code, 1, "it is gone: {again:?}");
    let scope = groups(&client, "delete-offsets", &["--group", "gr-deleted"]);
    assert!(scope.code == 1 && scope.err.contains("--input-topic"), "{scope:?}");
}
