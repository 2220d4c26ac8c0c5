//! `print`: ends a stream on standard output or in a file (`KStreamPrint`).

use std::io::{self, Write};
use std::sync::Arc;

use streams_core::error::UserError;
use streams_core::processor::{Data, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;

use crate::graph::GraphNode;
use crate::handles::KStream;
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
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
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
        let name = named.step.next_name(prefix::PRINT);
        let supplier = Arc::new(move |_: &mut InitContext<'_>| {
            let out = open().map_err(|error| failed(&label, "open", &error))?;
            Ok(Print { label: Arc::clone(&label), format: Arc::clone(&format), out })
        });
        named
            .step
            .add(GraphNode::new(&name, move |writer| writer.own_processor::<_, K, V, (), ()>(&supplier)));
    }
}

struct Print<K, V> {
    label: Arc<str>,
    format: Format<K, V>,
    out: Box<dyn Write>,
}

fn failed(label: &str, doing: &str, error: &io::Error) -> UserError {
    format!("print of {label} cannot {doing} its target: {error}").into()
}

impl<K: Data, V: Data> Processor<K, V, (), ()> for Print<K, V> {
    fn process(&mut self, record: Record<K, V>, _: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
        let text = (self.format)(&record.key, &record.value);
        writeln!(self.out, "[{}]: {text}", self.label)
            .map_err(|error| failed(&self.label, "write to", &error))
    }
}
