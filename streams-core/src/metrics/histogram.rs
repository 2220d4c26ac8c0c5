//! A distribution in buckets, for quantiles over many instances, which means and extremes do not give.

use super::cells::{Gauge, Total};

/// Upper bounds of the buckets, in the measured unit: 1, 2 and 5 of each power of ten.
const BOUNDS: [f64; 22] = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3,
    1e4, 3e4, 6e4, 3e5,
];

/// How many values fell into each bucket since the beginning. One thread adds; others read.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Total; BOUNDS.len() + 1],
    sum: Gauge,
}

impl Histogram {
    /// Adds a value.
    pub fn record(&self, value: f64) {
        self.add(Self::bucket(value), 1, value);
    }

    /// Adds values of one bucket with that sum.
    pub fn add(&self, bucket: usize, values: u64, sum: f64) {
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.add(values);
            self.sum.set(self.sum.get() + sum);
        }
    }

    /// The number of the bucket that a value falls into.
    pub fn bucket(value: f64) -> usize {
        BOUNDS.partition_point(|&bound| bound < value)
    }

    /// The whole numbers of a bucket: those above the first bound, up to the second.
    pub fn whole_bounds(bucket: usize) -> (i64, i64) {
        let lower = bucket.checked_sub(1).and_then(|below| BOUNDS.get(below));
        let upper = BOUNDS.get(bucket);
        // Both are whole after rounding down, and far within what an i64 holds.
        (
            lower.map_or(i64::MIN, |bound| bound.floor() as i64),
            upper.map_or(i64::MAX, |bound| bound.floor() as i64),
        )
    }

    /// What it holds now.
    pub fn snapshot(&self) -> HistogramSnapshot {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(self.buckets.len());
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS.into_iter().chain([f64::INFINITY])) {
            count += bucket.get();
            buckets.push((bound, count));
        }
        HistogramSnapshot { buckets, sum: self.sum.get() }
    }
}

/// What a [`Histogram`] held when it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramSnapshot {
    /// Upper bounds, each with the number of values up to it; the last one is infinity, so with all of them.
    pub buckets: Vec<(f64, u64)>,
    /// The sum of all values.
    pub sum: f64,
}

impl HistogramSnapshot {
    /// How many values.
    pub fn count(&self) -> u64 {
        self.buckets.last().map_or(0, |&(_, count)| count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_in_the_bucket_whose_bounds_hold_them() {
        for value in (-3..700).chain([9_999, 10_000, 10_001, 300_000, 300_001, i64::MAX]) {
            let (lower, upper) = Histogram::whole_bounds(Histogram::bucket(value as f64));
            assert!(lower < value && value <= upper, "{value} is not above {lower} and up to {upper}");
        }
    }

    #[test]
    fn a_value_is_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for value in [0.01, 1.0, 1.5, 9e9] {
            histogram.record(value);
        }
        let held = histogram.snapshot();
        let up_to = |bound: f64| held.buckets.iter().find(|(one, _)| *one == bound).map(|(_, count)| *count);
        assert_eq!((up_to(0.01), up_to(1.0), up_to(2.0), up_to(3e5)), (Some(1), Some(2), Some(3), Some(3)));
        assert_eq!((held.count(), held.sum), (4, 9e9 + 2.51));
    }
}
