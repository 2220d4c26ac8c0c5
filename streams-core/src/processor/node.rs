//! A processor's place in a task's graph.

use std::any::Any;
use std::cell::{OnceCell, RefCell};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use super::factory::{EdgeType, NodeFactory, NodeInstance, Wiring};
use super::{
    Children, Data, Edge, InitContext, NodeMeter, Processor, ProcessorContext, ProcessorResult, Punctuation,
    Receiver, TaskContext,
};
use crate::error::{Error, Result};
use crate::record::Record;
use crate::time::{Clock, OnceAMinute, SystemClock, Timestamp};
use crate::user_code::{UserPanic, caught, guarded};

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

/// Makes a task's instance of a processor.
type Supplier<P> = dyn Fn(&mut InitContext<'_>) -> ProcessorResult<P> + Send + Sync;

struct ProcessorNode<P, KIn, VIn, KOut: Data, VOut: Data> {
    name: Arc<str>,
    index: NodeIndex,
    supplier: Arc<Supplier<P>>,
    /// The instances of all tasks that failed to close: each repetition of work closes them.
    unclosed: Arc<Mutex<OnceAMinute>>,
    // The graph has no cycles, so that a node is never entered while it runs; the cell checks it. Empty until the task,
    // whose stores are open by then, has it made.
    processor: RefCell<Option<P>>,
    children: Children<KOut, VOut>,
    /// Where records end.
    meter: OnceCell<Rc<NodeMeter>>,
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
        call: impl FnOnce(&mut P, &mut ProcessorContext<'_, KOut, VOut>) -> ProcessorResult,
    ) -> Result<()> {
        let mut processor = self.processor.borrow_mut();
        let Some(processor) = processor.as_mut() else { return Err(self.too_early()) };
        let mut context = ProcessorContext { node: self.index, children: &self.children, task };
        // A panic is caught at the node where it happens, as an exception is in Java: siblings and parents continue if the
        // handler resumes.
        match guarded(|| call(processor, &mut context)) {
            Ok(()) => Ok(()),
            Err(error) => task.on_processing_error(&self.name, Error::of_user_code(error)),
        }
    }

    #[cold]
    fn too_early(&self) -> Error {
        Error::Internal(format!("node {} got a record before its task made it", self.name))
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
        let timestamp = record.timestamp;
        self.run(task, |processor, context| processor.process(record, context))?;
        if let Some(meter) = self.meter.get() {
            meter.reached(timestamp, task.wall_clock_ms());
        }
        Ok(())
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
        if self.children.is_empty() {
            self.meter.get_or_init(|| task.meters().node(&self.name, false));
        }
        // An error here is a bug of the program, not of a record: no handler may skip it.
        let mut context = InitContext::new(self.index, &self.children, task);
        let made = guarded(|| (self.supplier)(&mut context));
        let task = context.task_id();
        let failed = |error| {
            let cause = match Error::of_user_code(error) {
                Error::User(cause) => cause,
                mistake @ (Error::Usage(_) | Error::IllegalState(_)) => mistake.into(),
                // Not the supplier's error, but one of a store or a broker.
                other => return other,
            };
            Error::Supplier { node: Arc::clone(&self.name), task, cause }
        };
        *self.processor.borrow_mut() = Some(made.map_err(failed)?);
        Ok(())
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
        let Some(processor) = &mut *self.processor.borrow_mut() else { return };
        if let Err(panic) = caught(|| processor.close()) {
            self.failed_to_close(&panic);
        }
    }
}

impl<P, KIn, VIn, KOut: Data, VOut: Data> ProcessorNode<P, KIn, VIn, KOut, VOut> {
    #[cold]
    fn failed_to_close(&self, panic: &UserPanic) {
        let mut unclosed = self.unclosed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(so_far) = unclosed.count(SystemClock.monotonic_ms()) {
            tracing::error!(node = &*self.name, %panic, so_far, "a processor failed to close");
        }
    }
}

/// Each processor is dropped by itself: when the drops of two panic at once, the process ends.
impl<P, KIn, VIn, KOut: Data, VOut: Data> Drop for ProcessorNode<P, KIn, VIn, KOut, VOut> {
    fn drop(&mut self) {
        let processor = self.processor.get_mut().take();
        if let Err(panic) = caught(|| drop(processor)) {
            self.failed_to_close(&panic);
        }
    }
}

/// Builds a processor node from a supplier that is called once for each task.
pub struct ProcessorFactory<P, KIn, VIn, KOut, VOut> {
    supplier: Arc<Supplier<P>>,
    unclosed: Arc<Mutex<OnceAMinute>>,
    types: Types<KIn, VIn, KOut, VOut>,
}

impl<P, KIn, VIn, KOut, VOut> ProcessorFactory<P, KIn, VIn, KOut, VOut> {
    /// A factory that calls `supplier`.
    pub fn new(
        supplier: impl Fn(&mut InitContext<'_>) -> ProcessorResult<P> + Send + Sync + 'static,
    ) -> Self {
        ProcessorFactory { supplier: Arc::new(supplier), unclosed: Arc::default(), types: PhantomData }
    }
}

impl<P, KIn, VIn, KOut, VOut> NodeFactory for ProcessorFactory<P, KIn, VIn, KOut, VOut>
where
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
            supplier: Arc::clone(&self.supplier),
            unclosed: Arc::clone(&self.unclosed),
            processor: RefCell::new(None),
            meter: OnceCell::new(),
            types: PhantomData,
        });
        let edge: Edge<KIn, VIn> = node.clone();
        Ok(NodeInstance { edge: Some(Rc::new(edge) as Rc<dyn Any>), lifecycle: node, input: None })
    }
}
