//! Settings of one client that librdkafka does not take together, or that the library's use of it rules out.
//!
//! librdkafka checks them when it makes a client, after others were made, and says nothing of who has set what.

use super::StreamsConfig;
use super::error::ConfigError;
use super::keys::{KEYS, Support};

const CONSUMER: &str = "consumer.";
const MEMBER: &[&str] = &[CONSUMER, "main.consumer."];
const PRODUCER: &[&str] = &["producer."];

/// The consumers in librdkafka's sense.
const CONSUMERS: &[&[&str]] =
    &[MEMBER, &[CONSUMER, "restore.consumer."], &[CONSUMER, "global.consumer."], &["admin."]];

/// What librdkafka adds to `fetch.max.bytes` for the frame of an answer.
const FRAME_BYTES: i64 = 512;

/// A setting under all its names, with the value that it has if nobody sets it.
struct Setting {
    names: &'static [&'static str],
    default: i64,
}

const MAX_POLL_INTERVAL: Setting = Setting { names: &["max.poll.interval.ms"], default: 300_000 };
const SESSION_TIMEOUT: Setting = Setting { names: &["session.timeout.ms"], default: 10_000 };
const HEARTBEAT_INTERVAL: Setting = Setting { names: &["heartbeat.interval.ms"], default: 1_000 };
const FETCH_MAX: Setting = Setting { names: &["fetch.max.bytes"], default: 52_428_800 };
const MESSAGE_MAX: Setting = Setting { names: &["message.max.bytes"], default: 1_000_000 };
const RECEIVE_MAX: &[&str] = &["receive.message.max.bytes"];
const BACKOFF: Setting = Setting { names: &["reconnect.backoff.ms"], default: 100 };
const BACKOFF_MAX: Setting = Setting { names: &["reconnect.backoff.max.ms"], default: 10_000 };

/// Limits of the transaction's time-out under exactly-once, and by how much each may exceed it.
const WITHIN_TRANSACTION: &[(&[&str], i64)] =
    &[(&["delivery.timeout.ms", "message.timeout.ms"], 0), (&["socket.timeout.ms"], 100)];

/// What producers cannot be set to, under either guarantee: the names of a setting, what it may be, and what to do.
type Rule = (&'static [&'static str], fn(&str) -> bool, &'static str);

const IDEMPOTENT: &[Rule] = &[
    (&["enable.idempotence"], |text| text == "true", "set it to true"),
    (&["acks", "request.required.acks"], |text| matches!(text, "all" | "-1"), "set it to all"),
    (
        &["max.in.flight.requests.per.connection", "max.in.flight"],
        |text| number(text).is_none_or(|requests| requests <= 5),
        "set it to at most 5",
    ),
    (
        &["retries", "message.send.max.retries"],
        |text| number(text).is_none_or(|retries| retries >= 1),
        "set it to at least 1",
    ),
    (&["queue.buffering.backpressure.threshold"], |text| text == "1", "set it to 1"),
    (&["queuing.strategy"], |text| text == "fifo", "set it to fifo"),
];

/// A setting as it was made. What is not a number is refused when the client is made.
struct Made {
    key: String,
    text: String,
}

impl Made {
    fn number(&self) -> Option<i64> {
        number(&self.text)
    }
}

fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

impl StreamsConfig {
    /// Refuses the first contradiction, with both values.
    pub(super) fn check_contradictions(&self) -> Result<(), ConfigError> {
        self.at_least(MEMBER, &MAX_POLL_INTERVAL, &SESSION_TIMEOUT)?;
        self.check_heartbeats()?;
        for prefixes in CONSUMERS {
            self.check_sizes(prefixes)?;
            self.at_least(prefixes, &BACKOFF_MAX, &BACKOFF)?;
        }
        self.at_least(PRODUCER, &BACKOFF_MAX, &BACKOFF)?;
        for (names, is_allowed, fix) in IDEMPOTENT {
            if let Some(made) = self.made(PRODUCER, names).filter(|made| !is_allowed(&made.text)) {
                let other = "the library's producers, which are idempotent".to_owned();
                return conflict(made, other, format!("leave it out or {fix}"));
            }
        }
        if self.exactly_once() { self.check_within_transaction() } else { Ok(()) }
    }

    /// The setting of a client with these prefixes, of which the last one counts.
    fn made(&self, prefixes: &[&str], names: &[&str]) -> Option<Made> {
        let below =
            prefixes.iter().rev().flat_map(|prefix| names.iter().map(move |name| format!("{prefix}{name}")));
        let for_all =
            KEYS.iter().filter(|key| matches!(key.support, Support::Client(name) if names.contains(&name)));
        below.chain(for_all.map(|key| key.name.to_owned())).find_map(|key| {
            let text = self.values.get(&key)?.to_string();
            Some(Made { key, text })
        })
    }

    /// Checks that one setting of a client is not below another one.
    fn at_least(&self, prefixes: &[&str], greater: &Setting, lesser: &Setting) -> Result<(), ConfigError> {
        let (high, low) = (self.made(prefixes, greater.names), self.made(prefixes, lesser.names));
        let value = |made: &Option<Made>, setting: &Setting| match made {
            Some(made) => made.number(),
            None => Some(setting.default),
        };
        let (Some(high_value), Some(low_value)) = (value(&high, greater), value(&low, lesser)) else {
            return Ok(());
        };
        if high_value >= low_value {
            return Ok(());
        }
        let (raised, lowered) = (greater.names[0], lesser.names[0]);
        let fix = format!("raise {raised} to at least {lowered}, or lower {lowered}");
        match (high, low) {
            (Some(high), low) => conflict(high, shown(low, lesser), fix),
            (None, Some(low)) => conflict(low, shown(None, greater), fix),
            (None, None) => Ok(()),
        }
    }

    /// A member that says nothing during a whole session is taken out of the group.
    fn check_heartbeats(&self) -> Result<(), ConfigError> {
        let Some(made) = self.made(MEMBER, HEARTBEAT_INTERVAL.names) else { return Ok(()) };
        let session = self.made(MEMBER, SESSION_TIMEOUT.names);
        let session_ms = session.as_ref().map_or(Some(SESSION_TIMEOUT.default), Made::number);
        match (made.number(), session_ms) {
            (Some(interval_ms), Some(session_ms)) if interval_ms >= session_ms => {
                conflict(made, shown(session, &SESSION_TIMEOUT), "lower it to a third of that".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// A fetch has room for a record, and an answer for a fetch. What is not set, librdkafka makes fit. The library may lower
    /// the default of `fetch.max.bytes`, never raise it.
    fn check_sizes(&self, prefixes: &[&str]) -> Result<(), ConfigError> {
        let fetch = self.made(prefixes, FETCH_MAX.names);
        if fetch.is_some() {
            self.at_least(prefixes, &FETCH_MAX, &MESSAGE_MAX)?;
        }
        let Some(receive) = self.made(prefixes, RECEIVE_MAX) else { return Ok(()) };
        let message = self.made(prefixes, MESSAGE_MAX.names).and_then(|made| made.number());
        let fetch_bytes = match &fetch {
            Some(fetch) => fetch.number().unwrap_or(0),
            None => FETCH_MAX.default.max(message.unwrap_or(0)),
        };
        let needed = fetch_bytes.saturating_add(FRAME_BYTES);
        if receive.number().is_none_or(|bytes| bytes >= needed) {
            return Ok(());
        }
        let fix = format!("leave it out or set it to at least {needed}");
        conflict(receive, shown(fetch, &FETCH_MAX), fix)
    }

    /// A producer's own limits end before its transaction does.
    fn check_within_transaction(&self) -> Result<(), ConfigError> {
        let transaction_ms = self.transaction_timeout_ms();
        for (names, excess_ms) in WITHIN_TRANSACTION {
            let limit_ms = transaction_ms.saturating_add(*excess_ms);
            let made =
                self.made(PRODUCER, names).filter(|made| made.number().is_some_and(|ms| ms > limit_ms));
            if let Some(made) = made {
                let other = format!("producer.transaction.timeout.ms={transaction_ms}");
                let fix = format!("lower it to at most {limit_ms}, or raise the time-out of transactions");
                return conflict(made, other, fix);
            }
        }
        Ok(())
    }
}

fn conflict(made: Made, other: String, fix: String) -> Result<(), ConfigError> {
    Err(ConfigError::Conflict { key: made.key, value: made.text, other, fix })
}

/// The other setting, with its value.
fn shown(made: Option<Made>, setting: &Setting) -> String {
    match made {
        Some(made) => format!("{}={}", made.key, made.text),
        None => format!("{}={} (the default)", setting.names[0], setting.default),
    }
}
