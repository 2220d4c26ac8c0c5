//! Errors in messages.

use std::error::Error;
use std::fmt;

/// An error and its causes on one line. Errors of others often say only what they were about, and leave the rest to their
/// source.
#[doc(hidden)]
pub struct Causes<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        for cause in std::iter::successors(self.0.source(), |&cause| cause.source()) {
            let cause = cause.to_string();
            // Some say their cause as well.
            if !said.ends_with(&cause) {
                write!(f, ": {cause}")?;
            }
            said = cause;
        }
        Ok(())
    }
}
