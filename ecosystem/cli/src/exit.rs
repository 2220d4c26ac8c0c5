//! The exit codes of all commands, in one place.

/// Done; what was compared or checked is fine.
pub const DONE: u8 = 0;
/// Failed, with the reason on standard error.
pub const FAILED: u8 = 1;
/// Wrong arguments; clap's own code.
pub const WRONG_ARGUMENTS: u8 = 2;
/// `diff`: records in repartition topics would be left behind. `doctor`: warnings, no errors.
pub const WARNING: u8 = 3;
/// `diff`: state would be lost or mixed up. `doctor`: the application would not work.
pub const ALARM: u8 = 4;
