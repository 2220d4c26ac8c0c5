//! Databases of custom suppliers: whatever fails in one, by an error or a panic, names the supplier and the task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use state_stores::backend::KeyRange;
use state_stores::{
    Backend, BackendRef, Batch, Direction, Keyspace, MemoryBackend, RawEntry, Scan, StoreError,
};

use crate::error::{Error, Recovery, Result, UserError};
use crate::ids::TaskId;
use crate::store::{BackendSupplier, name_of, shown_name};
use crate::user_code::{caught, guarded};

/// Opens the database of a task.
pub(super) fn open(task: TaskId, supplier: &dyn BackendSupplier) -> Result<BackendRef> {
    let name: Arc<str> = checked_name(task, supplier)?.into();
    let opened = guarded(|| supplier.open(task));
    let backend = opened.map_err(|error| in_supplier(task, &name, "open", error))?;
    Ok(Arc::new(CustomBackend { backend, supplier: name, is_damaged: AtomicBool::new(false) }))
}

/// The name of a supplier, which decides what stores share a database.
pub(super) fn checked_name(task: TaskId, supplier: &dyn BackendSupplier) -> Result<&str> {
    name_of(supplier).map_err(|panic| in_supplier(task, shown_name(supplier), "name", Error::from(panic)))
}

/// Removes the database of a task.
pub(super) fn wipe(task: TaskId, supplier: &dyn BackendSupplier) -> Result<()> {
    let name = checked_name(task, supplier)?;
    let wiped = guarded(|| supplier.wipe(task));
    wiped.map_err(|error| in_supplier(task, name, "remove", error))
}

/// Adds supplier and task to an error of a supplier's. Those about which the runtime decides by their kind stay the same.
fn in_supplier(task: TaskId, supplier: &str, attempted: &'static str, error: Error) -> Error {
    let cause: UserError = match error {
        Error::State(cause) | Error::Store { cause, .. } => {
            return Error::Store { task, cause: named(supplier, attempted, cause) };
        }
        error if error.recovery() == Recovery::Repair => return error,
        Error::User(cause) => cause,
        error => error.into(),
    };
    Error::Store { task, cause: StoreError::Custom { supplier: supplier.to_owned(), attempted, cause } }
}

/// Adds the supplier to an error of its database.
fn named(supplier: &str, attempted: &'static str, error: StoreError) -> StoreError {
    match error {
        StoreError::Damaged { .. } | StoreError::Locked { .. } | StoreError::Custom { .. } => error,
        error => StoreError::Custom { supplier: supplier.to_owned(), attempted, cause: Box::new(error) },
    }
}

/// A supplier's database.
#[derive(Debug)]
struct CustomBackend {
    backend: BackendRef,
    supplier: Arc<str>,
    /// Whether an answer said so.
    is_damaged: AtomicBool,
}

impl CustomBackend {
    /// Calls the supplier's database; what fails names the supplier.
    fn call<T>(
        &self,
        attempted: &'static str,
        call: impl FnOnce() -> state_stores::Result<T>,
    ) -> state_stores::Result<T> {
        let answer = match caught(call) {
            Ok(answer) => answer.map_err(|error| named(&self.supplier, attempted, error)),
            Err(panic) => {
                let supplier = self.supplier.to_string();
                Err(StoreError::Custom { supplier, attempted, cause: panic.into() })
            }
        };
        if let Err(error) = &answer {
            // The restorer asks for it when it opens the task again.
            self.is_damaged.fetch_or(error.is_damage(), Ordering::Relaxed);
        }
        answer
    }
}

/// It is user code that ends here, on whichever thread closes the task.
impl Drop for CustomBackend {
    fn drop(&mut self) {
        let nothing: BackendRef = Arc::new(MemoryBackend::new());
        let backend = std::mem::replace(&mut self.backend, nothing);
        if let Err(panic) = caught(|| drop(backend)) {
            let (supplier, error) = (&*self.supplier, panic);
            tracing::warn!(supplier, %error, "a database of a custom supplier panicked when it was closed");
        }
    }
}

impl Backend for CustomBackend {
    fn keyspace(&self, name: &str) -> state_stores::Result<Keyspace> {
        self.call("open a keyspace of", || self.backend.keyspace(name))
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> state_stores::Result<Option<Vec<u8>>> {
        self.call("read", || self.backend.get(keyspace, key))
    }

    fn scan(
        &self,
        keyspace: Keyspace,
        range: KeyRange<'_>,
        direction: Direction,
    ) -> state_stores::Result<Scan<'_>> {
        let scan = self.call("scan", || self.backend.scan(keyspace, range, direction))?;
        Ok(Box::new(CustomScan { scan: Some(scan), backend: self }))
    }

    fn write(&self, batch: &Batch) -> state_stores::Result<()> {
        self.call("write to", || self.backend.write(batch))
    }

    fn flush(&self) -> state_stores::Result<()> {
        self.call("flush", || self.backend.flush())
    }

    fn is_damaged(&self) -> bool {
        // What panics here will do so at the next read, which has an answer for it.
        self.is_damaged.load(Ordering::Relaxed) || caught(|| self.backend.is_damaged()).unwrap_or(false)
    }

    fn disk_bytes(&self) -> state_stores::Result<u64> {
        self.call("measure", || self.backend.disk_bytes())
    }

    fn approximate_num_entries(&self, keyspace: Keyspace) -> state_stores::Result<u64> {
        self.call("count the entries of", || self.backend.approximate_num_entries(keyspace))
    }
}

/// A scan of a supplier's database. It ends with a panic.
struct CustomScan<'a> {
    scan: Option<Scan<'a>>,
    backend: &'a CustomBackend,
}

impl Drop for CustomScan<'_> {
    fn drop(&mut self) {
        let scan = self.scan.take();
        // Nothing is lost by it: all that was read has been returned.
        let _ = caught(|| drop(scan));
    }
}

impl Iterator for CustomScan<'_> {
    type Item = state_stores::Result<RawEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut scan = self.scan.take()?;
        let backend = self.backend;
        let next = backend.call("scan", || {
            let next = scan.next().transpose();
            // Not after a panic.
            self.scan = Some(scan);
            next
        });
        next.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::backends::TaskBackends;
    use crate::runtime::trial::warnings;
    use crate::store::StorePlace;
    use crate::transport::{TransportError, TransportErrorKind};

    type Answer = fn() -> Result<BackendRef>;

    struct Remote(Answer);

    impl BackendSupplier for Remote {
        fn name(&self) -> &str {
            "remote"
        }

        fn open(&self, _: TaskId) -> Result<BackendRef> {
            (self.0)()
        }

        fn wipe(&self, _: TaskId) -> Result<()> {
            (self.0)().map(|_| ())
        }
    }

    /// A database that reads nothing, and panics at the first write.
    #[derive(Debug)]
    struct Broken(MemoryBackend);

    impl Backend for Broken {
        fn keyspace(&self, name: &str) -> state_stores::Result<Keyspace> {
            self.0.keyspace(name)
        }

        fn get(&self, _: Keyspace, _: &[u8]) -> state_stores::Result<Option<Vec<u8>>> {
            Err(StoreError::InUse { store: "a".to_owned() })
        }

        fn scan(&self, _: Keyspace, _: KeyRange<'_>, _: Direction) -> state_stores::Result<Scan<'_>> {
            Ok(Box::new(std::iter::from_fn(|| panic!("no scans"))))
        }

        fn write(&self, _: &Batch) -> state_stores::Result<()> {
            panic!("no writes")
        }

        fn flush(&self) -> state_stores::Result<()> {
            Ok(())
        }

        fn disk_bytes(&self) -> state_stores::Result<u64> {
            Ok(0)
        }

        fn approximate_num_entries(&self, _: Keyspace) -> state_stores::Result<u64> {
            Ok(0)
        }
    }

    /// Showed before: "the restore thread panicked: no route", without the task, the store or the supplier.
    #[test]
    fn what_fails_in_a_supplier_names_it_and_the_task() {
        let task = TaskId::new(1, 2);
        let answers: [Answer; 2] = [|| panic!("no route"), || Err(Error::User("no route".into()))];
        for supplier in answers.map(Remote) {
            let opened = open(task, &supplier).map(|_| ()).unwrap_err().to_string();
            let wiped = wipe(task, &supplier).unwrap_err().to_string();
            for (said, attempted) in [(&opened, "open"), (&wiped, "remove")] {
                assert!(said.starts_with(&format!("task 1_2: cannot {attempted} ")), "{said}");
                assert!(said.contains("remote") && said.contains("no route"), "{said}");
            }
        }
    }

    #[test]
    fn what_fails_in_a_suppliers_database_names_the_supplier() -> Result<()> {
        let supplier = Remote(|| Ok(Arc::new(Broken(MemoryBackend::new()))));
        let backend = open(TaskId::new(0, 0), &supplier)?;
        let keyspace = backend.keyspace("a")?;
        let whole = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        let mut scan = backend.scan(keyspace, whole, Direction::Forward)?;
        let scanned = scan.next().map(|entry| entry.map(|_| ()).unwrap_err().to_string());
        assert!(scan.next().is_none());
        let written = backend.write(&Batch::new()).unwrap_err().to_string();
        let read = backend.get(keyspace, b"a").unwrap_err().to_string();
        for said in [scanned.unwrap_or_default(), written, read] {
            assert!(said.contains("remote"), "{said}");
        }
        Ok(())
    }

    /// What panics in everything but its calls.
    struct Nameless;

    impl BackendSupplier for Nameless {
        fn name(&self) -> &str {
            panic!("no name")
        }

        fn open(&self, _: TaskId) -> Result<BackendRef> {
            Ok(Arc::new(MemoryBackend::new()))
        }

        fn wipe(&self, _: TaskId) -> Result<()> {
            Ok(())
        }
    }

    /// Showed before: the thread that asked panicked.
    #[test]
    fn a_supplier_whose_name_panics_is_an_error_of_its_task() {
        let place = StorePlace::custom(Nameless);
        assert_eq!(place, place.clone());
        assert_ne!(place, StorePlace::custom(Nameless));
        assert!(format!("{place:?}").contains("without a name"), "{place:?}");
        let opened = open(TaskId::new(1, 2), &Nameless).map(|_| ()).unwrap_err().to_string();
        let wiped = wipe(TaskId::new(1, 2), &Nameless).unwrap_err().to_string();
        for said in [opened, wiped] {
            assert!(said.starts_with("task 1_2: cannot name ") && said.contains("no name"), "{said}");
        }
    }

    impl Drop for Broken {
        fn drop(&mut self) {
            panic!("no end")
        }
    }

    /// Showed before: the panic reached the thread that closes tasks.
    #[test]
    fn a_database_that_panics_when_it_is_closed_is_logged() -> Result<()> {
        let supplier = Remote(|| Ok(Arc::new(Broken(MemoryBackend::new()))));
        let backend = open(TaskId::new(0, 0), &supplier)?;
        let ((), lines) = warnings(|| drop(backend));
        assert!(lines.len() == 1 && lines[0].contains("remote") && lines[0].contains("no end"), "{lines:?}");
        let many =
            (0..3).map(|_| Ok(TaskBackends(vec![(StorePlace::Memory, open(TaskId::new(0, 0), &supplier)?)])));
        TaskBackends::close_at_once(many.collect::<Result<_>>()?);
        Ok(())
    }

    /// The runtime waits for a lock, rebuilds what is damaged and asks again for what passes.
    #[test]
    fn errors_that_decide_what_is_done_keep_their_kind() {
        let opened = |answer: Answer| open(TaskId::new(0, 0), &Remote(answer)).map(|_| ()).unwrap_err();
        let damaged = || StoreError::Damaged { dir: "d".into(), reason: "torn".to_owned() };
        assert!(
            opened(|| Err(Error::State(StoreError::Damaged { dir: "d".into(), reason: "".to_owned() })))
                .is_damage()
        );
        assert!(named("remote", "read", damaged()).is_damage());
        let locked = opened(|| Err(Error::State(StoreError::Locked { dir: "d".into() })));
        assert!(matches!(locked, Error::Store { cause: StoreError::Locked { .. }, .. }), "{locked}");
        let away =
            opened(|| Err(TransportError::new(TransportErrorKind::Retriable, "asking", "away").into()));
        assert!(matches!(away, Error::Transport(_)), "{away}");
    }
}
