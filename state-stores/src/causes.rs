//! Errors in messages.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Display, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How much of one text is shown, in bytes.
const SHOWN_BYTES: usize = 2_048;

/// How many causes of one error are shown.
const CAUSES_MAX: usize = 32;

/// An error and its causes on one line, each cut as [`Short`] cuts. Errors of others often say only what they were about, and
/// leave the rest to their source.
#[doc(hidden)]
pub struct Causes<'a>(pub &'a (dyn Error + 'static));

impl Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = Short(self.0).to_string();
        f.write_str(&said)?;
        for cause in causes_of(self.0) {
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

/// The causes of an error: not all of a chain that is as long as only a circle can be.
#[doc(hidden)]
pub fn causes_of<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source()).take(CAUSES_MAX)
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
            Err(panic) => {
                let written = write!(f, "(no text: panicked: {})", panic_message(&*panic));
                drop_payload(panic);
                written
            }
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

/// Drops what a panic was raised with, which is users' code as well and may panic.
#[doc(hidden)]
pub fn drop_payload(panic: Box<dyn Any + Send>) {
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        // There is no end to what could panic in turn.
        std::mem::forget(another);
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

    /// Its cause is itself.
    #[derive(Debug)]
    struct Circle;

    impl Display for Circle {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("round")
        }
    }

    impl Error for Circle {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self)
        }
    }

    /// Before: a loop without end, whose text filled the memory.
    #[test]
    fn a_circle_of_causes_ends() {
        assert_eq!(causes_of(&Circle).count(), CAUSES_MAX);
        assert_eq!(Causes(&Circle).to_string(), "round");
    }

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
