//! Mean, extremes and rate over the last minute or so: Kafka's sampled statistics (`SampledStat`, `Rate`), for one writer and
//! readers without a lock.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use super::cells::{Gauge, Total};

/// What one thread has measured since it handed it over: plain numbers, no cell and no clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The least; infinity if there is none.
    pub min: f64,
    /// The greatest; minus infinity if there is none.
    pub max: f64,
}

impl Default for Measured {
    fn default() -> Self {
        Measured { count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Measured {
    /// One value.
    pub fn one(value: f64) -> Self {
        Measured { count: 1, sum: value, min: value, max: value }
    }

    /// Adds a value.
    #[inline]
    pub fn record(&mut self, value: f64) {
        self.merge(&Measured::one(value));
    }

    /// Adds what another has measured.
    #[inline]
    pub fn merge(&mut self, other: &Measured) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Hands it over, leaving nothing.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

/// Over how long is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleWindow {
    /// The number of parts (`metrics.num.samples`).
    pub samples: usize,
    /// Of this length each, in milliseconds (`metrics.sample.window.ms`).
    pub sample_ms: i64,
}

impl Default for SampleWindow {
    /// Kafka's: two parts of 30 seconds.
    fn default() -> Self {
        SampleWindow { samples: 2, sample_ms: 30_000 }
    }
}

impl SampleWindow {
    fn length_ms(self) -> i64 {
        self.sample_ms.saturating_mul(i64::try_from(self.samples).unwrap_or(i64::MAX))
    }
}

/// A part of the window.
#[derive(Debug, Default)]
struct Sample {
    start_ms: AtomicI64,
    last_ms: AtomicI64,
    count: Total,
    sum: Gauge,
    min: Gauge,
    max: Gauge,
}

impl Sample {
    fn reset(&self, now_ms: i64) {
        self.set(&Measured::default());
        self.start_ms.store(now_ms, Ordering::Relaxed);
        self.last_ms.store(now_ms, Ordering::Relaxed);
    }

    fn set(&self, measured: &Measured) {
        self.count.set(measured.count);
        self.sum.set(measured.sum);
        self.min.set(measured.min);
        self.max.set(measured.max);
    }

    fn get(&self) -> Measured {
        Measured { count: self.count.get(), sum: self.sum.get(), min: self.min.get(), max: self.max.get() }
    }

    fn start_ms(&self) -> i64 {
        self.start_ms.load(Ordering::Relaxed)
    }
}

/// Values of the last window. One thread adds; others read at any time, and may see a sum that is a turn ahead of its count.
#[derive(Debug)]
pub struct Sampled {
    window: SampleWindow,
    /// One more than the window has, for the one that overlaps its beginning.
    samples: Box<[Sample]>,
    current: AtomicUsize,
    /// How many have been used.
    used: AtomicUsize,
    total_count: Total,
    total_sum: Gauge,
}

impl Sampled {
    /// Empty.
    pub fn new(window: SampleWindow) -> Self {
        let samples = (0..=window.samples.max(1)).map(|_| Sample::default()).collect();
        Sampled {
            window,
            samples,
            current: AtomicUsize::new(0),
            used: AtomicUsize::new(0),
            total_count: Total::default(),
            total_sum: Gauge::default(),
        }
    }

    /// Adds what was measured until `now_ms` (of a monotonic clock). To be called by its one writer.
    pub fn add(&self, measured: &Measured, now_ms: i64) {
        if measured.count == 0 {
            return;
        }
        let sample = self.sample_of(now_ms);
        let mut sum = sample.get();
        sum.merge(measured);
        sample.set(&sum);
        sample.last_ms.store(now_ms, Ordering::Relaxed);
        self.total_count.add(measured.count);
        self.total_sum.set(self.total_sum.get() + measured.sum);
    }

    /// The part that `now_ms` belongs to.
    fn sample_of(&self, now_ms: i64) -> &Sample {
        let (current, used) = (self.current.load(Ordering::Relaxed), self.used.load(Ordering::Relaxed));
        if used == 0 {
            self.samples[0].reset(now_ms);
            self.used.store(1, Ordering::Release);
            return &self.samples[0];
        }
        if now_ms - self.samples[current].start_ms() < self.window.sample_ms {
            return &self.samples[current];
        }
        let next = (current + 1) % self.samples.len();
        self.samples[next].reset(now_ms);
        self.current.store(next, Ordering::Relaxed);
        self.used.store(used.max(next + 1), Ordering::Release);
        &self.samples[next]
    }

    /// The parts with something of the window that ends now.
    fn live(&self, now_ms: i64) -> impl Iterator<Item = &Sample> {
        let used = self.used.load(Ordering::Acquire);
        let length_ms = self.window.length_ms();
        self.samples
            .iter()
            .take(used)
            .filter(move |sample| now_ms - sample.last_ms.load(Ordering::Relaxed) < length_ms)
    }

    /// Everything in the window that ends now.
    pub fn measured(&self, now_ms: i64) -> Measured {
        let mut all = Measured::default();
        self.live(now_ms).for_each(|sample| all.merge(&sample.get()));
        all
    }

    /// The mean, or NaN.
    pub fn avg(&self, now_ms: i64) -> f64 {
        let Measured { count, sum, .. } = self.measured(now_ms);
        if count == 0 { f64::NAN } else { sum / count as f64 }
    }

    /// The greatest, or NaN.
    pub fn max(&self, now_ms: i64) -> f64 {
        let Measured { count, max, .. } = self.measured(now_ms);
        if count == 0 { f64::NAN } else { max }
    }

    /// The least, or NaN.
    pub fn min(&self, now_ms: i64) -> f64 {
        let Measured { count, min, .. } = self.measured(now_ms);
        if count == 0 { f64::NAN } else { min }
    }

    /// How many values a second.
    pub fn count_rate(&self, now_ms: i64) -> f64 {
        self.measured(now_ms).count as f64 / self.seconds(now_ms)
    }

    /// The sum of the values a second.
    pub fn sum_rate(&self, now_ms: i64) -> f64 {
        self.measured(now_ms).sum / self.seconds(now_ms)
    }

    /// How many values there were ever.
    pub fn total_count(&self) -> u64 {
        self.total_count.get()
    }

    /// The sum of all values that there were ever.
    pub fn total_sum(&self) -> f64 {
        self.total_sum.get()
    }

    /// What a rate is over: since the oldest part began, but at least all parts but one (`Rate.windowSize`).
    fn seconds(&self, now_ms: i64) -> f64 {
        let oldest = self.live(now_ms).map(Sample::start_ms).min().unwrap_or(now_ms);
        let mut elapsed_ms = now_ms - oldest;
        let full = elapsed_ms / self.window.sample_ms.max(1);
        let least = i64::try_from(self.window.samples).unwrap_or(i64::MAX) - 1;
        if full < least {
            elapsed_ms += (least - full) * self.window.sample_ms;
        }
        elapsed_ms.max(1) as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds one value.
    fn record(windowed: &Sampled, value: f64, now_ms: i64) {
        windowed.add(&Measured::one(value), now_ms);
    }

    #[test]
    fn nothing_measured_is_no_number() {
        let empty = Sampled::new(SampleWindow::default());
        assert!(empty.avg(0).is_nan() && empty.max(0).is_nan() && empty.min(0).is_nan());
        assert_eq!((empty.count_rate(0), empty.sum_rate(5)), (0.0, 0.0));
    }

    #[test]
    fn a_rate_is_over_all_parts_but_one_at_least() {
        let windowed = Sampled::new(SampleWindow::default());
        record(&windowed, 3.0, 1_000);
        record(&windowed, 6.0, 1_000);
        assert_eq!(windowed.count_rate(1_000), 2.0 / 30.0);
        assert_eq!(windowed.sum_rate(16_000), 9.0 / 45.0);
        assert_eq!(windowed.sum_rate(46_000), 9.0 / 45.0);
    }

    #[test]
    fn what_is_older_than_the_window_is_gone_but_from_the_totals() {
        let windowed = Sampled::new(SampleWindow::default());
        record(&windowed, 100.0, 0);
        record(&windowed, 1.0, 30_000);
        assert_eq!(windowed.max(59_999), 100.0);
        assert_eq!(windowed.max(60_000), 1.0);
        assert!(windowed.max(90_000).is_nan());
        assert_eq!((windowed.total_count(), windowed.total_sum()), (2, 101.0));
    }

    #[test]
    fn parts_are_used_again() {
        let windowed = Sampled::new(SampleWindow::default());
        for (number, now_ms) in (0..10).map(|number| (number, number * 30_000)) {
            record(&windowed, f64::from(i32::try_from(number).unwrap()), now_ms);
        }
        let last = windowed.measured(9 * 30_000);
        assert_eq!((last.count, last.min, last.max), (2, 8.0, 9.0));
    }
}
