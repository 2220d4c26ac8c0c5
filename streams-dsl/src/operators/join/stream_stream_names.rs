//! The names of a stream-stream join's nodes and stores.

use streams_core::store::WindowSupplier;

use super::stream_stream_side::JoinKind;
use crate::error::{DslError, OptionError};
use crate::graph::Plan;
use crate::naming::{self, prefix};

/// What a user may have said about names.
pub(super) struct Given<'a> {
    /// The operator's name.
    pub(super) name: Option<&'a str>,
    /// What the stores' names begin with.
    pub(super) store: Option<&'a str>,
    /// Stores that bring their names.
    pub(super) this: Option<&'a WindowSupplier>,
    pub(super) other: Option<&'a WindowSupplier>,
}

/// The names of a join's parts.
#[derive(Clone)]
pub(super) struct StreamJoinNames {
    pub(super) this_windowed: String,
    pub(super) other_windowed: String,
    pub(super) this_join: String,
    pub(super) other_join: String,
    pub(super) merge: String,
    pub(super) this_store: String,
    pub(super) other_store: String,
    /// The store of records that wait for a partner. Inner joins have none.
    pub(super) waiting_store: String,
}

impl StreamJoinNames {
    /// Takes five numbers. A join's name does not name its stores; a store's name does.
    pub(super) fn new(plan: &mut Plan, kind: JoinKind, given: &Given<'_>) -> Self {
        let (this_prefix, this_suffix) = match kind {
            JoinKind::Outer => (prefix::OUTER_THIS, "-outer-this-join"),
            JoinKind::Inner | JoinKind::Left => (prefix::JOIN_THIS, "-this-join"),
        };
        let (other_prefix, other_suffix) = match kind {
            JoinKind::Inner => (prefix::JOIN_OTHER, "-other-join"),
            JoinKind::Left | JoinKind::Outer => (prefix::OUTER_OTHER, "-outer-other-join"),
        };
        let this_windowed = plan.suffixed_or_new(given.name, "-this-windowed", prefix::WINDOWED);
        let other_windowed = plan.suffixed_or_new(given.name, "-other-windowed", prefix::WINDOWED);
        let this_generated = plan.new_name(this_prefix);
        let other_generated = plan.new_name(other_prefix);
        let merge = plan.suffixed_or_new(given.name, "-merge", prefix::MERGE);
        let join = |suffix: &str, generated: &str| match given.name {
            Some(name) => format!("{name}{suffix}"),
            None => generated.to_owned(),
        };
        let store = |suffix: &str, generated: &str, supplier: Option<&WindowSupplier>| match (
            supplier,
            given.store,
        ) {
            (Some(supplier), _) => supplier.name.to_string(),
            (None, Some(name)) => format!("{name}{suffix}-store"),
            (None, None) => format!("{generated}-store"),
        };
        let names = StreamJoinNames {
            waiting_store: waiting_store(kind, given, this_generated.trim_start_matches(this_prefix)),
            this_windowed,
            other_windowed,
            this_join: join(this_suffix, &this_generated),
            other_join: join(other_suffix, &other_generated),
            merge,
            this_store: store(this_suffix, &this_generated, given.this),
            other_store: store(other_suffix, &other_generated, given.other),
        };
        names.check(plan);
        names
    }

    /// Notes the stores: `ensure.explicit.internal.resource.naming` refuses generated names.
    /// Stores that a supplier makes are always logged.
    pub(super) fn note_unnamed_stores(
        &self,
        plan: &mut Plan,
        kind: JoinKind,
        given: &Given<'_>,
        logged: bool,
    ) {
        plan.note_unnamed_store(&self.this_store, logged || given.this.is_some());
        plan.note_unnamed_store(&self.other_store, logged || given.other.is_some());
        if kind != JoinKind::Inner {
            plan.note_unnamed_store(&self.waiting_store, logged);
        }
    }

    fn check(&self, plan: &Plan) {
        plan.check(naming::validate(&self.this_store));
        plan.check(naming::validate(&self.other_store));
        if self.this_store == self.other_store {
            plan.report(DslError::Option {
                operator: self.merge.clone(),
                cause: OptionError::SameStores { store: self.this_store.clone() },
            });
        }
    }
}

/// `number` is that of this side's join processor.
fn waiting_store(kind: JoinKind, given: &Given<'_>, number: &str) -> String {
    let suffix = if kind == JoinKind::Outer { "-outer-shared-join" } else { "-left-shared-join" };
    let this = given.this.map(|supplier| &*supplier.name).filter(|name| !name.is_empty());
    match this.or(given.store) {
        Some(name) => format!("{name}{suffix}-store"),
        None => format!("{}{number}-store", prefix::OUTER_SHARED),
    }
}
