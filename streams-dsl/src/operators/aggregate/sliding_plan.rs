//! Which sliding windows of a key a record changes and makes: what `KStreamSlidingWindowAggregate` decides, without its
//! store.
//!
//! A window is known by its start. Of each record there is the window that ends at it (its left one) and, once a later
//! record of the key is in it, the one that starts 1 ms after it (its right one). So a record
//!
//! 1. is added to the windows that there are and that hold it;
//! 2. makes the right window of the record before it, if it is the first one in there;
//! 3. makes its own left window, which begins with the aggregate of the last window before it if that still reaches;
//! 4. makes its own right window, if later records are known: with their aggregate, as it is.

use streams_core::store::ValueAndTimestamp;
use streams_core::time::Timestamp;

/// A window that is there, by its start.
pub(super) type Found<A> = (Timestamp, ValueAndTimestamp<A>);

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step<A> {
    /// The record is added to the window that starts then: to this aggregate, or to the initial one.
    Add(Timestamp, Option<ValueAndTimestamp<A>>),
    /// A window that starts then is made of records that are known already.
    Copy(Timestamp, ValueAndTimestamp<A>),
}

/// The changes by a record at `timestamp`, which is at least the time difference. `found` are the windows that start
/// from two time differences before it to 1 ms after it, the latest first; those after the first one that ends before the
/// record are not needed.
pub(super) fn steps<A: Clone>(
    timestamp: Timestamp,
    difference_ms: i64,
    found: Vec<Found<A>>,
) -> Vec<Step<A>> {
    let starts: Vec<Timestamp> = found.iter().map(|(start, _)| *start).collect();
    let mut steps = Vec::with_capacity(found.len() + 2);
    let (mut has_left, mut has_right) = (false, false);
    let (mut before, mut after) = (None, None);
    let mut previous = None;
    for (start, stored) in found {
        let (end, latest) = (start + difference_ms, stored.timestamp);
        if start == timestamp + 1 {
            has_right = true;
        } else if end > timestamp {
            after.get_or_insert_with(|| stored.clone());
            steps.push(Step::Add(start, Some(stored)));
        } else if end == timestamp {
            has_left = true;
            steps.push(Step::Add(start, Some(stored)));
            if latest == timestamp {
                // Another record of this time has made all that there is to make.
                return steps;
            }
            previous = Some(latest);
        } else {
            previous = Some(latest);
            before = Some(stored);
            break;
        }
    }
    if let Some(right) = previous.map(|previous| previous + 1)
        && right + difference_ms >= timestamp
        && !starts.contains(&right)
    {
        steps.push(Step::Add(right, None));
    }
    if !has_left {
        let reaches = previous.is_some_and(|previous| timestamp - difference_ms <= previous);
        let aggregate = before.filter(|_| reaches);
        let aggregate = aggregate.map(|stored| ValueAndTimestamp { value: stored.value, timestamp });
        steps.push(Step::Add(timestamp - difference_ms, aggregate));
    }
    if !has_right {
        copy_after(timestamp, after, &mut steps);
    }
    steps
}

/// The changes by a record at `timestamp`, which is less than the time difference: its left window would start before
/// 1970, so that all such records share the window that starts at 0. `found` are the windows from there to 1 ms after the
/// record, in the order of their starts.
pub(super) fn early_steps<A: Clone>(timestamp: Timestamp, found: Vec<Found<A>>) -> Vec<Step<A>> {
    let starts: Vec<Timestamp> = found.iter().map(|(start, _)| *start).collect();
    let mut steps = Vec::with_capacity(found.len() + 2);
    let (mut shared, mut after, mut has_right) = (None, None, false);
    let mut previous = None;
    for (start, stored) in found {
        if start == 0 {
            previous = Some(stored.timestamp).filter(|latest| *latest < timestamp);
            shared = Some(stored);
        } else if start <= timestamp {
            after = Some(stored.clone());
            steps.push(Step::Add(start, Some(stored)));
        } else {
            has_right = true;
        }
    }
    if !has_right {
        // Without a window in between, the shared one holds nothing but later records, if it holds any.
        let later = after.or_else(|| shared.clone());
        copy_after(timestamp, later, &mut steps);
    }
    if let Some(right) = previous.map(|previous| previous + 1)
        && !starts.contains(&right)
    {
        steps.push(Step::Add(right, None));
    }
    steps.push(Step::Add(0, shared));
    steps
}

/// Makes the window after a record, if there are later ones.
fn copy_after<A>(timestamp: Timestamp, after: Option<ValueAndTimestamp<A>>, steps: &mut Vec<Step<A>>) {
    let later = after.filter(|stored| stored.timestamp > timestamp);
    steps.extend(later.map(|stored| Step::Copy(timestamp + 1, stored)));
}
