//! The C libraries have one home each, and so has unsafe code.

use crate::check_files;
use crate::source::{Source, find_word};

/// Names that only files whose path begins so may use.
const HOMES: &[(&str, &[&str])] = &[
    ("rdkafka", &["streams-core/src/transport/kafka/", "tests/"]),
    ("rdkafka_sys", &["streams-core/src/transport/kafka/", "tests/"]),
    ("rocksdb", &["state-stores/src/backend/rocksdb/", "state-stores/src/backend/rocksdb.rs"]),
    ("unsafe", &["streams-core/src/transport/kafka/ffi", "tests/lab/src/", "tests/src/bench/"]),
];

/// Whether the name at this position is the crate, or for `unsafe` the keyword: not a module of ours, nor a field.
fn is_foreign(code: &str, at: usize, name: &str) -> bool {
    let before = code[..at].trim_end();
    let after = code[at + name.len()..].trim_start();
    let is_path = !before.ends_with("::") && (after.starts_with("::") || before.ends_with("use"));
    name == "unsafe" || is_path || before.ends_with("extern crate")
}

fn homeless(source: &Source) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, homes) in HOMES {
        // In a file that declares a module of that name, the name is the module's.
        let declares = source.code.contains(&format!("mod {name};"));
        if declares || homes.iter().any(|home| source.path.starts_with(home)) {
            continue;
        }
        for at in find_word(&source.code, name).filter(|at| is_foreign(&source.code, *at, name)) {
            let line = source.line_of(at);
            problems.push(format!("{}:{line}: '{name}' belongs in {}", source.path, homes[0]));
        }
    }
    problems
}

#[test]
fn each_c_library_has_one_home() {
    check_files("rdkafka, rocksdb and unsafe code have one home each", homeless);
}

#[test]
fn a_stray_use_is_found() {
    let of = |path: &str, text: &str| homeless(&Source::new(path, text)).len();
    assert_eq!(of("streams-core/src/runtime/mod.rs", "use rdkafka::Message;"), 1);
    assert_eq!(of("streams-core/src/transport/kafka/consumer.rs", "use rdkafka::Message;"), 0);
    assert_eq!(of("state-stores/src/backend/mod.rs", "mod rocksdb;\npub use rocksdb::Backend;"), 0);
    assert_eq!(of("state-stores/src/lib.rs", "use crate::backend::rocksdb::Backend; // rocksdb::DB"), 0);
    assert_eq!(of("state-stores/src/lib.rs", "fn f(db: &rocksdb::DB) {}"), 1);
    assert_eq!(of("streams-core/src/ids.rs", "fn f() { unsafe { g() } }\n#![deny(unsafe_code)]"), 1);
    assert_eq!(of("streams-core/src/transport/kafka/ffi.rs", "unsafe fn f() {}"), 0);
}
