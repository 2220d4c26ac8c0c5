//! Whether the brokers let a client in.
//!
//! librdkafka retries log-ins without end, and calls that wait for a broker end in a plain time-out. So refused log-ins
//! are recorded here until a connection is made. Without one, they are final after a while.

use std::collections::HashMap;
use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_resp_err_t as E;

use super::client::{guarded, locked};
use super::conf::Conf;
use super::{Code, KafkaError, raw, text_of};
use crate::time::{Clock, SystemClock};

/// How long all clients may be refused before the first one was ever let in: a broker that has just started learns of
/// passwords a moment after it listens.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);

/// The clients' shared knowledge about their access to the brokers.
#[derive(Debug)]
pub(in crate::transport::kafka) struct Door {
    /// Whether any of them has ever been let in.
    opened: AtomicBool,
    /// Whether a connection was of use: it was not cut off at once.
    used: AtomicBool,
    /// When the first of them was refused since one was last let in: a new client waits no longer than the others.
    refused_ms: Mutex<Option<i64>>,
    /// How long they may all be refused afterwards: passwords and certificates are renewed broker by broker.
    patience: Duration,
    /// Whether the application ends, so that no client needs access.
    closed: AtomicBool,
}

impl Door {
    pub(in crate::transport::kafka) fn new(patience: Duration) -> Self {
        Door {
            opened: AtomicBool::new(false),
            used: AtomicBool::new(false),
            refused_ms: Mutex::new(None),
            patience,
            closed: AtomicBool::new(false),
        }
    }

    /// Ends all waits for answers.
    pub(in crate::transport::kafka) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    fn open(&self) {
        self.opened.store(true, Ordering::Release);
        *locked(&self.refused_ms) = None;
    }

    fn was_opened(&self) -> bool {
        self.opened.load(Ordering::Acquire)
    }

    fn was_used(&self) -> bool {
        self.used.load(Ordering::Acquire)
    }

    fn refused_since(&self) -> i64 {
        *locked(&self.refused_ms).get_or_insert_with(|| SystemClock.monotonic_ms())
    }

    /// Whether waits for answers have ended.
    pub(in crate::transport::kafka) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// How long they may all be refused after one of them was let in.
    pub(in crate::transport::kafka) fn patience_ms(&self) -> i64 {
        i64::try_from(self.patience.as_millis()).unwrap_or(i64::MAX)
    }

    fn patience(&self) -> Duration {
        if self.was_opened() { self.patience } else { FIRST_PATIENCE.min(self.patience) }
    }
}

/// The connections and refusals of one client.
#[derive(Default)]
pub(super) struct Access(Mutex<AccessState>);

#[derive(Default)]
struct AccessState {
    /// Brokers (name, port) with a connection that is logged in, and the monotonic time since when.
    up: HashMap<(String, c_int), i64>,
    /// The last refusal, and the monotonic time of the first one since the last connection.
    refused: Option<(KafkaError, i64)>,
    /// A right that is missing.
    denied: Option<Denial>,
    /// Why the group does not take this member.
    barred: Option<Denial>,
    /// The last log line about a connection, if it was that the listener uses another protocol.
    hint: Option<String>,
    /// Whether it was logged: a broker that stops looks the same, and each line would be too much.
    has_hinted: bool,
}

/// What the brokers deny: a right that is missing, or a place in the group.
#[derive(Clone, Debug)]
pub(in crate::transport::kafka) struct Denial {
    pub(in crate::transport::kafka) error: KafkaError,
    /// The monotonic time of the first and of the last such error.
    pub(in crate::transport::kafka) first_ms: i64,
    pub(in crate::transport::kafka) last_ms: i64,
}

/// Whether an error says that we are let in but lack a right.
fn is_denial(code: Code) -> bool {
    const CODES: &[Code] = &[
        E::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED as Code,
        E::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED as Code,
        E::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED as Code,
    ];
    CODES.contains(&code)
}

/// Why a group's coordinator does not take a member. librdkafka joins again every few seconds, without end.
pub(in crate::transport::kafka) struct Bar {
    code: E,
    /// Whether it is because of other members, which may leave.
    pub(in crate::transport::kafka) may_pass: bool,
    /// What to do; `{group}` stands for the group.
    pub(in crate::transport::kafka) advice: &'static str,
}

const BARS: &[Bar] = &[
    Bar {
        code: E::RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT,
        may_pass: false,
        advice: "set consumer.session.timeout.ms between group.min.session.timeout.ms and group.max.session.timeout.ms of \
                 the brokers",
    },
    Bar {
        code: E::RD_KAFKA_RESP_ERR_INVALID_GROUP_ID,
        may_pass: false,
        advice: "set another application.id",
    },
    Bar {
        code: E::RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL,
        may_pass: true,
        advice: "a member of group '{group}' is not an instance of this library, such as a plain consumer with the \
                 application's id as its group.id; end it, or set another application.id",
    },
    Bar {
        code: E::RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED,
        may_pass: true,
        advice: "group '{group}' has as many members as group.max.size of the brokers allows; raise it, or end instances",
    },
];

/// The row of an error, if it says that.
pub(in crate::transport::kafka) fn bar_of(code: Code) -> Option<&'static Bar> {
    BARS.iter().find(|bar| bar.code as Code == code)
}

/// Whether an error says that a broker does not let us in, or that we do not trust it. A broker refuses a certificate with
/// an alert, for which librdkafka has no code, as it comes after its own part of the handshake.
fn is_refusal(error: &KafkaError) -> bool {
    const CODES: &[Code] = &[
        E::RD_KAFKA_RESP_ERR__AUTHENTICATION as Code,
        E::RD_KAFKA_RESP_ERR__SSL as Code,
        E::RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED as Code,
        E::RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM as Code,
        E::RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE as Code,
    ];
    CODES.contains(&error.code) || error.reason.contains("SSL alert number")
}

/// How librdkafka says that a listener uses another protocol.
const ANOTHER_PROTOCOL: [&str; 2] = ["security.protocol", "PLAINTEXT broker listener?"];

/// How a broker answers a log-in that it does not ask for, and one that comes again after an earlier one has failed.
const OUT_OF_TURN: &str = "not valid in current SASL state";

/// A connection that is cut off sooner than this after it was made has hardly been used.
const CUT_OFF_WITHIN_MS: i64 = 2_000;

/// Whether a connection without TLS was cut off before the first answer, as a listener with TLS does. librdkafka means to say
/// so, but looks for its reason in a format string, which is `%s`.
fn is_cut_off_by_tls(line: &str) -> bool {
    line.contains("Disconnected") && line.contains("in state APIVERSION_QUERY") && !line.contains("ssl://")
}

/// Whether a connection was cut off while TLS was agreed on, as a listener without TLS does. librdkafka mostly says so.
fn is_cut_off_without_tls(line: &str) -> bool {
    line.contains("Disconnected") && line.contains("in state SSL_HANDSHAKE")
}

/// Whether a connection without a log-in was cut off at its first request, as a listener with log-ins does. librdkafka does
/// not say so for the same reason.
fn is_cut_off_by_log_in(line: &str) -> bool {
    let state = line.split_once("(after ").and_then(|(_, after)| after.split_once("ms in state UP"));
    let is_early = state.is_some_and(|(ms, _)| ms.parse().is_ok_and(|ms: i64| ms < CUT_OFF_WITHIN_MS));
    is_early && line.contains("Disconnected") && !line.starts_with("sasl_")
}

/// Advice for all of them.
const SPEAK_AS_THE_LISTENER: &str = "set security.protocol to what the listener at bootstrap.servers speaks: PLAINTEXT, SSL, \
                                     SASL_PLAINTEXT or SASL_SSL, as listener.security.protocol.map of the brokers has it";

/// Whether a broker's or librdkafka's words mean that the listener uses another protocol. A log-in out of turn means so
/// unless one has succeeded before.
fn means_another_protocol(text: &str, door: &Door) -> bool {
    ANOTHER_PROTOCOL.iter().any(|known| text.contains(known))
        || (text.contains(OUT_OF_TURN) && !door.was_opened())
}

/// Advice for an error.
fn advice(error: &KafkaError, door: &Door) -> &'static str {
    let tls = error.code == E::RD_KAFKA_RESP_ERR__SSL as Code || error.reason.contains("SSL alert number");
    if means_another_protocol(&error.reason, door) {
        SPEAK_AS_THE_LISTENER
    } else if tls {
        "check ssl.ca.location, ssl.certificate.location and ssl.key.location, and when the certificates expire"
    } else {
        "check sasl.mechanism, sasl.username and sasl.password, or the token provider"
    }
}

impl Access {
    /// Notes an error that a client reported.
    pub(super) fn note(&self, error: &KafkaError, door: &Door) {
        if is_refusal(error) {
            self.refused(error.clone(), door);
            return;
        }
        let mut state = locked(&self.0);
        let denied = match error.code {
            code if is_denial(code) => &mut state.denied,
            code if bar_of(code).is_some() => &mut state.barred,
            _ => return,
        };
        let now_ms = SystemClock.monotonic_ms();
        let first_ms = denied.as_ref().map_or(now_ms, |denial| denial.first_ms);
        *denied = Some(Denial { error: error.clone(), first_ms, last_ms: now_ms });
    }

    /// Notes a log line about a connection that could not be made. librdkafka has no event for a listener with another
    /// protocol, which looks like a broker that stops. So the line explains a time-out and decides nothing.
    ///
    /// Returns what to log, the first time.
    pub(super) fn failed_to_connect(&self, line: &str, door: &Door) -> Option<String> {
        let now_ms = SystemClock.monotonic_ms();
        let mut state = locked(&self.0);
        let is_of_use = || state.up.values().any(|since_ms| now_ms - since_ms >= CUT_OFF_WITHIN_MS);
        let is_cut_off = is_cut_off_by_tls(line)
            || is_cut_off_without_tls(line)
            || (is_cut_off_by_log_in(line) && !door.was_used() && !is_of_use());
        let is_known = is_cut_off || means_another_protocol(line, door);
        let hint = is_known.then(|| format!("{line}; {SPEAK_AS_THE_LISTENER}"));
        state.hint.clone_from(&hint);
        hint.filter(|_| !std::mem::replace(&mut state.has_hinted, true))
    }

    /// The missing right, if any.
    pub(super) fn denied(&self) -> Option<Denial> {
        locked(&self.0).denied.clone()
    }

    /// Why the group does not take this member, if it does not.
    pub(super) fn barred(&self) -> Option<Denial> {
        locked(&self.0).barred.clone()
    }

    /// The right, or the place in the group, is there again.
    pub(super) fn allowed(&self) {
        let mut state = locked(&self.0);
        state.denied = None;
        state.barred = None;
    }

    /// No broker lets us in, for this reason. Irrelevant while one does.
    pub(super) fn refused(&self, error: KafkaError, door: &Door) {
        let mut state = locked(&self.0);
        if state.up.is_empty() {
            let since = state.refused.as_ref().map_or_else(|| door.refused_since(), |(_, since)| *since);
            state.refused = Some((error, since));
        }
    }

    /// Whether no broker lets us in now.
    pub(super) fn is_refused(&self) -> bool {
        locked(&self.0).refused.is_some()
    }

    /// Why no broker lets us in now, or seems to use another protocol.
    pub(super) fn trouble(&self, door: &Door) -> Option<KafkaError> {
        let state = locked(&self.0);
        let hint = || {
            let code = E::RD_KAFKA_RESP_ERR__UNKNOWN_PROTOCOL as Code;
            state.hint.clone().map(|line| KafkaError::with_reason(code, line))
        };
        let refused = |(error, _): &(KafkaError, i64)| {
            KafkaError::with_reason(error.code, format!("{}; {}", error.reason, advice(error, door)))
        };
        state.refused.as_ref().map(refused).or_else(hint)
    }

    /// Why no broker will let us in, once that is final.
    pub(super) fn shut_out(&self, door: &Door) -> Option<KafkaError> {
        let state = locked(&self.0);
        let (error, since) = state.refused.as_ref()?;
        let waited = SystemClock.monotonic_ms() - since;
        let patience = i64::try_from(door.patience().as_millis()).unwrap_or(i64::MAX);
        (waited >= patience).then(|| {
            let reason = format!("{} (for {} s); {}", error.reason, waited / 1000, advice(error, door));
            KafkaError::with_reason(error.code, reason)
        })
    }

    fn changed(&self, door: &Door, broker: (String, c_int), state: &str) {
        let now_ms = SystemClock.monotonic_ms();
        let mut known = locked(&self.0);
        // A connection stays usable while it logs in again.
        if matches!(state, "UP" | "REAUTH") {
            known.up.entry(broker).or_insert(now_ms);
            known.refused = None;
            door.open();
        } else if let Some(since_ms) = known.up.remove(&broker)
            && now_ms - since_ms >= CUT_OFF_WITHIN_MS
        {
            door.used.store(true, Ordering::Release);
        }
    }
}

/// What the callbacks below get: part of what a client shares with its callbacks.
pub(super) trait Entrance {
    /// The client's refusals, and the transport's.
    fn entrance(&self) -> (&Access, &Door);
}

/// Registers callbacks about the state of a client's connections.
///
/// # Safety
/// `shared` lives as long as the client that is made from these settings.
pub(super) unsafe fn watch<S: Entrance>(conf: &Conf, shared: &Arc<S>) {
    let opaque = Arc::as_ptr(shared).cast_mut().cast();
    // SAFETY: valid settings; the name is copied; the callback casts the pointer back to what it is here.
    unsafe {
        raw::rd_kafka_conf_interceptor_add_on_new(
            conf.as_ptr(),
            c"access".as_ptr(),
            Some(on_new::<S>),
            opaque,
        );
    }
}

/// Runs before the client's first broker is known. Only then may something be added to the list that its threads read.
unsafe extern "C" fn on_new<S: Entrance>(
    rk: *mut rd::rd_kafka_t,
    _: *const rd::rd_kafka_conf_t,
    opaque: *mut c_void,
    _: *mut c_char,
    _: usize,
) -> E {
    // SAFETY: the client that calls; the name is copied; see `watch` for the pointer.
    unsafe {
        raw::rd_kafka_interceptor_add_on_broker_state_change(
            rk,
            c"access".as_ptr(),
            Some(on_broker::<S>),
            opaque,
        );
    }
    E::RD_KAFKA_RESP_ERR_NO_ERROR
}

/// On a broker's thread, with the broker's lock held: takes a note and returns.
unsafe extern "C" fn on_broker<S: Entrance>(
    _: *mut rd::rd_kafka_t,
    _: i32,
    _: *const c_char,
    name: *const c_char,
    port: c_int,
    state: *const c_char,
    opaque: *mut c_void,
) -> E {
    guarded(|| {
        // SAFETY: see `watch`.
        let (access, door) = unsafe { &*opaque.cast::<S>() }.entrance();
        access.changed(door, (text_of(name), port), &text_of(state));
    });
    E::RD_KAFKA_RESP_ERR_NO_ERROR
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: E, reason: &str) -> KafkaError {
        KafkaError::with_reason(code as Code, reason.to_owned())
    }

    fn broker() -> (String, c_int) {
        ("b".to_owned(), 9092)
    }

    #[test]
    fn refusals_are_final_when_nobody_opens_in_time() {
        let (access, door) = (Access::default(), Door::new(Duration::ZERO));
        access.note(&error(E::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "1/1 brokers are down"), &door);
        assert!(access.shut_out(&door).is_none(), "a broker that is away has not refused");
        access.note(&error(E::RD_KAFKA_RESP_ERR__AUTHENTICATION, "invalid credentials"), &door);
        let found = access.shut_out(&door).expect("is final");
        assert!(found.reason.contains("invalid credentials"), "{found}");
        assert!(found.reason.contains("sasl.password"), "{found}");
        access.changed(&door, broker(), "UP");
        assert!(access.shut_out(&door).is_none(), "one broker let us in");
    }

    #[test]
    fn a_listener_that_speaks_another_protocol_explains_a_time_out() {
        let (access, door) = (Access::default(), Door::new(Duration::ZERO));
        let line = "b:9094: Disconnected: verify that security.protocol is correctly configured";
        let told = access.failed_to_connect(line, &door).expect("a line to log");
        assert!(
            told.starts_with(line) && told.contains("SASL_SSL, as listener.security.protocol.map"),
            "{told}"
        );
        assert!(access.failed_to_connect(line, &door).is_none(), "once");
        assert!(access.trouble(&door).is_some_and(|error| error.reason.contains("security.protocol")));
        assert!(access.shut_out(&door).is_none(), "a broker that stops looks the same");
        let cut = |protocol| format!("{protocol}b:9094: Disconnected (after 2ms in state APIVERSION_QUERY)");
        access.failed_to_connect(&cut("ssl://"), &door);
        assert!(access.trouble(&door).is_none(), "it speaks TLS");
        access.failed_to_connect(&cut(""), &door);
        assert!(access.trouble(&door).is_some_and(|error| error.reason.contains("security.protocol")));
        access.failed_to_connect("b:9094: Connect to ipv4#b:9094 failed: Connection refused", &door);
        assert!(access.trouble(&door).is_none());
        // Before: not a word, as librdkafka does not always ask whether the listener is a PLAINTEXT one.
        let plain = "sasl_ssl://b:9092: Disconnected: SSL connection closed by peer (after 3ms in state SSL_HANDSHAKE)";
        access.failed_to_connect(plain, &door);
        assert!(access.trouble(&door).is_some_and(|error| error.reason.contains("security.protocol")));
    }

    /// Before: the advice came with the final error only, and a shorter time-out hid it.
    #[test]
    fn a_refusal_that_is_not_final_yet_has_its_advice_too() {
        let (access, door) = (Access::default(), Door::new(Duration::from_secs(60)));
        access.note(&error(E::RD_KAFKA_RESP_ERR__AUTHENTICATION, "invalid credentials"), &door);
        assert!(access.shut_out(&door).is_none());
        assert!(access.trouble(&door).is_some_and(|error| error.reason.ends_with("or the token provider")));
    }

    #[test]
    fn what_to_do_depends_on_who_does_not_understand_whom() {
        let door = Door::new(Duration::ZERO);
        let advised = |code, reason| advice(&error(code, reason), &door);
        let tls = E::RD_KAFKA_RESP_ERR__SSL;
        let plain = "wrong version number: connecting to a PLAINTEXT broker listener?";
        assert!(advised(tls, plain).contains("set security.protocol"));
        assert!(advised(tls, "certificate verify failed").contains("ssl.ca.location"));
        let login = E::RD_KAFKA_RESP_ERR__AUTHENTICATION;
        let needless =
            "SASL Handshake failed: Broker: Request not valid in current SASL state: broker's supported";
        assert!(advised(login, needless).contains("set security.protocol"));
        assert!(advised(login, "invalid credentials").contains("sasl.password"));
        // Before: the same advice when a log-in was not renewed, though the protocol had worked until then.
        door.open();
        assert!(advised(login, needless).contains("the token provider"));
        assert!(advised(tls, plain).contains("set security.protocol"), "another listener");
    }

    /// Before: no word, because librdkafka looks for its own words in the wrong place.
    #[test]
    fn a_listener_that_asks_for_a_log_in_explains_a_time_out() {
        let (access, door) = (Access::default(), Door::new(Duration::ZERO));
        let cut = |protocol: &str, ms: i64| {
            format!(
                "{protocol}b:9092/bootstrap: Disconnected: connection closed by peer (after {ms}ms in state UP)"
            )
        };
        let hinted = |line: String| {
            access.failed_to_connect(&line, &door);
            access.trouble(&door).is_some_and(|error| error.reason.contains("set security.protocol"))
        };
        assert!(hinted(cut("", 3)));
        assert!(hinted(cut("ssl://", 3)), "SASL_SSL");
        assert!(!hinted(cut("", 2_000)), "it was of use");
        assert!(!hinted(cut("sasl_plaintext://", 3)), "it has logged in");
        access.changed(&door, broker(), "UP");
        access.changed(&door, broker(), "DOWN");
        assert!(hinted(cut("", 3)), "that was such a connection");
        door.used.store(true, Ordering::Release);
        assert!(!hinted(cut("", 3)), "a broker that stops");
    }

    #[test]
    fn one_open_door_is_enough_and_patience_is_longer_afterwards() {
        let (access, door) = (Access::default(), Door::new(Duration::from_secs(600)));
        access.changed(&door, broker(), "UP");
        access.note(&error(E::RD_KAFKA_RESP_ERR__SSL, "certificate verify failed"), &door);
        assert!(access.trouble(&door).is_none(), "another broker is up");
        access.changed(&door, broker(), "DOWN");
        access.note(&error(E::RD_KAFKA_RESP_ERR__TRANSPORT, "tlsv1 alert: SSL alert number 45"), &door);
        assert!(access.trouble(&door).is_some());
        assert!(access.shut_out(&door).is_none(), "passwords are renewed broker by broker");
        assert_eq!(Door::new(Duration::from_secs(600)).patience(), FIRST_PATIENCE);
        assert_eq!(door.patience(), Duration::from_secs(600));
    }
}
