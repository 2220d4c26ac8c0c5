//! A case as data: a topology as a list of calls on numbered registers, a configuration, and an input script.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A problem of the oracle itself, as text.
pub type Fault = Box<dyn std::error::Error>;

/// What a call is given besides its registers.
pub type Options = Map<String, Value>;

/// One case: everything that both engines need to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// How the application is configured.
    pub config: CaseConfig,
    /// The topology, in the order of calls.
    pub ops: Vec<Op>,
    /// What is fed to it.
    pub input: Vec<Step>,
}

/// The configuration of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseConfig {
    /// `statestore.cache.max.bytes`; 0 turns caches off.
    pub cache_bytes: u64,
    /// `topology.optimization`, as Java writes it.
    pub optimization: String,
    /// How often by the wall clock closed windows, and records without a partner, are searched for.
    #[serde(default = "emit_interval_ms")]
    pub emit_interval_ms: u64,
}

/// As it is without a setting.
fn emit_interval_ms() -> u64 {
    1000
}

/// One call of the DSL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Op {
    /// The operator's name in [`super::ops`].
    pub op: String,
    /// The registers it reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<u32>,
    /// The registers it fills.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<u32>,
    /// Everything else.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub options: Options,
}

impl Op {
    /// An option that is a text.
    pub fn text(&self, option: &str) -> Option<&str> {
        self.options.get(option)?.as_str()
    }

    /// An option that is a number.
    pub fn number(&self, option: &str) -> Option<i64> {
        self.options.get(option)?.as_i64()
    }

    /// An option that is a lambda or another object; null if it is not given.
    pub fn option(&self, option: &str) -> &Value {
        self.options.get(option).unwrap_or(&Value::Null)
    }

    /// The topics it reads.
    pub fn topics(&self) -> Vec<String> {
        let several = self.option("topics").as_array().into_iter().flatten();
        let topics = several.chain([self.option("topic")]).filter_map(|topic| topic.as_str());
        topics.map(str::to_owned).collect()
    }

    /// The topic it reads or writes.
    pub fn topic(&self) -> Result<&str, Fault> {
        Ok(self.text("topic").ok_or("an operator without its topic")?)
    }
}

/// One step of the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Step {
    /// The wall clock moves.
    Advance {
        /// By how many milliseconds.
        advance_ms: i64,
    },
    /// A record comes.
    Record(Input),
}

/// A record of the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Where it is written to.
    pub topic: String,
    /// Its key.
    pub key: Option<String>,
    /// Its value.
    pub value: Option<String>,
    /// Event time in milliseconds.
    pub timestamp: i64,
    /// Names and values of headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
}

impl Case {
    /// The records of the input.
    pub fn records(&self) -> impl Iterator<Item = &Input> {
        self.input.iter().filter_map(|step| match step {
            Step::Record(record) => Some(record),
            Step::Advance { .. } => None,
        })
    }

    /// Whether it has a call of that operator.
    pub fn has(&self, op: &str) -> bool {
        self.ops.iter().any(|one| one.op == op)
    }
}
