//! `split_late`: the records that come too late for their windows, as a stream of their own.

use std::sync::Arc;

use streams_core::error::Error;
use streams_core::processor::{Data, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;
use streams_core::time::Timestamp;

use super::PassThrough;
use crate::error::{DslError, OptionError};
use crate::graph::GraphNode;
use crate::handles::KStream;
use crate::naming::prefix;
use crate::windows::{Windows, check_listed, listed};

impl<K: Data, V: Data> KStream<K, V> {
    /// Splits off the records that come too late for all of their windows: first the stream of those that an aggregation in
    /// `windows` takes, then the stream of the late ones, which it would drop. Kafka Streams has no such operator.
    ///
    /// * Late is what the aggregation calls so: each window of the record ended at least the grace period before the largest
    ///   timestamp that this operator has seen. A record that is late for some of its windows is in the first stream, and the
    ///   aggregation drops it for those. A record in no window is in the first stream.
    /// * Sessions and sliding windows: whether an aggregation in sessions takes a record depends on the sessions there are,
    ///   so that nothing can tell beforehand; sliding windows are not listed by timestamp.
    /// * Names: it adds three nodes. After `named("x")` they are `x`, `x-on-time` and `x-late`.
    /// * Nulls: as far as the types have them, they are split like all others.
    /// * Time: keys, times and headers stay. The largest timestamp is kept in memory, as that of the aggregation is: after a
    ///   restart nothing is late at first.
    /// * Repartition: none follows. If the key has changed, call [`repartition`](Self::repartition) first: behind a
    ///   repartition topic an aggregation sees other records, and has a time of its own.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let minutes = TimeWindows::of_size_and_grace(minutes(1), seconds(10));
    /// let (on_time, late) = builder.stream::<String, i64>("readings").split_late(&minutes);
    /// on_time.group_by_key().windowed_by(minutes).count().to_stream().map(|window, n| (window.key, n)).to("counts");
    /// late.to("late-readings");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let readings = driver.create_input_topic::<String, i64>("readings");
    /// for (value, time) in [(1, 0), (2, 69_000), (3, 59_000), (4, 70_000), (5, 59_999)] {
    ///     readings.pipe("cellar".into(), value, time)?;
    /// }
    /// let late = driver.create_output_topic::<String, i64>("late-readings");
    /// assert_eq!(late.read_values()?, [5]);
    /// assert_eq!(driver.dropped().total(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split_late<W: Windows>(&self, windows: &W) -> (KStream<K, V>, KStream<K, V>) {
        let name = self.step.next_name(prefix::BRANCH);
        if let Err(reason) = check_listed(windows) {
            let cause = OptionError::Windows { reason };
            self.step.plan.borrow().report(DslError::Option { operator: name.clone(), cause });
        }
        let [on_time, late] = ["on-time", "late"].map(|what| Arc::<str>::from(format!("{name}-{what}")));
        let (children, windows) = ((Arc::clone(&on_time), Arc::clone(&late)), windows.clone());
        let supplier = Arc::new(move || SplitLate {
            windows: windows.clone(),
            on_time: Arc::clone(&children.0),
            late: Arc::clone(&children.1),
            stream_time: -1,
        });
        let splitter = self
            .step
            .add(GraphNode::new(&name, move |writer| writer.own_stateless::<_, K, V, K, V>(&supplier)));
        let child = |name: &str| {
            let supplier = Arc::new(|| PassThrough);
            let node = GraphNode::new(name, move |writer| writer.own_stateless::<_, K, V, K, V>(&supplier));
            let (key, value) = (self.key_serde.clone(), self.value_serde.clone());
            KStream::new(splitter.add(node), key, value, self.repartition_required)
        };
        (child(&on_time), child(&late))
    }
}

struct SplitLate<W> {
    windows: W,
    on_time: Arc<str>,
    late: Arc<str>,
    stream_time: Timestamp,
}

impl<K: Data, V: Data, W: Windows> Processor<K, V, K, V> for SplitLate<W> {
    fn process(&mut self, record: Record<K, V>, context: &mut ProcessorContext<'_, K, V>) -> ProcessorResult {
        self.stream_time = self.stream_time.max(record.timestamp);
        let closed_until = self.stream_time.saturating_sub(self.windows.grace_ms());
        let mut is_late = false;
        for window in listed(&self.windows, record.timestamp) {
            is_late = window.map_err(|mistake| Error::User(mistake.into()))?.end_ms <= closed_until;
            if !is_late {
                break;
            }
        }
        context.forward_to(if is_late { &self.late } else { &self.on_time }, record)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::prelude::*;

    #[test]
    fn exactly_what_an_aggregation_drops_is_late() {
        let seconds_of = |size, advance, grace| {
            TimeWindows::of_size_and_grace(Duration::from_secs(size), Duration::from_secs(grace))
                .advance_by(Duration::from_secs(advance))
        };
        for windows in [seconds_of(10, 10, 0), seconds_of(10, 10, 5), seconds_of(10, 3, 2)] {
            let builder = StreamsBuilder::new();
            let all = builder.stream::<String, i64>("in");
            let (on_time, late) = all.named("lateness").split_late(&windows);
            late.to("late");
            on_time.to("on-time");
            let count = |stream: &KStream<String, i64>| {
                stream.group_by_key().windowed_by(windows).count().to_stream()
            };
            let text = |window: Windowed<String>, count| (window.to_string(), count);
            count(&all).map(text).to("counts-of-all");
            count(&on_time).map(text).to("counts");
            let topology = builder.build().unwrap();
            let described = topology.describe().to_string();
            for node in ["Processor: lateness ", "Processor: lateness-on-time ", "Processor: lateness-late "]
            {
                assert!(described.contains(node), "{described}");
            }
            let driver = TopologyTestDriver::of(topology).unwrap();
            let input = driver.create_input_topic::<String, i64>("in");
            let mut time = 7_i64;
            for number in 0..500 {
                time = (time * 7_919 + 13) % 4_001;
                input.pipe("k".into(), number, time * 5 + number * 60).unwrap();
            }
            let values = |topic| driver.create_output_topic::<String, i64>(topic).read_values().unwrap();
            let (late, on_time) = (values("late"), values("on-time"));
            assert_eq!(late.len() + on_time.len(), 500);
            assert!(!late.is_empty() && !on_time.is_empty());
            let counts = |topic| driver.create_output_topic::<String, i64>(topic).read_key_values().unwrap();
            assert_eq!(counts("counts"), counts("counts-of-all"), "it takes nothing from the aggregation");
        }
    }
}
