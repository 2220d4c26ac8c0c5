//! Whatever the library warns of is explained where an operator looks for it.

use crate::source::{Source, find_word, matching};
use crate::{report, root};

const PAGE: &str = "docs/troubleshooting.md";

/// Crates whose messages reach operators.
const CRATES: &[&str] = &["state-stores/src/", "streams-core/src/", "streams-dsl/src/"];

/// What of a message is always the same, and is looked for: its beginning, up to the first value, clause or sentence.
/// Nothing if it begins with a value.
fn stable(literal: &str) -> String {
    // A backslash at the end of a line joins it with the next.
    let mut text = String::new();
    for line in literal.split_inclusive('\n') {
        let line = if text.is_empty() { line } else { line.trim_start() };
        text.push_str(line.strip_suffix("\\\n").unwrap_or(line));
    }
    let end = ["{", ";", ": ", ". "].iter().filter_map(|mark| text.find(mark)).min().unwrap_or(text.len());
    text.truncate(end);
    text.trim().to_owned()
}

/// The last string of a call, which is its message.
fn message(call: &str, code: &str) -> Option<String> {
    // Strings are blank in the code, so that the last quote that is no part of a longer string ends one.
    let end = call.rfind('"')?;
    let mut start = end;
    while start > 0 && code.as_bytes().get(start - 1).is_some_and(u8::is_ascii_whitespace) {
        start -= 1;
    }
    let literal = call.get(start..end)?.trim_start();
    Some(literal.strip_prefix('"')?.to_owned())
}

/// The messages of a file's warnings and errors, each with the line of its call.
fn messages(source: &Source) -> Vec<(usize, String)> {
    let code = source.production();
    let calls = ["warn", "error"].iter().flat_map(|name| find_word(&code, name).collect::<Vec<_>>());
    let mut found = Vec::new();
    for at in calls.filter(|at| code[..*at].ends_with("tracing::")) {
        let Some(open) = code[at..].find('(').map(|open| at + open) else { continue };
        let end = matching(&code, open);
        let text = message(&source.text[open..end], &code[open..end]).unwrap_or_default();
        found.push((source.line_of(at), stable(&text)));
    }
    found
}

fn unexplained(source: &Source, page: &str) -> Vec<String> {
    let missing = |text: &str| !text.is_empty() && !page.contains(text);
    let found = messages(source).into_iter().filter(|(_, text)| missing(text));
    found.map(|(line, text)| format!("{}:{line}: {PAGE} does not explain '{text}'", source.path)).collect()
}

#[test]
fn every_warning_is_explained() {
    let page = std::fs::read_to_string(root().join(PAGE)).unwrap_or_default();
    let sources = Source::all(&root());
    let ours = sources.iter().filter(|source| CRATES.iter().any(|of| source.path.starts_with(of)));
    let (mut problems, mut seen) = (Vec::new(), 0);
    for source in ours {
        seen += messages(source).len();
        problems.extend(unexplained(source, &page));
    }
    assert!(seen > 30, "found hardly any warning: {seen}");
    report("every WARN and ERROR is explained (docs/troubleshooting.md)", problems);
}

#[test]
fn a_warning_that_is_not_explained_is_found() {
    let text = r#"
fn f() {
    tracing::warn!(a, b = x.unwrap_or("an argument"), "the cat \
         has gone; look for it");
    tracing::error!("{} is in a tree", 1);
    tracing::warn!("the dog: {} ran", 2);
    tracing::info!("nothing happened");
}
#[cfg(test)]
mod tests {
    fn g() { tracing::warn!("a test") }
}
"#;
    let source = Source::new("streams-core/src/x.rs", text);
    let found: Vec<_> = messages(&source).into_iter().map(|(line, text)| format!("{line} {text}")).collect();
    assert_eq!(found, ["3 the cat has gone", "6 the dog", "5 "]);
    assert_eq!(unexplained(&source, "| `the cat has gone` | ... | the dog |"), Vec::<String>::new());
    assert_eq!(unexplained(&source, "the dog").len(), 1);
}
