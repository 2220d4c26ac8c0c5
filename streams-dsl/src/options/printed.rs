//! How a stream is printed (`org.apache.kafka.streams.kstream.Printed`).

use std::fmt::Debug;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Makes text of a record.
pub(crate) type Format<K, V> = Arc<dyn Fn(&K, &V) -> String + Send + Sync>;

/// Where a stream is printed, and how a record looks (`org.apache.kafka.streams.kstream.Printed`).
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::prelude::*;
///
/// let file = std::env::temp_dir().join(format!("printed-{}.txt", std::process::id()));
/// let builder = StreamsBuilder::new();
/// let printed = Printed::to_file(&file).with_label("paid");
/// let printed = printed.with_key_value_mapper(|account, cents| format!("{account} {cents}"));
/// builder.stream::<String, i64>("payments").print(printed);
///
/// let driver = TopologyTestDriver::of(builder.build()?)?;
/// driver.create_input_topic::<String, i64>("payments").pipe("alice".into(), 99, 0)?;
/// drop(driver);
/// assert_eq!(std::fs::read_to_string(&file)?, "[paid]: alice 99\n");
/// # std::fs::remove_file(file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Printed<K, V> {
    target: Target,
    format: Format<K, V>,
    pub(crate) label: Option<String>,
    pub(crate) name: Option<String>,
}

#[derive(Clone)]
enum Target {
    StandardOutput,
    File(PathBuf),
}

impl<K: Debug, V: Debug> Printed<K, V> {
    /// To standard output (`Printed.toSysOut`).
    pub fn to_standard_output() -> Self {
        Printed::to(Target::StandardOutput)
    }

    /// To the end of a file (`Printed.toFile`, which empties it first).
    pub fn to_file(path: impl AsRef<Path>) -> Self {
        Printed::to(Target::File(path.as_ref().to_owned()))
    }

    fn to(target: Target) -> Self {
        let format = |key: &K, value: &V| format!("{key:?}, {value:?}");
        Printed { target, format: Arc::new(format), label: None, name: None }
    }
}

impl<K, V> Printed<K, V> {
    /// Prints this before each record instead of the name of the node upstream (`Printed.withLabel`).
    #[must_use]
    pub fn with_label(mut self, label: &str) -> Self {
        self.label = Some(label.to_owned());
        self
    }

    /// Makes a record's text (`Printed.withKeyValueMapper`).
    #[must_use]
    pub fn with_key_value_mapper(
        mut self,
        format: impl Fn(&K, &V) -> String + Send + Sync + 'static,
    ) -> Self {
        self.format = Arc::new(format);
        self
    }

    /// Names the node (`Printed.withName`).
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// What turns a record into its text.
    pub(crate) fn format(&self) -> Format<K, V> {
        Arc::clone(&self.format)
    }

    /// Opens the target, once for each task.
    pub(crate) fn opener(&self) -> impl Fn() -> io::Result<Box<dyn Write>> + Send + Sync + Clone + 'static {
        let target = self.target.clone();
        move || match &target {
            Target::StandardOutput => Ok(Box::new(io::stdout()) as Box<dyn Write>),
            Target::File(path) => {
                Ok(Box::new(OpenOptions::new().create(true).append(true).open(path)?) as Box<dyn Write>)
            }
        }
    }
}
