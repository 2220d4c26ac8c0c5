//! `streams dump`: what is in a changelog or any other topic, and in a store on disk, readable.

mod keys;
mod rows;
mod store;
mod topic;
mod types;

use std::io::Write;

use serde_json::Value;

pub use keys::KeyForm;
pub use rows::Kind;
pub use types::Type;

use crate::error::CliError;

/// What is dumped.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// A topic or a store.
    #[command(subcommand)]
    pub what: What,
}

/// What is dumped.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum What {
    /// Records of a changelog, or of any other topic.
    Topic(topic::Arguments),
    /// Rows of a store on this machine's disk; its application may be running.
    Store(store::Arguments),
}

/// Types of keys and values, and limits.
#[derive(Clone, Debug, clap::Args)]
pub struct Format {
    /// The type of keys.
    #[arg(long, value_enum, default_value = "string")]
    pub key: Type,
    /// The type of values.
    #[arg(long, value_enum, default_value = "string")]
    pub value: Type,
    /// At most this many lines.
    #[arg(long, value_name = "LINES")]
    pub max: Option<u64>,
    /// Only keys whose text contains this.
    #[arg(long, value_name = "TEXT")]
    pub grep: Option<String>,
}

impl Format {
    /// Whether a record's key contains the text; keys with windows begin with the record's key.
    fn takes(&self, key: &[u8]) -> bool {
        let Some(wanted) = &self.grep else { return true };
        match self.key {
            Type::String | Type::Json | Type::Uuid => {
                wanted.is_empty() || key.windows(wanted.len()).any(|part| part == wanted.as_bytes())
            }
            of => text_of(&of.show(key)).contains(wanted),
        }
    }

    fn takes_shown(&self, key: &Value) -> bool {
        self.grep.as_ref().is_none_or(|wanted| text_of(key).contains(wanted))
    }
}

/// Writes one line for each record or row, as they are read.
pub fn dump(arguments: &Arguments, json: bool, out: &mut dyn Write) -> Result<(), CliError> {
    match &arguments.what {
        What::Topic(of) => topic::dump(of, json, out),
        What::Store(of) => store::dump(of, json, out),
    }
}

/// A record, a row or an entry of a list.
struct Line<'a>(&'a Value);

impl Line<'_> {
    /// For people: where it is, then `key = value`.
    fn write(&self, json: bool, out: &mut dyn Write) -> Result<(), CliError> {
        if json {
            return Ok(writeln!(out, "{}", self.0)?);
        }
        let of = |name: &str| self.0.get(name).map(text_of);
        let place = ["topic", "task", "partition", "offset", "timestamp", "store", "rows"];
        let place = place.iter().filter_map(|name| Some(format!("{name}={}", of(name)?)));
        let place = place.collect::<Vec<_>>().join(" ");
        match (of("key"), of("value")) {
            (Some(key), Some(value)) => writeln!(out, "{place}  {key} = {value}")?,
            _ => writeln!(out, "{place}")?,
        }
        Ok(())
    }
}

/// A text without quotes, anything else as JSON.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
