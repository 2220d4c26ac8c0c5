package lab.cases;

import java.time.Duration;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.StreamJoined;

/** Joins of a stream with a table, a global table and another stream. */
final class JoinCases {
    private static final JoinWindows WINDOWS =
        JoinWindows.ofTimeDifferenceAndGrace(Duration.ofMillis(10), Duration.ofMillis(5));

    private JoinCases() {
    }

    static void add(final Map<String, Case> cases) {
        tables(cases);
        globalTables(cases);
        streams(cases);
    }

    private static void tables(final Map<String, Case> cases) {
        Case.add(cases, "stream_table_join", Inputs.STREAM_TABLE, b -> {
            final KTable<String, String> table = b.table("table");
            b.<String, String>stream("in").join(table, (s, t) -> s + "+" + t).to("out");
        });
        Case.add(cases, "stream_table_left_join", Inputs.STREAM_TABLE, b -> {
            final KTable<String, String> table = b.table("table");
            b.<String, String>stream("in").leftJoin(table, (s, t) -> s + "+" + t).to("out");
        });
        Case.add(cases, "stream_table_join_with_key", Inputs.STREAM_TABLE, b -> {
            final KTable<String, String> table = b.table("table", Materialized.as("rows"));
            b.<String, String>stream("in").join(table, (k, s, t) -> k + ":" + s + "+" + t).to("out");
        });
        Case.add(cases, "stream_table_join_named", Inputs.STREAM_TABLE, b -> {
            final KTable<String, String> table = b.table("table");
            b.<String, String>stream("in")
                .join(table, (s, t) -> s + "+" + t, Joined.as("enrich"))
                .to("out");
        });
        Case.add(cases, "stream_table_join_after_key_change", Inputs.STREAM_TABLE, b -> {
            final KTable<String, String> table = b.table("table");
            b.<String, String>stream("in")
                .selectKey((k, v) -> v.equals("2") ? "a" : k)
                .join(table, (s, t) -> s + "+" + t)
                .to("out");
        });
        Case.add(cases, "stream_table_join_after_key_change_named", Inputs.STREAM_TABLE, b -> {
            final KTable<String, String> table = b.table("table");
            b.<String, String>stream("in")
                .selectKey((k, v) -> v.equals("2") ? "a" : k)
                .join(table, (s, t) -> s + "+" + t, Joined.as("enrich"))
                .to("out");
        });
        Case.add(cases, "stream_table_left_join_after_key_change", Inputs.STREAM_TABLE, b -> {
            final KTable<String, String> table = b.table("table");
            b.<String, String>stream("in")
                .selectKey((k, v) -> v.equals("2") ? "a" : k)
                .leftJoin(table, (s, t) -> s + "+" + t)
                .to("out");
        });
        Case.add(cases, "stream_with_own_count_join", Inputs.PLAIN, b -> {
            final KStream<String, String> stream = b.stream("in");
            final KTable<String, Long> counts = stream.groupByKey().count();
            stream.join(counts, (s, n) -> s + "#" + n).to("out");
        });
        Case.add(cases, "stream_join_with_stream_as_table", Inputs.STREAM_TABLE, b -> {
            final KTable<String, String> table = b.<String, String>stream("table").toTable();
            b.<String, String>stream("in").join(table, (s, t) -> s + "+" + t).to("out");
        });
        Case.add(cases, "stream_table_join_then_count", Inputs.STREAM_TABLE, b -> {
            final KTable<String, String> table = b.table("table");
            b.<String, String>stream("in")
                .leftJoin(table, (s, t) -> t == null ? "none" : t)
                .groupBy((k, v) -> v)
                .count()
                .toStream()
                .to("out", Produced.with(Serdes.String(), Serdes.Long()));
        });
    }

    private static void globalTables(final Map<String, Case> cases) {
        Case.add(cases, "stream_global_table_join", Inputs.STREAM_TABLE, b -> {
            final GlobalKTable<String, String> table = b.globalTable("table");
            b.<String, String>stream("in").join(table, (k, v) -> k, (s, t) -> s + "+" + t).to("out");
        });
        Case.add(cases, "stream_global_table_left_join", Inputs.STREAM_TABLE, b -> {
            final GlobalKTable<String, String> table = b.globalTable("table");
            b.<String, String>stream("in").leftJoin(table, (k, v) -> k, (s, t) -> s + "+" + t).to("out");
        });
        Case.add(cases, "stream_global_table_join_by_value", Inputs.STREAM_TABLE, b -> {
            final GlobalKTable<String, String> table = b.globalTable("table", Materialized.as("globals"));
            b.<String, String>stream("in")
                .join(table, (k, v) -> v.equals("2") ? "a" : null, (s, t) -> s + "+" + t, Named.as("enrich"))
                .to("out");
        });
        // A global table needs no repartition after a change of key.
        Case.add(cases, "stream_global_table_join_after_key_change", Inputs.STREAM_TABLE, b -> {
            final GlobalKTable<String, String> table = b.globalTable("table");
            b.<String, String>stream("in")
                .selectKey((k, v) -> v)
                .join(table, (k, v) -> v.equals("2") ? "a" : "b", (s, t) -> s + "+" + t)
                .to("out");
        });
    }

    private static void streams(final Map<String, Case> cases) {
        Case.add(cases, "stream_stream_join", Inputs.STREAM_STREAM, b -> {
            final KStream<String, String> left = b.stream("left");
            final KStream<String, String> right = b.stream("right");
            left.join(right, (l, r) -> l + "+" + r, WINDOWS).to("out");
        });
        Case.add(cases, "stream_stream_join_with_key", Inputs.STREAM_STREAM, b -> {
            final KStream<String, String> left = b.stream("left");
            final KStream<String, String> right = b.stream("right");
            left.join(right, (k, l, r) -> k + ":" + l + "+" + r, WINDOWS).to("out");
        });
        Case.add(cases, "stream_stream_join_no_grace", Inputs.STREAM_STREAM, b -> {
            final KStream<String, String> left = b.stream("left");
            final KStream<String, String> right = b.stream("right");
            left.join(right, (l, r) -> l + "+" + r, JoinWindows.ofTimeDifferenceWithNoGrace(Duration.ofMillis(10)))
                .to("out");
        });
        Case.add(cases, "stream_stream_join_asymmetric", Inputs.STREAM_STREAM, b -> {
            final KStream<String, String> left = b.stream("left");
            final KStream<String, String> right = b.stream("right");
            left.join(right, (l, r) -> l + "+" + r, WINDOWS.before(Duration.ofMillis(1)).after(Duration.ofMillis(11)))
                .to("out");
        });
        Case.add(cases, "stream_stream_join_named", Inputs.STREAM_STREAM, b -> {
            final KStream<String, String> left = b.stream("left");
            final KStream<String, String> right = b.stream("right");
            left.join(right, (l, r) -> l + "+" + r, WINDOWS,
                    StreamJoined.<String, String, String>as("stores").withName("pair"))
                .to("out");
        });
        Case.add(cases, "stream_stream_join_after_key_change", Inputs.STREAM_STREAM, b -> {
            final KStream<String, String> left = b.stream("left");
            final KStream<String, String> right = b.stream("right");
            left.selectKey((k, v) -> k)
                .join(right.selectKey((k, v) -> k), (l, r) -> l + "+" + r, WINDOWS)
                .to("out");
        });
        Case.add(cases, "stream_stream_join_after_key_change_named", Inputs.STREAM_STREAM, b -> {
            final KStream<String, String> left = b.stream("left");
            final KStream<String, String> right = b.stream("right");
            left.selectKey((k, v) -> k)
                .join(right.selectKey((k, v) -> k), (l, r) -> l + "+" + r, WINDOWS,
                    StreamJoined.<String, String, String>as("stores").withName("pair"))
                .to("out");
        });
    }
}
