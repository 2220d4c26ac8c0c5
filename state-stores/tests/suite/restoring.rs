//! A store restored from its changelog equals the store, expiry included.

use proptest::prelude::*;
use state_stores::{
    Batch, Headers, RestoreFormat, SessionKey, SessionSpec, SessionTable, StoreError, TimestampedWindowTable,
    ValueAndTimestamp, ValueFormat, WindowSpec,
};

use crate::support::{World, commit, contents, number, restore, text};

const RETENTION_MS: i64 = 150_000;

fn assert_same(this: &World, that: &World) {
    let [this, that] = [this, that].map(|world| {
        let keyspace = world.backend().keyspace("store/store").unwrap();
        contents(&**world.backend(), keyspace)
    });
    assert_eq!(this, that);
}

type Put = (String, i64, Option<u32>, bool);

fn puts() -> impl Strategy<Value = Vec<Put>> {
    let put =
        ("[ab]{0,2}", 0..600_000i64, prop::option::weighted(0.8, any::<u32>()), prop::bool::weighted(0.2));
    prop::collection::vec(put, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn windows(puts in puts(), records_per_batch in 1..10usize) {
        let (this, that) = (World::new(false), World::new(false));
        let format = ValueFormat::timestamped(number());
        let spec = WindowSpec::new("store", this.backend().clone(), text(), format, RETENTION_MS);
        let (mut store, mut log) = (TimestampedWindowTable::open(spec).unwrap(), Vec::new());
        for (key, start, value, commits) in puts {
            let value = value.map(|value| ValueAndTimestamp { value, timestamp: start + 1 });
            store.put(&key, value, start, start).unwrap();
            if commits {
                commit(&mut store, this.backend(), &mut log);
            }
        }
        commit(&mut store, this.backend(), &mut log);
        let format = RestoreFormat::Window { retention_ms: RETENTION_MS, timestamped: true };
        restore(format, that.backend(), &log, records_per_batch);
        assert_same(&this, &that);
    }

    #[test]
    fn sessions(puts in puts(), records_per_batch in 1..10usize) {
        let (this, that) = (World::new(false), World::new(false));
        let format = ValueFormat::plain(number());
        let spec = SessionSpec::new("store", this.backend().clone(), text(), format, RETENTION_MS);
        let (mut store, mut log) = (SessionTable::open(spec).unwrap(), Vec::new());
        for (key, end, value, commits) in puts {
            store.put(&SessionKey { key, start: end / 2, end }, value, end).unwrap();
            if commits {
                commit(&mut store, this.backend(), &mut log);
            }
        }
        commit(&mut store, this.backend(), &mut log);
        let format = RestoreFormat::Session { retention_ms: RETENTION_MS };
        restore(format, that.backend(), &log, records_per_batch);
        assert_same(&this, &that);
    }
}

#[test]
fn a_key_that_is_too_short_is_corrupt() {
    let world = World::new(false);
    let format = RestoreFormat::Session { retention_ms: 1 };
    let mut restorer = format.restorer("store", world.backend()).unwrap();
    let error = restorer.restore(b"short", None, 0, &Headers::new(), &mut Batch::new()).unwrap_err();
    assert!(
        matches!(error, StoreError::ForeignChangelog { .. }) && error.to_string().contains("store"),
        "{error}"
    );
}

#[test]
fn a_negative_retention_is_refused() {
    let world = World::new(false);
    let format = RestoreFormat::Session { retention_ms: -1 };
    let error = format.restorer("store", world.backend()).map(|_| ()).unwrap_err();
    assert!(matches!(error, StoreError::Retention { .. }), "{error}");
}
