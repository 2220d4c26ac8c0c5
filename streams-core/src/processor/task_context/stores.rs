//! The stores of a task, and which of its nodes may use them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::error::{Error, Result, UsageError};
use crate::processor::GlobalReaders;
use crate::processor::node::NodeIndex;
use crate::store::StoreHandle;

/// The stores of a task, and which of its nodes may use them.
pub struct TaskStores {
    /// Handles by store name.
    pub handles: BTreeMap<String, StoreHandle>,
    /// Each node's name with the stores that it is connected to.
    pub access: Vec<(Arc<str>, BTreeSet<String>)>,
    /// Global stores, readable by every node.
    pub globals: GlobalReaders,
}

impl TaskStores {
    /// A store, whichever nodes it is connected to.
    pub(super) fn any<S: Clone + 'static>(&self, name: &str) -> Option<S> {
        self.handles.get(name)?.downcast_ref::<S>().cloned()
    }

    /// A store that the node is connected to, or a global one.
    pub(super) fn of_node<S: Clone + 'static>(&self, node: NodeIndex, name: &str) -> Result<S> {
        let Some((node_name, allowed)) = self.access.get(node.0 as usize) else {
            return Err(Error::Internal(format!("node {} is unknown to its task", node.0)));
        };
        if let Some(global) = self.globals.get::<S>(name) {
            return global;
        }
        let (node, store) = (Arc::clone(node_name), name.into());
        if !allowed.contains(name) {
            let connected = allowed.iter().map(|name| name.as_str().into()).collect();
            return Err(UsageError::StoreNotConnected { node, store, connected }.into());
        }
        let Some(handle) = self.handles.get(name) else {
            return Err(Error::Internal(format!("processor {node} is connected to no store {store}")));
        };
        let (asked, is) = (std::any::type_name::<S>(), handle.type_name());
        let other = || UsageError::StoreType { node, store, asked, is }.into();
        handle.downcast_ref().cloned().ok_or_else(other)
    }

    /// A node's name.
    pub(super) fn node_name(&self, node: NodeIndex) -> Arc<str> {
        let name = self.access.get(node.0 as usize).map(|(name, _)| Arc::clone(name));
        name.unwrap_or_else(|| Arc::from("unknown"))
    }

    /// The nodes that use a store, as messages list them.
    pub(super) fn users_of(&self, store: &str) -> String {
        let using = self.access.iter().filter(|(_, stores)| stores.contains(store));
        using.map(|(node, _)| &**node).collect::<Vec<_>>().join(", ")
    }
}
