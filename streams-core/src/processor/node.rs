//! A processor's place in a task's graph.

use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use super::factory::{EdgeType, NodeFactory, NodeInstance, Wiring};
use super::user_code::{caught, guarded};
use super::{Children, Data, Edge, Processor, ProcessorContext, Punctuation, Receiver, TaskContext};
use crate::error::{Error, Result};
use crate::record::Record;
use crate::time::Timestamp;

/// A node's number within its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeIndex(pub u32);

/// What a task does with its nodes besides sending records through them.
pub trait Lifecycle {
    /// Before the first record.
    fn init(&self, task: &mut TaskContext) -> Result<()>;

    /// A punctuation is due.
    fn punctuate(&self, punctuation: Punctuation, timestamp: Timestamp, task: &mut TaskContext)
    -> Result<()>;

    /// After the last record.
    fn close(&self);
}

type Types<K1, V1, K2, V2> = PhantomData<fn(K1, V1) -> (K2, V2)>;

struct ProcessorNode<P, KIn, VIn, KOut: Data, VOut: Data> {
    name: Arc<str>,
    index: NodeIndex,
    // The graph has no cycles, so that a node is never entered while it runs; the cell checks it.
    processor: RefCell<P>,
    children: Children<KOut, VOut>,
    types: Types<KIn, VIn, KOut, VOut>,
}

impl<P, KIn, VIn, KOut, VOut> ProcessorNode<P, KIn, VIn, KOut, VOut>
where
    P: Processor<KIn, VIn, KOut, VOut>,
    KIn: Data,
    VIn: Data,
    KOut: Data,
    VOut: Data,
{
    #[inline]
    fn run(
        &self,
        task: &mut TaskContext,
        call: impl FnOnce(&mut P, &mut ProcessorContext<'_, KOut, VOut>) -> Result<()>,
    ) -> Result<()> {
        let mut context = ProcessorContext { node: self.index, children: &self.children, task };
        // A panic is caught at the node where it happens, as an exception is in Java: its siblings and parents go on if the
        // handler resumes.
        match guarded(|| call(&mut self.processor.borrow_mut(), &mut context)) {
            Ok(()) => Ok(()),
            Err(error) => task.on_processing_error(&self.name, error),
        }
    }
}

impl<P, KIn, VIn, KOut, VOut> Receiver<KIn, VIn> for ProcessorNode<P, KIn, VIn, KOut, VOut>
where
    P: Processor<KIn, VIn, KOut, VOut>,
    KIn: Data,
    VIn: Data,
    KOut: Data,
    VOut: Data,
{
    #[inline]
    fn receive(&self, record: Record<KIn, VIn>, task: &mut TaskContext) -> Result<()> {
        self.run(task, |processor, context| processor.process(record, context))
    }
}

impl<P, KIn, VIn, KOut, VOut> Lifecycle for ProcessorNode<P, KIn, VIn, KOut, VOut>
where
    P: Processor<KIn, VIn, KOut, VOut>,
    KIn: Data,
    VIn: Data,
    KOut: Data,
    VOut: Data,
{
    fn init(&self, task: &mut TaskContext) -> Result<()> {
        // An error here is the program's, not a record's: no handler may skip it.
        let mut context = ProcessorContext { node: self.index, children: &self.children, task };
        caught(|| self.processor.borrow_mut().init(&mut context)).unwrap_or_else(|panic| {
            let (node, task) = (&self.name, context.task_id());
            Err(Error::User(format!("node {node} of task {task} {panic} in its init").into()))
        })
    }

    fn punctuate(
        &self,
        punctuation: Punctuation,
        timestamp: Timestamp,
        task: &mut TaskContext,
    ) -> Result<()> {
        self.run(task, |processor, context| processor.punctuate(punctuation, timestamp, context))
    }

    fn close(&self) {
        if let Err(panic) = caught(|| self.processor.borrow_mut().close()) {
            tracing::error!(node = &*self.name, %panic, "a processor failed to close");
        }
    }
}

/// Builds a processor node from a supplier that is called once for each task.
pub struct ProcessorFactory<F, KIn, VIn, KOut, VOut> {
    supplier: F,
    types: Types<KIn, VIn, KOut, VOut>,
}

impl<F, KIn, VIn, KOut, VOut> ProcessorFactory<F, KIn, VIn, KOut, VOut> {
    /// A factory around that supplier.
    pub fn new(supplier: F) -> Self {
        ProcessorFactory { supplier, types: PhantomData }
    }
}

impl<F, P, KIn, VIn, KOut, VOut> NodeFactory for ProcessorFactory<F, KIn, VIn, KOut, VOut>
where
    F: Fn() -> P + Send + Sync,
    P: Processor<KIn, VIn, KOut, VOut>,
    KIn: Data,
    VIn: Data,
    KOut: Data,
    VOut: Data,
{
    fn input(&self) -> Option<EdgeType> {
        Some(EdgeType::of::<KIn, VIn>())
    }

    fn output(&self) -> Option<EdgeType> {
        Some(EdgeType::of::<KOut, VOut>())
    }

    fn build(&self, wiring: Wiring) -> Result<NodeInstance> {
        let node = Rc::new(ProcessorNode::<P, KIn, VIn, KOut, VOut> {
            children: wiring.typed_children()?,
            name: wiring.name,
            index: wiring.index,
            processor: RefCell::new((self.supplier)()),
            types: PhantomData,
        });
        let edge: Edge<KIn, VIn> = node.clone();
        Ok(NodeInstance { edge: Some(Rc::new(edge) as Rc<dyn Any>), lifecycle: node, input: None })
    }
}
