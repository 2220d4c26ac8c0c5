//! A queue of things by time that settles ties as Java's `PriorityQueue` does.

use crate::time::Timestamp;

/// A binary heap, the earliest first. Of equal times, which one comes first depends on all that was offered and polled,
/// in the same way as in Java.
#[derive(Clone, Debug)]
pub(crate) struct TimeQueue<T>(Vec<(Timestamp, T)>);

impl<T> Default for TimeQueue<T> {
    fn default() -> Self {
        TimeQueue(Vec::new())
    }
}

impl<T> TimeQueue<T> {
    /// An empty queue with room for that many.
    pub fn with_capacity(room: usize) -> Self {
        TimeQueue(Vec::with_capacity(room))
    }

    /// Everything in it, in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, item)| item)
    }

    /// The same with times.
    pub fn iter(&self) -> impl Iterator<Item = &(Timestamp, T)> {
        self.0.iter()
    }

    /// The earliest time.
    pub fn earliest(&self) -> Option<Timestamp> {
        self.0.first().map(|(time, _)| *time)
    }

    /// Adds something.
    pub fn offer(&mut self, time: Timestamp, item: T) {
        let mut at = self.0.len();
        self.0.push((time, item));
        // Up, past parents that are later.
        while at > 0 && time < self.time((at - 1) / 2) {
            self.0.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    /// Gives everything in it another time.
    pub fn change_times(&mut self, time: impl Fn(Timestamp, &T) -> Timestamp) {
        for (before, item) in std::mem::take(&mut self.0) {
            self.offer(time(before, &item), item);
        }
    }

    /// Takes the earliest.
    pub fn poll(&mut self) -> Option<(Timestamp, T)> {
        if self.0.is_empty() {
            return None;
        }
        let first = self.0.swap_remove(0);
        let mut at = 0;
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            if left >= self.0.len() {
                return Some(first);
            }
            let right_is_earlier = right < self.0.len() && self.time(right) < self.time(left);
            let child = if right_is_earlier { right } else { left };
            if self.time(at) <= self.time(child) {
                return Some(first);
            }
            self.0.swap(at, child);
            at = child;
        }
    }

    fn time(&self, at: usize) -> Timestamp {
        self.0.get(at).map_or(Timestamp::MAX, |(time, _)| *time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `java.util.PriorityQueue` with a comparator of times gives for the same calls.
    #[test]
    fn ties_are_settled_as_in_java() {
        let mut queue = TimeQueue::default();
        for (time, item) in [(5, 'a'), (5, 'b'), (3, 'c'), (5, 'd'), (3, 'e')] {
            queue.offer(time, item);
        }
        assert_eq!((queue.earliest(), queue.iter().count()), (Some(3), 5));
        let all: String = std::iter::from_fn(|| queue.poll().map(|(_, item)| item)).collect();
        assert_eq!(all, "cedab");
        for item in ['a', 'b', 'c'] {
            queue.offer(1, item);
        }
        let mut turns = String::new();
        for _ in 0..7 {
            let (time, item) = queue.poll().unwrap_or_default();
            turns.push(item);
            queue.offer(time, item);
        }
        assert_eq!(turns, "acacaca");
    }
}
