//! Reads `java.util.Properties` text: `key=value`, `key: value` or `key value`, comments, continued lines, escapes.

use super::error::ConfigError;

/// The pairs in their order.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let mut pairs = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = line.to_owned();
        while is_continued(&logical) {
            logical.pop();
            match lines.next() {
                Some((_, next)) => logical.push_str(next.trim_start()),
                None => break,
            }
        }
        let (key, value) = split(&logical);
        let unescaped =
            |text| unescape(text).map_err(|problem| ConfigError::Syntax { line: index + 1, problem });
        pairs.push((unescaped(key)?, unescaped(value)?));
    }
    Ok(pairs)
}

/// Whether the line ends in an odd number of backslashes: an even number is escaped backslashes.
fn is_continued(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// The key ends at the first `=`, `:` or white space that is not escaped.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|c: char| {
        let ends = !escaped && (c == '=' || c == ':' || c.is_whitespace());
        escaped = c == '\\' && !escaped;
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start();
    (key, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start())
}

fn unescape(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
                let c = code.and_then(char::from_u32);
                out.push(c.ok_or_else(|| format!("'\\u{digits}' is not a character; write it as UTF-8"))?);
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap()
    }

    #[test]
    fn all_forms_of_a_line_are_read() {
        let text = "# comment\n! also\n\n  a=1\nb : 2\r\nc 3\nd\ne = x y \nf\\=g=h=i\n";
        let expected = [("a", "1"), ("b", "2"), ("c", "3"), ("d", ""), ("e", "x y "), ("f=g", "h=i")];
        let expected: Vec<_> = expected.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        assert_eq!(pairs(text), expected);
    }

    #[test]
    fn lines_go_on_after_a_backslash() {
        assert_eq!(
            pairs("a=one,\\\n   two\nb=c:\\\\\nd=e\\"),
            [
                ("a".to_owned(), "one,two".to_owned()),
                ("b".to_owned(), "c:\\".to_owned()),
                ("d".to_owned(), "e".to_owned()),
            ]
        );
    }

    #[test]
    fn escapes_are_read_and_wrong_ones_named_with_their_line() {
        assert_eq!(pairs(r"a=\u00fc\t\z"), [("a".to_owned(), "ü\tz".to_owned())]);
        let error = parse("a=1\nb=\\u12").unwrap_err().to_string();
        assert_eq!(error, "line 2 of the properties: '\\u12' is not a character; write it as UTF-8");
    }
}
