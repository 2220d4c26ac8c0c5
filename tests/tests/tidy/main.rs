//! The habits of this code base, checked: layers, sizes, words, and what each file owes its reader.
//!
//! One file per check. A check is a function from sources to problems, so that each can be shown a small source that
//! breaks its rule.

mod architecture;
mod coverage;
mod crates;
mod english;
mod libraries;
mod lines;
mod messages;
mod modules;
mod opening;
mod sizes;
mod source;
mod words;

use std::path::{Path, PathBuf};

use source::Source;

/// The workspace.
fn root() -> PathBuf {
    // Cargo sets it at run time too; that one is right when the test binary was built for another work tree.
    let package =
        std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    Path::new(&package).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Fails with all problems at once.
fn report(rule: &str, problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{rule}:\n  {}\n", problems.join("\n  "));
}

/// Runs a check over every Rust file.
fn check_files(rule: &str, check: impl Fn(&Source) -> Vec<String>) {
    report(rule, Source::all(&root()).iter().flat_map(check).collect());
}
