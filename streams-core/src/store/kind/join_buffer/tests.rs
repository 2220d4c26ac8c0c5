//! A buffer restored from its changelog is the one that was lost.

use std::rc::Rc;
use std::sync::Arc;

use state_stores::{Batch, MemoryBackend};

use super::*;
use crate::ids::TaskId;
use crate::serde::DefaultSerde;
use crate::store::{BackendRef, OpenedStore, RecordClock, StoreEnvironment, StoreFactory};

type Buffer = JoinBuffer<String, i64>;

fn builder() -> JoinBufferBuilder<String, i64> {
    JoinBufferBuilder::new(
        "join-Buffer",
        "join",
        String::default_serde(),
        i64::default_serde(),
        Duration::from_millis(10),
    )
}

fn open(backend: &BackendRef) -> (Buffer, OpenedStore) {
    let environment = StoreEnvironment {
        task: TaskId::new(0, 0),
        backend: BackendRef::clone(backend),
        clock: Rc::new(RecordClock::default()),
        changelog: "changelog".into(),
        cache_bytes: 0,
        caching: false,
    };
    let opened = builder().open(&environment).unwrap();
    let buffer = opened.handle.downcast_ref::<Buffer>().unwrap().clone();
    (buffer, opened)
}

fn record(key: &str, value: i64, timestamp: Timestamp) -> BufferedRecord<String, i64> {
    let mut headers = Headers::new();
    headers.add("name", Some("value".as_bytes()));
    headers.add("null", None::<Vec<u8>>);
    let context = RecordContext { timestamp, source: "in".into(), partition: 3, offset: 77, headers };
    BufferedRecord { key: key.into(), value, context }
}

fn restored(changelog: &[(Vec<u8>, Option<Vec<u8>>)]) -> BackendRef {
    let backend: BackendRef = Arc::new(MemoryBackend::new());
    let mut restorer = builder().restore_format().restorer("join-Buffer", &backend).unwrap();
    for (key, value) in changelog {
        let mut batch = Batch::new();
        restorer.restore(key, value.as_deref(), 0, &Headers::new(), &mut batch).unwrap();
        backend.write(&batch).unwrap();
    }
    backend
}

#[test]
fn a_restored_buffer_holds_the_records_that_waited() {
    let backend: BackendRef = Arc::new(MemoryBackend::new());
    let (buffer, opened) = open(&backend);
    for (key, value, timestamp) in [("b", 1, 100), ("a", 2, 100), ("a", 3, 100), ("c", 4, 95)] {
        assert!(buffer.put(&record(key, value, timestamp)).unwrap());
    }
    assert!(!buffer.put(&record("late", 5, 89)).unwrap());
    let mut changelog = Vec::new();
    let mut log = |record: state_stores::LogRecord<'_>| {
        changelog.push((record.key.to_vec(), record.value.map(<[u8]>::to_vec)));
        Ok(())
    };
    opened.store.borrow_mut().stage(&mut log, &mut Batch::new()).unwrap();

    let (buffer, _) = open(&restored(&changelog));
    assert!(!buffer.put(&record("late", 5, 89)).unwrap());
    assert_eq!(buffer.take_due().unwrap().count(), 0);
    assert!(buffer.put(&record("d", 6, 110)).unwrap());
    let due: Vec<_> = buffer.take_due().unwrap().map(Result::unwrap).collect();
    let taken: Vec<_> = due.iter().map(|record| (record.key.as_str(), record.value)).collect();
    assert_eq!(taken, [("c", 4), ("a", 2), ("a", 3), ("b", 1)]);
    assert_eq!(due[0].context, record("", 0, 95).context);
    assert_eq!(buffer.take_due().unwrap().count(), 0);
}
