//! Orders that Java is known to give; `describe()`'s transcripts prove the rest.

use super::{TreeSet, compare_strings, hash_set_copy_order, hash_set_order, string_hash};

#[test]
fn strings_hash_and_compare_as_in_java() {
    assert_eq!(string_hash(""), 0);
    assert_eq!(string_hash("hello"), 99_162_322);
    assert_eq!(string_hash("polygenelubricants"), 0x8000_0000);
    // UTF-16 puts a surrogate pair before U+FF58, UTF-8 after it.
    assert!(compare_strings("𝒳", "ｘ").is_lt());
}

#[test]
fn a_copied_hash_set_may_have_a_larger_table() {
    // Twelve strings fill a table of 16, and the copy's has 32: `p` hashes to 112 = 7 * 16.
    let mut added: Vec<String> = ('f'..='q').map(String::from).collect();
    let mut copied = added.clone();
    hash_set_order(&mut added);
    hash_set_copy_order(&mut copied);
    assert_eq!(added.concat(), "pqfghijklmno");
    assert_eq!(copied.concat(), "fghijklmnopq");
}

#[test]
fn a_tree_set_sorts_and_drops_equals() {
    let mut set = TreeSet::default();
    let scrambled = (0..1000usize).map(|n| n * 7919 % 1000);
    for value in scrambled.clone().chain(scrambled) {
        set.insert(value, |one, other| one.cmp(&other));
    }
    assert_eq!(set.values(), (0..1000).collect::<Vec<_>>());
}
