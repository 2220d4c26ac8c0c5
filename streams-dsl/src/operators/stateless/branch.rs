//! `split`: one stream as several, each record in the first branch that takes it (`KStreamBranch`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;

use super::branched::Branched;
use super::merge::PassThrough;
use crate::graph::{GraphNode, Step};
use crate::handles::KStream;
use crate::naming::prefix;
use crate::operators::fallible::user;

type Predicate<K, V> = Arc<dyn Fn(&K, &V) -> Result<bool> + Send + Sync>;

impl<K: Data, V: Data> KStream<K, V> {
    /// Splits the stream: each record goes to the first branch whose predicate is true, or else to the default branch,
    /// if there is one (`KStream.split`).
    ///
    /// The result names the branches: the splitter's name (see [`named`](Self::named)), followed by the branch's name
    /// or its position from 1; the default branch is 0.
    ///
    /// * Nulls: the predicates see those that the types have.
    /// * Time: keys, values, times and headers stay.
    /// * Repartition: none follows. A branch of a stream whose key has changed repartitions where that stream would.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let branches = builder
    ///     .stream::<String, i64>("payments")
    ///     .named("size-")
    ///     .split()
    ///     .branch_with(|_, amount| *amount > 1000, Branched::named("large"))
    ///     .branch(|_, amount| *amount > 100)
    ///     .default_branch();
    /// assert_eq!(branches.keys().collect::<Vec<_>>(), ["size-0", "size-2", "size-large"]);
    /// branches["size-large"].to("alerts");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// payments.pipe("alice".into(), 99, 0)?;
    /// payments.pipe("bob".into(), 5000, 1)?;
    /// assert_eq!(driver.create_output_topic::<String, i64>("alerts").read_key_values()?, [("bob".into(), 5000)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split(&self) -> BranchedKStream<K, V> {
        let name = self.step.next_name(prefix::BRANCH);
        let branches = Rc::new(RefCell::new(Branches { predicates: Vec::new(), children: Vec::new() }));
        let shared = Rc::clone(&branches);
        let node = GraphNode::new(&name, move |writer| {
            // Read when the topology is built: branches are added after the node.
            let branches = Arc::new(shared.borrow().clone());
            let supplier = Arc::new(move || Branch { branches: Arc::clone(&branches) });
            writer.own_stateless::<_, K, V, K, V>(&supplier)
        });
        let splitter = self.step.add(node);
        BranchedKStream { source: self.clone(), splitter, branches, outputs: BTreeMap::new() }
    }
}

/// A stream that is being split (`org.apache.kafka.streams.kstream.BranchedKStream`).
#[must_use = "end the branches with default_branch or no_default_branch"]
pub struct BranchedKStream<K, V> {
    source: KStream<K, V>,
    splitter: Step,
    branches: Rc<RefCell<Branches<K, V>>>,
    outputs: BTreeMap<String, KStream<K, V>>,
}

impl<K: Data, V: Data> BranchedKStream<K, V> {
    /// A branch for the records that no earlier branch took and for which the predicate is true
    /// (`BranchedKStream.branch`). [`KStream::split`] has an example.
    pub fn branch(self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.branch_with(predicate, Branched::new())
    }

    /// As [`branch`](Self::branch), with a name or something to do with the branch (`BranchedKStream.branch(Predicate,
    /// Branched)`); see [`Branched`].
    pub fn branch_with(
        mut self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        branched: Branched<'_, K, V>,
    ) -> Self {
        self.add_branch(Arc::new(move |key, value| Ok(predicate(key, value))), branched);
        self
    }

    /// As [`branch`](Self::branch), with a predicate that may fail: then the record goes to no branch. See
    /// [`try_map_values`](KStream::try_map_values).
    pub fn try_branch<E: Into<UserError>>(
        self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
    ) -> Self {
        self.try_branch_with(predicate, Branched::new())
    }

    /// As [`branch_with`](Self::branch_with), with a predicate that may fail.
    pub fn try_branch_with<E: Into<UserError>>(
        mut self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
        branched: Branched<'_, K, V>,
    ) -> Self {
        self.add_branch(Arc::new(move |key, value| user(predicate(key, value))), branched);
        self
    }

    /// Gives the records that no branch took a branch of their own, and ends the split
    /// (`BranchedKStream.defaultBranch`).
    pub fn default_branch(self) -> BTreeMap<String, KStream<K, V>> {
        self.default_branch_with(Branched::new())
    }

    /// As [`default_branch`](Self::default_branch), with a name or something to do with the branch.
    pub fn default_branch_with(mut self, branched: Branched<'_, K, V>) -> BTreeMap<String, KStream<K, V>> {
        self.add(branched, 0);
        self.outputs
    }

    /// Drops the records that no branch took, and ends the split (`BranchedKStream.noDefaultBranch`). They are not
    /// counted in `dropped-records`.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let branches = builder
    ///     .stream::<String, i64>("payments")
    ///     .named("size-")
    ///     .split()
    ///     .branch_with(|_, amount| *amount > 1000, Branched::named("large"))
    ///     .no_default_branch();
    /// assert_eq!(branches.keys().collect::<Vec<_>>(), ["size-large"]);
    /// ```
    pub fn no_default_branch(self) -> BTreeMap<String, KStream<K, V>> {
        self.outputs
    }

    fn add_branch(&mut self, predicate: Predicate<K, V>, branched: Branched<'_, K, V>) {
        self.branches.borrow_mut().predicates.push(predicate);
        let position = self.branches.borrow().predicates.len();
        self.add(branched, position);
    }

    fn add(&mut self, branched: Branched<'_, K, V>, position: usize) {
        let suffix = branched.name.unwrap_or_else(|| position.to_string());
        let name = format!("{}{suffix}", self.splitter.name);
        self.branches.borrow_mut().children.push(name.clone());
        // Kafka Streams takes a number for each branch, whatever its name.
        self.splitter.with_plan(|plan| plan.new_name(&name));
        let supplier = Arc::new(|| PassThrough);
        let node = GraphNode::new(&name, move |writer| writer.own_stateless::<_, K, V, K, V>(&supplier));
        let source = &self.source;
        let branch = KStream::new(
            self.splitter.add(node),
            source.key_serde.clone(),
            source.value_serde.clone(),
            source.repartition_required,
        );
        let output = match branched.chain {
            Some(chain) => chain(branch),
            None => Some(branch),
        };
        if let Some(output) = output {
            self.outputs.insert(name, output);
        }
    }
}

/// The predicates and the names of the branches; one more name than predicates is the default branch's.
struct Branches<K, V> {
    predicates: Vec<Predicate<K, V>>,
    children: Vec<String>,
}

impl<K, V> Clone for Branches<K, V> {
    fn clone(&self) -> Self {
        Branches { predicates: self.predicates.clone(), children: self.children.clone() }
    }
}

struct Branch<K, V> {
    branches: Arc<Branches<K, V>>,
}

impl<K: Data, V: Data> Processor<K, V, K, V> for Branch<K, V> {
    fn process(&mut self, record: Record<K, V>, context: &mut ProcessorContext<'_, K, V>) -> ProcessorResult {
        let Branches { predicates, children } = &*self.branches;
        let mut taken = predicates.len();
        for (position, predicate) in predicates.iter().enumerate() {
            if predicate(&record.key, &record.value)? {
                taken = position;
                break;
            }
        }
        match children.get(taken) {
            Some(child) => context.forward_to(child, record),
            None => Ok(()),
        }
    }
}
