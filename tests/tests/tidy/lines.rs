//! Lines fit on a screen: 110 characters, as rustfmt has it, and 120 with a comment or text, which it does not wrap.

use crate::check_files;
use crate::source::Source;

const CODE_CHARS_MAX: usize = 110;
const WORDS_CHARS_MAX: usize = 120;

fn long_lines(source: &Source) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, (line, code)) in source.text.lines().zip(source.code.lines()).enumerate() {
        let max = if line == code { CODE_CHARS_MAX } else { WORDS_CHARS_MAX };
        let chars = line.chars().count();
        if chars > max {
            problems.push(format!("{}:{}: {chars} characters, at most {max}", source.path, index + 1));
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
    let (x, y, z) = ("x".repeat(111), "y".repeat(117), "z".repeat(118));
    let lines = format!("{x}\n// {y}\n// {z}\n\"{y}\"\n\"{z}y\"\n");
    assert_eq!(long_lines(&Source::new("a.rs", &lines)).len(), 3);
}
