//! Plain English in comments, messages and pages: the constructions that docs/style.md replaces stay out.

use std::fs;
use std::path::Path;

use crate::source::{Source, find_word};
use crate::{report, root};

/// Phrases, and what to write instead.
const PHRASES: &[(&str, &str)] = &[
    ("anew", "again, from scratch"),
    ("is looked", "checks"),
    ("was looked", "checked"),
    ("are looked", "are checked"),
    ("told", "logged, reported, named"),
    ("at hand", "current"),
    ("so many", "this many"),
    ("shall", "should, must, will"),
    ("one's own", "custom, your own"),
    ("mend", "fix"),
    ("mended", "fixed"),
    ("uses up", "takes"),
    ("use up", "take"),
    ("go on", "continue"),
    ("goes on", "continues"),
    ("going on", "continuing"),
    ("gone on", "continued"),
    ("went on", "continued"),
    ("any more", "no longer"),
    ("beside", "next to, besides, in addition to"),
    ("owes", "has pending"),
    ("owed", "pending, deferred"),
    ("of before", "earlier, previous"),
    ("at the most", "at most"),
    ("in vain", "without effect"),
    ("in mid-commit", "during a commit"),
    ("in mid-run", "during a run"),
    ("in mid-transaction", "in the middle of a transaction"),
    ("lets it go", "releases it"),
    ("hands on", "passes on"),
    ("handed on", "passed on"),
    ("obey", "handle"),
    ("obeys", "handles"),
    ("wish", "request"),
    ("somebody", "another process, a user"),
    ("for good", "permanently"),
    ("for ever", "forever"),
    ("tells of", "reports, logs, says"),
    ("tell of", "report, log, say"),
    ("lets go of", "releases, closes"),
    ("hears of", "learns of"),
    ("is no", "is not a"),
    ("are no", "are not"),
];

/// What makes a banned phrase good English.
const UNLESS_BEFORE: &[(&str, &str)] = &[("is no", "there "), ("are no", "there ")];
const UNLESS_AFTER: &[(&str, &str)] = &[
    ("is no", " longer"),
    ("are no", " longer"),
    ("is looked", " up"),
    ("was looked", " up"),
    ("are looked", " up"),
    ("any more", ". make the patterns"),
];

/// References to documents that are not in the repository.
const DANGLING: &[&str] = &["reference/", "design D", "house-review", "user-trial"];

/// How a doc comment begins that may say nothing.
const LABELS: &[&str] = &["That ", "These ", "Those "];

/// A line without code: what is in backquotes, and arguments in braces.
fn prose(line: &str) -> String {
    let mut in_code = false;
    let mut keep = |character| {
        in_code = match character {
            '`' => !in_code,
            '{' => true,
            '}' => false,
            _ => in_code,
        };
        if in_code { ' ' } else { character }
    };
    line.chars().map(&mut keep).collect()
}

/// The comments and strings of a Rust file; every line keeps its number.
fn words(source: &Source) -> String {
    let pairs = source.text.bytes().zip(source.code.bytes());
    let words = pairs.map(|(text, code)| if text == code && text != b'\n' { b' ' } else { text });
    String::from_utf8_lossy(&words.collect::<Vec<_>>()).into_owned()
}

fn found(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut before = "";
    for (number, line) in (1..).zip(text.lines()) {
        let mut problem = |what: &str, instead: &str| {
            problems.push(format!("{path}:{number}: '{what}': {instead} (docs/style.md)"));
        };
        let lower = prose(line).to_lowercase();
        for (phrase, instead) in PHRASES {
            let good = |at: usize| {
                let (head, rest) = (&lower[..at], &lower[at + phrase.len()..]);
                UNLESS_BEFORE.iter().any(|(of, word)| of == phrase && head.ends_with(word))
                    || UNLESS_AFTER.iter().any(|(of, word)| of == phrase && rest.starts_with(word))
            };
            find_word(&lower, phrase).filter(|at| !good(*at)).for_each(|_| problem(phrase, instead));
        }
        let comment = line.trim_start();
        if let Some(first) = comment.strip_prefix("/// ").filter(|_| !before.starts_with("///")) {
            if first.starts_with("Has ") {
                problem("Has", "begin with a verb that says what it does: makes, sets");
            }
            let label = LABELS.iter().any(|label| first.starts_with(label));
            if label && first.len() < 30 && first.ends_with('.') {
                problem(first, "say something, or delete it");
            }
        }
        before = comment;
        for reference in DANGLING.iter().filter(|reference| line.contains(**reference)) {
            problem(reference, "leads to nothing in this repository");
        }
    }
    problems
}

fn pages(folder: &Path, found: &mut Vec<(String, String)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            pages(&path, found);
        } else if name.ends_with(".md")
            && let Ok(text) = fs::read_to_string(&path)
        {
            let relative = path.strip_prefix(root()).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            found.push((relative, text));
        }
    }
}

#[test]
fn text_is_plain_english() {
    let mut texts: Vec<_> =
        Source::all(&root()).iter().map(|source| (source.path.clone(), words(source))).collect();
    pages(&root(), &mut texts);
    let exempt = |path: &str| path == "docs/style.md" || path.starts_with("tests/tests/tidy/");
    let checked = texts.iter().filter(|(path, _)| !exempt(path));
    report("text is plain English", checked.flat_map(|(path, text)| found(path, text)).collect());
}

#[test]
fn a_banned_construction_is_found() {
    let of = |text: &str| found("a.rs", &words(&Source::new("a.rs", text)));
    let said = of("/// Counts anew.\nfn anew() { f(\"so many\") }\n// `anew` is code\n");
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("a.rs:1: 'anew'") && said[1].starts_with("a.rs:2: 'so many'"), "{said:?}");
    assert_eq!(of("/// There is no broker, and it is no longer there.\n"), Vec::<String>::new());
    assert_eq!(of("/// This is no broker.\n").len(), 1);
    assert_eq!(of("/// Has updates wait.\n/// It\n/// has rows.\n").len(), 1);
    assert_eq!(of("fn f() { assert!(x, \"{told:?} {so many}\") }\n"), Vec::<String>::new());
    assert_eq!(
        of("fn f() { g(\"\u{fc}\"); let told = x; assert!(told, \"{told}\") }\n"),
        Vec::<String>::new()
    );
    assert_eq!(of("/// That serde.\n/// That serde is used where the topic gives none.\n").len(), 1);
    assert_eq!(of("//! See design D7, or reference/x.md.\n").len(), 2);
    let page = found("a.md", "A `wish`.\nA wish.\n");
    assert_eq!(page.len(), 1, "{page:?}");
}
