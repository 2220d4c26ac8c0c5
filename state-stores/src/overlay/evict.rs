//! Keeps the clean entries within their bound, in two ways.
//!
//! Both run over many entries at once when the bound is passed, and free an eighth of it, so that their cost
//! per entry that came in is small and constant.

use super::Overlay;

/// One eviction frees this fraction of the bound.
const FREED_FRACTION: usize = 8;

impl<T> Overlay<T> {
    /// Evicts entries that were not used recently (the CLOCK algorithm).
    pub(crate) fn evict_unused(&mut self, bound_bytes: usize) {
        let goal = bound_bytes - bound_bytes / FREED_FRACTION;
        // The first round may only clear marks; entries in use always stay.
        for _ in 0..2 * self.entries.len() {
            if self.clean_bytes() <= goal {
                break;
            }
            self.hand = if self.hand >= self.entries.len() { 0 } else { self.hand };
            let entry = &mut self.entries[self.hand];
            if entry.is_evictable() {
                if entry.referenced {
                    entry.referenced = false;
                } else {
                    self.remove(self.hand as u32);
                }
            }
            self.hand += 1;
        }
    }

    /// Evicts the entries of the earliest times, and in any case those before `expired_ms`. Returns the
    /// latest time of an evicted entry that has a value: of times after it, everything that was in memory
    /// still is.
    pub(crate) fn evict_earliest(
        &mut self,
        bound_bytes: usize,
        expired_ms: i64,
        time_of: impl Fn(&[u8]) -> i64,
    ) -> Option<i64> {
        let evictable = self.entries.iter().enumerate().filter(|(_, entry)| entry.is_evictable());
        let mut by_time: Vec<_> = evictable.map(|(at, entry)| (time_of(&entry.key), at as u32)).collect();
        by_time.sort_unstable();
        let goal = bound_bytes - bound_bytes / FREED_FRACTION;
        let mut latest = None;
        for (time, position) in by_time {
            if time >= expired_ms && self.clean_bytes() <= goal {
                break;
            }
            if self.entry(position).value.is_some() {
                latest = Some(time);
            }
            self.remove(position);
        }
        latest
    }
}
