//! librdkafka's mock cluster inside a client made with `test.mock.num.brokers`: it answers as a test demands.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as rd;

use super::{Client, Code, Conf, Door, Role, Ties, c_string, text_of};

/// Kafka's numbers of the requests that a producer or a member makes.
pub(in crate::transport::kafka) mod requests {
    pub(in crate::transport::kafka) const PRODUCE: i16 = 0;
    pub(in crate::transport::kafka) const JOIN: i16 = 11;
    pub(in crate::transport::kafka) const INIT_PRODUCER_ID: i16 = 22;
    pub(in crate::transport::kafka) const ADD_PARTITIONS: i16 = 24;
    pub(in crate::transport::kafka) const ADD_OFFSETS: i16 = 25;
    pub(in crate::transport::kafka) const END: i16 = 26;
    pub(in crate::transport::kafka) const COMMIT_OFFSETS: i16 = 28;
}

/// A client with these settings.
pub(in crate::transport::kafka) fn client(
    role: Role,
    settings: &[(&str, &str)],
) -> Result<Arc<Client>, String> {
    client_of(role, settings, &Arc::new(Door::new(Duration::ZERO)))
}

/// One of a transport with that door.
pub(in crate::transport::kafka) fn client_of(
    role: Role,
    settings: &[(&str, &str)],
    door: &Arc<Door>,
) -> Result<Arc<Client>, String> {
    let mut conf = Conf::new();
    for (key, value) in settings {
        conf.set(key, value)?;
    }
    let ties = Ties { door: Arc::clone(door), token_wanted: None, tokens: false };
    Client::new(role, conf, &ties)
}

impl Client {
    /// The servers of the cluster, for other clients.
    pub(in crate::transport::kafka) fn mock_servers(&self) -> String {
        // SAFETY: the cluster belongs to the client, and so does the text, which is copied.
        unsafe {
            let cluster = rd::rd_kafka_handle_mock_cluster(self.as_ptr());
            text_of(rd::rd_kafka_mock_cluster_bootstraps(cluster))
        }
    }

    /// Sets how long the first broker takes for every answer.
    pub(in crate::transport::kafka) fn mock_round_trip(&self, time: Duration) {
        // SAFETY: the cluster belongs to the client.
        unsafe {
            let cluster = rd::rd_kafka_handle_mock_cluster(self.as_ptr());
            rd::rd_kafka_mock_broker_set_rtt(cluster, 1, super::millis(time));
        }
    }

    /// The number of events that a consumer has not been polled for.
    pub(in crate::transport::kafka) fn queued(&self) -> usize {
        // SAFETY: a valid consumer handle; the queue reference is given back.
        unsafe {
            let queue = rd::rd_kafka_queue_get_consumer(self.as_ptr());
            let queued = rd::rd_kafka_queue_length(queue);
            rd::rd_kafka_queue_destroy(queue);
            queued
        }
    }

    /// Makes a topic.
    pub(in crate::transport::kafka) fn mock_topic(&self, name: &str, partitions: i32) {
        // SAFETY: the cluster belongs to the client; the name is copied.
        unsafe {
            let cluster = rd::rd_kafka_handle_mock_cluster(self.as_ptr());
            rd::rd_kafka_mock_topic_create(cluster, c_string(name).as_ptr(), partitions, 1);
        }
    }

    /// Makes the cluster describe a topic with this error.
    pub(in crate::transport::kafka) fn mock_topic_error(&self, name: &str, error: rd::rd_kafka_resp_err_t) {
        // SAFETY: the cluster belongs to the client; the name is copied.
        unsafe {
            let cluster = rd::rd_kafka_handle_mock_cluster(self.as_ptr());
            rd::rd_kafka_mock_topic_set_error(cluster, c_string(name).as_ptr(), error);
        }
    }

    /// Makes the client fail with this fatal error.
    pub(in crate::transport::kafka) fn mock_fatal(&self, error: rd::rd_kafka_resp_err_t) {
        // SAFETY: a valid handle; the text is copied. What is returned is 0 or a code that the enum knows.
        unsafe { rd::rd_kafka_test_fatal_error(self.as_ptr(), error, c_string("a test").as_ptr()) };
    }

    /// Gives up all records, whether they are on their way or not.
    pub(in crate::transport::kafka) fn purge(&self) {
        const QUEUE: i32 = 1;
        const IN_FLIGHT: i32 = 2;
        // SAFETY: a valid producer handle. What is returned is 0 or a code that the enum knows.
        unsafe { rd::rd_kafka_purge(self.as_ptr(), QUEUE | IN_FLIGHT) };
    }

    /// Makes the next requests of that kind fail with these codes, one each.
    pub(in crate::transport::kafka) fn mock_refusals(&self, request: i16, codes: &[Code]) {
        // SAFETY: the cluster belongs to the client; the codes are copied, and read as the integers that they are.
        unsafe {
            let cluster = rd::rd_kafka_handle_mock_cluster(self.as_ptr());
            rd::rd_kafka_mock_push_request_errors_array(cluster, request, codes.len(), codes.as_ptr().cast());
        }
    }
}
