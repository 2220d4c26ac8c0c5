//! The topology of `SmokeTestClient` (Kafka Streams 4.3.1): the same operators in the same order, with the same topics,
//! store names, windows and suppression.

use kstreams::prelude::*;

/// Closes all windows of a partition.
const FLUSH: &str = "flush";

/// `SmokeTestUtil.END`.
const END: i32 = i32::MAX;

/// Where the Java client counts and prints.
struct Printer;

impl<K: Clone + 'static, V: Clone + 'static> Processor<K, V, K, V> for Printer {
    fn process(&mut self, _: Record<K, V>, _: &mut ProcessorContext<'_, K, V>) -> ProcessorResult {
        Ok(())
    }
}

fn print<K: Clone + 'static, V: Clone + 'static>(stream: &KStream<K, V>) {
    stream.process::<_, K, V>(|_| Ok(Printer), &[]);
}

type Counts = KTable<Windowed<String>, i64>;

/// Windowed minimum, maximum, sum and count, suppressed and not, tables of them, joins, and a count of counts.
pub fn streams_topology() -> std::result::Result<Topology, DslError> {
    let builder = StreamsBuilder::new();
    let source = builder.stream::<String, i32>("data");
    source.filter_not(|key, _| key == FLUSH).to("echo");
    let data = source.filter(|_, value| *value != END);
    print(&data);
    let grouped = data.group_by_key();

    let least = grouped.windowed_by(TimeWindows::of_size_and_grace(days(1), minutes(1))).aggregate_with(
        || i32::MAX,
        |_, value, least| value.min(least),
        Materialized::named("uwin-min").with_retention(hours(25)),
    );
    windows_to(&least, "min-raw");
    windows_to(&least.suppress(when_closed()), "min-suppressed");
    keys_to(&least, "min");

    let sums = grouped
        .windowed_by(TimeWindows::of_size_and_grace(seconds(2), seconds(30)).advance_by(seconds(1)))
        .reduce(i32::wrapping_add);
    windows_to(&sums, "sws-raw");
    windows_to(&sums.suppress(when_closed()), "sws-suppressed");

    let min = builder.table_with::<String, i32>("min", Consumed::new(), Materialized::named("minStoreName"));
    print(&min.to_stream());

    let two_days = || TimeWindows::of_size_with_no_grace(days(2));
    let greatest = grouped.windowed_by(two_days()).aggregate_with(
        || i32::MIN,
        |_, value, greatest| value.max(greatest),
        Materialized::named("uwin-max"),
    );
    keys_to(&greatest, "max");
    let max = builder.table_with::<String, i32>("max", Consumed::new(), Materialized::named("maxStoreName"));
    print(&max.to_stream());

    let sum: Counts = grouped.windowed_by(two_days()).aggregate_with(
        || 0_i64,
        |_, value, sum| sum + i64::from(value),
        Materialized::named("win-sum"),
    );
    keys_to(&sum, "sum");
    let sum = builder.table::<String, i64>("sum");
    print(&sum.to_stream());

    let count: Counts = grouped.windowed_by(two_days()).count_with(Materialized::named("uwin-cnt"));
    keys_to(&count, "cnt");
    let cnt = builder.table_with::<String, i64>("cnt", Consumed::new(), Materialized::named("cntStoreName"));
    print(&cnt.to_stream());

    let is_flush = |key: &String| key == FLUSH;
    max.join(&min, |max, min| max - min).to_stream().filter_not(move |key, _| is_flush(key)).to("dif");
    sum.join(&cnt, |sum, count| sum as f64 / count as f64)
        .to_stream()
        .filter_not(move |key, _| is_flush(key))
        .to("avg");

    cnt.group_by(|_, count| (count.to_string(), 1_i64))
        .aggregate_with(
            || 0_i64,
            |_, one, count| count + one,
            |_, one, count| count - one,
            Materialized::as_store(Stores::in_memory_key_value_store("cntByCnt")),
        )
        .to_stream()
        .to("tagg");
    builder.build()
}

fn when_closed() -> Suppressed<Windowed<String>> {
    Suppressed::until_window_closes(BufferConfig::unbounded())
}

/// `SmokeTestClient.streamify`: every update under the text of its window.
fn windows_to(table: &KTable<Windowed<String>, i32>, topic: &str) {
    table
        .to_stream()
        .filter_not(|key, _| key.key == FLUSH)
        .map(|key, value| (key.to_string(), value))
        .to(topic);
}

/// Every update under its key alone (`SmokeTestUtil.Unwindow`).
fn keys_to<V: Clone + 'static>(table: &KTable<Windowed<String>, V>, topic: &str)
where
    Option<V>: DefaultSerde,
{
    table.to_stream().select_key(|key, _| key.key.clone()).filter_not(|key, _| key == FLUSH).to(topic);
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_topology_is_described_as_the_java_client_describes_its_own() {
        let ours = super::streams_topology().expect("it is sound").describe().to_string();
        assert_eq!(ours, include_str!("streams.txt"));
    }
}
