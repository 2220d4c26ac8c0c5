//! Files and functions stay small. What is too long today is listed with the reason, and may only become shorter.

use crate::source::{Source, find_word, matching};
use crate::{check_files, report, root};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Something that is longer than it may be.
struct Exception {
    /// A file, or a file, `::` and a function.
    what: &'static str,
    /// Why that is better than splitting it.
    reason: &'static str,
    /// How long it is. Lower it when it shrinks; it never rises.
    ceiling: usize,
}

const EXCEPTIONS: &[Exception] = &[];

fn ceiling(exceptions: &[Exception], what: &str, usual: usize) -> usize {
    exceptions.iter().find(|exception| exception.what == what).map_or(usual, |exception| exception.ceiling)
}

/// The lines of production code, comments and all: those that are not in tests.
fn file_lines(source: &Source) -> usize {
    let tests =
        source.code.lines().zip(source.production().lines()).filter(|(all, kept)| all != kept).count();
    if source.is_test() { 0 } else { source.text.lines().count() - tests }
}

/// Each function of production code: its name, its line and how many lines it has.
fn functions(source: &Source) -> Vec<(String, usize, usize)> {
    let code = source.production();
    let mut found = Vec::new();
    for at in find_word(&code, "fn") {
        let rest = &code[at + 2..];
        let name: String =
            rest.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '$').collect();
        // The type `fn(..)` has no name; a method of a trait may have no body.
        if name.is_empty() {
            continue;
        }
        let mut position = at;
        let body = loop {
            match code.as_bytes().get(position) {
                Some(b'(' | b'[') => position = matching(&code, position),
                Some(b'{') => break Some(position),
                Some(b';') | None => break None,
                Some(_) => position += 1,
            }
        };
        if let Some(body) = body {
            let (first, last) = (source.line_of(at), source.line_of(matching(&code, body)));
            found.push((name, first, last - first + 1));
        }
    }
    found
}

fn long_files(exceptions: &[Exception], source: &Source) -> Vec<String> {
    let (lines, max) = (file_lines(source), ceiling(exceptions, &source.path, FILE_LINES_MAX));
    let problem = || format!("{}: {lines} lines of production code, at most {max}; split it", source.path);
    if lines > max { vec![problem()] } else { Vec::new() }
}

fn long_functions(exceptions: &[Exception], source: &Source) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, line, lines) in functions(source) {
        let max = ceiling(exceptions, &format!("{}::{name}", source.path), FUNCTION_LINES_MAX);
        if lines > max {
            problems
                .push(format!("{}:{line}: {name} has {lines} lines, at most {max}; split it", source.path));
        }
    }
    problems
}

/// Exceptions that are needed no longer, or whose ceiling can come down.
fn slack(exceptions: &[Exception], sources: &[Source]) -> Vec<String> {
    let mut problems = Vec::new();
    for Exception { what, reason, ceiling } in exceptions {
        let (path, function) = what.split_once("::").map_or((*what, None), |(path, name)| (path, Some(name)));
        let source = sources.iter().find(|source| source.path == path);
        let now = source.and_then(|source| match function {
            None => Some(file_lines(source)),
            Some(name) => {
                functions(source).into_iter().filter(|found| found.0 == name).map(|found| found.2).max()
            }
        });
        if reason.is_empty() {
            problems.push(format!("{what}: say why it is so long"));
        }
        match now {
            Some(now) if now == *ceiling => {}
            Some(now) if now > *ceiling => {
                problems.push(format!("{what}: grew from {ceiling} to {now} lines"))
            }
            Some(now) => problems.push(format!("{what}: shrank to {now} lines; lower its ceiling to that")),
            None => problems.push(format!("{what}: is no more; remove the exception")),
        }
    }
    problems
}

#[test]
fn files_are_short() {
    check_files("a file has at most 600 lines of production code", |source| long_files(EXCEPTIONS, source));
}

#[test]
fn functions_are_short() {
    check_files("a function has at most 70 lines", |source| long_functions(EXCEPTIONS, source));
}

#[test]
fn exceptions_only_shrink() {
    report("exceptions from the limits only shrink", slack(EXCEPTIONS, &Source::all(&root())));
}

#[test]
fn what_is_long_is_found() {
    let long = format!("fn a(x: [u8; 2]) -> u8 where {{\n{}}}\ntype F = fn(u8);\n", "    b();\n".repeat(69));
    let source = Source::new("a/src/a.rs", &long);
    assert_eq!(functions(&source), [("a".to_owned(), 1, 71)]);
    assert_eq!(long_functions(&[], &source).len(), 1);
    let excepted = |ceiling| [Exception { what: "a/src/a.rs::a", reason: "a table", ceiling }];
    assert_eq!(long_functions(&excepted(71), &source).len(), 0);
    assert_eq!(slack(&excepted(71), std::slice::from_ref(&source)).len(), 0);
    assert_eq!(slack(&excepted(80), std::slice::from_ref(&source)).len(), 1);

    let tests =
        format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "    // x\n    fn g() {}\n".repeat(400));
    assert_eq!(long_files(&[], &Source::new("a/src/b.rs", &tests)).len(), 0);
    assert_eq!(long_files(&[], &Source::new("a/src/c.rs", &"fn f() {}\n".repeat(601))).len(), 1);
}
