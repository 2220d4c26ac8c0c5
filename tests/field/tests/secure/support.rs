//! What the scenarios share: an application that counts, and its rights.

use std::path::Path;
use std::time::{Duration, Instant};

use field::{App, committed, texts};
use kstreams::prelude::*;
use lab::{Acl, KafkaClient, Operation, Resource, Secured, TestRecord, shared_secured};
use streams_core::config::StreamsConfig;
use streams_core::runtime::KafkaStreams;

/// Whom the credentials of these tests stand for.
pub const PRINCIPAL: &str = "User:app";

/// An application has to end within this time, where waiting is of no use: it takes seconds on a quiet machine, and
/// `task.timeout.ms`, which is five minutes, where nobody sees that waiting is of no use.
pub const IN_SECONDS: Duration = Duration::from_secs(90);

/// The secured cluster and an application on it with topics of its own.
pub struct Scenario {
    pub secured: &'static Secured,
    /// May do everything.
    pub client: KafkaClient,
    pub app: String,
    pub folder: tempfile::TempDir,
}

impl Scenario {
    /// With topics, and words in the input.
    pub fn new(app: &str) -> Self {
        let cluster = shared_secured().expect("a secured broker");
        let client = cluster.client();
        let scenario = Scenario {
            secured: cluster.secured().expect("it is secured"),
            client,
            app: app.to_owned(),
            folder: tempfile::tempdir().expect("a folder"),
        };
        scenario.client.create_topic(&scenario.input(), 2, &[]).expect("topic");
        scenario.client.create_topic(&scenario.output(), 1, &[]).expect("topic");
        scenario.feed(["to be", "or not to be"]);
        scenario
    }

    pub fn input(&self) -> String {
        format!("in.{}", self.app)
    }

    pub fn output(&self) -> String {
        format!("out.{}", self.app)
    }

    /// Writes lines.
    pub fn feed<'a>(&self, lines: impl IntoIterator<Item = &'a str>) {
        let records = lines.into_iter().map(|line| TestRecord::new("k", line));
        self.client.produce(&self.input(), records).expect("sent");
    }

    /// Everything that the application needs, and nothing else: what the documentation says is to be granted.
    pub fn rights<'a>(&'a self, input: &'a str, output: &'a str) -> Vec<Acl<'a>> {
        let allow = |resource, operation| Acl::allow(PRINCIPAL, resource, operation);
        let own = Resource::Topics(&self.app);
        vec![
            allow(Resource::Topic(input), Operation::Read),
            allow(Resource::Topic(output), Operation::Write),
            allow(Resource::Group(&self.app), Operation::Read),
            allow(own, Operation::Create),
            allow(own, Operation::Read),
            allow(own, Operation::Write),
            allow(own, Operation::Delete),
            allow(Resource::TransactionalIds(&self.app), Operation::Write),
        ]
    }

    /// Grants these rights but those that `left_out` says.
    pub fn grant(&self, left_out: impl Fn(&Acl<'_>) -> bool) {
        let (input, output) = (self.input(), self.output());
        let mut rights = self.rights(&input, &output);
        rights.retain(|acl| !left_out(acl));
        self.client.create_acls(&rights).expect("rights");
    }

    /// The settings of the application, coming through this listener with these settings.
    pub fn config(&self, servers: &str, settings: &[(&str, &str)]) -> StreamsConfig {
        let mut config = field::config(&KafkaClient::new(servers), &self.app, self.folder.path());
        for (key, value) in settings {
            config.set(key, *value).expect("a setting");
        }
        config
    }

    /// The settings of the application, logged in by password.
    pub fn by_password(&self, mechanism: &str, password: &str) -> StreamsConfig {
        let authority = self.secured.authority();
        self.config(
            self.secured.sasl_bootstrap(),
            &[
                ("security.protocol", "SASL_SSL"),
                ("ssl.ca.location", text(&authority)),
                ("sasl.mechanism", mechanism),
                ("sasl.username", "app"),
                ("sasl.password", password),
            ],
        )
    }

    /// As it should be.
    pub fn logged_in(&self) -> StreamsConfig {
        self.by_password("SCRAM-SHA-256", "app-secret")
    }

    /// The settings of the application with a certificate, trusting this authority.
    pub fn by_certificate(&self, name: &str, authority: &Path) -> StreamsConfig {
        let own = self.secured.certificate(name);
        self.config(
            self.secured.tls_bootstrap(),
            &[
                ("security.protocol", "SSL"),
                ("ssl.ca.location", text(authority)),
                ("ssl.certificate.location", text(&own.certificate)),
                ("ssl.key.location", text(&own.key)),
            ],
        )
    }

    /// Counts words: with a repartition topic and a changelog.
    pub fn counts(&self) -> Topology {
        let builder = StreamsBuilder::new();
        builder
            .stream::<String, String>(self.input().as_str())
            .flat_map_values(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .group_by(|_, word| word.clone())
            .count()
            .to_stream()
            .to(self.output().as_str());
        builder.build().expect("a topology")
    }

    /// Copies lines.
    pub fn copies(&self) -> Topology {
        let builder = StreamsBuilder::new();
        builder.stream::<String, String>(self.input().as_str()).to(self.output().as_str());
        builder.build().expect("a topology")
    }

    /// Whether the words that [`Scenario::new`] wrote are counted.
    pub fn is_counted(&self) {
        let mut found = texts(&committed(&self.client, &self.output(), 6));
        found.sort();
        assert_eq!(found, ["be=1", "be=2", "not=1", "or=1", "to=1", "to=2"]);
    }

    /// The error with which the application ends, in its starting or running, within seconds.
    pub fn ends(&self, topology: Topology, config: StreamsConfig) -> String {
        let streams = KafkaStreams::new(topology, config).expect("settings and topology are fine");
        self.ends_of(&streams)
    }

    pub fn ends_of(&self, streams: &KafkaStreams) -> String {
        let begin = Instant::now();
        let error = match streams.start() {
            Err(error) => error.to_string(),
            Ok(()) => {
                let ended = streams.wait_for(IN_SECONDS, State::is_final);
                assert!(ended, "still {}: {:?}", streams.state(), streams.reasons());
                let error = streams.error().expect("it ended by an error");
                assert_eq!(streams.state(), State::Error, "{error}");
                error.to_string()
            }
        };
        assert!(begin.elapsed() < IN_SECONDS, "took {:?}: {error}", begin.elapsed());
        println!("{}: {error}", self.app);
        error
    }

    /// Runs and counts.
    pub fn counts_with(&self, config: StreamsConfig) {
        let app = App::run(self.counts(), config);
        self.is_counted();
        app.close();
    }
}

/// Whether a text has all of these in it.
#[track_caller]
pub fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "does not say '{part}': {error}");
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
