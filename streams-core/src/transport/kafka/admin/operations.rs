//! Groups, brokers and rights, for tools.

use std::collections::BTreeMap;
use std::time::Duration;

use super::KafkaAdmin;
use crate::ids::TopicPartition;
use crate::transport::kafka::error::{failed, with_right};
use crate::transport::kafka::ffi::{KafkaError, PartitionList};
use crate::transport::{AclEntry, BrokerInfo, GroupListing, GroupState, Operations, Result};

impl Operations for KafkaAdmin {
    fn groups(&mut self, timeout: Duration) -> Result<Vec<GroupListing>> {
        let found = self.call(timeout).list_groups();
        let mut groups = found.map_err(|error| {
            self.failed("listing groups", &with_right(error, "DESCRIBE", "the cluster, or on each group"))
        })?;
        groups.sort();
        Ok(groups)
    }

    fn group_state(&mut self, group: &str, timeout: Duration) -> Result<GroupState> {
        let found = self.call(timeout).group_state(group);
        found.map_err(|error| {
            let error = with_right(error, "DESCRIBE", &format!("group '{group}'"));
            self.failed(&format!("describing group {group}"), &error)
        })
    }

    fn delete_group(&mut self, group: &str, timeout: Duration) -> Result<()> {
        let deleted = self.call(timeout).delete_group(group);
        deleted.map_err(|error| {
            let error = with_right(error, "DELETE", &format!("group '{group}'"));
            self.failed(&format!("deleting group {group}"), &error)
        })
    }

    fn delete_group_offsets(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<BTreeMap<TopicPartition, Result<()>>> {
        let attempted = format!("deleting offsets of group {group}");
        let mut list = PartitionList::new();
        for partition in partitions {
            list.add(&partition.topic, partition.partition, 0, &[]);
        }
        if partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let entries = self.call(timeout).delete_group_offsets(group, &list).map_err(|error| {
            self.failed(&attempted, &with_right(error, "DELETE", &format!("group '{group}'")))
        })?;
        let result = |entry: &crate::transport::kafka::ffi::Entry| {
            if entry.error == 0 {
                return Ok(());
            }
            let right = format!("topic '{}'", entry.partition.topic);
            let error = with_right(KafkaError::from_code(entry.error), "READ", &right);
            Err(failed(format!("{attempted} for {} at {}", entry.partition, self.servers), &error))
        };
        Ok(entries.iter().map(|entry| (entry.partition.clone(), result(entry))).collect())
    }

    fn brokers(&mut self, timeout: Duration) -> Result<Vec<BrokerInfo>> {
        let found = self.call(timeout).brokers();
        let mut brokers = found.map_err(|error| self.failed("describing the cluster", &error))?;
        brokers.sort();
        Ok(brokers)
    }

    fn broker_configs(&mut self, broker: i32, timeout: Duration) -> Result<BTreeMap<String, String>> {
        let found = self.call(timeout).broker_configs(broker);
        found.map_err(|error| {
            let error = with_right(error, "DESCRIBE_CONFIGS", "the cluster");
            self.failed(&format!("asking for the settings of broker {broker}"), &error)
        })
    }

    fn acls(&mut self, timeout: Duration) -> Result<Vec<AclEntry>> {
        let found = self.call(timeout).acls();
        found.map_err(|error| {
            self.failed("asking for the rights", &with_right(error, "DESCRIBE", "the cluster"))
        })
    }
}
