//! Operates applications from the command line, next to them: nothing here runs inside of one.
//!
//! | command | what it does |
//! |---|---|
//! | `streams describe` | the topology of a running instance or a saved one, as text, JSON or a picture |
//! | `streams diff` | what deploying another topology would do to state, and how to keep it |
//! | `streams group` | who is in an application's group, what each partition has committed, and how far behind that is |
//! | `streams groups` | the verbs of `kafka-streams-groups.sh`: lists, describes, deletes and resets groups |
//! | `streams dump` | the records of a changelog or any topic, and the rows of a store on disk, readable |
//! | `streams doctor` | whether a cluster's settings are what an application needs, and what to change |
//! | `streams redrive` | counts dead letters by reason, and writes chosen ones back to their topics, exactly once |
//! | `streams reset` | makes an application process its input again: offsets, internal topics, local state; reports first |
//! | `streams bench` | records a second that a cluster takes from here |
//!
//! Output is for people, or with `--json` one JSON value for programs (`dump`: one a line). Exit codes are in [`exit`]; the
//! guide to the command line is `docs/guide/cli.md`.

pub mod bench;
mod connection;
pub mod describe;
pub mod diff;
pub mod doctor;
pub mod dump;
pub mod error;
pub mod exit;
pub mod group;
pub mod groups;
mod read;
pub mod redrive;
pub mod reset;
pub mod topology;

pub use connection::Connection;
