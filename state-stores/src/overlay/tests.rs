//! Tests of the overlay on its own.

use super::*;

fn put(overlay: &mut Overlay<u64>, key: &[u8], value: u64) -> Replaced<u64> {
    overlay.update(key, Some(value), 0, Headers::new(), || true)
}

fn commit(overlay: &mut Overlay<u64>) {
    let mut dirty = overlay.take_dirty();
    for position in dirty.drain(..) {
        overlay.stage(position, 8);
    }
    overlay.restore_dirty(dirty);
    overlay.committed(|_| false);
}

#[test]
fn every_pair_of_states_is_decided() {
    use EntryState::{Clean, Dirty, Free, Logged, Staged};
    let all = [Free, Clean, Dirty, Logged, Staged];
    let legal = all.iter().flat_map(|from| all.iter().filter(|to| from.may_become(**to)));
    assert_eq!(legal.count(), 14);
    assert!(
        all.iter().all(|state| !state.may_become(*state)),
        "an entry stays as it is without a transition"
    );
    assert!(all.iter().all(|state| *state == Free || state.may_become(Free)), "each can be forgotten");
    // Only a stage puts an entry into the log or a batch, and only what is dirty or logged.
    assert!(!Clean.may_become(Logged) && !Clean.may_become(Staged) && !Staged.may_become(Logged));
}

#[test]
fn dirty_entries_come_in_the_order_of_their_last_update() {
    let mut overlay = Overlay::new();
    for key in [b"a", b"b", b"c", b"a"] {
        put(&mut overlay, key, 1);
    }
    let keys: Vec<_> = overlay.take_dirty().iter().map(|at| overlay.entry(*at).key.to_vec()).collect();
    assert_eq!(keys, [b"b", b"c", b"a"]);
}

#[test]
fn an_update_between_stage_and_commit_stays_dirty() {
    let mut overlay = Overlay::new();
    let position = put(&mut overlay, b"a", 1).position;
    let dirty = overlay.take_dirty();
    overlay.stage(position, 8);
    overlay.restore_dirty(dirty.into_iter().filter(|_| false).collect());
    put(&mut overlay, b"a", 2);
    overlay.committed(|_| false);
    assert_eq!(overlay.entry(position).state, EntryState::Dirty);
    assert_eq!(overlay.take_dirty(), [position]);
}

#[test]
fn eviction_keeps_to_the_bound_and_spares_uncommitted_entries() {
    let mut overlay = Overlay::new();
    for key in 0..1000u64 {
        put(&mut overlay, &key.to_be_bytes(), key);
    }
    commit(&mut overlay);
    put(&mut overlay, &7u64.to_be_bytes(), 8);
    let bound = overlay.clean_bytes() / 2;
    overlay.evict_unused(bound);
    assert!(overlay.clean_bytes() <= bound && overlay.clean_bytes() > bound / 2);
    overlay.evict_unused(0);
    assert_eq!((overlay.clean_bytes(), overlay.table.len()), (0, 1));
    assert!(overlay.find(&7u64.to_be_bytes()).is_some());
}

#[test]
fn the_index_follows_inserts_and_removals() {
    let mut overlay = Overlay::new();
    put(&mut overlay, b"b", 1);
    overlay.build_index();
    let keys = |overlay: &Overlay<u64>| -> Vec<_> {
        overlay.index().into_iter().flatten().map(|(key, _)| key.to_vec()).collect()
    };
    assert_eq!(keys(&overlay), [b"b"]);
    let before = overlay.epoch();
    put(&mut overlay, b"a", 1);
    assert_eq!(keys(&overlay), [b"a", b"b"]);
    assert!(overlay.epoch() > before);
    overlay.rollback(|_| {});
    assert!(keys(&overlay).is_empty() && overlay.table.is_empty());
}

#[test]
fn a_key_is_new_to_those_that_began_before_it_until_it_is_staged() {
    let mut overlay = Overlay::new();
    overlay.sequence = u32::MAX - 1;
    let old = put(&mut overlay, b"old", 1).position;
    let since = overlay.updates();
    let new = put(&mut overlay, b"new", 1).position;
    put(&mut overlay, b"old", 2);
    assert_eq!([old, new].map(|at| overlay.is_new(at, since, false)), [false, true]);
    // The overlay did not know the key, but the backend had it.
    assert!(!overlay.is_new(new, since, true));
    overlay.update(b"old", None, 0, Headers::new(), || false);
    put(&mut overlay, b"old", 3);
    assert!(overlay.is_new(old, since, true), "deleted and made again");
    commit(&mut overlay);
    assert!(!overlay.is_new(old, since, true) && !overlay.is_new(new, since, false));
}

#[test]
fn the_order_of_updates_outlives_the_end_of_their_numbers() {
    let mut overlay = Overlay::new();
    overlay.sequence = u32::MAX - 2;
    for key in [b"a", b"b", b"c", b"d", b"a"] {
        put(&mut overlay, key, 1);
    }
    let keys: Vec<_> = overlay.take_dirty().iter().map(|at| overlay.entry(*at).key.to_vec()).collect();
    assert_eq!(keys, [b"b", b"c", b"d", b"a"]);
}

#[test]
fn a_hundred_thousand_small_counts_fit_the_default_cache() {
    let mut overlay = Overlay::new();
    for key in 0..100_000 {
        overlay.load(format!("user-{key:05}").as_bytes(), Some((1i64, 1i64)));
    }
    assert!(overlay.clean_bytes() <= 10 << 20, "{} bytes", overlay.clean_bytes());
}

#[test]
fn what_entries_own_counts() {
    let (mut plain, mut owning) = (Overlay::new(), Overlay::new());
    for overlay in [&mut plain, &mut owning] {
        overlay.note_value(1_000);
        overlay.load(b"short", Some(String::new()));
    }
    owning.load(&[7; 500], None);
    assert!(plain.clean_bytes() > 1_000 && owning.clean_bytes() > plain.clean_bytes() + 1_500);
}
