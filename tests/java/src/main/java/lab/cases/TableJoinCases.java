package lab.cases;

import static lab.cases.Step.in;

import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.ValueTransformerWithKey;
import org.apache.kafka.streams.processor.ProcessorContext;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** Joins of tables by their keys, and transformed tables, which joins look up. */
final class TableJoinCases {
    /** Two tables: hits, misses, updates, tombstones with and without partner, out of order, ties, nulls. */
    private static final List<Step> TABLES = List.of(
        in("left", "a", "L1", 1000, "origin", "left"),
        in("right", "a", "R1", 900, "origin", "right"),
        in("left", "a", "L2", 1100),
        in("right", "a", "R2", 1200),
        in("right", "b", "R3", 1300),
        in("left", "b", null, 1310),
        in("left", "b", "L3", 1250),
        in("left", "a", null, 1400),
        in("right", "a", null, 1500),
        in("left", "a", null, 1600),
        in("right", "a", "R4", 1550),
        in("left", "a", "L4", 500),
        in("right", "b", null, 1700),
        in("left", "b", null, 1800),
        in("left", null, "L5", 1900),
        in("right", null, "R5", 1900),
        in("left", "c", "L6", 2000),
        in("right", "c", "R6", 2000),
        in("right", "c", "R6", 2000),
        in("left", "c", "L7", 1999),
        in("right", "c", null, 1998));

    private TableJoinCases() {
    }

    static void add(final Map<String, Case> cases) {
        joins(cases);
        chains(cases);
        transformed(cases);
    }

    private static void joins(final Map<String, Case> cases) {
        Case.add(cases, "table_table_join", TABLES, b -> {
            left(b).join(right(b), TableJoinCases::plus).toStream().to("out");
        });
        Case.add(cases, "table_table_left_join", TABLES, b -> {
            left(b).leftJoin(right(b), TableJoinCases::plus).toStream().to("out");
        });
        Case.add(cases, "table_table_outer_join", TABLES, b -> {
            left(b).outerJoin(right(b), TableJoinCases::plus).toStream().to("out");
        });
        Case.add(cases, "table_table_join_named", TABLES, b -> {
            left(b).join(right(b), TableJoinCases::plus, Named.as("pair")).toStream().to("out");
        });
        Case.add(cases, "table_table_join_materialized", TABLES, b -> {
            left(b).join(right(b), TableJoinCases::plus, Materialized.as("pairs")).toStream().to("out");
        });
        Case.add(cases, "table_table_left_join_materialized_without_name", TABLES, b -> {
            left(b)
                .leftJoin(right(b), TableJoinCases::plus, Materialized.with(Serdes.String(), Serdes.String()))
                .toStream()
                .to("out");
        });
        Case.add(cases, "table_table_outer_join_named_materialized", TABLES, b -> {
            left(b)
                .outerJoin(right(b), TableJoinCases::plus, Named.as("pair"), Materialized.as("pairs"))
                .toStream()
                .to("out");
        });
        Case.add(cases, "table_table_join_cached", TABLES, Case.CACHED, b -> {
            left(b).join(right(b), TableJoinCases::plus, Materialized.as("pairs")).toStream().to("out");
        });
        Case.add(cases, "table_table_left_join_cached", TABLES, Case.CACHED, b -> {
            left(b).leftJoin(right(b), TableJoinCases::plus).toStream().to("out");
        });
        Case.add(cases, "table_table_outer_join_cached", TABLES, Case.CACHED, b -> {
            left(b)
                .outerJoin(right(b), TableJoinCases::plus, Materialized.as("pairs"))
                .groupBy((k, v) -> KeyValue.pair(v, k))
                .count()
                .toStream()
                .to("out", Produced.with(Serdes.String(), Serdes.Long()));
        });
        Case.add(cases, "table_table_join_of_named_stores", TABLES, b -> {
            final KTable<String, String> left = b.table("left", Materialized.as("left-rows"));
            left.join(b.table("right", Materialized.as("right-rows")), TableJoinCases::plus).toStream().to("out");
        });
        Case.add(cases, "table_table_join_after_key_change", TABLES, b -> {
            final KTable<String, String> left =
                b.<String, String>stream("left").filter((k, v) -> v != null).selectKey((k, v) -> "a").toTable();
            left.join(right(b), TableJoinCases::plus).toStream().to("out");
        });
    }

    private static void chains(final Map<String, Case> cases) {
        Case.add(cases, "table_table_join_self", Inputs.TABLE, b -> {
            final KTable<String, String> rows = b.table("in");
            rows.join(rows, TableJoinCases::plus).toStream().to("out");
        });
        Case.add(cases, "table_table_join_of_join", TABLES, b -> {
            final KTable<String, String> left = left(b);
            left.join(right(b), TableJoinCases::plus).join(left, TableJoinCases::plus).toStream().to("out");
        });
        Case.add(cases, "table_table_outer_join_of_outer_join", TABLES, b -> {
            final KTable<String, String> right = right(b);
            left(b).outerJoin(right, TableJoinCases::plus).outerJoin(right, TableJoinCases::plus).toStream().to("out");
        });
        Case.add(cases, "table_table_left_join_of_left_join", TABLES, b -> {
            final KTable<String, String> right = right(b);
            right.leftJoin(left(b).leftJoin(right, TableJoinCases::plus), TableJoinCases::plus).toStream().to("out");
        });
        Case.add(cases, "table_table_left_join_of_filtered", TABLES, b -> {
            left(b)
                .filter((k, v) -> !v.equals("L2"))
                .leftJoin(right(b).mapValues(v -> v + "!"), TableJoinCases::plus)
                .toStream()
                .to("out");
        });
        Case.add(cases, "table_table_join_then_group", TABLES, b -> {
            left(b)
                .join(right(b), TableJoinCases::plus)
                .groupBy((k, v) -> KeyValue.pair(v.substring(0, 2), k))
                .count()
                .toStream()
                .to("out", Produced.with(Serdes.String(), Serdes.Long()));
        });
        Case.add(cases, "table_table_left_join_then_filter", TABLES, b -> {
            left(b)
                .leftJoin(right(b), TableJoinCases::plus, Materialized.as("pairs"))
                .filterNot((k, v) -> v.endsWith("null"), Named.as("complete"), Materialized.as("complete-store"))
                .toStream()
                .to("out");
        });
    }

    private static void transformed(final Map<String, Case> cases) {
        Case.add(cases, "transform_values", Inputs.TABLE, b -> {
            b.<String, String>table("in").transformValues(Stamp::new).toStream().to("out");
        });
        Case.add(cases, "transform_values_named", Inputs.TABLE, b -> {
            b.<String, String>table("in")
                .transformValues(Stamp::new, Materialized.as("stamped"), Named.as("stamp"))
                .toStream()
                .to("out");
        });
        Case.add(cases, "transform_values_materialized_without_name", Inputs.TABLE, b -> {
            b.<String, String>table("in")
                .transformValues(Stamp::new, Materialized.with(Serdes.String(), Serdes.String()))
                .filter((k, v) -> !v.startsWith("b"))
                .toStream()
                .to("out");
        });
        Case.add(cases, "transform_values_with_store", Inputs.TABLE, b -> {
            b.addStateStore(Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore("seen"), Serdes.String(), Serdes.Long()));
            b.<String, String>table("in")
                .transformValues(Seen::new, Materialized.as("numbered"), "seen")
                .toStream()
                .to("out");
        });
        Case.add(cases, "transform_values_with_store_cached", Inputs.TABLE, Case.CACHED, b -> {
            b.addStateStore(Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore("seen"), Serdes.String(), Serdes.Long()));
            b.<String, String>table("in")
                .transformValues(Seen::new, Materialized.as("numbered"), "seen")
                .filter((k, v) -> !v.startsWith("2"))
                .toStream()
                .to("out");
        });
        Case.add(cases, "transform_values_then_join", TABLES, b -> {
            left(b)
                .transformValues(Stamp::new)
                .outerJoin(right(b).transformValues(Stamp::new, Named.as("stamp")), TableJoinCases::plus)
                .toStream()
                .to("out");
        });
        Case.add(cases, "transform_values_then_group", Inputs.TABLE, b -> {
            b.<String, String>table("in")
                .transformValues(Stamp::new)
                .groupBy((k, v) -> KeyValue.pair(v.substring(0, 1), v))
                .reduce((x, y) -> x + "+" + y, (x, y) -> x + "-" + y)
                .toStream()
                .to("out");
        });
    }

    private static KTable<String, String> left(final StreamsBuilder b) {
        return b.table("left");
    }

    private static KTable<String, String> right(final StreamsBuilder b) {
        return b.table("right");
    }

    private static String plus(final String left, final String right) {
        return left + "+" + right;
    }

    /** Key, value and time of a row; of a deleted row only if its time is odd in hundreds. */
    private static final class Stamp implements ValueTransformerWithKey<String, String, String> {
        private ProcessorContext context;

        @Override
        public void init(final ProcessorContext context) {
            this.context = context;
        }

        @Override
        public String transform(final String key, final String value) {
            if (value == null && context.timestamp() / 100 % 2 == 0) {
                return null;
            }
            return key + "=" + value + "@" + context.timestamp();
        }

        @Override
        public void close() {
        }
    }

    /** Numbers the updates of each key; a deletion stays one. */
    private static final class Seen implements ValueTransformerWithKey<String, String, String> {
        private KeyValueStore<String, Long> seen;

        @Override
        public void init(final ProcessorContext context) {
            seen = context.getStateStore("seen");
        }

        @Override
        public String transform(final String key, final String value) {
            final Long before = seen.get(key);
            final long number = before == null ? 1 : before + 1;
            seen.put(key, number);
            return value == null ? null : number + ":" + value;
        }

        @Override
        public void close() {
        }
    }
}
