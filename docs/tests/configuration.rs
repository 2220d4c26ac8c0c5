//! The page of settings has a row for each key of Kafka Streams' `StreamsConfig`, and says what the library does with it.
//!
//! `streams-config-4.3.1.tsv` is what Kafka Streams 4.3.1 prints of `StreamsConfig.configDef()`: names and defaults.

use std::fmt::Write;
use std::path::Path;

use kstreams::config::{
    Choice, DefaultValue, Definition, KEYS, SettingKind, StreamsConfig, Support, definition,
};

const JAVA: &str = include_str!("streams-config-4.3.1.tsv");
const PAGE: &str = "guide/configuration.md";
const UPDATE: &str = "UPDATE_CONFIGURATION=1 cargo test -p docs --test configuration";

/// Names and defaults of Kafka Streams.
fn java() -> impl Iterator<Item = (&'static str, &'static str)> {
    JAVA.lines().filter_map(|line| line.split_once('\t'))
}

fn default(of: &Definition) -> String {
    match of.default {
        DefaultValue::Unset(words) => words.to_owned(),
        DefaultValue::Bool(value) => format!("`{value}`"),
        DefaultValue::Int(value) => format!("`{value}`"),
        DefaultValue::Text(value) => format!("`{value}`"),
    }
}

/// Whether Kafka Streams' default means the same as ours. A default that depends on something is described in words, and
/// a class has its simple name here.
fn is_same(java: &str, of: &Definition) -> bool {
    let class = java.rsplit(['.', '$']).next().unwrap_or(java);
    match of.default {
        DefaultValue::Unset(_) => true,
        DefaultValue::Bool(value) => java == value.to_string(),
        DefaultValue::Int(value) => java == value.to_string(),
        DefaultValue::Text(value) => {
            let named = |choice: &Choice| choice.name == value && choice.aliases.contains(&class);
            let of_class = matches!(of.kind, SettingKind::Choice(choices) if choices.iter().any(named));
            java == value || class == value || of_class
        }
    }
}

/// What the library warns of when a number is not its default.
fn warned(of: &Definition) -> Option<String> {
    let DefaultValue::Int(default) = of.default else { return None };
    let mut config = StreamsConfig::new("app", "localhost:9092");
    config.set(of.name, default + 1).ok()?;
    let warnings = config.warnings();
    Some(warnings.first()?.strip_prefix(of.name)?.trim().trim_start_matches("has ").to_owned())
}

/// What the library does with a setting.
fn treatment(java: Option<&str>, of: &Definition) -> String {
    let missing: Vec<&str> = match of.kind {
        SettingKind::Choice(choices) => {
            choices.iter().filter(|choice| !choice.supported).map(|choice| choice.name).collect()
        }
        _ => Vec::new(),
    };
    let mut text = match of.support {
        Support::Supported | Support::Own => warned(of).unwrap_or_else(|| "works".to_owned()),
        Support::AliasOf(new) => format!("works: an old name of `{new}`"),
        Support::Client(name) if name == of.name => "passed on to all clients".to_owned(),
        Support::Client(name) => format!("passed on to all clients, as `{name}`"),
        Support::Ignored(reason) => format!("no effect: {reason}"),
        Support::NotHere(instead) => format!("refused: {instead}"),
        Support::NotYet(instead) => format!("refused, as it is not there yet: {instead}"),
    };
    if !missing.is_empty() {
        let _ = write!(text, "; not yet: `{}`", missing.join("`, `"));
    }
    if let Some(java) = java.filter(|java| !is_same(java, of)) {
        let _ = write!(text, "; Kafka Streams' default is `{java}`");
    }
    text
}

fn is_refused(of: &Definition) -> bool {
    matches!(of.support, Support::NotHere(_) | Support::NotYet(_))
}

fn row(java: Option<&str>, of: &Definition) -> String {
    let (default, doc) =
        if is_refused(of) { (String::new(), String::new()) } else { (default(of), of.doc.to_owned()) };
    format!("| `{}` | {default} | {doc} | {} |\n", of.name, treatment(java, of))
}

fn page() -> String {
    let head = "| key | default | what it is for | what happens with it |\n|---|---|---|---|\n";
    let mut text = format!(
        "# Settings\n\nThis page is made of the library's own table of settings (`{UPDATE}`), and compared\n\
         with the keys of Kafka Streams 4.3.1. How settings are given is in\n\
         [Running an application](running.md#settings).\n\n\
         Prefixes are Kafka Streams': `consumer.`, `main.consumer.`, `restore.consumer.`, `global.consumer.`,\n\
         `producer.` and `admin.` for clients, which are librdkafka's and take its names; `topic.` for internal\n\
         topics.\n\n\
         ## All keys of `StreamsConfig`\n\n{head}"
    );
    for (name, default) in java() {
        match definition(name) {
            Some(of) => text.push_str(&row(Some(default), of)),
            None => {
                let _ = writeln!(text, "| `{name}` | | | unknown here |");
            }
        }
    }
    let _ = write!(text, "\n## Keys that Kafka Streams 4.3.1 does not document\n\n{head}");
    let own = KEYS.iter().filter(|of| java().all(|(name, _)| name != of.name));
    own.for_each(|of| text.push_str(&row(None, of)));
    text
}

#[test]
fn each_key_of_kafka_streams_has_a_row() {
    assert_eq!(java().count(), 74);
    let unknown: Vec<&str> = java().map(|(name, _)| name).filter(|name| definition(name).is_none()).collect();
    assert!(unknown.is_empty(), "keys of StreamsConfig without a definition: {unknown:?}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if std::env::var_os("UPDATE_CONFIGURATION").is_some() {
        std::fs::write(&path, page()).expect("the page is written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page(), "{PAGE} is not what the settings are; run {UPDATE}");
}

#[test]
fn what_is_refused_or_without_effect_says_why() {
    for of in KEYS {
        let words = match of.support {
            Support::Ignored(words) | Support::NotHere(words) | Support::NotYet(words) => words,
            _ => continue,
        };
        assert!(words.len() > 10, "{}: {words}", of.name);
    }
}
