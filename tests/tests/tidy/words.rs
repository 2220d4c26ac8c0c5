//! Words that stay out: unfinished work, left-over debugging, and words for which the field has better ones.

use crate::check_files;
use crate::source::{Source, find_word};

/// Macros, and what to do instead.
const MACROS: &[(&str, &str)] = &[
    ("todo!", "finish it or leave it out"),
    ("unimplemented!", "finish it or leave it out"),
    ("dbg!", "remove it"),
];

/// Macros that print; a library logs.
const PRINTING: &[&str] = &["println!", "print!", "eprintln!", "eprint!"];

/// Notes to oneself, in comments.
const NOTES: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];

/// Words in code and comments, and what Kafka calls it.
const WORDS: &[(&str, &str)] = &[
    ("shard", "partition"),
    ("shards", "partitions"),
    ("sharded", "partitioned"),
    ("sharding", "partitioning"),
    ("blacklist", "deny list"),
    ("whitelist", "allow list"),
];

/// Names that others have given, which have such a word in them: settings of librdkafka.
const NAMES: &[&str] = &["topic.blacklist"];

/// Whether a file may print: a program's entry, an example, a test, the equipment of tests.
fn may_print(path: &str) -> bool {
    let parts: Vec<_> = path.split('/').collect();
    let package = parts[0];
    matches!(package, "examples" | "tests")
        || parts[1..].iter().any(|part| matches!(*part, "bin" | "examples" | "tests" | "benches"))
        || matches!(parts.last(), Some(&"main.rs" | &"build.rs" | &"tests.rs"))
}

fn banned(source: &Source) -> Vec<String> {
    if source.path.starts_with("tests/tests/tidy/") {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let mut add = |at: usize, word: &str, instead: &str| {
        problems.push(format!("{}:{}: '{word}': {instead}", source.path, source.line_of(at)));
    };
    for (word, instead) in MACROS {
        find_word(&source.code, word).for_each(|at| add(at, word, instead));
    }
    if !may_print(&source.path) {
        let code = source.production();
        for word in PRINTING {
            find_word(&code, word).for_each(|at| add(at, word, "log with tracing"));
        }
    }
    for word in NOTES {
        find_word(&source.text, word).for_each(|at| add(at, word, "do it now, or write an issue"));
    }
    let mut lower = source.text.to_ascii_lowercase();
    for name in NAMES {
        lower = lower.replace(name, &" ".repeat(name.len()));
    }
    for (word, instead) in WORDS {
        find_word(&lower, word).for_each(|at| add(at, word, &format!("say {instead}")));
    }
    problems
}

#[test]
fn banned_words_stay_out() {
    check_files("banned words stay out", banned);
}

#[test]
fn a_banned_word_is_found() {
    let of = |path: &str, text: &str| banned(&Source::new(path, text)).len();
    assert_eq!(of("a/src/a.rs", "fn f() { todo!() }"), 1);
    assert_eq!(of("a/src/a.rs", "// todo!() is banned"), 0);
    assert_eq!(of("a/src/a.rs", "// TODO: later"), 1);
    assert_eq!(of("a/src/a.rs", "println!(\"x\"); /// prints with println!"), 1);
    assert_eq!(of("a/src/bin/a.rs", "println!(\"x\");"), 0);
    assert_eq!(of("examples/a.rs", "println!(\"x\"); dbg!(x);"), 1);
    assert_eq!(of("a/src/a.rs", "/// A Shard of it\nstruct Shards;"), 2);
    assert_eq!(of("a/src/a.rs", "/// A blacklist, and topic.blacklist"), 1);
}
