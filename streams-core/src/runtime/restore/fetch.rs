//! Applies changelog records until the stores have reached the ends of their changelogs.

use std::sync::atomic::Ordering;

use state_stores::Batch;
use state_stores::offsets::{offsets_keyspace, put_offset};

use super::open::in_task;
use super::{Changelog, HANGING, Opening, Phase, RESTORE_BATCH, Restorer};
use crate::error::Result;
use crate::transport::RawRecord;

impl Restorer {
    pub(super) fn fetch(&mut self, opening: &mut Opening) -> Result<()> {
        let task = opening.request.task;
        let mut rest = Vec::new();
        let (mut failed, mut moved) = (None, false);
        for mut changelog in std::mem::take(&mut opening.changelogs) {
            let is_read_already = |other: &Changelog| other.partition == changelog.partition;
            if failed.is_none() && !rest.iter().any(is_read_already) {
                match self.fetch_one(&mut changelog) {
                    Ok(None) => {}
                    Ok(Some(restored)) => {
                        moved = true;
                        opening.restored += restored;
                    }
                    Err(error) => failed = Some(in_task(task, error)),
                }
            }
            if failed.is_none() && changelog.position >= changelog.end {
                self.stop_reading(changelog.handle);
                let Changelog { partition, store, restored, .. } = &changelog;
                self.listener.call(|listener| listener.on_restore_end(partition, store, *restored));
                opening.ends.insert(changelog.store, changelog.position);
            } else {
                rest.push(changelog);
            }
        }
        opening.changelogs = rest;
        if let Some(error) = failed {
            return Err(error);
        }
        if opening.changelogs.iter().all(|changelog| changelog.is_readable) {
            opening.wait.allowed(Phase::Fetching);
        }
        match opening.changelogs.first() {
            None => {
                opening.wait.answered(Phase::Fetching);
                opening.phase = Phase::Finishing;
            }
            Some(_) if moved => {
                opening.failures = 0;
                opening.wait.moved();
            }
            Some(Changelog { partition, position, end, .. }) => {
                let what = || format!("{partition} from offset {position} to {end}; {HANGING}");
                opening.wait.update(self.monotonic_ms, what);
            }
        }
        Ok(())
    }

    /// Takes the fetched records of a changelog; returns how many there were, `None` if it did not even move on.
    fn fetch_one(&mut self, changelog: &mut Changelog) -> Result<Option<u64>> {
        let from = self.buffer.len();
        let handle = match changelog.handle {
            Some(handle) => handle,
            None => {
                let handle = self.consumer.assign(&changelog.partition, changelog.position)?;
                *changelog.handle.insert(handle)
            }
        };
        let came = self.consumer.fetch(handle, RESTORE_BATCH, &mut self.buffer)?;
        let mut position = self.consumer.position(handle)?;
        // Silence alone says nothing: Kafka's client reports a refusal once.
        changelog.is_readable |= came.records > 0 || came.at_end || position != changelog.position;
        if changelog.is_source {
            position = position.min(changelog.end);
            let later = |record: &RawRecord| record.offset() >= changelog.end;
            let ahead = self.buffer.iter().skip(from).position(later);
            ahead.into_iter().for_each(|ahead| self.buffer.truncate(from + ahead));
        }
        let fetched = self.buffer.get(from..).unwrap_or_default();
        if fetched.is_empty() && position == changelog.position {
            return Ok(None);
        }
        let mut batch = Batch::new();
        for record in fetched {
            let Some(key) = record.key() else {
                if let Some(so_far) = self.without_key.count(self.monotonic_ms) {
                    let (at, offset) = (&changelog.partition, record.offset());
                    let timestamp = record.timestamp();
                    tracing::warn!(%at, offset, timestamp, so_far, "changelog record without a key skipped");
                }
                continue;
            };
            let headers = record.headers();
            changelog.restorer.restore(key, record.value(), record.timestamp(), &headers, &mut batch)?;
        }
        let keyspace = offsets_keyspace(&*changelog.backend)?;
        let at = &changelog.partition;
        put_offset(&mut batch, keyspace, &at.topic, at.partition, position);
        changelog.backend.write(&batch)?;
        changelog.position = position;
        let restored = u64::try_from(fetched.len()).unwrap_or(0);
        self.counters.restored_records.fetch_add(restored, Ordering::Relaxed);
        changelog.restored += restored;
        let Changelog { partition, store, .. } = changelog;
        self.listener.call(|listener| listener.on_batch_restored(partition, store, position, restored));
        Ok(Some(restored))
    }
}
