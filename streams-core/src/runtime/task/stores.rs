//! A task's stores, each with its database and its changelog.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use state_stores::StateStore;

use super::TaskEnvironment;
use crate::error::Result;
use crate::ids::{Offset, TaskId, TopicPartition, changelog_topic};
use crate::processor::{Collector, Origin, OriginId, OutTopic, Purpose};
use crate::runtime::restore::OpenedTask;
use crate::store::{RecordClock, StoreEnvironment, StoreHandle};

/// A store with its database and its changelog.
pub(super) struct TaskStore {
    pub store: Rc<RefCell<dyn StateStore>>,
    /// The number of its database.
    pub backend: usize,
    pub changelog: Option<StoreChangelog>,
    /// Whether writes may be deferred: the changes must be in the store's own changelog.
    pub defers: bool,
}

/// Where a store's changes are logged, and how far its log has come with what is committed.
pub(super) struct StoreChangelog {
    pub partition: TopicPartition,
    pub topic: OutTopic,
    pub origin: OriginId,
    /// Whether it is a source topic, which is read and never written to.
    pub is_source: bool,
    pub next: Offset,
    /// Records sent since the last commit.
    pub sent: i64,
    /// How far the database has come.
    pub written: Offset,
}

/// Handles of stores by name.
pub(super) type Readable = BTreeMap<String, StoreHandle>;

/// A task's restored stores, and their handles by name.
pub(super) fn open_stores(
    id: TaskId,
    opened: &OpenedTask,
    clock: &Rc<RecordClock>,
    environment: &TaskEnvironment,
) -> Result<(Vec<TaskStore>, Readable)> {
    let plan = environment.plan.subtopology(id)?;
    let mut stores = Vec::with_capacity(plan.stores.len());
    let mut readable = Readable::new();
    for store in &plan.stores {
        let name = &store.name;
        let end = opened.changelog_ends.get(name).copied().unwrap_or(0);
        let changelog = match &store.changelog {
            None => None,
            Some(topic) => Some(StoreChangelog {
                partition: TopicPartition::new(Arc::clone(topic), id.partition),
                topic: environment.collector.topic(topic)?,
                origin: environment.collector.origin(&Origin {
                    task: id,
                    node: Arc::clone(name),
                    purpose: Purpose::Changelog { store: Arc::clone(name) },
                    source: None,
                }),
                is_source: store.is_source,
                next: end,
                sent: 0,
                written: end,
            }),
        };
        // Of a source topic that serves as a changelog, others are the writers.
        let defers = store.changelog.is_some() && !store.is_source;
        let handed = match &store.changelog {
            Some(topic) => Arc::clone(topic),
            None => changelog_topic(&environment.plan.application_id, name),
        };
        let backend = opened.backends.index_of(&store.place())?;
        let handles = store.factory.open(&StoreEnvironment {
            task: id,
            backend: Arc::clone(opened.backends.get(backend)?),
            clock: Rc::clone(clock),
            changelog: handed,
            cache_bytes: environment.store_cache_bytes,
            caching: environment.caching,
        })?;
        readable.insert(name.to_string(), handles.handle);
        stores.push(TaskStore { store: handles.store, backend, changelog, defers });
    }
    Ok((stores, readable))
}

/// The stores that a node may use.
pub(super) fn stores_of(environment: &TaskEnvironment, node: &str) -> BTreeSet<String> {
    let node = environment.plan.topology.graph().node(node);
    node.map(|node| node.stores.iter().map(ToString::to_string).collect()).unwrap_or_default()
}
