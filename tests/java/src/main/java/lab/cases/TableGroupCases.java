package lab.cases;

import static lab.cases.Step.in;

import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;

/** Tables grouped by another key: count, reduce, aggregate. */
final class TableGroupCases {
    private static final Materialized<String, Long, KeyValueStore<Bytes, byte[]>> MANY =
        Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("many").withValueSerde(Serdes.Long());

    private static final Produced<String, Long> LONGS = Produced.with(Serdes.String(), Serdes.Long());

    /** Rows whose first letter is their group and whose rest is their value; without either they are in no group. */
    private static final List<Step> ROWS = List.of(
        in("in", "a", "x1", 1000, "origin", "x"),
        in("in", "b", "x2", 1100),
        in("in", "a", "x3", 1200, "origin", "y"),
        in("in", "a", "y3", 1300),
        in("in", "b", null, 1400),
        in("in", "b", null, 1450),
        in("in", "c", "", 1500),
        in("in", "c", "x5", 1600),
        in("in", "c", "x", 1700),
        in("in", "c", "x5", 900),
        in("in", "a", "y4", 1000),
        in("in", "a", "y4", 1000),
        in("in", null, "x9", 1800),
        in("in", "d", "y-4", 1850),
        in("in", "a", null, 1900),
        in("in", "d", null, 2000));

    private TableGroupCases() {
    }

    static void add(final Map<String, Case> cases) {
        Case.add(cases, "table_group_count", ROWS, b -> {
            groups(b).count().toStream().to("out", LONGS);
        });
        Case.add(cases, "table_group_count_cached", ROWS, Case.CACHED, b -> {
            groups(b).count().toStream().to("out", LONGS);
        });
        Case.add(cases, "table_group_count_store_name", ROWS, b -> {
            groups(b).count(Materialized.as("counts")).toStream().to("out", LONGS);
        });
        Case.add(cases, "table_group_count_materialized_without_name", ROWS, b -> {
            groups(b).count(Materialized.with(Serdes.String(), Serdes.Long())).toStream().to("out", LONGS);
        });
        Case.add(cases, "table_group_count_named", ROWS, b -> {
            named(b).count(Named.as("counter"), Materialized.as("counts")).toStream().to("out", LONGS);
        });
        Case.add(cases, "table_group_twice", ROWS, b -> {
            final KGroupedTable<String, String> groups = groups(b);
            groups.count().toStream().to("out", LONGS);
            groups.reduce((x, y) -> x + "+" + y, (x, y) -> x + "-" + y).toStream().to("out2");
        });
        Case.add(cases, "table_group_twice_named", ROWS, b -> {
            final KGroupedTable<String, String> groups = named(b);
            groups.count().toStream().to("out", LONGS);
            groups.reduce((x, y) -> x + "+" + y, (x, y) -> x + "-" + y).toStream().to("out2");
        });
        Case.add(cases, "table_group_reduce", ROWS, b -> {
            groups(b).reduce((x, y) -> x + "+" + y, (x, y) -> x + "-" + y).toStream().to("out");
        });
        Case.add(cases, "table_group_reduce_named_cached", ROWS, Case.CACHED, b -> {
            groups(b)
                .reduce((x, y) -> x + "+" + y, (x, y) -> x + "-" + y, Named.as("texts"), Materialized.as("texts-store"))
                .toStream()
                .to("out");
        });
        Case.add(cases, "table_group_aggregate", ROWS, b -> {
            groups(b)
                .aggregate(() -> 100L, (k, v, sum) -> sum + Long.parseLong(v), (k, v, sum) -> sum - Long.parseLong(v),
                    Materialized.with(Serdes.String(), Serdes.Long()))
                .toStream()
                .to("out", LONGS);
        });
        Case.add(cases, "table_group_aggregate_to_null", ROWS, b -> {
            groups(b)
                .aggregate(() -> 0L,
                    (k, v, sum) -> sum + Long.parseLong(v) == 0 ? null : sum + Long.parseLong(v),
                    (k, v, sum) -> sum - Long.parseLong(v) == 0 ? null : sum - Long.parseLong(v),
                    Named.as("sums"), Materialized.with(Serdes.String(), Serdes.Long()))
                .toStream()
                .to("out", LONGS);
        });
        Case.add(cases, "table_group_after_filter", ROWS, b -> {
            b.<String, String>table("in")
                .filter((k, v) -> !v.endsWith("2"))
                .mapValues(v -> v + "0")
                .groupBy(TableGroupCases::select)
                .count()
                .toStream()
                .to("out", LONGS);
        });
        Case.add(cases, "table_group_then_filter", ROWS, b -> {
            groups(b)
                .count()
                .filter((k, n) -> n > 1, MANY)
                .mapValues(n -> n * 10)
                .groupBy((k, n) -> KeyValue.pair(n.toString(), k), Grouped.with(Serdes.String(), Serdes.String()))
                .count()
                .toStream()
                .to("out", LONGS);
        });
        Case.add(cases, "table_group_of_count", Inputs.NUMBERS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .count()
                .groupBy((k, n) -> KeyValue.pair(n.toString(), k), Grouped.with(Serdes.String(), Serdes.String()))
                .count()
                .toStream()
                .to("out", LONGS);
        });
    }

    private static KGroupedTable<String, String> groups(final StreamsBuilder b) {
        return b.<String, String>table("in").groupBy(TableGroupCases::select);
    }

    private static KGroupedTable<String, String> named(final StreamsBuilder b) {
        return b.<String, String>table("in").groupBy(TableGroupCases::select, Grouped.as("groups"));
    }

    private static KeyValue<String, String> select(final String key, final String value) {
        final String group = value.isEmpty() ? null : value.substring(0, 1);
        return KeyValue.pair(group, value.length() < 2 ? null : value.substring(1));
    }
}
