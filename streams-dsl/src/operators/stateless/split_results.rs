//! `split_results`: a stream of `Result`s as two streams, each of a type of its own.

use std::sync::Arc;

use streams_core::processor::Data;

use crate::handles::KStream;

impl<K: Data, V: Data, E: Data> KStream<K, Result<V, E>> {
    /// Splits a stream of `Result`s in two: the values that are `Ok`, and those that are `Err`. Kafka Streams has no such
    /// operator: its branches all have the type of the stream.
    ///
    /// With [`Malformed`](streams_core::serde::Malformed) as the error, a topic is read whatever is in it. To split into
    /// other types, make `Result`s of the values first (`map_values`).
    ///
    /// * Names: it adds two nodes, for `Ok` and `Err`. After `named("x")` they are `x-ok` and `x-err`.
    /// * Nulls: the types decide. A null value is not malformed: read `Result<Option<V>, Malformed>` to see nulls.
    /// * Time: keys, times and headers stay.
    /// * Repartition: none follows. A stream whose key has changed repartitions where the original would.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let (numbers, bad) = builder.stream::<String, Result<i64, Malformed>>("numbers").split_results();
    /// numbers.map_values(|n| n * 2).to("doubled");
    /// bad.peek(|key, bad| eprintln!("{key}: {bad}")).to("numbers-dead");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let texts = driver.create_input_topic::<String, String>("numbers");
    /// texts.pipe("a".into(), "not a long".into(), 0)?;
    /// driver.create_input_topic::<String, i64>("numbers").pipe("b".into(), 4, 1)?;
    /// assert_eq!(driver.create_output_topic::<String, i64>("doubled").read_key_values()?, [("b".into(), 8)]);
    /// let dead = driver.create_output_topic::<String, String>("numbers-dead");
    /// assert_eq!(dead.read_key_values()?, [("a".into(), "not a long".into())]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split_results(&self) -> (KStream<K, V>, KStream<K, E>) {
        let given: Option<Arc<str>> = self.step.given_name().map(Arc::from);
        let named = |suffix: &str| match &given {
            Some(name) => self.named(&format!("{name}-{suffix}")),
            None => self.clone(),
        };
        (named("ok").flat_map_values(Result::ok), named("err").flat_map_values(Result::err))
    }
}

#[cfg(test)]
mod tests {
    use crate::StreamsBuilder;

    #[test]
    fn both_nodes_are_named_after_the_operator() {
        let builder = StreamsBuilder::new();
        let texts = builder.stream::<String, String>("texts");
        let parsed = texts.map_values(|text| text.parse::<i64>().map_err(|error| error.to_string()));
        let (numbers, errors) = parsed.named("parsed").split_results();
        numbers.to("numbers");
        errors.to("errors");
        let described = builder.build().unwrap().describe().to_string();
        for name in ["Processor: parsed-ok ", "Processor: parsed-err "] {
            assert!(described.contains(name), "{described}");
        }
    }
}
