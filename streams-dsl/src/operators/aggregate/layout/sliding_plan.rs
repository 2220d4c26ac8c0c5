//! Decides which sliding windows of a key a record changes and makes, as `KStreamSlidingWindowAggregate` does, without
//! its store.
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

/// An existing window, by its start.
pub(super) type Found<A> = (Timestamp, ValueAndTimestamp<A>);

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum SlidingStep<A> {
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
) -> Vec<SlidingStep<A>> {
    let mut around = Around::of(&found);
    let mut steps = Vec::with_capacity(found.len() + 2);
    for (start, stored) in found {
        let (end, latest) = (start.saturating_add(difference_ms), stored.timestamp);
        if start > timestamp {
            around.has_right = true;
        } else if end > timestamp {
            around.after.get_or_insert_with(|| stored.clone());
            steps.push(SlidingStep::Add(start, Some(stored)));
        } else if end == timestamp {
            around.has_left = true;
            steps.push(SlidingStep::Add(start, Some(stored)));
            if latest == timestamp {
                // Another record of this time has made these windows already.
                return steps;
            }
            around.previous = Some(latest);
        } else {
            around.previous = Some(latest);
            around.before = Some(stored);
            break;
        }
    }
    around.make(timestamp, difference_ms, &mut steps);
    steps
}

/// The known windows around a record.
struct Around<A> {
    starts: Vec<Timestamp>,
    /// The last window that ends before the record.
    before: Option<ValueAndTimestamp<A>>,
    /// The last window that starts before the record and ends after it.
    after: Option<ValueAndTimestamp<A>>,
    /// The time of the previous record.
    previous: Option<Timestamp>,
    has_left: bool,
    has_right: bool,
}

impl<A> Around<A> {
    fn of(found: &[Found<A>]) -> Self {
        let starts = found.iter().map(|(start, _)| *start).collect();
        Around { starts, before: None, after: None, previous: None, has_left: false, has_right: false }
    }

    /// Makes the windows that do not exist yet.
    fn make(self, timestamp: Timestamp, difference_ms: i64, steps: &mut Vec<SlidingStep<A>>) {
        if let Some(right) = self.previous.map(|previous| previous.saturating_add(1))
            && right.saturating_add(difference_ms) >= timestamp
            && !self.starts.contains(&right)
        {
            steps.push(SlidingStep::Add(right, None));
        }
        if !self.has_left {
            let reaches = self.previous.is_some_and(|previous| timestamp - difference_ms <= previous);
            let aggregate = self.before.filter(|_| reaches);
            let aggregate = aggregate.map(|stored| ValueAndTimestamp { value: stored.value, timestamp });
            steps.push(SlidingStep::Add(timestamp - difference_ms, aggregate));
        }
        if !self.has_right {
            copy_after(timestamp, self.after, steps);
        }
    }
}

/// The changes by a record at `timestamp`, which is less than the time difference: its left window would start before
/// 1970, so that all such records share the window that starts at 0. `found` are the windows from there to 1 ms after the
/// record, in the order of their starts.
pub(super) fn early_steps<A: Clone>(timestamp: Timestamp, found: Vec<Found<A>>) -> Vec<SlidingStep<A>> {
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
            steps.push(SlidingStep::Add(start, Some(stored)));
        } else {
            has_right = true;
        }
    }
    if !has_right {
        // Without a window in between, the shared one holds only later records, if any.
        let later = after.or_else(|| shared.clone());
        copy_after(timestamp, later, &mut steps);
    }
    if let Some(right) = previous.map(|previous| previous.saturating_add(1))
        && !starts.contains(&right)
    {
        steps.push(SlidingStep::Add(right, None));
    }
    steps.push(SlidingStep::Add(0, shared));
    steps
}

/// Makes the window after a record, if there are later ones.
fn copy_after<A>(timestamp: Timestamp, after: Option<ValueAndTimestamp<A>>, steps: &mut Vec<SlidingStep<A>>) {
    let later = after.filter(|stored| stored.timestamp > timestamp);
    steps.extend(later.map(|stored| SlidingStep::Copy(timestamp.saturating_add(1), stored)));
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    /// The forward form of Kafka Streams, for stores that cannot be read backwards. `found` has the earliest first.
    fn forward_steps(
        timestamp: Timestamp,
        difference_ms: i64,
        found: Vec<Found<u64>>,
    ) -> Vec<SlidingStep<u64>> {
        let mut around = Around::of(&found);
        let mut steps = Vec::new();
        for (start, stored) in found {
            let (end, latest) = (start + difference_ms, stored.timestamp);
            if end < timestamp {
                around.previous = Some(latest);
                around.before = Some(stored);
            } else if start > timestamp {
                around.has_right = true;
            } else {
                if end > timestamp {
                    around.after = Some(stored.clone());
                } else {
                    around.has_left = true;
                    around.previous = Some(latest).filter(|latest| *latest < timestamp).or(around.previous);
                }
                steps.push(SlidingStep::Add(start, Some(stored)));
            }
        }
        around.make(timestamp, difference_ms, &mut steps);
        steps
    }

    type Windows = BTreeMap<Timestamp, ValueAndTimestamp<u64>>;

    fn count(difference_ms: i64, timestamps: &[Timestamp], backwards: bool) -> Windows {
        let mut windows = Windows::new();
        for &timestamp in timestamps {
            let from = (timestamp - 2 * difference_ms).max(0);
            let mut found: Vec<_> =
                windows.range(from..=timestamp + 1).map(|(start, stored)| (*start, stored.clone())).collect();
            let steps = if timestamp < difference_ms {
                early_steps(timestamp, found)
            } else if backwards {
                found.reverse();
                steps(timestamp, difference_ms, found)
            } else {
                forward_steps(timestamp, difference_ms, found)
            };
            for step in steps {
                let (start, stored) = match step {
                    SlidingStep::Copy(start, stored) => (start, stored),
                    SlidingStep::Add(start, stored) => {
                        let stored = stored.unwrap_or(ValueAndTimestamp { value: 0, timestamp });
                        let timestamp = stored.timestamp.max(timestamp);
                        (start, ValueAndTimestamp { value: stored.value + 1, timestamp })
                    }
                };
                windows.insert(start, stored);
            }
        }
        windows
    }

    /// The windows as they are defined.
    fn expected(difference_ms: i64, timestamps: &[Timestamp]) -> Windows {
        let within = |start: Timestamp| {
            timestamps.iter().filter(move |at| (start..=start + difference_ms).contains(*at))
        };
        let left = timestamps.iter().map(|at| (at - difference_ms).max(0));
        let right = timestamps.iter().map(|at| at + 1).filter(|start| within(*start).next().is_some());
        let starts: BTreeSet<Timestamp> = left.chain(right).collect();
        let window = |start| {
            let (value, timestamp) = (within(start).count() as u64, within(start).max().copied());
            (start, ValueAndTimestamp { value, timestamp: timestamp.unwrap_or_default() })
        };
        starts.into_iter().map(window).collect()
    }

    proptest! {
        #[test]
        fn both_forms_make_the_windows_of_the_definition(
            difference_ms in 1_i64..12, timestamps in prop::collection::vec(0_i64..40, 1..25),
        ) {
            let windows = count(difference_ms, &timestamps, true);
            prop_assert_eq!(&windows, &count(difference_ms, &timestamps, false));
            prop_assert_eq!(windows, expected(difference_ms, &timestamps));
        }
    }
}
