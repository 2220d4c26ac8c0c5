//! Restores that a broker refuses for a moment, on a broker in memory.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use state_stores::backend::KeyRange;
use state_stores::{Backend, Batch, Direction, Keyspace, MemoryBackend, Scan, StoreError};

use super::*;
use crate::error::Error;
use crate::processor::{Processor, ProcessorContext, ProcessorResult};
use crate::record::Record;
use crate::runtime::engine::Engine;
use crate::runtime::refusals::REFUSED_MAX_MS;
use crate::runtime::trial::{TIMEOUT, Trial, count_of, send, source_options, warnings};
use crate::store::{BackendSupplier, StorePlace, Stores};
use crate::topology::Topology;
use crate::transport::TransportErrorKind;
use crate::transport::embedded::{Fault, Operation};

struct Idle;

impl Processor<String, String, (), ()> for Idle {
    fn process(
        &mut self,
        _: Record<String, String>,
        _: &mut ProcessorContext<'_, (), ()>,
    ) -> ProcessorResult {
        Ok(())
    }
}

const CHANGELOG: &str = "app-rows-changelog";

fn engine(trial: &Trial) -> Result<Engine> {
    engine_at(trial, StorePlace::Disk)
}

fn engine_at(trial: &Trial, place: StorePlace) -> Result<Engine> {
    let mut topology = Topology::new();
    topology.add_source("in", &["in"], None, source_options())?;
    topology.add_processor("idle", |_| Ok(Idle), &["in"])?;
    topology.add_state_store(Stores::key_value_store::<String, String>("rows").at(place), &["idle"])?;
    trial.engine(topology, StreamsConfig::new("app", "embedded:"))
}

fn pass(trial: &Trial, engine: &mut Engine, ms: i64) -> Result<()> {
    for _ in 0..ms / 100 {
        trial.clock.advance_ms(100);
        while engine.step()? {}
    }
    Ok(())
}

/// Showed before: ERROR, as if the right had been missing all the time.
#[test]
fn a_changelog_without_records_that_is_refused_twice_for_a_moment_is_restored() -> Result<()> {
    let trial = Trial::new(1_000_000, 1, &["in"])?;
    let mut engine = engine(&trial)?;
    // A transaction that is open: the restore waits for it, and no records come.
    let mut stranger = trial.stranger("stranger", 600_000)?;
    stranger.begin()?;
    send(&mut *stranger, CHANGELOG, 0, "a", "1")?;
    for _ in 0..2 {
        let denied = Fault::before(Operation::Fetch, TransportErrorKind::Denied).on("app-rows-changelog-0");
        trial.broker.faults().inject(denied);
        pass(&trial, &mut engine, REFUSED_MAX_MS + 1_000)?;
        assert_eq!((trial.broker.faults().left(), engine.restoring()), (0, 1));
    }
    stranger.abort(TIMEOUT)?;
    pass(&trial, &mut engine, 5_000)?;
    assert_eq!(engine.restoring(), 0);
    Ok(())
}

/// Its bounds may be asked for all the time.
#[test]
fn a_changelog_that_is_refused_for_long_is_an_error() -> Result<()> {
    let trial = Trial::new(1_000_000, 1, &["in"])?;
    let mut engine = engine(&trial)?;
    let mut producer = trial.producer()?;
    send(&mut *producer, CHANGELOG, 0, "a", "1")?;
    let denied = Fault::before(Operation::Fetch, TransportErrorKind::Denied).on("app-rows-changelog-0");
    trial.broker.faults().inject(denied.times(usize::MAX));
    pass(&trial, &mut engine, REFUSED_MAX_MS - 1_000)?;
    assert_eq!(engine.restoring(), 1);
    let error = pass(&trial, &mut engine, 10_000).unwrap_err();
    assert!(
        matches!(&error, Error::Transport(error) if error.kind() == TransportErrorKind::Denied),
        "{error}"
    );
    Ok(())
}

/// Databases in a place that a power cut has damaged; removing one helps, unless it is that place's habit.
#[derive(Clone, Default)]
struct Remote {
    is_torn: Arc<AtomicBool>,
    stays_torn: bool,
    wiped: Arc<AtomicUsize>,
    database: Arc<Mutex<Arc<MemoryBackend>>>,
}

#[derive(Debug)]
struct RemoteDatabase(Arc<MemoryBackend>, Arc<AtomicBool>);

impl BackendSupplier for Remote {
    fn name(&self) -> &str {
        "remote"
    }

    fn open(&self, _: TaskId) -> Result<BackendRef> {
        let database = self.database.lock().expect("no panic").clone();
        Ok(Arc::new(RemoteDatabase(database, Arc::clone(&self.is_torn))))
    }

    fn wipe(&self, _: TaskId) -> Result<()> {
        *self.database.lock().expect("no panic") = Arc::default();
        self.is_torn.fetch_and(self.stays_torn, Ordering::SeqCst);
        self.wiped.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

impl Backend for RemoteDatabase {
    fn keyspace(&self, name: &str) -> state_stores::Result<Keyspace> {
        self.0.keyspace(name)
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> state_stores::Result<Option<Vec<u8>>> {
        self.0.get(keyspace, key)
    }

    fn scan(&self, of: Keyspace, range: KeyRange<'_>, to: Direction) -> state_stores::Result<Scan<'_>> {
        if self.1.load(Ordering::SeqCst) {
            Err(StoreError::Damaged { dir: "far away".into(), reason: "a checksum".to_owned() })
        } else {
            self.0.scan(of, range, to)
        }
    }

    fn write(&self, batch: &Batch) -> state_stores::Result<()> {
        self.0.write(batch)
    }

    fn flush(&self) -> state_stores::Result<()> {
        Ok(())
    }

    fn disk_bytes(&self) -> state_stores::Result<u64> {
        Ok(0)
    }

    fn approximate_num_entries(&self, keyspace: Keyspace) -> state_stores::Result<u64> {
        self.0.approximate_num_entries(keyspace)
    }
}

/// Showed before: an error at each start, as nothing asked the supplier to remove the database.
#[test]
fn a_damaged_database_of_a_custom_supplier_is_removed_and_rebuilt() -> Result<()> {
    let trial = Trial::new(1_000_000, 1, &["in"])?;
    let supplier = Remote { is_torn: Arc::new(true.into()), ..Remote::default() };
    let mut engine = engine_at(&trial, StorePlace::custom(supplier.clone()))?;
    send(&mut *trial.producer()?, CHANGELOG, 0, "a", "1")?;
    let (done, lines) = warnings(|| pass(&trial, &mut engine, 5_000));
    done?;
    assert_eq!((supplier.wiped.load(Ordering::SeqCst), engine.restoring()), (1, 0));
    assert_eq!(count_of(&lines, "custom supplier is damaged; it was removed"), 1, "{lines:#?}");
    let rows = supplier.database.lock().expect("no panic").clone();
    assert!(state_stores::offsets::read_offsets(&*rows)?.iter().any(|stored| stored.topic == CHANGELOG));
    Ok(())
}

#[test]
fn a_custom_database_that_is_damaged_again_at_once_is_an_error_that_names_its_supplier() -> Result<()> {
    let trial = Trial::new(1_000_000, 1, &["in"])?;
    let supplier = Remote { is_torn: Arc::new(true.into()), stays_torn: true, ..Remote::default() };
    let mut engine = engine_at(&trial, StorePlace::custom(supplier))?;
    let error = pass(&trial, &mut engine, 60_000).unwrap_err().to_string();
    assert!(error.contains("in supplier remote was damaged") && error.contains("damaged again"), "{error}");
    Ok(())
}
