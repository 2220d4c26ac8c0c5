package lab.cases;

import static lab.cases.Step.in;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.CogroupedKStream;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Merger;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/** Several grouped streams folded into one table. The aggregate lists what came of `in` with a 1, of `in2` with a 2. */
final class CogroupCases {
    private static final TimeWindows TUMBLING =
        TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), Duration.ofMillis(5));
    private static final TimeWindows HOPPING = TUMBLING.advanceBy(Duration.ofMillis(4));
    private static final SlidingWindows SLIDING =
        SlidingWindows.ofTimeDifferenceAndGrace(Duration.ofMillis(10), Duration.ofMillis(5));
    private static final SessionWindows SESSIONS =
        SessionWindows.ofInactivityGapAndGrace(Duration.ofMillis(10), Duration.ofMillis(5));

    /** Both streams: interleaved, out of order, ties, nulls, headers; `-` makes the aggregate null. */
    private static final List<Step> BOTH = List.of(
        in("in", "a", "1", 1000, "origin", "in"),
        in("in2", "a", "x", 1100, "origin", "in2"),
        in("in", "b", "2", 900),
        in("in2", "b", "y", 800),
        in("in2", "c", "z", 2000),
        in("in", "a", "3", 1100),
        in("in", null, "4", 2100),
        in("in", "a", null, 2200),
        in("in2", "a", null, 2300),
        in("in2", "", "empty", 2400),
        in("in", "a", "-", 2500, "origin", "deleted"),
        in("in2", "a", "again", 1500),
        in("in", "b", "", 2600),
        in("in2", "b", "-", 2700),
        in("in2", "b", "-", 2800));

    /** The first stream of BOTH. */
    private static final List<Step> ONE = BOTH.stream().filter(step -> step.topic().equals("in")).toList();

    /** As BOTH, for windows of 10 ms with 5 ms of grace: edges, late within grace and beyond, in either stream. */
    private static final List<Step> TIMES = List.of(
        in("in", "a", "1", 0),
        in("in2", "a", "2", 9, "origin", "in2"),
        in("in", "a", "3", 10),
        in("in2", "b", "4", 12),
        in("in", "a", "5", 5),
        in("in2", "a", "6", 14),
        in("in", "a", "7", 4),
        in("in2", "a", "8", 15),
        in("in", "a", "9", 3),
        in("in2", "a", "10", 3),
        in("in", null, "11", 18),
        in("in2", "a", "-", 13),
        in("in2", "c", "13", 100),
        in("in", "a", "14", 19),
        in("in", "a", "15", 18),
        in("in2", "a", "16", 19),
        in("in", "c", "17", 200_000),
        in("in2", "c", "18", 199_999),
        in("in2", "c", "19", 200_009));

    /** For sessions with a gap of 10 ms and 5 ms of grace. */
    private static final List<Step> GAPS = List.of(
        in("in", "a", "1", 100),
        in("in2", "a", "2", 110),
        in("in", "a", "3", 121, "origin", "in"),
        in("in2", "b", "4", 122),
        in("in2", "a", "5", 115, "origin", "in2"),
        in("in", "a", "6", 140),
        in("in2", "a", "7", 150),
        in("in", "b", "8", 147),
        in("in2", "b", "9", 100),
        in("in", "b", "10", 100),
        in("in2", "c", "11", 1000),
        in("in", "a", "12", 161),
        in("in2", "a", "13", 161),
        in("in", "c", "14", 1010),
        in("in2", "c", "15", 200_000),
        in("in", "c", "16", 200_010),
        in("in", null, "17", 200_011));

    private CogroupCases() {
    }

    static void add(final Map<String, Case> cases) {
        plain(cases);
        repartitioned(cases);
        downstream(cases);
        windowed(cases);
    }

    private static void plain(final Map<String, Case> cases) {
        Case.add(cases, "cogroup_one", ONE, b -> {
            groups(b, "in").cogroup(mark("1")).aggregate(() -> "").toStream().to("out");
        });
        Case.add(cases, "cogroup", BOTH, b -> {
            both(b).aggregate(() -> "").toStream().to("out");
        });
        Case.add(cases, "cogroup_named", BOTH, b -> {
            both(b).aggregate(() -> "", Named.as("lists")).toStream().to("out");
        });
        Case.add(cases, "cogroup_store_name", BOTH, b -> {
            both(b).aggregate(() -> "", Materialized.as("lists")).toStream().to("out");
        });
        Case.add(cases, "cogroup_named_store_name", BOTH, b -> {
            both(b).aggregate(() -> "", Named.as("both"), Materialized.as("lists")).toStream().to("out");
        });
        Case.add(cases, "cogroup_materialized_without_name", BOTH, b -> {
            both(b).aggregate(() -> "", Materialized.with(Serdes.String(), Serdes.String())).toStream().to("out");
        });
        Case.add(cases, "cogroup_logging_off", BOTH, b -> {
            both(b).aggregate(() -> "", Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as("lists")
                .withLoggingDisabled()).toStream().to("out");
        });
        Case.add(cases, "cogroup_to_null", BOTH, b -> {
            groups(b, "in").cogroup(markOrNull("1")).cogroup(groups(b, "in2"), markOrNull("2"))
                .aggregate(() -> "", Materialized.as("lists")).toStream().to("out");
        });
        // The same grouped stream once more takes the place of its first aggregator.
        Case.add(cases, "cogroup_same_group", BOTH, b -> {
            final KGroupedStream<String, String> groups = groups(b, "in");
            groups.cogroup(mark("1")).cogroup(groups(b, "in2"), mark("2")).cogroup(groups, mark("3"))
                .aggregate(() -> "").toStream().to("out");
        });
        // Two groups of one stream: both aggregate each record.
        Case.add(cases, "cogroup_same_stream", ONE, b -> {
            final KStream<String, String> stream = present(b, "in");
            stream.groupByKey().cogroup(mark("1")).cogroup(stream.mapValues(v -> v + "'").groupByKey(), mark("2"))
                .aggregate(() -> "").toStream().to("out");
        });
        // Values of different types.
        Case.add(cases, "cogroup_types", BOTH, b -> {
            final KGroupedStream<String, Integer> lengths =
                present(b, "in2").mapValues(v -> v.length()).groupByKey();
            groups(b, "in").<Long>cogroup((k, v, sum) -> sum + v.length()).cogroup(lengths, (k, n, sum) -> sum + 100 * n)
                .aggregate(() -> 1L, Materialized.with(Serdes.String(), Serdes.Long()))
                .toStream().to("out", longs());
        });
        Case.add(cases, "cogroup_three", BOTH, b -> {
            both(b).cogroup(groups(b, "in3"), mark("3")).aggregate(() -> "").toStream().to("out");
        });
    }

    private static void repartitioned(final Map<String, Case> cases) {
        Case.add(cases, "cogroup_after_key_change", BOTH, b -> {
            swapped(b, "in").groupByKey().cogroup(mark("1")).cogroup(groups(b, "in2"), mark("2"))
                .aggregate(() -> "").toStream().to("out");
        });
        Case.add(cases, "cogroup_after_key_change_store_name", BOTH, b -> {
            groups(b, "in").cogroup(mark("1")).cogroup(swapped(b, "in2").groupByKey(), mark("2"))
                .aggregate(() -> "", Named.as("both"), Materialized.as("lists")).toStream().to("out");
        });
        Case.add(cases, "cogroup_after_key_changes_named", BOTH, b -> {
            swapped(b, "in").groupByKey(Grouped.as("one")).cogroup(mark("1"))
                .cogroup(swapped(b, "in2").groupByKey(Grouped.as("two")), mark("2"))
                .aggregate(() -> "").toStream().to("out");
        });
        // Aggregated twice: the second time the repartition topics are there, but numbers are used up again.
        Case.add(cases, "cogroup_aggregated_twice", BOTH, b -> {
            final CogroupedKStream<String, String> cogrouped = swapped(b, "in").groupByKey().cogroup(mark("1"))
                .cogroup(groups(b, "in2"), mark("2"));
            cogrouped.aggregate(() -> "").toStream().to("out");
            cogrouped.aggregate(() -> "#", Materialized.as("second")).toStream().to("out2");
        });
        Case.add(cases, "cogroup_group_by", BOTH, b -> {
            present(b, "in")
                .groupBy((k, v) -> v.substring(0, Math.min(1, v.length())), Grouped.as("by-letter")).cogroup(mark("1"))
                .cogroup(groups(b, "in2"), mark("2")).aggregate(() -> "").toStream().to("out");
        });
        // A group that is aggregated by itself as well has a repartition topic for each.
        Case.add(cases, "cogroup_and_count", BOTH, b -> {
            final KGroupedStream<String, String> groups = swapped(b, "in").groupByKey();
            groups.count().toStream().to("out2", longs());
            groups.cogroup(mark("1")).cogroup(groups(b, "in2"), mark("2")).aggregate(() -> "").toStream().to("out");
        });
        // Both repartition topics become one: without optimization they would have one name, which is refused.
        Case.add(cases, "cogroup_one_key_change_optimized", ONE, b -> {
            final KStream<String, String> changed = swapped(b, "in");
            changed.groupByKey().cogroup(mark("1"))
                .cogroup(changed.filter((k, v) -> !k.equals("1")).groupByKey(), mark("2"))
                .aggregate(() -> "").toStream().to("out");
        });
        Case.add(cases, "cogroup_and_count_optimized", BOTH, b -> {
            final KStream<String, String> changed = swapped(b, "in");
            changed.groupByKey(Grouped.as("first")).cogroup(mark("1")).cogroup(groups(b, "in2"), mark("2"))
                .aggregate(() -> "").toStream().to("out");
            changed.groupByKey().count().toStream().to("out2", longs());
        });
    }

    private static void downstream(final Map<String, Case> cases) {
        Case.add(cases, "cogroup_then_filter", BOTH, b -> {
            both(b).aggregate(() -> "", Materialized.as("lists")).filter((k, v) -> v.length() > 2)
                .mapValues(v -> v + "'").toStream().to("out");
        });
        Case.add(cases, "cogroup_then_count", BOTH, b -> {
            both(b).aggregate(() -> "").toStream().groupBy((k, v) -> "n" + v.length()).count().toStream()
                .to("out", longs());
        });
        // The stream is looked up in the aggregate's store.
        Case.add(cases, "cogroup_then_stream_join", BOTH, b -> {
            final KTable<String, String> lists = both(b).aggregate(() -> "");
            present(b, "in").leftJoin(lists, (v, list) -> v + "+" + list).to("out");
        });
    }

    private static void windowed(final Map<String, Case> cases) {
        Case.add(cases, "cogroup_tumbling", TIMES, b -> {
            both(b).windowedBy(TUMBLING).aggregate(() -> "").toStream().to("out", timeTexts());
        });
        Case.add(cases, "cogroup_tumbling_named_store_name", TIMES, b -> {
            both(b).windowedBy(TUMBLING).aggregate(() -> "", Named.as("both"),
                Materialized.<String, String, WindowStore<Bytes, byte[]>>as("lists").withRetention(Duration.ofMinutes(3)))
                .toStream().to("out", timeTexts());
        });
        Case.add(cases, "cogroup_tumbling_to_null", TIMES, b -> {
            groups(b, "in").cogroup(markOrNull("1")).cogroup(groups(b, "in2"), markOrNull("2")).windowedBy(TUMBLING)
                .aggregate(() -> "").toStream().to("out", timeTexts());
        });
        Case.add(cases, "cogroup_hopping", TIMES, b -> {
            both(b).windowedBy(HOPPING).aggregate(() -> "", Named.as("both")).toStream().to("out", timeTexts());
        });
        Case.add(cases, "cogroup_tumbling_after_key_change", TIMES, b -> {
            present(b, "in").map((k, v) -> KeyValue.pair(k + "'", v)).groupByKey().cogroup(mark("1"))
                .cogroup(groups(b, "in2"), mark("2")).windowedBy(TUMBLING).aggregate(() -> "").toStream()
                .to("out", timeTexts());
        });
        Case.add(cases, "cogroup_sliding", TIMES, b -> {
            both(b).windowedBy(SLIDING).aggregate(() -> "").toStream().to("out", timeTexts());
        });
        Case.add(cases, "cogroup_sliding_named_store_name", TIMES, b -> {
            both(b).windowedBy(SLIDING).aggregate(() -> "", Named.as("both"),
                Materialized.<String, String, WindowStore<Bytes, byte[]>>as("lists").withRetention(Duration.ofMinutes(3)))
                .toStream().to("out", timeTexts());
        });
        Case.add(cases, "cogroup_sliding_to_null", TIMES, b -> {
            groups(b, "in").cogroup(markOrNull("1")).cogroup(groups(b, "in2"), markOrNull("2")).windowedBy(SLIDING)
                .aggregate(() -> "").toStream().to("out", timeTexts());
        });
        Case.add(cases, "cogroup_sliding_after_key_change", TIMES, b -> {
            present(b, "in").map((k, v) -> KeyValue.pair(k + "'", v)).groupByKey().cogroup(mark("1"))
                .cogroup(groups(b, "in2"), mark("2")).windowedBy(SLIDING).aggregate(() -> "").toStream()
                .to("out", timeTexts());
        });
        Case.add(cases, "cogroup_session", GAPS, b -> {
            both(b).windowedBy(SESSIONS).aggregate(() -> "", merger()).toStream().to("out", sessionTexts());
        });
        Case.add(cases, "cogroup_session_named_store_name", GAPS, b -> {
            both(b).windowedBy(SESSIONS).aggregate(() -> "", merger(), Named.as("both"),
                Materialized.<String, String, SessionStore<Bytes, byte[]>>as("lists")).toStream().to("out", sessionTexts());
        });
        Case.add(cases, "cogroup_session_after_key_change", GAPS, b -> {
            groups(b, "in").cogroup(mark("1"))
                .cogroup(present(b, "in2").map((k, v) -> KeyValue.pair(k + "'", v))
                    .groupByKey(Grouped.as("changed")), mark("2"))
                .windowedBy(SESSIONS).aggregate(() -> "", merger()).toStream().to("out", sessionTexts());
        });
    }

    private static KGroupedStream<String, String> groups(final StreamsBuilder builder, final String topic) {
        return builder.<String, String>stream(topic).groupByKey();
    }

    private static CogroupedKStream<String, String> both(final StreamsBuilder builder) {
        return groups(builder, "in").cogroup(mark("1")).cogroup(groups(builder, "in2"), mark("2"));
    }

    private static KStream<String, String> swapped(final StreamsBuilder builder, final String topic) {
        return present(builder, topic).map((k, v) -> KeyValue.pair(v, k));
    }

    private static KStream<String, String> present(final StreamsBuilder builder, final String topic) {
        return builder.<String, String>stream(topic).filter((k, v) -> k != null && v != null);
    }

    private static Aggregator<String, String, String> mark(final String mark) {
        return (key, value, list) -> list + mark + value + ";";
    }

    private static Aggregator<String, String, String> markOrNull(final String mark) {
        return (key, value, list) -> value.equals("-") ? null : list + mark + value + ";";
    }

    private static Merger<String, String> merger() {
        return (key, one, other) -> one + other;
    }

    private static <K> Produced<K, Long> longs() {
        return Produced.valueSerde(Serdes.Long());
    }

    private static Produced<Windowed<String>, String> timeTexts() {
        return Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, 10), Serdes.String());
    }

    private static Produced<Windowed<String>, String> sessionTexts() {
        return Produced.with(WindowedSerdes.sessionWindowedSerdeFrom(String.class), Serdes.String());
    }
}
