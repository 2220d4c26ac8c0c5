//! A topology from a file and from a running application.

use std::sync::Arc;
use std::time::Duration;

use kstreams::prelude::*;
use streams_server::Server;

use super::{file, streams};

const LIMIT: Duration = Duration::from_secs(120);

fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("lines")
        .group_by(|_, line: &String| line.clone())
        .count_with(Materialized::named("counts").with_store_type(StoreType::InMemory))
        .to_stream()
        .to("totals");
    builder.build().expect("a topology")
}

#[test]
fn a_saved_topology_is_printed_as_text_json_and_pictures() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = topology().describe().to_string();
    let saved = file(&folder, "topology.txt", &text);
    assert_eq!(streams(&["describe", &saved]).out.trim_end(), text.trim_end());

    let json = streams(&["describe", &saved, "--json"]);
    assert_eq!(json.json(0)["subtopologies"][1]["nodes"][1]["stores"][0], "counts");
    let again = file(&folder, "topology.json", &json.out);
    assert_eq!(streams(&["describe", &again]).out.trim_end(), text.trim_end());

    let dot = streams(&["describe", &saved, "--dot"]).out;
    assert!(dot.starts_with("digraph topology {") && dot.contains("shape=cylinder"), "{dot}");
    let mermaid = streams(&["describe", &saved, "--mermaid"]).out;
    assert!(mermaid.starts_with("flowchart TD") && mermaid.contains("counts-repartition"), "{mermaid}");

    let wrong = streams(&["describe", &file(&folder, "notes.txt", "buy milk")]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("notes.txt is not the description of a topology"), "{wrong:?}");
    assert_eq!(streams(&["describe", &saved, "--dot", "--mermaid"]).code, 2, "one of them");
}

#[test]
fn a_running_application_is_asked_for_its_topology() {
    let broker = EmbeddedBroker::in_memory();
    EmbeddedTopic::<String, String>::create(&broker, "lines", 1).expect("a topic");
    EmbeddedTopic::<String, i64>::create(&broker, "totals", 1).expect("a topic");
    let config = StreamsConfig::new("described", "embedded:");
    let app = KafkaStreams::builder(topology(), config).with_broker(broker).build().expect("an app");
    let app = Arc::new(app);
    let server = Server::new(&app).with_prefix("shop").with_authentication(|request| {
        request.headers().get("authorization").is_some_and(|value| value == "Bearer secret")
    });
    let running = server.start("127.0.0.1:0".parse().expect("an address")).expect("a server");
    let url = format!("http://{}/shop", running.address());
    let header = ["--header", "Authorization: Bearer secret"];
    let ask = |more: &[&str]| streams(&[&["describe", &url], more].concat());

    let refused = ask(&[]);
    assert!(refused.code == 1 && refused.err.contains("--header"), "{refused:?}");
    let early = ask(&header);
    assert!(early.code == 1 && early.err.contains("has not started"), "{early:?}");
    app.start().expect("a start");
    assert_eq!(ask(&header).out.trim_end(), topology().describe().to_string().trim_end());

    let folder = tempfile::tempdir().expect("a folder");
    let saved = file(&folder, "topology.txt", &topology().describe().to_string());
    let same = streams(&["diff", &url, &saved, header[0], header[1]]);
    assert!(same.code == 0 && same.out.contains("the topologies are the same"), "{same:?}");
    assert!(app.close(LIMIT));
}
