package lab.cases;

import java.util.Arrays;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/** Aggregations without windows, by the key as it is and by a changed one. */
final class AggregateCases {
    private AggregateCases() {
    }

    static void add(final Map<String, Case> cases) {
        Case.add(cases, "count", Inputs.NUMBERS, b -> {
            b.<String, String>stream("in").groupByKey().count().toStream().to("out", longs());
        });
        Case.add(cases, "count_store_name", Inputs.NUMBERS, b -> {
            b.<String, String>stream("in").groupByKey().count(Materialized.as("counts")).toStream().to("out", longs());
        });
        Case.add(cases, "count_materialized_without_name", Inputs.NUMBERS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .count(Materialized.with(Serdes.String(), Serdes.Long()))
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "count_named", Inputs.NUMBERS, b -> {
            b.<String, String>stream("in").groupByKey().count(Named.as("counter")).toStream().to("out", longs());
        });
        Case.add(cases, "count_in_memory", Inputs.NUMBERS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts")
                    .withStoreType(Materialized.StoreType.IN_MEMORY))
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "count_logging_off", Inputs.NUMBERS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts").withLoggingDisabled())
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "reduce", Inputs.NUMBERS, b -> {
            b.<String, String>stream("in").groupByKey().reduce((x, y) -> x + "," + y).toStream().to("out");
        });
        Case.add(cases, "reduce_store_name", Inputs.NUMBERS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .reduce((x, y) -> x + "," + y, Named.as("joiner"), Materialized.as("texts"))
                .toStream()
                .to("out");
        });
        Case.add(cases, "aggregate", Inputs.NUMBERS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .aggregate(() -> 0L, (k, v, sum) -> sum + Long.parseLong(v),
                    Materialized.with(Serdes.String(), Serdes.Long()))
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "aggregate_store_name", Inputs.NUMBERS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .aggregate(() -> 0L, (k, v, sum) -> sum + Long.parseLong(v),
                    Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("sums")
                        .withValueSerde(Serdes.Long()))
                .toStream()
                .to("out", longs());
        });
        // The aggregator returns null when the sum is 0: the row is deleted.
        Case.add(cases, "aggregate_to_null", Inputs.NUMBERS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .aggregate(() -> 0L, (k, v, sum) -> {
                    final long next = sum + Long.parseLong(v);
                    return next == 0 ? null : Long.valueOf(next);
                }, Materialized.with(Serdes.String(), Serdes.Long()))
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "group_by_count", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").groupBy((k, v) -> v).count().toStream().to("out", longs());
        });
        Case.add(cases, "group_by_named_count", Inputs.PLAIN, b -> {
            b.<String, String>stream("in")
                .groupBy((k, v) -> v, Grouped.as("by-value"))
                .count()
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "group_by_count_store_name", Inputs.PLAIN, b -> {
            b.<String, String>stream("in")
                .groupBy((k, v) -> v)
                .count(Materialized.as("counts"))
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "map_count", Inputs.PLAIN, b -> {
            b.<String, String>stream("in")
                .selectKey((k, v) -> v)
                .mapValues(v -> v + "!")
                .groupByKey(Grouped.as("by-value"))
                .count(Named.as("counter"), Materialized.as("counts"))
                .toStream()
                .to("out", longs());
        });
        // A key change with a null key: the repartition drops the record.
        Case.add(cases, "key_change_to_null_count", Inputs.PLAIN, b -> {
            b.<String, String>stream("in")
                .selectKey((k, v) -> v.isEmpty() ? null : v)
                .groupByKey()
                .count()
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "one_group_two_aggregations", Inputs.PLAIN, b -> {
            final KGroupedStream<String, String> groups = b.<String, String>stream("in").groupBy((k, v) -> v);
            groups.count().toStream().to("out", longs());
            groups.reduce((x, y) -> x + "," + y).toStream().to("out2");
        });
        Case.add(cases, "key_change_two_groups", Inputs.PLAIN, b -> {
            final KStream<String, String> changed = b.<String, String>stream("in").selectKey((k, v) -> v);
            changed.groupByKey().count().toStream().to("out", longs());
            changed.groupByKey().reduce((x, y) -> x + "," + y).toStream().to("out2");
        });
        Case.add(cases, "group_by_reduce", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").groupBy((k, v) -> v).reduce((x, y) -> x + "," + y).toStream().to("out");
        });
        Case.add(cases, "group_by_aggregate", Inputs.PLAIN, b -> {
            b.<String, String>stream("in")
                .groupBy((k, v) -> v)
                .aggregate(() -> 0L, (k, v, sum) -> sum + v.length(),
                    Materialized.with(Serdes.String(), Serdes.Long()))
                .toStream()
                .to("out", longs());
        });
        // mapValues keeps the key: no repartition.
        Case.add(cases, "map_values_count", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").mapValues(v -> v + "!").groupByKey().count().toStream().to("out", longs());
        });
        Case.add(cases, "flat_map_count", Inputs.WORDS, b -> {
            b.<String, String>stream("in")
                .flatMap((k, v) -> Arrays.stream(v.split(" ")).map(word -> KeyValue.pair(word, k)).toList())
                .groupByKey()
                .count()
                .toStream()
                .to("out", longs());
        });
        // The change of key is remembered through operators that keep the key.
        Case.add(cases, "key_change_chain_count", Inputs.PLAIN, b -> {
            b.<String, String>stream("in")
                .map((k, v) -> KeyValue.pair(v, k))
                .filter((k, v) -> !k.isEmpty())
                .peek((k, v) -> { })
                .mapValues(v -> v + "!")
                .groupByKey()
                .count()
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "key_change_process_values_count", Inputs.PLAIN, b -> {
            b.<String, String>stream("in")
                .selectKey((k, v) -> v)
                .processValues(ProcessorCases.Where::new)
                .groupByKey()
                .count()
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "key_change_split_count", Inputs.PLAIN, b -> {
            final KStream<String, String> changed = b.<String, String>stream("in").selectKey((k, v) -> v);
            changed.split(Named.as("split-"))
                .branch((k, v) -> k.length() > 1, Branched.withConsumer(
                    s -> s.groupByKey().count().toStream().to("out-long", longs())))
                .defaultBranch(Branched.withConsumer(
                    s -> s.groupByKey().count().toStream().to("out-short", longs())));
        });
        // One side of a merge has a new key: the merged stream is repartitioned.
        Case.add(cases, "key_change_merge_count", Inputs.PLAIN, b -> {
            final KStream<String, String> stream = b.stream("in");
            stream.merge(stream.selectKey((k, v) -> v)).groupByKey().count().toStream().to("out", longs());
        });
        // An explicit repartition settles the change of key: no second one.
        Case.add(cases, "key_change_repartition_count", Inputs.PLAIN, b -> {
            b.<String, String>stream("in")
                .selectKey((k, v) -> v)
                .repartition()
                .groupByKey()
                .count()
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "word_count", Inputs.WORDS, b -> {
            b.<String, String>stream("in")
                .flatMapValues(v -> Arrays.asList(v.split(" ")))
                .groupBy((k, word) -> word)
                .count(Materialized.as("words"))
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "count_then_count", Inputs.PLAIN, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .count()
                .toStream()
                .groupBy((k, n) -> "n" + n, Grouped.with(Serdes.String(), Serdes.Long()))
                .count()
                .toStream()
                .to("out", longs());
        });
    }

    private static <K> Produced<K, Long> longs() {
        return Produced.valueSerde(Serdes.Long());
    }
}
