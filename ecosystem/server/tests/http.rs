//! The server of a word count on an embedded broker, asked by a client that knows nothing but HTTP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use kstreams::prelude::*;
use streams_server::{Server, ServerError};

const LIMIT: Duration = Duration::from_secs(120);

fn get_with(address: SocketAddr, path: &str, header: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n")
        .expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    get_with(address, path, "")
}

/// A started word count, with the broker that it runs on.
fn word_count() -> (Arc<EmbeddedBroker>, Arc<KafkaStreams>) {
    let broker = EmbeddedBroker::in_memory();
    let mut lines = EmbeddedTopic::<String, String>::create(&broker, "lines", 2).expect("a topic");
    EmbeddedTopic::<String, i64>::create(&broker, "counts", 1).expect("a topic");
    lines.send(Record::new("a".to_owned(), "to be or not to be".to_owned(), 1_000)).expect("a line");
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("lines")
        .flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .group_by(|_, word| word.clone())
        .count_with(Materialized::named("counts").with_store_type(StoreType::InMemory))
        .to_stream()
        .to("counts");
    let topology = builder.build().expect("a topology");
    let config =
        StreamsConfig::new("words", "embedded:").with("metrics.recording.level", "DEBUG").expect("a level");
    let app =
        KafkaStreams::builder(topology, config).with_broker(Arc::clone(&broker)).build().expect("an app");
    (broker, Arc::new(app))
}

#[test]
fn an_application_is_asked_from_its_start_to_its_end() {
    let (broker, app) = word_count();
    let server = Server::new(&app).start("127.0.0.1:0".parse().expect("an address")).expect("a server");
    let address = server.address();
    assert_eq!(get(address, "/livez").0, 200);
    assert_eq!(get(address, "/readyz").0, 503);
    assert_eq!(get(address, "/startupz").0, 503);
    assert_eq!(get(address, "/topology").0, 503);

    app.start().expect("a start");
    let mut counts = EmbeddedTopic::<String, i64>::open(&broker, "counts").expect("a topic");
    counts.read_within(4, LIMIT).expect("the counts");
    assert!(app.wait_for(LIMIT, |state| state == State::Running));
    let (status, ready) = get(address, "/readyz");
    assert_eq!(status, 200, "{ready}");
    assert!(ready.contains(r#""state":"RUNNING""#), "{ready}");
    let (_, topology) = get(address, "/topology");
    assert!(topology.starts_with("Topologies:\n   Sub-topology: 0"), "{topology}");

    let (status, metrics) = get(address, "/metrics");
    assert_eq!(status, 200);
    for expected in [
        "# TYPE kafka_streams_stream_thread_metrics_process counter",
        "kafka_streams_stream_metrics_client_state{",
        "kafka_streams_stream_processor_node_metrics_record_e2e_latency_bucket{le=\"",
        "topic=\"lines\"} 1.0",
    ] {
        assert!(metrics.contains(expected), "{expected} is not in\n{metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");

    assert!(app.close(LIMIT));
    let (status, live) = get(address, "/livez");
    assert_eq!(status, 503, "{live}");
    assert!(live.contains("NOT_RUNNING"), "{live}");
    assert_eq!(get(address, "/startupz").0, 200, "it had started");
}

#[test]
fn an_address_for_everybody_needs_an_authentication() {
    let (_broker, app) = word_count();
    let everybody: SocketAddr = "0.0.0.0:0".parse().expect("an address");
    assert!(matches!(Server::new(&app).start(everybody), Err(ServerError::Open { .. })));
    let loopback = "127.0.0.1:0".parse().expect("an address");
    let knows = |request: &axum::extract::Request| {
        request.headers().get("authorization").is_some_and(|token| token == "Bearer secret")
    };
    let server =
        Server::new(&app).with_prefix("words/").with_authentication(knows).start(loopback).expect("a server");
    let address = server.address();
    assert_eq!(get(address, "/words/metrics").0, 401);
    assert_eq!(get_with(address, "/words/metrics", "Authorization: Bearer secret\r\n").0, 200);
    assert_eq!(get(address, "/words/livez").0, 200);
    assert_eq!(get(address, "/metrics").0, 404);
}

#[test]
fn a_taken_address_is_named() {
    let (_broker, app) = word_count();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let error = Server::new(&app).start(address).err().expect("it is taken");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}
