//! The public API equals the checked-in lists, so that a review shows each change.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write;

use publish::{cargo, root, run, target};

/// The crates whose items users of `kstreams` see.
const CRATES: &[&str] = &["kstreams", "streams-dsl", "streams-core", "state-stores"];

/// The command that updates the lists.
const UPDATE: &str = "UPDATE_PUBLIC_API=1 cargo test -p publish --test public_api";

/// The public items of a crate, one a line, without those hidden from documentation.
fn public_api(package: &str) -> String {
    let features: &[&str] = if package == "state-stores" { &[] } else { &["--features", "chrono,testing"] };
    let json = ["-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"];
    let mut rustdoc = cargo(&root());
    rustdoc.args(["rustdoc", "--offline", "--lib", "--no-default-features", "-p", package]).args(features);
    rustdoc.arg("--").args(json);
    run(rustdoc.env("RUSTC_BOOTSTRAP", "1")).unwrap();
    let json = target().join("doc").join(format!("{}.json", package.replace('-', "_")));
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .unwrap();
    let mut lines = String::new();
    for item in api.items() {
        writeln!(lines, "{item}").unwrap();
    }
    lines
}

/// The checked-in lists, one after the other.
fn checked_in() -> String {
    let list = |package: &&str| {
        std::fs::read_to_string(root().join("tests/publish/api").join(format!("{package}.txt"))).unwrap()
    };
    CRATES.iter().map(list).collect()
}

/// The last part of the path in a line such as `pub struct a::b::Name<K>`, if the line defines an item.
fn defined(line: &str) -> Option<&str> {
    const KINDS: &[&str] = &["struct", "enum", "trait", "type", "fn", "mod", "macro", "const", "async fn"];
    let line = line.split_once("pub ").filter(|(before, _)| before.is_empty() || before.starts_with("#["))?.1;
    let path = KINDS.iter().find_map(|kind| line.strip_prefix(kind)?.strip_prefix(' '))?;
    let end = path.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(path.len());
    let path = path[..end].trim_end_matches(':');
    Some(path.rsplit("::").next().unwrap_or(path))
}

/// What is hidden where it is defined and re-exported under a documented name has a `pub use` in the lists and nothing else:
/// its methods could change without a line of theirs.
#[test]
fn whatever_is_re_exported_is_listed_with_its_items() {
    if std::env::var_os("UPDATE_PUBLIC_API").is_some() {
        return; // They are being written.
    }
    let lists = checked_in();
    let defined: BTreeSet<_> = lists.lines().filter_map(defined).collect();
    // Crates are re-exported too, and have a list of their own.
    let re_exported = lists.lines().filter_map(|line| line.strip_prefix("pub use "));
    let names = re_exported.filter(|path| *path != "streams_dsl::core");
    let bare: Vec<_> = names.filter(|path| !defined.contains(path.rsplit("::").next().unwrap())).collect();
    assert!(
        bare.is_empty(),
        "hidden where they are defined, so that their items are not compared: {bare:#?}"
    );
}

#[test]
fn the_public_api_is_what_is_checked_in() {
    let mut changed = String::new();
    for package in CRATES {
        let path = root().join("tests/publish/api").join(format!("{package}.txt"));
        let now = public_api(package);
        if std::env::var_os("UPDATE_PUBLIC_API").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &now).unwrap();
            continue;
        }
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let (was, is): (BTreeSet<_>, BTreeSet<_>) = (before.lines().collect(), now.lines().collect());
        was.difference(&is).for_each(|line| writeln!(changed, "  {package}: - {line}").unwrap());
        is.difference(&was).for_each(|line| writeln!(changed, "  {package}: + {line}").unwrap());
    }
    assert!(
        changed.is_empty(),
        "\nthe public API differs from tests/publish/api:\n{changed}If this is intended, say so in CHANGELOG.md, and run: \
         {UPDATE}\n"
    );
}
