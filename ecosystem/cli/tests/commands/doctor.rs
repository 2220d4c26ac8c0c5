//! A cluster that does not fit an application, step by step put right as the findings say.

use lab::{Acl, KafkaClient, Operation, Resource, shared, shared_secured};
use serde_json::Value;

use super::{Run, file, streams};

/// A count by another key, with the input and output of a test.
fn topology(name: &str) -> String {
    format!(
        "Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: [{name}-in])
      --> KSTREAM-KEY-SELECT-0000000001
    Processor: KSTREAM-KEY-SELECT-0000000001 (stores: [])
      --> counts-repartition-sink
      <-- KSTREAM-SOURCE-0000000000
    Sink: counts-repartition-sink (topic: counts-repartition)
      <-- KSTREAM-KEY-SELECT-0000000001

  Sub-topology: 1
    Source: counts-repartition-source (topics: [counts-repartition])
      --> KSTREAM-AGGREGATE-0000000002
    Processor: KSTREAM-AGGREGATE-0000000002 (stores: [counts])
      --> KSTREAM-SINK-0000000006
      <-- counts-repartition-source
    Sink: KSTREAM-SINK-0000000006 (topic: {name}-out)
      <-- KSTREAM-AGGREGATE-0000000002
"
    )
}

fn doctor(client: &KafkaClient, name: &str, more: &[&str]) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let topology = file(&folder, "topology.txt", &topology(name));
    let of = ["doctor", "--bootstrap-servers", client.bootstrap(), "--application-id", name, "--json"];
    streams(&[&of[..], &["--topology", &topology], more].concat())
}

/// What was checked, and of what.
fn found(run: &Run, code: i32) -> Vec<(String, String)> {
    let json = run.json(code);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = json["findings"].as_array().expect("a list").iter();
    findings.map(|of| (text(&of["check"]), text(&of["subject"]))).collect()
}

fn one(check: &str, subject: &str) -> (String, String) {
    (check.to_owned(), subject.to_owned())
}

#[test]
fn topics_and_brokers_are_checked() {
    let client = shared().expect("a broker").client();
    let missing = found(&doctor(&client, "dr", &[]), 4);
    assert_eq!(missing, [one("source-topic", "dr-in"), one("sink-topic", "dr-out")]);
    for topic in ["dr-in", "dr-out"] {
        client.create_topic(topic, 2, &[]).expect("topic");
    }
    assert_eq!(found(&doctor(&client, "dr", &[]), 0), []);

    client.create_topic("dr-counts-repartition", 2, &[("retention.ms", "1000")]).expect("topic");
    let changelog = [("cleanup.policy", "delete"), ("message.timestamp.type", "LogAppendTime")];
    client.create_topic("dr-counts-changelog", 1, &changelog).expect("topic");
    client.alter_topic("dr-out", &[("max.message.bytes", "1000")]).expect("settings");
    let wrong = found(&doctor(&client, "dr", &[]), 4);
    let expected = [
        one("changelog-partitions", "dr-counts-changelog"),
        one("changelog-cleanup", "dr-counts-changelog"),
        one("timestamp-type", "dr-counts-changelog"),
        one("repartition-retention", "dr-counts-repartition"),
        one("record-size", "dr-out"),
    ];
    assert_eq!(wrong, expected);
    client.delete_topics(&["dr-counts-changelog"]).expect("deleted");
    let less = found(&doctor(&client, "dr", &[]), 3);
    assert_eq!(less, expected[3..], "warnings alone");

    let folder = tempfile::tempdir().expect("a folder");
    let settings =
        "producer.transaction.timeout.ms=1000000\nreplication.factor=3\nconsumer.session.timeout.ms=50\n";
    let settings = file(&folder, "app.properties", settings);
    let brokers = found(&doctor(&client, "dr", &["--command-config", &settings]), 4);
    let broker = brokers.iter().find(|(check, _)| check == "transaction-timeout").expect("found").1.clone();
    assert!(broker.starts_with("broker "), "{broker}");
    for (check, subject) in [("replication-factor", "internal topics"), ("session-timeout", &broker)] {
        assert!(brokers.contains(&one(check, subject)), "{check}: {brokers:?}");
    }
    let plain = file(&folder, "plain.properties", "processing.guarantee=at_least_once\n");
    assert_eq!(found(&doctor(&client, "dr", &["--command-config", &plain]), 3).len(), 2);
}

#[test]
fn rights_are_checked_where_there_is_an_authorizer() {
    let open = shared().expect("a broker").client();
    for topic in ["do-in", "do-out"] {
        open.create_topic(topic, 1, &[]).expect("topic");
    }
    // No authorizer: nothing to grant.
    let none = found(&doctor(&open, "do", &["--principal", "User:app"]), 0);
    assert_eq!(none, [one("rights", "User:app")]);

    let client = shared_secured().expect("a secured broker").client();
    for topic in ["ds-in", "ds-out"] {
        client.create_topic(topic, 1, &[]).expect("topic");
    }
    let allow = |resource, operation| Acl::allow("User:app", resource, operation);
    let rights = [
        allow(Resource::Group("ds"), Operation::Read),
        allow(Resource::Topic("ds-in"), Operation::Read),
        allow(Resource::Topics("ds-"), Operation::All),
    ];
    client.create_acls(&rights).expect("rights");
    let run = doctor(&client, "ds", &["--principal", "User:app"]);
    assert_eq!(found(&run, 4), [one("rights", "ds")], "transactional ids are missing");
    let change = run.json(4)["findings"][0]["change"].as_str().expect("text").to_owned();
    assert!(
        change.contains("--operation WRITE --resource-pattern-type prefixed --transactional-id ds"),
        "{change}"
    );
    client.create_acls(&[allow(Resource::TransactionalIds("ds"), Operation::Write)]).expect("rights");
    assert_eq!(found(&doctor(&client, "ds", &["--principal", "User:app"]), 0), []);
    assert_eq!(found(&doctor(&client, "ds", &["--principal", "User:other"]), 4).len(), 9);
}
