//! What scenarios share: turns, seeds, applications, and what was written.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

pub use field::{App, Chance, LIMIT, Turn, committed, config, texts, turn, wait_committed};
use tempfile::TempDir;
use tests::apps::{SoakProcess, SoakSettings, SoakTopics};
use tests::checks::{Exactness, SoakModel};
use tests::lab::{JavaLab, KafkaClient};

/// What a Java program may take.
pub const HEAP_MB: u32 = 256;

/// The application of the reliability tests with its topics, folders and model.
pub struct Soak {
    pub client: KafkaClient,
    pub app: String,
    pub topics: SoakTopics,
    pub model: SoakModel,
    folder: TempDir,
}

impl Soak {
    pub fn new(client: KafkaClient, app: &str, model: SoakModel) -> Self {
        let topics = SoakTopics::of(app);
        model.prepare(&client, &topics).expect("topics");
        Soak { client, app: app.to_owned(), topics, model, folder: tempfile::tempdir().expect("a folder") }
    }

    /// Settings of the instance that keeps its state in a folder of that name.
    pub fn settings(&self, instance: &str) -> SoakSettings {
        SoakSettings {
            bootstrap: self.client.bootstrap().to_owned(),
            app: self.app.clone(),
            state_dir: self.folder.path().join(instance),
            threads: 2,
            guarantee: "exactly_once_v2".to_owned(),
            cache_bytes: 0,
            instance: None,
            session_timeout_ms: 1_500,
            records: 0,
            keys: 1,
            per_second: 5_000,
            set: Vec::new(),
        }
    }

    pub fn start(settings: &SoakSettings) -> SoakProcess {
        SoakProcess::start(Path::new(env!("CARGO_BIN_EXE_soak_app")), settings)
            .expect("the application starts")
    }

    /// Waits until the group has committed everything that input and repartition topic hold.
    pub fn wait_done(&self, limit: Duration) {
        let between = SoakTopics::repartition(&self.app);
        wait_committed(&self.client, &self.app, &[&self.topics.input, &between], limit);
    }

    /// Waits until no transaction is open in any topic: offsets are visible as soon as their own marker is written, and
    /// those of results and changelogs may follow.
    pub fn wait_markers(&self, limit: Duration) {
        let topics = self.client.topics().expect("topics");
        let topics = topics.iter().filter(|topic| topic.starts_with(&self.app));
        let begin = Instant::now();
        for topic in topics {
            let ends = |committed| self.client.offsets(topic, committed).expect("offsets");
            while ends(true) != ends(false) {
                assert!(begin.elapsed() < limit, "{topic}: {:?} of {:?}", ends(true), ends(false));
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    pub fn check(&self, exactness: Exactness) {
        if let Err(what) =
            self.model.check(|topic| self.client.consume_all(topic, true), &self.topics, exactness)
        {
            panic!("{what}");
        }
    }
}

/// `key=value@timestamp` of each record of each topic, as Java reads it, then its headers if it has any; `reads` is
/// `topic/key/value` with the names of deserializers. The timestamp is `now` when it is not one of a test but the
/// machine's.
pub fn read_by_java(client: &KafkaClient, reads: &[&str]) -> BTreeMap<String, Vec<String>> {
    let java = JavaLab::prepare().expect("Java");
    let mut command = java.command("lab.Read", HEAP_MB, true);
    let output =
        command.arg(client.bootstrap()).args(reads).stderr(Stdio::inherit()).output().expect("it runs");
    assert!(output.status.success(), "lab.Read: {}", output.status);
    let yesterday = SystemTime::now() - Duration::from_secs(24 * 3_600);
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).expect("text").lines() {
        let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| record[name].as_str().expect("text").to_owned();
        let time = record["timestamp"].as_u64().expect("a time");
        let time = if SystemTime::UNIX_EPOCH + Duration::from_millis(time) > yesterday {
            "now".to_owned()
        } else {
            time.to_string()
        };
        let headers = if record["headers"].as_array().expect("headers").is_empty() {
            String::new()
        } else {
            format!(" {}", record["headers"])
        };
        let shown = format!("{}={}@{time}{headers}", text("key"), text("value"));
        found.entry(text("topic")).or_default().push(shown);
    }
    found
}

/// The records that a changelog leaves, by key. It gets each key once a commit: how many updates of a key it has depends
/// on when commits happened.
pub fn rows(changelog: &[String]) -> Vec<&str> {
    let pairs = changelog.iter().filter_map(|record| Some((record.split_once('=')?, record.as_str())));
    let last: BTreeMap<&str, _> = pairs.map(|((key, value), record)| (key, (value, record))).collect();
    let rows = last.into_values().filter(|(value, _)| !value.starts_with("null@"));
    rows.map(|(_, record)| record).collect()
}
