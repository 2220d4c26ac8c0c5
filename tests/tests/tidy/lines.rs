//! Lines fit on a screen: rustfmt wraps code at 110 characters; what it does not wrap (comments, text, macros) ends here.

use crate::check_files;
use crate::source::Source;

const LINE_CHARS_MAX: usize = 126;

fn long_lines(source: &Source) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        let chars = line.chars().count();
        if chars > LINE_CHARS_MAX {
            problems.push(format!(
                "{}:{}: {chars} characters, at most {LINE_CHARS_MAX}",
                source.path,
                index + 1
            ));
        }
    }
    problems
}

#[test]
fn lines_are_short() {
    check_files("lines fit on a screen", long_lines);
}

#[test]
fn a_long_line_is_found() {
    let (x, y) = ("x".repeat(126), "y".repeat(127));
    assert_eq!(long_lines(&Source::new("a.rs", &format!("{x}\n// {y}\n"))).len(), 1);
}
