package lab.cases;

import static lab.cases.Step.in;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** Versioned tables, joins with a grace period, and stores of the user's choice. */
final class StoreCases {
    /** Late updates within the history of 1000 ms, at its edge and beyond it; deletions, late and twice; ties. */
    private static final List<Step> LATE = List.of(
        in("in", "a", "1", 1000, "origin", "x"),
        in("in", "b", "2", 2000),
        in("in", "a", "3", 3000),
        in("in", "a", "late", 2500, "origin", "y"),
        in("in", "a", "edge", 2000),
        in("in", "a", "too late", 1999),
        in("in", null, "4", 3000),
        in("in", "b", null, 2900),
        in("in", "b", "5", 2800),
        in("in", "b", null, 2700),
        in("in", "unknown", null, 3300),
        in("in", "unknown", "6", 3200),
        in("in", "a", "again", 3000),
        in("in", "a", null, 3000),
        in("in", "a", "7", 2990),
        in("in", "b", "8", 3400),
        in("in", "b", null, 3350),
        in("in", "c", "33", 9000),
        in("in", "b", "9", 8500),
        in("in", "b", "10", 8000));

    /** Numbers whose records come late. */
    private static final List<Step> LATE_NUMBERS = List.of(
        in("in", "a", "1", 1000),
        in("in", "a", "2", 500),
        in("in", "b", "3", 3000),
        in("in", "a", "4", 1500),
        in("in", "a", "5", 2100),
        in("in", "b", "6", 2500),
        in("in", "c", "7", 1999),
        in("in", "c", "8", 2000),
        in("in", "c", "9", 100));

    /** A stream and a table whose rows change late; records before, at and between the rows' times. */
    private static final List<Step> AS_OF = List.of(
        in("table", "a", "A1000", 1000),
        in("in", "a", "1", 900),
        in("in", "a", "2", 1000, "origin", "stream"),
        in("table", "a", "A1800", 1800, "origin", "table"),
        in("in", "a", "3", 1500),
        in("in", "a", "4", 1799),
        in("in", "a", "5", 1800),
        in("table", "a", "A1600", 1600),
        in("in", "a", "6", 1599),
        in("in", "a", "7", 1700),
        in("table", "a", null, 1900),
        in("in", "a", "8", 1850),
        in("in", "a", "9", 1900),
        in("in", "b", "10", 1900),
        in("in", null, "no key", 1900),
        in("table", "b", "B2500", 2500),
        in("in", "a", "11", 1500),
        in("in", "a", "12", 1499),
        in("table", "a", "too late", 1499),
        in("in", "b", "13", 9000),
        in("table", "c", "C9000", 9000),
        in("in", "b", "14", 2600),
        in("in", "a", "15", 1800));

    /** For a grace period of 500 ms: records that wait, at the edges, late, ties, and a jump that lets all go. */
    private static final List<Step> GRACE = List.of(
        in("table", "a", "A900", 900),
        in("in", "a", "1", 1000, "origin", "stream"),
        in("in", "b", "2", 1400),
        in("table", "a", "A950", 950),
        in("in", "a", "3", 1499),
        in("in", "a", "4", 1500),
        in("in", "a", "5", 999),
        in("in", "a", "6", 1000),
        in("in", "a", "7", 1400),
        in("in", "a", "7", 1400, "origin", "twice"),
        in("in", "b", "", 1450),
        in("table", "b", "B1350", 1350),
        in("in", "a", null, 5000),
        in("in", "c", "8", 1900),
        in("table", "a", "A1450", 1450),
        in("table", "c", "C1800", 1800),
        in("in", "c", "9", 10_000, "a", "1", "b", "2"),
        in("in", "c", "10", 9_500),
        in("in", "c", "11", 9_499));

    private StoreCases() {
    }

    static void add(final Map<String, Case> cases) {
        tables(cases);
        aggregations(cases);
        joins(cases);
        graces(cases);
        suppliers(cases);
    }

    private static <V> Materialized<String, V, KeyValueStore<Bytes, byte[]>> versioned(final String name) {
        return Materialized.as(Stores.persistentVersionedKeyValueStore(name, Duration.ofMillis(1000)));
    }

    private static KTable<String, String> rows(final StreamsBuilder b, final String topic) {
        return b.table(topic, StoreCases.<String>versioned("rows"));
    }

    private static void tables(final Map<String, Case> cases) {
        Case.add(cases, "versioned_table", LATE, b -> {
            rows(b, "in").toStream().to("out");
        });
        Case.add(cases, "versioned_table_with_segments", LATE, b -> {
            b.<String, String>table("in", Materialized.as(Stores.persistentVersionedKeyValueStore(
                "rows", Duration.ofMillis(1000), Duration.ofMillis(300)))).toStream().to("out");
        });
        Case.add(cases, "versioned_table_not_logged", LATE, b -> {
            b.table("in", StoreCases.<String>versioned("rows").withLoggingDisabled()).toStream().to("out");
        });
        Case.add(cases, "versioned_table_filter", LATE, b -> {
            rows(b, "in").filter((k, v) -> v.length() > 1).toStream().to("out");
        });
        Case.add(cases, "versioned_table_filter_stored", LATE, b -> {
            rows(b, "in").filter((k, v) -> v.length() > 1, Materialized.as("kept")).toStream().to("out");
        });
        Case.add(cases, "versioned_table_filter_versioned", LATE, b -> {
            rows(b, "in").filter((k, v) -> v.length() > 1, versioned("filtered")).toStream().to("out");
        });
        Case.add(cases, "versioned_table_filter_twice", LATE, b -> {
            rows(b, "in").filter((k, v) -> v.length() > 1, Named.as("long"))
                .filterNot((k, v) -> v.startsWith("l")).toStream().to("out");
        });
        Case.add(cases, "versioned_table_filter_stored_filter", LATE, b -> {
            rows(b, "in").filter((k, v) -> v.length() > 1, Materialized.as("kept"))
                .filterNot((k, v) -> v.startsWith("l")).toStream().to("out");
        });
        Case.add(cases, "table_filter_versioned_filter", LATE, b -> {
            b.<String, String>table("in").filter((k, v) -> v.length() > 1, versioned("filtered"))
                .filterNot((k, v) -> v.startsWith("l")).toStream().to("out");
        });
        Case.add(cases, "versioned_table_map_values", LATE, b -> {
            rows(b, "in").mapValues(v -> v + "!").toStream().to("out");
        });
        Case.add(cases, "versioned_table_map_values_versioned", LATE, b -> {
            rows(b, "in").mapValues(v -> v + "!", StoreCases.<String>versioned("mapped")).toStream().to("out");
        });
        Case.add(cases, "versioned_to_table", LATE, b -> {
            b.<String, String>stream("in").toTable(versioned("rows")).toStream().to("out");
        });
        Case.add(cases, "versioned_to_table_after_key_change", LATE, b -> {
            b.<String, String>stream("in").filter((k, v) -> v != null).selectKey((k, v) -> v.substring(0, 1))
                .toTable(Named.as("last"), versioned("rows")).toStream().to("out");
        });
    }

    private static void aggregations(final Map<String, Case> cases) {
        Case.add(cases, "versioned_count", LATE_NUMBERS, b -> {
            b.<String, String>stream("in").groupByKey().count(versioned("counts"))
                .toStream().to("out", Produced.with(Serdes.String(), Serdes.Long()));
        });
        Case.add(cases, "versioned_reduce", LATE_NUMBERS, b -> {
            b.<String, String>stream("in").groupByKey().reduce((a, v) -> a + v, versioned("sums"))
                .toStream().to("out");
        });
        Case.add(cases, "versioned_aggregate_filter", LATE_NUMBERS, b -> {
            b.<String, String>stream("in").groupBy((k, v) -> k)
                .aggregate(() -> "", (k, v, a) -> a + v, StoreCases.<String>versioned("sums"))
                .filter((k, v) -> v.length() > 1).toStream().to("out");
        });
    }

    private static void joins(final Map<String, Case> cases) {
        Case.add(cases, "versioned_table_join", AS_OF, b -> {
            {
            final KTable<String, String> table = rows(b, "table");
            b.<String, String>stream("in").join(table, (s, t) -> s + "+" + t).to("out");
        };
        });
        Case.add(cases, "versioned_table_left_join", AS_OF, b -> {
            {
            final KTable<String, String> table = rows(b, "table");
            b.<String, String>stream("in").leftJoin(table, (s, t) -> s + "+" + t).to("out");
        };
        });
        Case.add(cases, "versioned_table_filter_map_join", AS_OF, b -> {
            {
            final KTable<String, String> table =
                rows(b, "table").filter((k, v) -> !v.equals("A1600")).mapValues(v -> v.toLowerCase());
            b.<String, String>stream("in").leftJoin(table, (s, t) -> s + "+" + t).to("out");
        };
        });
        Case.add(cases, "versioned_table_stored_filter_join", AS_OF, b -> {
            {
            final KTable<String, String> table =
                rows(b, "table").filter((k, v) -> !v.equals("A1600"), Materialized.as("kept"));
            b.<String, String>stream("in").leftJoin(table, (s, t) -> s + "+" + t).to("out");
        };
        });
        Case.add(cases, "versioned_to_table_join", AS_OF, b -> {
            {
            final KTable<String, String> table = b.<String, String>stream("table").toTable(versioned("rows"));
            b.<String, String>stream("in").join(table, (s, t) -> s + "+" + t).to("out");
        };
        });
    }

    private static Joined<String, String, String> grace(final long milliseconds) {
        return Joined.<String, String, String>with(Serdes.String(), Serdes.String(), Serdes.String())
            .withGracePeriod(Duration.ofMillis(milliseconds));
    }

    private static void graces(final Map<String, Case> cases) {
        Case.add(cases, "grace_join", GRACE, b -> {
            {
            final KTable<String, String> table = rows(b, "table");
            b.<String, String>stream("in").join(table, (s, t) -> s + "+" + t, grace(500)).to("out");
        };
        });
        Case.add(cases, "grace_left_join", GRACE, b -> {
            {
            final KTable<String, String> table = rows(b, "table");
            b.<String, String>stream("in").leftJoin(table, (s, t) -> s + "+" + t, grace(500)).to("out");
        };
        });
        Case.add(cases, "grace_join_named", GRACE, b -> {
            {
            final KTable<String, String> table = rows(b, "table");
            b.<String, String>stream("in")
                .join(table, (s, t) -> s + "+" + t, grace(500).withName("enrich")).to("out");
        };
        });
        Case.add(cases, "grace_join_no_wait", GRACE, b -> {
            {
            final KTable<String, String> table = rows(b, "table");
            b.<String, String>stream("in").leftJoin(table, (s, t) -> s + "+" + t, grace(0)).to("out");
        };
        });
        Case.add(cases, "grace_join_after_key_change", GRACE, b -> {
            {
            final KTable<String, String> table = rows(b, "table");
            b.<String, String>stream("in").selectKey((k, v) -> "7".equals(v) ? "b" : k)
                .join(table, (s, t) -> s + "+" + t, grace(500)).to("out");
        };
        });
        Case.add(cases, "grace_join_filter", GRACE, b -> {
            {
            final KTable<String, String> table = rows(b, "table").filter((k, v) -> !v.equals("A950"));
            b.<String, String>stream("in")
                .leftJoin(table, (s, t) -> s + "+" + t, grace(1000)).to("out");
        };
        });
    }

    private static void suppliers(final Map<String, Case> cases) {
        Case.add(cases, "lru_count", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").groupByKey()
                .count(Materialized.<String, Long>as(Stores.lruMap("lru-counts", 2)))
                .toStream().to("out", Produced.with(Serdes.String(), Serdes.Long()));
        });
        Case.add(cases, "lru_table_join", Inputs.STREAM_TABLE, b -> {
            {
            final KTable<String, String> table = b.table("table", Materialized.as(Stores.lruMap("lru-rows", 1)));
            b.<String, String>stream("in").leftJoin(table, (s, t) -> s + "+" + t).to("out");
        };
        });
        Case.add(cases, "in_memory_count", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").groupByKey()
                .count(Materialized.<String, Long>as(Stores.inMemoryKeyValueStore("counts")))
                .toStream().to("out", Produced.with(Serdes.String(), Serdes.Long()));
        });
        Case.add(cases, "in_memory_window_count", Inputs.WINDOWS, b -> {
            b.<String, String>stream("in").groupByKey()
                .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), Duration.ofMillis(5)))
                .count(Materialized.<String, Long>as(
                    Stores.inMemoryWindowStore("counts", Duration.ofMillis(15), Duration.ofMillis(10), false)))
                .toStream((w, n) -> w.key() + "@" + w.window().start())
                .to("out", Produced.with(Serdes.String(), Serdes.Long()));
        });
        Case.add(cases, "persistent_session_count", Inputs.SESSIONS, b -> {
            b.<String, String>stream("in").groupByKey()
                .windowedBy(SessionWindows.ofInactivityGapAndGrace(Duration.ofMillis(10), Duration.ofMillis(5)))
                .count(Materialized.<String, Long>as(
                    Stores.persistentSessionStore("counts", Duration.ofMillis(40))))
                .toStream((w, n) -> w.key() + "@" + w.window().start())
                .to("out", Produced.with(Serdes.String(), Serdes.Long()));
        });
    }
}
