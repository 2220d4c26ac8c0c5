//! The client handle, its callbacks, and the queue on which it reports.

use std::collections::HashMap;
use std::ffi::{c_char, c_int, c_void};
use std::ptr::{NonNull, null_mut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_resp_err_t as E;

use super::super::produce_errors::kind_of_delivery;
use super::access::{Access, Denial, Door, Entrance, watch};
use super::apart::apart;
use super::clock::{Clocks, next_event};
use super::conf::{Conf, ERROR_BYTES, Role};
use super::delivery::Delivery;
use super::group::{Place, session_end};
use super::list::{Entry, entries_of};
use super::oauth::TokenWanted;
use super::words::{self, Words};
use super::{Code, KafkaError, c_string, raw, text_of};
use crate::time::{Clock, SystemClock};
use crate::user_code::caught;

/// A `rd_kafka_t` with its threads. Dropping the last reference waits for those threads.
pub(in crate::transport::kafka) struct Client {
    rk: NonNull<rd::rd_kafka_t>,
    // Boxed, as librdkafka keeps its address as the opaque pointer of all callbacks until it is destroyed.
    shared: Arc<Shared>,
    role: Role,
    /// Its place in the group.
    pub(super) place: RwLock<Place>,
}

// SAFETY: librdkafka's handle may be used by any number of threads ("The API is completely thread-safe",
// INTRODUCTION.md), but for batch dequeue, which `PartitionQueue::take` guards by `&mut`.
unsafe impl Send for Client {}
// SAFETY: as above; everything behind `shared` is locked.
unsafe impl Sync for Client {}

/// What the clients of a transport share.
#[derive(Clone)]
pub(in crate::transport::kafka) struct Ties {
    /// The clients' access to the brokers.
    pub(in crate::transport::kafka) door: Arc<Door>,
    /// Called when a token is needed; `None` if librdkafka gets tokens by itself.
    pub(in crate::transport::kafka) token_wanted: Option<TokenWanted>,
    /// Whether clients log in by tokens.
    pub(in crate::transport::kafka) tokens: bool,
}

/// How long librdkafka may take to end a client. Mostly it takes milliseconds.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// The shortest time between two log lines with the same code.
const REPEATED_AFTER_MS: i64 = 10_000;

/// What callbacks store for the owner of the client.
pub(super) struct Shared {
    /// Undelivered records that were not reported yet: at most as many as were outstanding.
    failed: Mutex<Vec<Delivery>>,
    trouble: Mutex<Option<KafkaError>>,
    fatal: Mutex<Option<KafkaError>>,
    /// The last error of a consumer's error callback.
    reported: Mutex<Option<KafkaError>>,
    /// When each code was last logged.
    logged_ms: Mutex<HashMap<Code, i64>>,
    access: Access,
    /// Why the session with the group has ended, if it has and nobody has asked yet.
    session_end: Mutex<Option<String>>,
    /// The brokers' words about undelivered records.
    pub(super) words: Words,
    wake: Arc<Wake>,
    clocks: Clocks,
    ties: Ties,
    /// The client itself, once it is made.
    me: OnceLock<Weak<Client>>,
}

impl Shared {
    fn new(ties: &Ties) -> Self {
        Shared {
            failed: Mutex::default(),
            trouble: Mutex::default(),
            fatal: Mutex::default(),
            reported: Mutex::default(),
            logged_ms: Mutex::default(),
            access: Access::default(),
            session_end: Mutex::default(),
            words: Words::default(),
            wake: Arc::default(),
            clocks: Clocks::default(),
            ties: ties.clone(),
            me: OnceLock::new(),
        }
    }

    fn note(&self, error: KafkaError) {
        self.access.note(&error, &self.ties.door);
        if error.fatal {
            tracing::error!(target: "librdkafka", code = error.code, "fatal: {error}");
            *locked(&self.fatal) = Some(error.clone());
        } else if self.is_news(error.code) {
            tracing::warn!(target: "librdkafka", code = error.code, "{error}");
        }
        *locked(&self.trouble) = Some(error);
    }

    /// Whether this code was not logged in the last ten seconds: librdkafka repeats at every attempt that brokers are away.
    fn is_news(&self, code: Code) -> bool {
        let now_ms = SystemClock.monotonic_ms();
        let mut told = locked(&self.logged_ms);
        let last_ms = told.insert(code, now_ms);
        let is_news = last_ms.is_none_or(|last_ms| now_ms - last_ms >= REPEATED_AFTER_MS);
        if let (false, Some(last_ms)) = (is_news, last_ms) {
            told.insert(code, last_ms);
        }
        is_news
    }

    /// Keeps a failed delivery. Of consecutive failures for which no record is to blame, one is enough.
    fn undelivered(&self, delivery: Delivery) {
        let mut failed = locked(&self.failed);
        let repeats = |last: &Delivery| {
            last.record.is_none()
                && delivery.record.is_none()
                && last.error.code == delivery.error.code
                && (&last.topic, last.partition) == (&delivery.topic, delivery.partition)
        };
        if !failed.last().is_some_and(repeats) {
            failed.push(delivery);
        }
    }

    /// Requests a token for librdkafka. Until there is one, no broker lets us in.
    pub(super) fn token_wanted(&self) {
        let (Some(tell), Some(me)) = (&self.ties.token_wanted, self.me.get()) else { return };
        if !self.access.is_refused() {
            let code = E::RD_KAFKA_RESP_ERR__AUTHENTICATION as Code;
            let reason = "the token provider has not answered yet".to_owned();
            self.access.refused(KafkaError::with_reason(code, reason), &self.ties.door);
        }
        tell(Weak::clone(me));
    }
}

impl Entrance for Shared {
    fn entrance(&self) -> (&Access, &Door) {
        (&self.access, &self.ties.door)
    }
}

/// A change of a group member's assignment.
#[derive(Clone, Debug)]
pub(in crate::transport::kafka) struct Rebalance {
    /// Whether the partitions are added or revoked.
    pub(in crate::transport::kafka) assigns: bool,
    /// Whether the group has already assigned the revoked partitions to others.
    pub(in crate::transport::kafka) lost: bool,
    pub(in crate::transport::kafka) partitions: Vec<Entry>,
}

/// What one poll of a consumer found.
pub(in crate::transport::kafka) enum Polled {
    /// Nothing was queued.
    Nothing,
    /// An event that needs no answer. More may be queued behind it.
    Served,
    /// A change of a group's assignment, which has to be answered with [`Client::accept`].
    Change(Rebalance),
}

impl Polled {
    /// The change, if it was one.
    pub(in crate::transport::kafka) fn change(self) -> Option<Rebalance> {
        match self {
            Polled::Change(change) => Some(change),
            Polled::Nothing | Polled::Served => None,
        }
    }
}

/// A flag that one thread waits for and others set.
#[derive(Default)]
pub(in crate::transport::kafka) struct Wake {
    set: Mutex<bool>,
    changed: Condvar,
}

impl Wake {
    /// Ends a [`Client::wait`].
    pub(in crate::transport::kafka) fn set(&self) {
        *locked(&self.set) = true;
        self.changed.notify_one();
    }

    pub(super) fn wait(&self, timeout: Duration) -> bool {
        let set = locked(&self.set);
        let (mut set, _) = self
            .changed
            .wait_timeout_while(set, timeout, |set| !*set)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *set)
    }
}

fn blames_the_record(code: Code) -> bool {
    kind_of_delivery(code).blames_the_record()
}

/// Data under these locks is never left half changed, so a panic elsewhere does not matter.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs what a callback is for. A panic (of a log subscriber, say) must not unwind into librdkafka, which would end the
/// process; the panic hook has reported it already.
pub(super) fn guarded(callback: impl FnOnce()) {
    let _told_by_the_hook = caught(callback);
}

impl Client {
    /// Makes a client with these settings. Starts threads and does not wait.
    pub(in crate::transport::kafka) fn new(
        role: Role,
        conf: Conf,
        ties: &Ties,
    ) -> Result<Arc<Client>, String> {
        let shared = Arc::new(Shared::new(ties));
        if ties.tokens {
            super::oauth::prepare(&conf, ties.token_wanted.is_some());
        }
        let kind = if role == Role::Producer {
            rd::rd_kafka_type_t::RD_KAFKA_PRODUCER
        } else {
            rd::rd_kafka_type_t::RD_KAFKA_CONSUMER
        };
        let mut reason = [0 as c_char; ERROR_BYTES];
        // SAFETY: the configuration is ours; the callbacks have the declared types; the opaque pointer outlives the
        // handle, because `Client::drop` destroys the handle before it is freed.
        let rk = unsafe {
            let settings = conf.as_ptr();
            rd::rd_kafka_conf_set_opaque(settings, Arc::as_ptr(&shared).cast_mut().cast());
            rd::rd_kafka_conf_set_log_cb(settings, Some(on_log));
            rd::rd_kafka_conf_set_error_cb(settings, Some(on_error));
            watch(&conf, &shared);
            match role {
                // As events, not callbacks: with a callback a flush would wait in steps of 10 ms instead of being
                // woken by the last answer. `Client::poll` serves them.
                Role::Producer => {
                    rd::rd_kafka_conf_set_events(settings, rd::RD_KAFKA_EVENT_DR);
                    words::listen(&conf, &shared);
                }
                // As events too, so that ordinary code answers them, outside librdkafka.
                Role::Member => rd::rd_kafka_conf_set_events(
                    settings,
                    rd::RD_KAFKA_EVENT_REBALANCE | rd::RD_KAFKA_EVENT_OFFSET_COMMIT,
                ),
                Role::Consumer | Role::Admin => {}
            }
            rd::rd_kafka_new(kind, settings, reason.as_mut_ptr(), reason.len())
        };
        // On success the handle owns the configuration. On failure we should, but librdkafka 2.12.1 has then freed what
        // `watch` added to it, and would free it again with the rest (librdkafka#4142): it is left.
        conf.release();
        let Some(rk) = NonNull::new(rk) else { return Err(text_of(reason.as_ptr())) };
        if matches!(role, Role::Consumer | Role::Member) {
            // SAFETY: a valid consumer handle. From now on the consumer's queue carries what the main queue did.
            unsafe { raw::rd_kafka_poll_set_consumer(rk.as_ptr()) };
        }
        let client = Arc::new(Client { rk, shared, role, place: RwLock::default() });
        // Set once, when the client is made.
        let _only = client.shared.me.set(Arc::downgrade(&client));
        if ties.tokens {
            client.serve_tokens().map_err(|error| error.reason)?;
        }
        Ok(client)
    }

    pub(super) fn as_ptr(&self) -> *mut rd::rd_kafka_t {
        self.rk.as_ptr()
    }

    /// Serves reports to a producer or an admin client, waiting at most that long for the first.
    pub(in crate::transport::kafka) fn poll(&self, timeout: Duration) {
        let mut wait = timeout;
        // SAFETY: a valid handle; the queue reference and every event are given back. A report's messages live as long
        // as its event. Errors are read as integers because they may be codes unknown to the enum.
        unsafe {
            let queue = rd::rd_kafka_queue_get_main(self.as_ptr());
            loop {
                let event = next_event(queue, wait);
                if event.is_null() {
                    break;
                }
                wait = Duration::ZERO;
                match rd::rd_kafka_event_type(event) {
                    rd::RD_KAFKA_EVENT_DR => loop {
                        let message = rd::rd_kafka_event_message_next(event);
                        if message.is_null() {
                            break;
                        }
                        if let Some(delivery) = Delivery::read(message, &self.shared.words, blames_the_record)
                        {
                            self.shared.undelivered(delivery);
                        }
                    },
                    rd::RD_KAFKA_EVENT_ERROR => self.shared.note(event_error(event)),
                    _ => {}
                }
                rd::rd_kafka_event_destroy(event);
            }
            rd::rd_kafka_queue_destroy(queue);
        }
    }

    /// Serves one event of a consumer, waiting at most that long for it.
    pub(in crate::transport::kafka) fn poll_consumer(&self, timeout: Duration) -> Polled {
        self.look_at_clock();
        // SAFETY: a valid consumer handle; the queue reference is given back below, an event is destroyed after its
        // list has been copied. Partition queues are never forwarded here, so no record can be lost.
        unsafe {
            let queue = rd::rd_kafka_queue_get_consumer(self.as_ptr());
            if queue.is_null() {
                return Polled::Nothing;
            }
            let event = next_event(queue, timeout);
            rd::rd_kafka_queue_destroy(queue);
            if event.is_null() {
                return Polled::Nothing;
            }
            let code = raw::rd_kafka_event_error(event);
            let found = match rd::rd_kafka_event_type(event) {
                rd::RD_KAFKA_EVENT_REBALANCE => Polled::Change(Rebalance {
                    assigns: code == E::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS as Code,
                    lost: rd::rd_kafka_assignment_lost(self.as_ptr()) != 0,
                    partitions: entries_of(rd::rd_kafka_event_topic_partition_list(event)),
                }),
                // Comes as an event, requested or not.
                rd::RD_KAFKA_EVENT_ERROR => {
                    self.shared.note(event_error(event));
                    Polled::Served
                }
                _ => Polled::Served,
            };
            rd::rd_kafka_event_destroy(event);
            found
        }
    }

    /// The failed deliveries since the last call.
    pub(in crate::transport::kafka) fn take_failed(&self) -> Vec<Delivery> {
        std::mem::take(&mut locked(&self.shared.failed))
    }

    /// Whether a delivery has failed since [`Client::take_failed`].
    pub(in crate::transport::kafka) fn has_failed(&self) -> bool {
        !locked(&self.shared.failed).is_empty()
    }

    /// The last error with a broker, to explain a time-out. A refusal explains more than the error that all brokers are
    /// down.
    pub(in crate::transport::kafka) fn trouble(&self) -> Option<KafkaError> {
        self.shared.access.trouble(&self.shared.ties.door).or_else(|| locked(&self.shared.trouble).clone())
    }

    /// Why no broker will let this client in: it has been refused for too long to wait on.
    pub(in crate::transport::kafka) fn shut_out(&self) -> Option<KafkaError> {
        self.shared.access.shut_out(&self.shared.ties.door)
    }

    /// Whether waits for this client's answers have ended, as the application ends. Only administrative clients stop early:
    /// consumers and producers are needed for the last commit.
    pub(in crate::transport::kafka) fn is_closed(&self) -> bool {
        self.role == Role::Admin && self.shared.ties.door.is_closed()
    }

    /// The right that the brokers last said is missing.
    pub(in crate::transport::kafka) fn denied(&self) -> Option<Denial> {
        self.shared.access.denied()
    }

    /// Why the group does not take this member.
    pub(in crate::transport::kafka) fn barred(&self) -> Option<Denial> {
        self.shared.access.barred()
    }

    /// Why the session with the group has ended, if it has since the last call.
    pub(in crate::transport::kafka) fn take_session_end(&self) -> Option<String> {
        locked(&self.shared.session_end).take()
    }

    /// Notes that what was denied has succeeded since.
    pub(in crate::transport::kafka) fn allowed(&self) {
        self.shared.access.allowed();
    }

    /// How long a right that was there before may be missing.
    pub(in crate::transport::kafka) fn patience_ms(&self) -> i64 {
        self.shared.ties.door.patience_ms()
    }

    /// The fatal error of this client.
    pub(in crate::transport::kafka) fn fatal(&self) -> Option<KafkaError> {
        locked(&self.shared.fatal).clone()
    }

    /// The error that a callback reported since the last call. Consumers poll for events, so their callback only runs while a
    /// partition is dequeued, and is about that partition.
    pub(super) fn take_reported(&self) -> Option<KafkaError> {
        locked(&self.shared.reported).take()
    }

    /// Ends a [`Client::wait`]; does not keep the client alive.
    pub(in crate::transport::kafka) fn waker(&self) -> Arc<Wake> {
        Arc::clone(&self.shared.wake)
    }

    /// Waits for [`Wake::set`] or for a partition's queue to become non-empty; returns whether that happened.
    pub(in crate::transport::kafka) fn wait(&self, timeout: Duration) -> bool {
        self.shared.wake.wait(timeout)
    }

    /// The value of a setting.
    #[cfg(test)]
    pub(in crate::transport::kafka) fn setting(&self, key: &str) -> String {
        let (key, mut text, mut size) = (c_string(key), [0 as c_char; ERROR_BYTES], ERROR_BYTES);
        // SAFETY: a valid handle, whose settings it owns; the buffer has the size that is passed.
        unsafe {
            let settings = rd::rd_kafka_conf(self.as_ptr());
            rd::rd_kafka_conf_get(settings, key.as_ptr(), text.as_mut_ptr(), &mut size);
        }
        text_of(text.as_ptr())
    }

    pub(super) fn clocks(&self) -> &Clocks {
        &self.shared.clocks
    }

    pub(super) fn wake_flag(&self) -> *mut c_void {
        Arc::as_ptr(&self.shared.wake).cast_mut().cast()
    }
}

/// A client's handle on its way to be destroyed, and what its callbacks refer to.
struct Ending {
    rk: NonNull<rd::rd_kafka_t>,
    _shared: Arc<Shared>,
}

// SAFETY: as for `Client`.
unsafe impl Send for Ending {}

impl Ending {
    fn destroy(self) {
        // SAFETY: nothing refers to the handle now (see the module's ownership rule), and this is none of
        // librdkafka's own threads, which hold no `Arc<Client>`; what callbacks refer to lives until it is destroyed.
        // Without the flag a consumer would first leave its group, which `Membership::leave` does, in bounded time.
        unsafe {
            rd::rd_kafka_destroy_flags(self.rk.as_ptr(), rd::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // librdkafka 2.12.1 spins forever on an assignment that is on the queue, unanswered, when its end is requested.
        // Assignments after that it answers itself.
        if self.role == Role::Member {
            self.settle();
        }
        // SAFETY: a valid handle, to which the name belongs, which is copied.
        let client = text_of(unsafe { rd::rd_kafka_name(self.as_ptr()) });
        let ending = Ending { rk: self.rk, _shared: Arc::clone(&self.shared) };
        match apart("librdkafka-end", ENDS_WITHIN, move || ending.destroy()) {
            Ok(Some(())) => {}
            Ok(None) => {
                let secs = ENDS_WITHIN.as_secs();
                tracing::warn!(
                    client,
                    "librdkafka has not ended this client in {secs} s; its threads are left behind until it does"
                );
            }
            Err(error) => {
                // They call back for as long as they live.
                std::mem::forget(Arc::clone(&self.shared));
                tracing::warn!(client, %error, "no thread to end this client; librdkafka's threads are left behind");
            }
        }
    }
}

/// Runs with a partition queue's lock held: sets a flag and returns.
pub(super) unsafe extern "C" fn on_queue(_: *mut rd::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: the flag of the client that owns the queue; the callback is removed before either is dropped.
    unsafe { &*opaque.cast::<Wake>() }.set();
}

unsafe extern "C" fn on_error(
    rk: *mut rd::rd_kafka_t,
    code: c_int,
    reason: *const c_char,
    opaque: *mut c_void,
) {
    // SAFETY: the pointer given to `rd_kafka_conf_set_opaque`, which lives as long as the handle.
    let shared = unsafe { &*opaque.cast::<Shared>() };
    guarded(|| {
        let mut error = KafkaError::with_reason(code, text_of(reason));
        if code == E::RD_KAFKA_RESP_ERR__FATAL as c_int {
            let mut text = [0 as c_char; ERROR_BYTES];
            // SAFETY: the handle that calls back; the buffer has the size that is passed.
            let code = unsafe { raw::rd_kafka_fatal_error(rk, text.as_mut_ptr(), text.len()) };
            error = KafkaError { fatal: true, ..KafkaError::with_reason(code, text_of(text.as_ptr())) };
        }
        *locked(&shared.reported) = Some(error.clone());
        shared.note(error);
    });
}

/// The error that an event is about.
///
/// # Safety
/// `event` is a valid event.
unsafe fn event_error(event: *mut rd::rd_kafka_event_t) -> KafkaError {
    // SAFETY: the caller's promise.
    unsafe {
        let reason = text_of(rd::rd_kafka_event_error_string(event));
        let error = KafkaError::with_reason(raw::rd_kafka_event_error(event), reason);
        KafkaError { fatal: rd::rd_kafka_event_error_is_fatal(event) != 0, ..error }
    }
}

unsafe extern "C" fn on_log(
    rk: *const rd::rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    line: *const c_char,
) {
    guarded(|| {
        // SAFETY: the name belongs to the handle; librdkafka passes null where it logs before there is a handle.
        let client = if rk.is_null() { String::new() } else { text_of(unsafe { rd::rd_kafka_name(rk) }) };
        let (facility, line) = (text_of(facility), text_of(line));
        if matches!(&*facility, "FAIL" | "SESSTMOUT") && !rk.is_null() {
            // SAFETY: a handle of ours, so this is the pointer that was given to `rd_kafka_conf_set_opaque`; it lives as long
            // as the handle.
            let shared = unsafe { rd::rd_kafka_opaque(rk).cast::<Shared>().as_ref() };
            if let Some(shared) = shared.filter(|_| facility == "SESSTMOUT") {
                *locked(&shared.session_end) = session_end(&line);
            } else if let Some(told) =
                shared.and_then(|shared| shared.access.failed_to_connect(&line, &shared.ties.door))
            {
                tracing::warn!(target: "librdkafka", client, "{told}");
            }
        }
        // One line a client, for something that passes and that the runtime's waits tell when it does not.
        let level = if facility == "GETPID" && line.ends_with("retrying") { level.max(5) } else { level };
        // syslog's levels: 0-3 errors, 4 warning, 5 and 6 information, 7 debug.
        match level {
            0..=3 => tracing::error!(target: "librdkafka", client, facility, "{line}"),
            4 => tracing::warn!(target: "librdkafka", client, facility, "{line}"),
            5 | 6 => tracing::info!(target: "librdkafka", client, facility, "{line}"),
            _ => tracing::debug!(target: "librdkafka", client, facility, "{line}"),
        }
    });
}

fn unmade(code: Code) -> KafkaError {
    let error = KafkaError::from_code(code);
    if code != E::RD_KAFKA_RESP_ERR__INVALID_ARG as Code {
        return error;
    }
    // librdkafka only logs which of the two it is.
    let advice = "see that its name is one that brokers take, and that producer.linger.ms is shorter than \
                  producer.delivery.timeout.ms and the transactions' time-out";
    KafkaError::with_reason(code, format!("{}; {advice}", error.reason))
}

/// Makes the handle of a topic; see [`super::Topic`].
pub(super) fn topic_new(client: &Client, name: &str) -> Result<NonNull<rd::rd_kafka_topic_t>, KafkaError> {
    let name = c_string(name);
    // SAFETY: a valid handle; a null configuration means the defaults. On failure librdkafka leaves a code behind.
    unsafe {
        NonNull::new(rd::rd_kafka_topic_new(client.as_ptr(), name.as_ptr(), null_mut()))
            .ok_or_else(|| unmade(raw::rd_kafka_last_error()))
    }
}
