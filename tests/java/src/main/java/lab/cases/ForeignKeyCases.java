package lab.cases;

import static lab.cases.Step.in;

import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TableJoined;

/** Tables joined by a foreign key: a left row names the key of a right row before a colon. */
final class ForeignKeyCases {
    /** Hits, misses, changes of the foreign key, rows without one, tombstones, empty keys and values, out of order. */
    private static final List<Step> TABLES = List.of(
        in("right", "A", "ra1", 1000),
        in("left", "1", "A:x", 1100, "origin", "left"),
        in("left", "2", "A:y", 900),
        in("left", "3", "B:z", 1200),
        in("right", "B", "rb1", 1300, "origin", "right"),
        in("right", "A", "ra2", 1250),
        in("left", "1", "B:x", 1400, "origin", "moved"),
        in("left", "1", "B:x2", 1450),
        in("left", "1", "B:x2", 1460),
        in("left", "2", "none", 1500, "origin", "no foreign key"),
        in("left", "2", "none2", 1510),
        in("left", "4", "none", 1520),
        in("left", "2", "C:y", 1600),
        in("left", "2", "D:y", 1610),
        in("right", "A", null, 1700),
        in("right", "B", null, 1800, "origin", "deleted"),
        in("right", "B", null, 1810),
        in("right", "B", "rb2", 100),
        in("left", "3", null, 1900, "origin", "deleted"),
        in("left", "3", null, 1910),
        in("left", "9", null, 1920),
        in("left", "4", null, 1930),
        in("left", null, "B:no key", 1940),
        in("right", null, "no key", 1950),
        in("right", "", "re", 2000),
        in("left", "5", ":e", 2010),
        in("right", "B", "", 2020),
        in("left", "", "B:k", 2030),
        in("left", "6", "AA:long", 2040),
        in("left", "7", "A:short", 2050),
        in("right", "AA", "raa", 2060),
        in("right", "A", "ra3", 2070),
        in("right", "D", "rd1", 2080),
        in("left", "2", null, 2090),
        in("left", "1", "none", 2100),
        in("left", "1", null, 2110));

    /** A table that is joined with itself: rows name each other, and themselves. */
    private static final List<Step> SELF = List.of(
        in("left", "a", "b:1", 100),
        in("left", "b", "a:2", 200, "origin", "x"),
        in("left", "c", "c:3", 150),
        in("left", "b", "c:4", 300),
        in("left", "c", null, 400),
        in("left", "a", "a:5", 500),
        in("left", "a", "none", 600));

    /** A stream beside the two tables. */
    private static final List<Step> WITH_STREAM = List.of(
        in("right", "A", "ra1", 1000),
        in("left", "1", "A:x", 1100),
        in("in", "1", "s1", 1200),
        in("in", "2", "s2", 1300),
        in("right", "A", "ra2", 1400),
        in("in", "1", "s3", 1350),
        in("left", "1", null, 1500),
        in("in", "1", "s4", 1600));

    /** The two tables, and a third one. */
    private static final List<Step> CHAIN = List.of(
        in("left", "1", "A:x", 1000),
        in("in", "A", "i1", 900, "origin", "third"),
        in("right", "A", "ra1", 1100, "origin", "right"),
        in("left", "2", "A:y", 1200),
        in("in", "A", "i2", 1300),
        in("left", "1", "B:x", 1400),
        in("in", "B", "i3", 1350),
        in("left", "2", "none", 1500),
        in("right", "A", null, 1600),
        in("left", "1", null, 1700));

    private ForeignKeyCases() {
    }

    static void add(final Map<String, Case> cases) {
        Case.add(cases, "fk_join", TABLES, b -> {
            left(b).join(right(b), ForeignKeyCases::key, ForeignKeyCases::plus).toStream().to("out");
        });
        Case.add(cases, "fk_left_join", TABLES, b -> {
            left(b).leftJoin(right(b), ForeignKeyCases::key, ForeignKeyCases::plus).toStream().to("out");
        });
        Case.add(cases, "fk_join_named", TABLES, b -> {
            left(b).join(right(b), ForeignKeyCases::key, ForeignKeyCases::plus, TableJoined.as("shop")).toStream().to("out");
        });
        Case.add(cases, "fk_left_join_named_materialized", TABLES, b -> {
            left(b).leftJoin(right(b), ForeignKeyCases::key, ForeignKeyCases::plus, TableJoined.as("shop"),
                Materialized.as("joined")).toStream().to("out");
        });
        Case.add(cases, "fk_join_materialized", TABLES, b -> {
            left(b).join(right(b), ForeignKeyCases::key, ForeignKeyCases::plus, Materialized.as("joined"))
                .toStream().to("out");
        });
        Case.add(cases, "fk_join_materialized_without_name", TABLES, b -> {
            left(b).join(right(b), ForeignKeyCases::key, ForeignKeyCases::plus,
                Materialized.with(Serdes.String(), Serdes.String())).toStream().to("out");
        });
        Case.add(cases, "fk_join_with_key", TABLES, b -> {
            left(b).join(right(b), ForeignKeyCases::keyOrOwn, ForeignKeyCases::plus).toStream().to("out");
        });
        Case.add(cases, "fk_left_join_with_key", TABLES, b -> {
            left(b).leftJoin(right(b), ForeignKeyCases::keyOrOwn, ForeignKeyCases::plus, TableJoined.as("own"),
                Materialized.as("joined")).toStream().to("out");
        });
        Case.add(cases, "fk_join_store_names", TABLES, b -> {
            final KTable<String, String> left = b.table("left", Materialized.as("lefts"));
            final KTable<String, String> right = b.table("right", Consumed.as("products"), Materialized.as("rights"));
            left.join(right, ForeignKeyCases::key, ForeignKeyCases::plus).toStream(Named.as("changes")).to("out");
        });
        // The joiner's null deletes the result.
        Case.add(cases, "fk_join_to_null", TABLES, b -> {
            left(b).join(right(b), ForeignKeyCases::key, (l, r) -> r.equals("ra2") || l.equals("B:x2") ? null : l + "+" + r,
                Materialized.as("joined")).toStream().to("out");
        });
        Case.add(cases, "fk_join_same_table", SELF, b -> {
            final KTable<String, String> table = left(b);
            table.join(table, ForeignKeyCases::key, ForeignKeyCases::plus).toStream().to("out");
        });
        Case.add(cases, "fk_left_join_same_table", SELF, b -> {
            final KTable<String, String> table = left(b);
            table.leftJoin(table, ForeignKeyCases::key, ForeignKeyCases::plus).toStream().to("out");
        });
        // Neither side is stored by itself: the rows are looked up through filter and mapValues.
        Case.add(cases, "fk_join_unstored_tables", TABLES, b -> {
            final KTable<String, String> left = left(b).filter((k, v) -> !k.equals("6")).mapValues(v -> v + "'");
            final KTable<String, String> right = right(b).mapValues(v -> v + "!").filterNot((k, v) -> v.equals("rb2!"));
            left.join(right, ForeignKeyCases::key, ForeignKeyCases::plus).toStream().to("out");
        });
        Case.add(cases, "fk_left_join_tables_of_streams", TABLES, b -> {
            final KTable<String, String> left = b.<String, String>stream("left").toTable(Materialized.as("lefts"));
            final KTable<String, String> right = b.<String, String>stream("right").toTable();
            left.leftJoin(right, ForeignKeyCases::key, ForeignKeyCases::plus).toStream().to("out");
        });
        Case.add(cases, "fk_join_after_key_change", TABLES, b -> {
            final KTable<String, String> left = b.<String, String>stream("left")
                .filter((k, v) -> k != null && v != null).selectKey((k, v) -> k + "'").toTable();
            left.join(right(b), ForeignKeyCases::key, ForeignKeyCases::plus).toStream().to("out");
        });
        Case.add(cases, "fk_join_with_aggregate", TABLES, b -> {
            final KTable<String, Long> counts = b.<String, String>stream("right").groupByKey().count();
            left(b).join(counts, ForeignKeyCases::key, (l, n) -> l + "+" + n).toStream().to("out");
        });
        // Two different tables: with one for both joins, results hang on which answer comes first.
        Case.add(cases, "fk_join_chain", CHAIN, b -> {
            left(b).leftJoin(right(b), ForeignKeyCases::key, ForeignKeyCases::plus)
                .join(b.<String, String>table("in"), ForeignKeyCases::key, ForeignKeyCases::plus).toStream().to("out");
        });
        // The filter asks for old values, so that the result is not stored, but the filter knows what it had.
        Case.add(cases, "fk_join_filtered", TABLES, b -> {
            left(b).join(right(b), ForeignKeyCases::key, ForeignKeyCases::plus, Materialized.as("joined"))
                .filter((k, v) -> !v.startsWith("A")).mapValues(v -> v + "'").toStream().to("out");
        });
        // The stream needs the result's rows: now it is stored.
        Case.add(cases, "fk_join_then_stream_join", WITH_STREAM, b -> {
            final KTable<String, String> joined = left(b).join(right(b), ForeignKeyCases::key, ForeignKeyCases::plus);
            b.<String, String>stream("in").leftJoin(joined, ForeignKeyCases::plus).to("out");
        });
        Case.add(cases, "fk_two_joins", TABLES, b -> {
            final KTable<String, String> left = left(b);
            final KTable<String, String> right = right(b);
            left.join(right, ForeignKeyCases::key, ForeignKeyCases::plus).toStream().to("out");
            left.leftJoin(right, ForeignKeyCases::key, (l, r) -> (long) l.length(), TableJoined.as("second"))
                .toStream().to("out2", Produced.with(Serdes.String(), Serdes.Long()));
        });
    }

    private static KTable<String, String> left(final StreamsBuilder builder) {
        return builder.table("left");
    }

    private static KTable<String, String> right(final StreamsBuilder builder) {
        return builder.table("right");
    }

    private static String key(final String value) {
        final int colon = value.indexOf(':');
        return colon < 0 ? null : value.substring(0, colon);
    }

    /** The key in the value; a row whose value is "none" names its own key. */
    private static String keyOrOwn(final String key, final String value) {
        return value.equals("none") ? key : key(value);
    }

    private static String plus(final String left, final String right) {
        return left + "+" + right;
    }
}
