//! What the two sides of a stream-stream join share, and in what they differ (`KStreamKStreamJoinLeftSide`,
//! `KStreamKStreamJoinRightSide`).

use std::sync::Arc;

use streams_core::processor::Data;
use streams_core::serde::LeftOrRightValue;

use crate::operators::nulls::Nulls;
use crate::windows::{JoinWindows, Reach};

/// Which records a join has results for besides pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JoinKind {
    /// None.
    Inner,
    /// Those of the left stream that find no partner.
    Left,
    /// Those of both streams that find no partner.
    Outer,
}

/// What all instances of a join share.
pub(super) struct StreamJoin<K, VL, VR, F> {
    pub(super) kind: JoinKind,
    pub(super) windows: JoinWindows,
    pub(super) keys: Nulls<K>,
    pub(super) left: Nulls<VL>,
    pub(super) right: Nulls<VR>,
    pub(super) left_store: Arc<str>,
    pub(super) right_store: Arc<str>,
    /// The store of records that wait for a partner; `None` if none do.
    pub(super) waiting_store: Option<Arc<str>>,
    /// Makes a result of what there is of the two values.
    pub(super) joiner: F,
}

/// One side of a join: its own values are `This`, those it looks for are `Other`.
pub(super) trait Side<VL: Data, VR: Data>: 'static {
    type This: Data;
    type Other: Data;

    /// Whether it is the left one.
    const LEFT: bool;

    /// Which of its values are null.
    fn nulls<K, F>(join: &StreamJoin<K, VL, VR, F>) -> &Nulls<Self::This>;

    /// One of its values, as it waits for a partner.
    fn waiting(value: Self::This) -> LeftOrRightValue<VL, VR>;

    /// The joiner's arguments.
    fn arguments(this: Self::This, other: Option<Self::Other>) -> (Option<VL>, Option<VR>);
}

/// The left side.
pub(super) struct LeftSide;

/// The right side.
pub(super) struct RightSide;

impl<VL: Data, VR: Data> Side<VL, VR> for LeftSide {
    type This = VL;
    type Other = VR;

    const LEFT: bool = true;

    fn nulls<K, F>(join: &StreamJoin<K, VL, VR, F>) -> &Nulls<VL> {
        &join.left
    }

    fn waiting(value: VL) -> LeftOrRightValue<VL, VR> {
        LeftOrRightValue::Left(value)
    }

    #[inline]
    fn arguments(this: VL, other: Option<VR>) -> (Option<VL>, Option<VR>) {
        (Some(this), other)
    }
}

impl<VL: Data, VR: Data> Side<VL, VR> for RightSide {
    type This = VR;
    type Other = VL;

    const LEFT: bool = false;

    fn nulls<K, F>(join: &StreamJoin<K, VL, VR, F>) -> &Nulls<VR> {
        &join.right
    }

    fn waiting(value: VR) -> LeftOrRightValue<VL, VR> {
        LeftOrRightValue::Right(value)
    }

    #[inline]
    fn arguments(this: VR, other: Option<VL>) -> (Option<VL>, Option<VR>) {
        (other, Some(this))
    }
}

impl<K, VL, VR, F> StreamJoin<K, VL, VR, F> {
    /// How far a side looks into the other one.
    pub(super) fn reach(&self, left: bool) -> Reach {
        if left { self.windows.seen_from_left() } else { self.windows.seen_from_right() }
    }

    /// The store that a side looks into.
    pub(super) fn store_of_others(&self, left: bool) -> &str {
        if left { &self.right_store } else { &self.left_store }
    }

    /// Whether a record of a side has a result even without a partner.
    pub(super) fn joins_null(&self, left: bool) -> bool {
        match self.kind {
            JoinKind::Inner => false,
            JoinKind::Left => left,
            JoinKind::Outer => true,
        }
    }

    /// How long after a record of a side its last partner may be, and come.
    pub(super) fn closes_after_ms(&self, left: bool) -> i64 {
        self.reach(left).ahead_ms().wrapping_add(self.windows.grace_ms())
    }
}
