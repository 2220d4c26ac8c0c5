//! Operates applications from the command line, next to them: nothing here runs inside of one.
//!
//! | command | what it does |
//! |---|---|
//! | `streams group` | who is in an application's group, what each partition has committed, and how far behind that is |
//! | `streams redrive` | counts dead letters by reason, and writes chosen ones back to their topics, exactly once |
//! | `streams reset` | makes an application process its input again: offsets, internal topics, local state; reports first |
//!
//! Output is for people, or with `--json` one JSON object for programs. Exit codes: 0 done, 1 failed with the reason on
//! standard error, 2 wrong arguments.

mod connection;
pub mod error;
pub mod group;
pub mod redrive;
pub mod reset;

pub use connection::Connection;
