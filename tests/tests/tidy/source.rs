//! A Rust file as the checks see it: as it is, as code without comments and strings, and without its tests.

use std::fs;
use std::path::Path;

/// A Rust file.
pub struct Source {
    /// Its path from the root, with slashes.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its text with comments, strings and characters blanked out; every line keeps its number and length.
    pub code: String,
}

impl Source {
    /// A file of that path and text.
    pub fn new(path: &str, text: &str) -> Self {
        Source { path: path.to_owned(), text: text.to_owned(), code: blank_words(text) }
    }

    /// Every Rust file below `root`, but for build output and hidden folders.
    pub fn all(root: &Path) -> Vec<Source> {
        let mut sources = Vec::new();
        walk(root, root, &mut sources);
        assert!(sources.len() > 10, "found hardly any Rust file below {}", root.display());
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        sources
    }

    /// The code with its inline test modules blanked out; nothing of a file of tests.
    pub fn production(&self) -> String {
        if self.is_test() { String::new() } else { blank_tests(&self.code) }
    }

    /// Whether the file holds tests only.
    pub fn is_test(&self) -> bool {
        // The package `tests` has equipment in `src`, which counts as production.
        let mut inside = self.path.split('/').skip(1);
        inside.any(|part| matches!(part, "tests" | "tests.rs" | "benches"))
    }

    /// The line number, from 1, of a position in the text.
    pub fn line_of(&self, position: usize) -> usize {
        self.text.bytes().take(position).filter(|byte| *byte == b'\n').count() + 1
    }
}

fn walk(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            walk(root, &path, sources);
        } else if name.ends_with(".rs")
            && let Ok(text) = fs::read_to_string(&path)
        {
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            sources.push(Source::new(&relative, &text));
        }
    }
}

/// Whether a byte belongs to a name.
pub fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Where `word` stands as a whole name.
pub fn find_word<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = text.as_bytes();
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at)).copied();
        let after = bytes.get(at + word.len()).copied();
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    })
}

/// The position after the bracket that closes the one at `open`.
pub fn matching(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// Spaces for everything but line ends.
fn blank(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(text.iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
}

fn blank_words(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let after_name = at > 0 && is_name(bytes[at - 1]);
        let length = match rest[0] {
            b'/' if rest.starts_with(b"//") => find(rest, b"\n").unwrap_or(rest.len()),
            b'/' if rest.starts_with(b"/*") => find(rest, b"*/").map_or(rest.len(), |end| end + 2),
            b'"' => string_length(rest),
            b'r' if !after_name => raw_string_length(rest),
            b'b' if !after_name && rest.starts_with(b"br") => match raw_string_length(&rest[1..]) {
                0 => 0,
                length => length + 1,
            },
            b'\'' => char_length(rest),
            _ => 0,
        };
        if length == 0 {
            out.push(rest[0]);
            at += 1;
        } else {
            blank(&mut out, &rest[..length]);
            at += length;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn string_length(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// The length of `r"..."` or `r#"..."#`; 0 if this is none.
fn raw_string_length(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(hashes + 1) != Some(&b'"') {
        return 0;
    }
    let end = [&b"\""[..], &b"#".repeat(hashes)].concat();
    find(&rest[hashes + 2..], &end).map_or(rest.len(), |at| at + hashes + 2 + end.len())
}

/// The length of a character such as `'{'` or `'\''`; 0 for a lifetime.
fn char_length(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        return find(&rest[3.min(rest.len())..], b"'").map_or(0, |end| end + 4);
    }
    let text = String::from_utf8_lossy(&rest[1..rest.len().min(6)]);
    let length = text.chars().next().map_or(0, char::len_utf8);
    if rest.get(1 + length) == Some(&b'\'') { length + 2 } else { 0 }
}

fn blank_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = Vec::with_capacity(code.len());
    let mut at = 0;
    while let Some(found) = code[at..].find(MARK) {
        let start = at + found;
        let item = &code[start + MARK.len()..];
        let body = item.find(['{', ';']).unwrap_or(item.len()) + start + MARK.len();
        let end =
            if code[body..].starts_with('{') { matching(code, body) } else { (body + 1).min(code.len()) };
        out.extend_from_slice(&code.as_bytes()[at..start]);
        blank(&mut out, &code.as_bytes()[start..end]);
        at = end;
    }
    out.extend_from_slice(&code.as_bytes()[at..]);
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn words_in_comments_and_strings_are_no_code() {
    let text = "a // b\n\"c\\\"d\" r#\"e\"f\"# /* g\n */ h 'i' '\\'' '{' &'j k br\"l\"";
    let code = Source::new("x.rs", text).code;
    let names: Vec<_> = code.split(|c: char| !c.is_alphanumeric()).filter(|name| !name.is_empty()).collect();
    assert_eq!(names, ["a", "h", "j", "k"]);
    assert_eq!((code.len(), code.lines().count()), (text.len(), text.lines().count()));
}

#[test]
fn test_modules_are_no_production_code() {
    let text =
        "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod tests;\n";
    let code = Source::new("x/src/x.rs", text).production();
    assert!(
        code.contains("fn a") && !code.contains("fn b") && code.contains("fn c") && !code.contains("mod")
    );
    assert!(Source::new("x/src/tests.rs", text).production().is_empty());
    assert!(Source::new("tests/tests/x/main.rs", text).is_test());
    assert!(!Source::new("tests/lab/src/lib.rs", text).is_test());
}
