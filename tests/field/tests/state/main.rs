//! Local state that is damaged, stale, foreign or gone: it is rebuilt or refused, never silently wrong.
#![expect(clippy::disallowed_methods, reason = "it waits for applications, by the clock of the machine")]
#![allow(clippy::panic, reason = "tests fail by panicking")]

mod append_time;
mod embedded;
mod globals;
mod kafka;
mod killed;
mod many;
mod trimmed;
mod world;
