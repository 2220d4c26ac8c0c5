//! Every setting by name: its kind, its default, what it is for, and what this library does with it.
//!
//! All settings of Kafka Streams 4.3.1 are here, also those that are refused: a configuration that is carried over
//! from Java gets advice and is never silently misunderstood.

pub(super) mod clients;
mod table;

pub use clients::client_keys;
pub use table::KEYS;

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// Any text.
    Text,
    /// One of these.
    Choice(&'static [Choice]),
    /// `none`, `all`, or some of these with commas between them.
    Options(&'static [&'static str]),
}

/// A value that a setting may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// How it is written.
    pub name: &'static str,
    /// Other spellings; for a Java class its simple name.
    pub aliases: &'static [&'static str],
    /// False for a value that Kafka knows and this library does not support yet.
    pub supported: bool,
}

impl Choice {
    const fn new(name: &'static str) -> Self {
        Choice { name, aliases: &[], supported: true }
    }

    const fn with(name: &'static str, aliases: &'static [&'static str]) -> Self {
        Choice { name, aliases, supported: true }
    }

    const fn not_yet(name: &'static str) -> Self {
        Choice { name, aliases: &[], supported: false }
    }
}

/// The value of a setting that is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// No value, or one that depends on other settings; described in words.
    Unset(&'static str),
    /// A flag.
    Bool(bool),
    /// A number.
    Int(i64),
    /// Text.
    Text(&'static str),
}

/// How much a setting matters to most applications, as Kafka's documentation sorts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    /// Look at it.
    High,
    /// Know it.
    Medium,
    /// For special cases.
    Low,
}

/// What this library does with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It means what it means in Kafka Streams.
    Supported,
    /// It exists in this library only.
    Own,
    /// An old name of that setting.
    AliasOf(&'static str),
    /// Handed to all Kafka clients under librdkafka's name for it.
    Client(&'static str),
    /// Accepted, without effect here, for the reason given.
    Ignored(&'static str),
    /// Refused; the text says how it is done here.
    NotHere(&'static str),
    /// Refused until it is implemented; the text says what to do meanwhile.
    NotYet(&'static str),
}

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its name, for example `commit.interval.ms`.
    pub name: &'static str,
    /// The values it takes.
    pub kind: SettingKind,
    /// Its default.
    pub default: DefaultValue,
    /// How much it matters.
    pub importance: Importance,
    /// What this library does with it.
    pub support: Support,
    /// What it is for.
    pub doc: &'static str,
}

impl Definition {
    const fn new(
        name: &'static str,
        kind: SettingKind,
        default: DefaultValue,
        importance: Importance,
        doc: &'static str,
    ) -> Self {
        Definition { name, kind, default, importance, support: Support::Supported, doc }
    }

    const fn is(mut self, support: Support) -> Self {
        self.support = support;
        self
    }
}

/// The setting of that name.
pub fn definition(name: &str) -> Option<&'static Definition> {
    KEYS.iter().find(|definition| definition.name == name)
}
