//! Errors in messages.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Display, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How much of one text is shown, in bytes.
const SHOWN_BYTES: usize = 2_048;

/// An error and its causes on one line, each cut as [`Short`] cuts. Errors of others often say only what they were about, and
/// leave the rest to their source.
#[doc(hidden)]
pub struct Causes<'a>(pub &'a (dyn Error + 'static));

impl Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = Short(self.0).to_string();
        f.write_str(&said)?;
        for cause in std::iter::successors(self.0.source(), |&cause| cause.source()) {
            let cause = Short(cause).to_string();
            // Some say their cause as well.
            if !said.ends_with(&cause) {
                write!(f, ": {cause}")?;
            }
            said = cause;
        }
        Ok(())
    }
}

/// What users' code says: cut after two kilobytes, with how much is missing. Code that panics instead of saying something
/// has no text, so that the panic does not hide whose error it was.
#[doc(hidden)]
pub struct Short<T>(pub T);

impl<T: Display> Display for Short<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Cut::default();
        let written = catch_unwind(AssertUnwindSafe(|| write!(text, "{}", self.0)));
        f.write_str(&text.shown)?;
        if text.more > 0 {
            write!(f, "... ({} bytes more)", text.more)?;
        }
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(fmt::Error)) => f.write_str("(no text)"),
            Err(panic) => write!(f, "(no text: panicked: {})", panic_message(&*panic)),
        }
    }
}

/// The first bytes of what is written.
#[derive(Default)]
struct Cut {
    shown: String,
    more: usize,
}

impl Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = if self.more == 0 { SHOWN_BYTES.saturating_sub(self.shown.len()) } else { 0 };
        let end = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        let (shown, rest) = text.split_at(end);
        self.shown.push_str(shown);
        self.more += rest.len();
        Ok(())
    }
}

/// The message of what `catch_unwind` caught.
#[doc(hidden)]
pub fn panic_message(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => "no message",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken;

    impl Display for Broken {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("it was ")?;
            panic!("no words")
        }
    }

    #[test]
    fn texts_are_cut_at_a_character_and_their_panics_are_said() {
        let whole = "x".repeat(SHOWN_BYTES);
        assert_eq!(Short(&whole).to_string(), whole);
        assert_eq!(Short(format!("{whole}yz")).to_string(), format!("{whole}... (2 bytes more)"));
        let odd = format!("x{}", "\u{e4}".repeat(3_000));
        let shown = format!("x{}", "\u{e4}".repeat(1_023));
        assert_eq!(Short(odd).to_string(), format!("{shown}... (3954 bytes more)"));
        assert_eq!(
            Short(format_args!("{whole}{}{}", 1, 2)).to_string(),
            format!("{whole}... (2 bytes more)")
        );
        assert_eq!(Short(Broken).to_string(), "it was (no text: panicked: no words)");
    }
}
