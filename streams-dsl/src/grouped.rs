//! The handle of a grouped stream; its aggregations are in `operators/aggregate`.

use std::cell::Cell;
use std::rc::Rc;

use streams_core::serde::SerdeRef;

use crate::graph::{NodeId, Step};

/// A stream grouped by key, to be aggregated (`org.apache.kafka.streams.kstream.KGroupedStream`).
pub struct KGroupedStream<K, V> {
    pub(crate) step: Step,
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
    pub(crate) repartition_required: bool,
    /// The user's name for the repartition topic (`Grouped.as`).
    pub(crate) repartition_name: Option<Rc<str>>,
    /// The repartition node that aggregations share when the user has named it.
    pub(crate) repartition: Rc<Cell<Option<NodeId>>>,
}

impl<K, V> Clone for KGroupedStream<K, V> {
    fn clone(&self) -> Self {
        KGroupedStream {
            step: self.step.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            repartition_required: self.repartition_required,
            repartition_name: self.repartition_name.clone(),
            repartition: Rc::clone(&self.repartition),
        }
    }
}

impl<K, V> KGroupedStream<K, V> {
    /// A stream that is grouped by its key.
    pub(crate) fn new(
        step: Step,
        key_serde: Option<SerdeRef<K>>,
        value_serde: Option<SerdeRef<V>>,
        repartition_required: bool,
        repartition_name: Option<&str>,
    ) -> Self {
        KGroupedStream {
            step,
            key_serde,
            value_serde,
            repartition_required,
            repartition_name: repartition_name.map(Into::into),
            repartition: Rc::default(),
        }
    }
}
