//! Membership of a group: subscribing, answering, the fence, commits, leaving.

use std::ptr::{NonNull, null};
use std::sync::PoisonError;
use std::time::Duration;

use rdkafka::bindings as rd;

use super::client::{Client, Polled};
use super::clock::next_event;
use super::list::{Entry, PartitionList, entries_of};
use super::{KafkaError, OK, c_string, millis, raw, text_of};

/// How far a member is on its way out of the group. librdkafka 2.12.1 throws away, unanswered, what it is asked for when it
/// has left, and whoever asked waits without end. So
/// 1. nobody asks for the place of a member that leaves;
/// 2. it answers one rebalance while it leaves, as librdkafka takes any answer as its consent to give up everything; two
///    may be queued, one that came just before and the one with which all is revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// It has not been asked to leave.
    #[default]
    Member,
    /// It was, and has not answered since.
    Leaving,
    /// It has answered.
    Left,
}

/// Who commits: group, member, generation.
pub(in crate::transport::kafka) struct GroupMetadata(NonNull<rd::rd_kafka_consumer_group_metadata_t>);

// SAFETY: owned memory that refers to no thread.
unsafe impl Send for GroupMetadata {}

impl GroupMetadata {
    /// Made from its parts, for a transaction of another client.
    pub(in crate::transport::kafka) fn new(
        group: &str,
        generation: i32,
        member: &str,
        instance: Option<&str>,
    ) -> Option<Self> {
        let (group, member, instance) = (c_string(group), c_string(member), instance.map(c_string));
        // SAFETY: the strings live through the call and are copied; a null instance is allowed.
        let metadata = unsafe {
            rd::rd_kafka_consumer_group_metadata_new_with_genid(
                group.as_ptr(),
                generation,
                member.as_ptr(),
                instance.as_ref().map_or(null(), |instance| instance.as_ptr()),
            )
        };
        NonNull::new(metadata).map(GroupMetadata)
    }

    /// The generation; negative while there is none.
    pub(in crate::transport::kafka) fn generation(&self) -> i32 {
        // SAFETY: valid for as long as `self`.
        unsafe { rd::rd_kafka_consumer_group_metadata_generation_id(self.as_ptr()) }
    }

    /// The member's id; empty while there is none.
    pub(in crate::transport::kafka) fn member(&self) -> String {
        // SAFETY: valid for as long as `self`, and so is the text, which is copied.
        text_of(unsafe { rd::rd_kafka_consumer_group_metadata_member_id(self.as_ptr()) })
    }

    pub(super) fn as_ptr(&self) -> *mut rd::rd_kafka_consumer_group_metadata_t {
        self.0.as_ptr()
    }
}

impl Drop for GroupMetadata {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { rd::rd_kafka_consumer_group_metadata_destroy(self.as_ptr()) };
    }
}

/// Why a session has ended, from librdkafka's line about it. An event says only that partitions are lost.
pub(super) fn session_end(line: &str) -> Option<String> {
    let (_, after) = line.split_once(" after ")?;
    let (ms, _) = after.split_once(" ms without a successful response")?;
    let last = after.split_once("last error was ").and_then(|(_, last)| last.rsplit_once("):"));
    let last = match last {
        Some((error, _)) if error != "Success" => format!(" (last error: {error})"),
        _ => String::new(),
    };
    Some(format!(
        "no answer came from the group's coordinator for {ms} ms{last}, and the session with the group has ended"
    ))
}

impl Client {
    /// Joins the group for these topics.
    pub(in crate::transport::kafka) fn subscribe(&self, topics: &[&str]) -> Result<(), KafkaError> {
        let mut list = PartitionList::new();
        for topic in topics {
            list.add(topic, -1, 0, &[]);
        }
        // SAFETY: a valid consumer handle; the list is copied.
        KafkaError::check(unsafe { raw::rd_kafka_subscribe(self.as_ptr(), list.as_ptr()) })
    }

    /// Starts leaving the group, also as a static member, which closing does not. It proceeds while the consumer is polled.
    pub(in crate::transport::kafka) fn unsubscribe(&self) -> Result<(), KafkaError> {
        // SAFETY: a valid consumer handle.
        KafkaError::check(unsafe { raw::rd_kafka_unsubscribe(self.as_ptr()) })
    }

    /// Answers a rebalance without fetching anything: the group considers the change done.
    pub(in crate::transport::kafka) fn accept(&self, assigns: bool) -> Result<(), KafkaError> {
        {
            let mut place = self.place.write().unwrap_or_else(PoisonError::into_inner);
            match *place {
                Place::Member => {}
                Place::Leaving if !self.closed() => *place = Place::Left,
                Place::Leaving | Place::Left => return Ok(()),
            }
        }
        let nothing = PartitionList::new();
        if assigns { self.assign_more(&nothing) } else { self.assign_less(&nothing) }
    }

    /// Answers what is queued.
    pub(in crate::transport::kafka) fn settle(&self) {
        loop {
            match self.poll_consumer(Duration::ZERO) {
                Polled::Nothing => return,
                // Others may be queued behind it.
                Polled::Served => {}
                Polled::Change(change) => {
                    // Refused only if it is no longer wanted.
                    let _refused = self.accept(change.assigns);
                }
            }
        }
    }

    /// This member's identity in the group; `None` for a client without a group, or that leaves it.
    pub(in crate::transport::kafka) fn group_metadata(&self) -> Option<GroupMetadata> {
        let place = self.place.read().unwrap_or_else(PoisonError::into_inner);
        if *place != Place::Member {
            return None;
        }
        // SAFETY: a valid consumer handle; the object is ours.
        NonNull::new(unsafe { rd::rd_kafka_consumer_group_metadata(self.as_ptr()) }).map(GroupMetadata)
    }

    /// What the group of this client has committed. Partitions whose offsets a transaction is about to commit have that
    /// error.
    pub(in crate::transport::kafka) fn committed(
        &self,
        partitions: &PartitionList,
        timeout: Duration,
    ) -> Result<Vec<Entry>, KafkaError> {
        // SAFETY: a valid consumer handle with a group; the list is copied for the request and filled in before the
        // call returns.
        unsafe {
            let code = raw::rd_kafka_committed(self.as_ptr(), partitions.as_ptr(), millis(timeout));
            KafkaError::check(code)?;
            Ok(entries_of(partitions.as_ptr()))
        }
    }

    /// Commits offsets as this member. `None` if there was no answer in that time.
    pub(in crate::transport::kafka) fn commit(
        &self,
        offsets: &PartitionList,
        timeout: Duration,
    ) -> Option<Result<(), KafkaError>> {
        // SAFETY: a valid consumer handle and list, which is copied. The private queue gets the one answer as an event;
        // destroying it before an answer came is allowed and drops the answer.
        unsafe {
            let queue = rd::rd_kafka_queue_new(self.as_ptr());
            let code = raw::rd_kafka_commit_queue(
                self.as_ptr(),
                offsets.as_ptr(),
                queue,
                null(),
                std::ptr::null_mut(),
            );
            let mut outcome = None;
            if code == OK {
                let event = next_event(queue, timeout);
                if !event.is_null() {
                    let code = raw::rd_kafka_event_error(event);
                    let entries = entries_of(rd::rd_kafka_event_topic_partition_list(event));
                    let first = entries.iter().map(|entry| entry.error).find(|&code| code != OK);
                    outcome = Some(KafkaError::check(if code == OK { first.unwrap_or(OK) } else { code }));
                    rd::rd_kafka_event_destroy(event);
                }
            } else {
                outcome = Some(KafkaError::check(code));
            }
            rd::rd_kafka_queue_destroy(queue);
            outcome
        }
    }

    /// Starts leaving the group. It proceeds while the consumer is polled, until [`Client::closed`].
    pub(in crate::transport::kafka) fn close(&self) -> Result<(), KafkaError> {
        *self.place.write().unwrap_or_else(PoisonError::into_inner) = Place::Leaving;
        // SAFETY: a valid consumer handle; its own queue carries what closing has to tell. The reference is given back.
        unsafe {
            let queue = rd::rd_kafka_queue_get_consumer(self.as_ptr());
            let outcome = KafkaError::take(rd::rd_kafka_consumer_close_queue(self.as_ptr(), queue));
            rd::rd_kafka_queue_destroy(queue);
            if outcome.is_err() {
                *self.place.write().unwrap_or_else(PoisonError::into_inner) = Place::Member;
            }
            outcome
        }
    }

    /// Whether it has left the group.
    pub(in crate::transport::kafka) fn closed(&self) -> bool {
        // SAFETY: a valid consumer handle.
        unsafe { rd::rd_kafka_consumer_closed(self.as_ptr()) != 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_session_is_read_from_the_line_about_it() {
        let line = |last: &str| {
            format!(
                "[thrd:main]: Consumer group session timed out (in join-state steady) after 10020 ms without a successful \
                 response from the group coordinator (broker 1, last error was {last}): revoking assignment and \
                 rejoining group"
            )
        };
        assert_eq!(
            session_end(&line("Success")).as_deref(),
            Some(
                "no answer came from the group's coordinator for 10020 ms, and the session with the group has ended"
            )
        );
        let told = session_end(&line("Broker: Not coordinator"));
        assert!(
            told.is_some_and(|told| told.contains("10020 ms (last error: Broker: Not coordinator), and"))
        );
        assert_eq!(session_end("anything else"), None);
    }
}
