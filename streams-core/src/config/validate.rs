//! Checks a whole configuration: required settings and contradictions.

use super::StreamsConfig;
use super::error::ConfigError;
use super::keys::{Support, definition};
use super::types::Bootstrap;
use super::{prefix, setters};

/// Topic names have at most 249 characters; leave room for what internal topics append to the application's id.
const APPLICATION_ID_CHARS_MAX: usize = 200;

/// Settings that clients must have under exactly-once, if they are set at all.
const MUST_BE: &[(&str, &[&str])] = &[
    ("consumer.isolation.level", &["read_committed"]),
    ("main.consumer.isolation.level", &["read_committed"]),
    ("restore.consumer.isolation.level", &["read_committed"]),
    ("global.consumer.isolation.level", &["read_committed"]),
];

impl StreamsConfig {
    /// Checks everything; the first thing that is wrong is the error.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for (key, value) in &self.values {
            setters::parse(key, &value.to_string())?;
        }
        self.check_application_id()?;
        self.check_bootstrap()?;
        self.check_state_dir()?;
        self.check_replication_factor()?;
        if let Some(server) = self.application_server() {
            check_host_port("application.server", &server, &server)?;
        }
        self.check_contradictions()?;
        if self.exactly_once() { self.check_exactly_once() } else { Ok(()) }
    }

    /// Warnings about accepted settings: those without effect here, and old names.
    pub fn warnings(&self) -> Vec<String> {
        let of = |key: &String| match definition(key)?.support {
            Support::Ignored(reason) => Some(format!("{key} has no effect: {reason}")),
            Support::AliasOf(new) => Some(format!("{key} is an old name; write {new}")),
            _ => None,
        };
        let mut warnings: Vec<String> = self.values.keys().filter_map(of).collect();
        let partial = self.not_for_producers();
        warnings.extend(partial.map(|(key, reason)| format!("{key} has no effect on producers: {reason}")));
        warnings.extend(self.hardly_possible());
        warnings.extend(self.values.iter().filter_map(|(key, value)| prefix::doubt(key, &value.to_string())));
        if self.num_standby_replicas() > 0 {
            warnings.push(
                "num.standby.replicas has no effect yet: stores have no copies on other instances".to_owned(),
            );
        }
        warnings
    }

    fn check_application_id(&self) -> Result<(), ConfigError> {
        let id = self.application_id();
        if id.is_empty() {
            let fix = "name the application, for example 'fraud'; the name must never change".to_owned();
            return Err(ConfigError::Missing { key: "application.id".to_owned(), fix });
        }
        check_topic_name("application.id", &id, APPLICATION_ID_CHARS_MAX)
    }

    fn check_bootstrap(&self) -> Result<(), ConfigError> {
        const KEY: &str = "bootstrap.servers";
        match self.bootstrap() {
            Bootstrap::EmbeddedInMemory => Ok(()),
            Bootstrap::EmbeddedIn(path) if path == self.state_dir() => Err(ConfigError::Conflict {
                key: KEY.to_owned(),
                value: format!("embedded:{}", path.display()),
                other: "state.dir, which is cleaned up".to_owned(),
                fix: "give the embedded broker a directory of its own".to_owned(),
            }),
            Bootstrap::EmbeddedIn(path) if path.starts_with("~") => {
                Err(home(KEY, format!("embedded:{}", path.display())))
            }
            Bootstrap::EmbeddedIn(_) => Ok(()),
            Bootstrap::Kafka(servers) if servers.trim().is_empty() => Err(ConfigError::Missing {
                key: KEY.to_owned(),
                fix: "set it to host:port of some brokers, or to 'embedded:'".to_owned(),
            }),
            Bootstrap::Kafka(servers) => {
                servers.split(',').try_for_each(|server| check_host_port(KEY, &servers, server.trim()))
            }
        }
    }

    fn check_state_dir(&self) -> Result<(), ConfigError> {
        let path = self.state_dir();
        let text = path.display().to_string();
        if path.starts_with("~") {
            return Err(home("state.dir", text));
        }
        let is_empty = self.values.get("state.dir").is_some_and(|set| set.to_string().is_empty());
        if is_empty {
            let expected =
                "a directory; leave the setting out for one in the machine's folder for temporary files";
            let (key, value, expected) = ("state.dir".to_owned(), String::new(), expected.to_owned());
            return Err(ConfigError::InvalidValue { key, value, expected });
        }
        let expected = if text.contains(char::REPLACEMENT_CHARACTER) {
            "a path that is Unicode; rename the directory"
        } else if path.is_file() {
            "a directory, but this is a file; remove it or choose another path"
        } else {
            return Ok(());
        };
        Err(ConfigError::InvalidValue {
            key: "state.dir".to_owned(),
            value: text,
            expected: expected.to_owned(),
        })
    }

    /// The setting's range has a gap.
    fn check_replication_factor(&self) -> Result<(), ConfigError> {
        match self.replication_factor() {
            0 => Err(ConfigError::InvalidValue {
                key: "replication.factor".to_owned(),
                value: "0".to_owned(),
                expected: "-1 for the brokers' default, or a number of copies from 1".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// The conditions of exactly-once.
    fn check_exactly_once(&self) -> Result<(), ConfigError> {
        let conflict = |key: &str, value: String, other: &str, fix: String| {
            Err(ConfigError::Conflict { key: key.to_owned(), value, other: other.to_owned(), fix })
        };
        let guarantee = "processing.guarantee=exactly_once_v2";
        let (interval_ms, timeout_ms) = (self.commit_interval_ms(), self.transaction_timeout_ms());
        // At the time-out the broker aborts, so a transaction of that length is lost as well.
        if interval_ms >= timeout_ms {
            let other = format!("producer.transaction.timeout.ms={timeout_ms}");
            let fix = "commit more often, or raise the time-out above the interval".to_owned();
            return conflict("commit.interval.ms", interval_ms.to_string(), &other, fix);
        }
        for (key, needed) in MUST_BE {
            let set = self.values.get(*key).map(ToString::to_string);
            if let Some(value) = set.filter(|value| !needed.contains(&value.as_str())) {
                return conflict(key, value, guarantee, format!("leave it out or set it to {}", needed[0]));
            }
        }
        Ok(())
    }
}

/// Checks that topics may have, or begin with, this name.
fn check_topic_name(key: &str, name: &str, chars_max: usize) -> Result<(), ConfigError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.chars().all(legal) && name.len() <= chars_max && !matches!(name, "." | "..") {
        return Ok(());
    }
    Err(ConfigError::InvalidValue {
        key: key.to_owned(),
        value: name.escape_debug().to_string(),
        expected: format!(
            "at most {chars_max} of a-z, A-Z, 0-9, '.', '_' and '-', as topics are named after it"
        ),
    })
}

/// A path that only a shell understands; state would be in a folder named `~`, wherever the process was started.
fn home(key: &str, value: String) -> ConfigError {
    let expected = "a whole path: '~' is replaced by shells only; write the home directory itself".to_owned();
    ConfigError::InvalidValue { key: key.to_owned(), value, expected }
}

/// Protocols that Kafka allows before an address.
const PROTOCOLS: &[&str] = &["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

/// `host:port`, with a protocol before it or an IPv6 address in brackets as Kafka allows.
fn check_host_port(key: &str, value: &str, server: &str) -> Result<(), ConfigError> {
    let refused = |why: &str| {
        let expected = format!("host:port, for example localhost:9092, but '{server}' {why}");
        Err(ConfigError::InvalidValue { key: key.to_owned(), value: value.to_owned(), expected })
    };
    let address = match server.split_once("://") {
        None => server,
        Some((protocol, address)) if PROTOCOLS.iter().any(|known| protocol.eq_ignore_ascii_case(known)) => {
            address
        }
        Some(_) => {
            return refused(
                "begins with a protocol that Kafka does not have (PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL); \
                            leave it out",
            );
        }
    };
    let port_of = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let host_of = |host: &str| {
        let bracketed = host.starts_with('[') && host.ends_with(']');
        !host.is_empty() && !host.contains(char::is_whitespace) && (bracketed || !host.contains(':'))
    };
    match address.rsplit_once(':') {
        Some((host, port)) if host_of(host) && port_of(port) => Ok(()),
        _ if host_of(address) => refused("has no port"),
        _ => refused("is none"),
    }
}
