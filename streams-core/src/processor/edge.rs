//! Typed edges: how one node hands a record to the next.

use std::rc::Rc;
use std::sync::Arc;

use super::{Data, TaskContext};
use crate::error::{Error, Result, UsageError};
use crate::record::Record;
use crate::time::Timestamp;

/// The receiving end of an edge.
pub trait Receiver<K, V> {
    /// Processes one record to its end, children included.
    fn receive(&self, record: Record<K, V>, task: &mut TaskContext) -> Result<()>;
}

/// A wired edge.
pub type Edge<K, V> = Rc<dyn Receiver<K, V>>;

/// A child's name and the edge to it.
type Child<K, V> = (Arc<str>, Edge<K, V>);

/// A node's wired children, in the order in which they were added.
pub struct Children<K, V>(Rc<[Child<K, V>]>);

impl<K, V> Clone for Children<K, V> {
    fn clone(&self) -> Self {
        Children(Rc::clone(&self.0))
    }
}

/// What Java's `Record` refuses.
#[cold]
fn malformed(timestamp: Timestamp) -> Error {
    let why = "event times are milliseconds since 1970; drop the record or give it another time";
    Error::User(
        format!("malformed record: it is forwarded with the negative timestamp {timestamp}; {why}").into(),
    )
}

impl<K: Data, V: Data> Children<K, V> {
    /// Children in the order in which they are called.
    pub fn new(children: Vec<(Arc<str>, Edge<K, V>)>) -> Self {
        Children(children.into())
    }

    /// Hands a record to every child, one after the other; the last one gets the original, the others a clone. Meanwhile it
    /// is the current record. A negative time is an error of the node that forwards the record, which the processing
    /// handler may skip: no topic, window or store ever sees one.
    #[inline]
    pub fn forward(&self, record: Record<K, V>, task: &mut TaskContext) -> Result<()> {
        if record.timestamp < 0 {
            return Err(malformed(record.timestamp));
        }
        task.pass(record, |record, task| self.dispatch(record, task))
    }

    #[inline]
    fn dispatch(&self, record: Record<K, V>, task: &mut TaskContext) -> Result<()> {
        match &*self.0 {
            [] => Ok(()),
            [(_, only)] => only.receive(record, task),
            [most @ .., (_, last)] => {
                for (_, child) in most {
                    child.receive(record.clone(), task)?;
                }
                last.receive(record, task)
            }
        }
    }

    /// Hands a record to the child of that name.
    pub fn forward_to(&self, name: &str, record: Record<K, V>, task: &mut TaskContext) -> Result<()> {
        match self.0.iter().find(|(child, _)| &**child == name) {
            Some(_) if record.timestamp < 0 => Err(malformed(record.timestamp)),
            Some((_, child)) => task.pass(record, |record, task| child.receive(record, task)),
            None => {
                let children = self.0.iter().map(|(child, _)| Arc::clone(child)).collect();
                Err(UsageError::UnknownChild { child: name.to_owned(), children }.into())
            }
        }
    }

    /// Whether there are none, so that there is nothing to forward to.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
