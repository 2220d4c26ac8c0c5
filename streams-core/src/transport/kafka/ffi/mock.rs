//! librdkafka's mock cluster inside a client made with `test.mock.num.brokers`: it answers as it is told.

use rdkafka::bindings as rd;

use super::{Client, Code, c_string};

/// Kafka's number of the request that carries records.
const PRODUCE: i16 = 0;

impl Client {
    /// Makes a topic.
    pub(in crate::transport::kafka) fn mock_topic(&self, name: &str, partitions: i32) {
        // SAFETY: the cluster belongs to the client; the name is copied.
        unsafe {
            let cluster = rd::rd_kafka_handle_mock_cluster(self.as_ptr());
            rd::rd_kafka_mock_topic_create(cluster, c_string(name).as_ptr(), partitions, 1);
        }
    }

    /// The next requests with records are answered with these codes, one each.
    pub(in crate::transport::kafka) fn mock_refusals(&self, codes: &[Code]) {
        // SAFETY: the cluster belongs to the client; the codes are copied, and read as the integers that they are.
        unsafe {
            let cluster = rd::rd_kafka_handle_mock_cluster(self.as_ptr());
            rd::rd_kafka_mock_push_request_errors_array(cluster, PRODUCE, codes.len(), codes.as_ptr().cast());
        }
    }
}
