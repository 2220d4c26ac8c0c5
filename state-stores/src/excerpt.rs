//! The first bytes of a key, as messages show them.

use std::fmt::{Display, Formatter};

/// How many bytes are shown.
pub const EXCERPT_BYTES: usize = 32;

/// Bytes as text if they are UTF-8, otherwise in hexadecimal; truncated if they are long.
///
/// ```
/// use state_stores::excerpt::Excerpt;
///
/// assert_eq!(Excerpt::of(b"alice").to_string(), "\"alice\"");
/// assert_eq!(Excerpt::of(&[0, 255]).to_string(), "0x00ff");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Excerpt<'a> {
    shown: &'a [u8],
    length: usize,
}

impl<'a> Excerpt<'a> {
    /// An excerpt of bytes.
    pub fn of(bytes: &'a [u8]) -> Self {
        Excerpt { shown: &bytes[..bytes.len().min(EXCERPT_BYTES)], length: bytes.len() }
    }

    /// An excerpt of bytes of which only the first are available.
    pub fn of_first(shown: &'a [u8], length: usize) -> Self {
        Excerpt { shown, length }
    }
}

impl Display for Excerpt<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let cut = self.length > self.shown.len();
        let text = match std::str::from_utf8(self.shown) {
            Ok(text) => Some(text),
            // The truncation may split a character.
            Err(error) if cut && error.error_len().is_none() => {
                std::str::from_utf8(&self.shown[..error.valid_up_to()]).ok()
            }
            Err(_) => None,
        };
        match text.filter(|text| !text.chars().any(char::is_control)) {
            Some(text) => write!(f, "\"{text}\"")?,
            None => {
                f.write_str("0x")?;
                self.shown.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
            }
        }
        if cut { write!(f, "... ({} bytes)", self.length) } else { Ok(()) }
    }
}
