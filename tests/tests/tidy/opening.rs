//! Every file opens with a sentence that says what it is for.

use crate::check_files;
use crate::source::Source;

fn unopened(source: &Source) -> Vec<String> {
    let first = source.text.lines().next().unwrap_or_default();
    match first.strip_prefix("//! ") {
        Some(sentence) if !sentence.trim().is_empty() => Vec::new(),
        _ => vec![format!("{}:1: begin with '//! ' and what the file is for", source.path)],
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    check_files("every file opens with //!", unopened);
}

#[test]
fn a_file_without_an_opening_is_found() {
    assert_eq!(unopened(&Source::new("a.rs", "//! What for.\n")).len(), 0);
    for text in ["use x;\n", "//!\n//! Late.\n", ""] {
        assert_eq!(unopened(&Source::new("a.rs", text)).len(), 1, "{text}");
    }
}
