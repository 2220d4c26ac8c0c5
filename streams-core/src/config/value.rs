//! A setting's value, and how text becomes one.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::ConfigError;
use super::keys::{Choice, DefaultValue, Definition, SettingKind};

/// The value of a setting: a flag, a number or text, as in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A flag.
    Bool(bool),
    /// A number.
    Int(i64),
    /// Text.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(flag) => flag.fmt(f),
            Value::Int(number) => number.fmt(f),
            Value::Text(text) => f.write_str(text),
        }
    }
}

impl DefaultValue {
    /// The value, unless it depends on other settings.
    pub fn value(self) -> Option<Value> {
        match self {
            DefaultValue::Unset(_) => None,
            DefaultValue::Bool(flag) => Some(Value::Bool(flag)),
            DefaultValue::Int(number) => Some(Value::Int(number)),
            DefaultValue::Text(text) => Some(Value::Text(text.to_owned())),
        }
    }
}

impl Definition {
    /// Parses the text into the setting's value, in its usual spelling. `key` is the name for error messages; a client's
    /// setting has a prefix there.
    pub(super) fn parse(&self, key: &str, text: &str) -> Result<Value, ConfigError> {
        let text = text.trim();
        let invalid = |expected: String| ConfigError::InvalidValue {
            key: key.to_owned(),
            value: text.to_owned(),
            expected,
        };
        match self.kind {
            SettingKind::Bool => match text.to_ascii_lowercase().as_str() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                _ => Err(invalid("true or false".to_owned())),
            },
            SettingKind::Int { min, max } => match text.parse() {
                Ok(number) if (min..=max).contains(&number) => Ok(Value::Int(number)),
                _ => Err(invalid(range(min, max))),
            },
            SettingKind::Text => Ok(Value::Text(text.to_owned())),
            SettingKind::Choice(choices) => match find(choices, text) {
                Some(choice) if choice.supported => Ok(Value::Text(choice.name.to_owned())),
                Some(choice) => Err(ConfigError::ValueNotSupportedYet {
                    key: key.to_owned(),
                    value: choice.name.to_owned(),
                    supported: names(choices),
                }),
                None => Err(invalid(names(choices))),
            },
            SettingKind::Options(options) => match parse_options(options, text) {
                Some(text) => Ok(Value::Text(text)),
                None => Err(invalid(format!("none, all, or some of {}", options.join(", ")))),
            },
        }
    }
}

fn range(min: i64, max: i64) -> String {
    match max {
        i64::MAX => format!("a whole number from {min}"),
        _ => format!("a whole number from {min} to {max}"),
    }
}

fn names(choices: &[Choice]) -> String {
    let names: Vec<_> = choices.iter().filter(|choice| choice.supported).map(|choice| choice.name).collect();
    names.join(" or ")
}

/// The choice of that name in any case, or of that Java class with or without its package.
fn find(choices: &'static [Choice], text: &str) -> Option<&'static Choice> {
    let simple = text.rsplit(['.', '$']).next().unwrap_or(text);
    choices.iter().find(|choice| {
        let mut names = std::iter::once(&choice.name).chain(choice.aliases);
        names.any(|name| name.eq_ignore_ascii_case(simple))
    })
}

/// The text without white space, if each item is an option, or it is only `none` or `all`.
fn parse_options(options: &[&str], text: &str) -> Option<String> {
    if matches!(text, "none" | "all") {
        return Some(text.to_owned());
    }
    let items: Vec<_> = text.split(',').map(str::trim).collect();
    items.iter().all(|item| options.contains(item)).then(|| items.join(","))
}
