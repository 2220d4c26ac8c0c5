//! `print`: ends a stream on standard output or in a file (`KStreamPrint`).

use std::io::{self, Write};
use std::sync::Arc;

use streams_core::error::{Error, Result};
use streams_core::processor::{Data, Processor, ProcessorContext};
use streams_core::record::Record;

use crate::KStream;
use crate::naming::prefix;
use crate::options::{Format, Printed};

impl<K: Data, V: Data> KStream<K, V> {
    /// Prints each record as `[label]: key, value`; nothing comes after it (`KStream.print`).
    ///
    /// * The label is the name of the node upstream unless given. Keys and values are printed by `Debug`, where Java
    ///   has `toString`; so a null is a `None`.
    /// * Repartition: none; each task prints its records, in the order of each partition.
    ///
    /// ```
    /// # use streams_dsl::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("payments").print(Printed::to_standard_output().with_label("payment"));
    /// # builder.build()?;
    /// # Ok::<(), DslError>(())
    /// ```
    pub fn print(&self, printed: Printed<K, V>) {
        let label: Arc<str> = printed.label.as_deref().unwrap_or(&self.step.name).into();
        let (format, open) = (printed.format(), printed.opener());
        let named = match &printed.name {
            Some(name) => self.named(name),
            None => self.clone(),
        };
        named.add_processor(
            prefix::PRINT,
            |node| node,
            move || Print {
                label: Arc::clone(&label),
                format: Arc::clone(&format),
                open: open.clone(),
                out: None,
            },
        );
    }
}

struct Print<K, V, O> {
    label: Arc<str>,
    format: Format<K, V>,
    open: O,
    out: Option<Box<dyn Write>>,
}

fn failed(label: &str, doing: &str, error: &io::Error) -> Error {
    Error::User(format!("print of {label} cannot {doing} its target: {error}").into())
}

impl<K, V, O> Processor<K, V, (), ()> for Print<K, V, O>
where
    K: Data,
    V: Data,
    O: Fn() -> io::Result<Box<dyn Write>> + 'static,
{
    fn init(&mut self, _: &mut ProcessorContext<'_, (), ()>) -> Result<()> {
        self.out = Some((self.open)().map_err(|error| failed(&self.label, "open", &error))?);
        Ok(())
    }

    fn process(&mut self, record: Record<K, V>, _: &mut ProcessorContext<'_, (), ()>) -> Result<()> {
        let Some(out) = &mut self.out else { return Ok(()) };
        let text = (self.format)(&record.key, &record.value);
        writeln!(out, "[{}]: {text}", self.label).map_err(|error| failed(&self.label, "write to", &error))
    }
}
