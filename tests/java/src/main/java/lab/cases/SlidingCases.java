package lab.cases;

import static lab.cases.Step.in;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.UnlimitedWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.state.WindowStore;

/** Sliding windows of 10 ms with 5 ms of grace unless said, and unlimited windows. */
final class SlidingCases {
    private static final SlidingWindows SLIDING =
        SlidingWindows.ofTimeDifferenceAndGrace(Duration.ofMillis(10), Duration.ofMillis(5));
    private static final SlidingWindows SLIDING_WIDE =
        SlidingWindows.ofTimeDifferenceAndGrace(Duration.ofMillis(10), Duration.ofMillis(100));
    private static final SlidingWindows SLIDING_NO_GRACE =
        SlidingWindows.ofTimeDifferenceWithNoGrace(Duration.ofMillis(10));

    /** Early records, edges of the difference, ties, out of order between others, late ones, nulls, a far jump. */
    static final List<Step> SLIDE = List.of(
        in("in", "a", "1", 3),
        in("in", "a", "2", 8),
        in("in", "a", "3", 5, "origin", "x"),
        in("in", "a", "4", 10),
        in("in", "a", "5", 18),
        in("in", "b", "6", 18),
        in("in", "a", "7", 18),
        in("in", "a", "8", 28),
        in("in", "a", "9", 22, "origin", "y"),
        in("in", "a", "10", 24),
        in("in", "b", "11", 29),
        in("in", "a", "12", 30),
        in("in", "a", "13", 12),
        in("in", "b", "14", 20),
        in("in", "a", "15", 15),
        in("in", null, "16", 31),
        in("in", "a", null, 40),
        in("in", "a", "17", 41),
        in("in", "a", "18", 27),
        in("in", "c", "19", 200_000),
        in("in", "a", "20", 42),
        in("in", "c", "21", 199_990),
        in("in", "c", "22", 199_984));

    /** With much grace: nothing is late, so that every gap is filled in. */
    static final List<Step> SLIDE_OUT_OF_ORDER = List.of(
        in("in", "a", "1", 100),
        in("in", "a", "2", 50),
        in("in", "a", "3", 60),
        in("in", "a", "4", 55),
        in("in", "a", "5", 61),
        in("in", "a", "6", 40),
        in("in", "a", "7", 49),
        in("in", "a", "8", 0),
        in("in", "a", "9", 9),
        in("in", "a", "10", 4),
        in("in", "a", "11", 10),
        in("in", "a", "12", 4),
        in("in", "a", "13", 0),
        in("in", "a", "14", 20),
        in("in", "a", "15", 15),
        in("in", "a", "16", 95),
        in("in", "a", "17", 90),
        in("in", "a", "18", 100));

    /** Before, at and after the start of a window that starts at 10. */
    static final List<Step> UNLIMITED = List.of(
        in("in", "a", "1", 9),
        in("in", "a", "2", 10, "origin", "x"),
        in("in", "b", "3", 500_000),
        in("in", "a", "4", 12),
        in("in", null, "5", 13),
        in("in", "a", null, 1_700_000_000_000L),
        in("in", "a", "6", 11));

    private SlidingCases() {
    }

    static void add(final Map<String, Case> cases) {
        sliding(cases);
        slidingStores(cases);
        unlimited(cases);
    }

    private static void sliding(final Map<String, Case> cases) {
        Case.add(cases, "sliding_count", SLIDE, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(SLIDING).count().toStream().to("out", longs());
        });
        Case.add(cases, "sliding_count_out_of_order", SLIDE_OUT_OF_ORDER, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(SLIDING_WIDE).count().toStream().to("out", longs());
        });
        Case.add(cases, "sliding_count_no_grace", SLIDE, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(SLIDING_NO_GRACE).count().toStream()
                .to("out", longs());
        });
        Case.add(cases, "sliding_reduce", SLIDE, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(SLIDING).reduce((x, y) -> x + "," + y).toStream()
                .to("out", texts());
        });
        Case.add(cases, "sliding_reduce_out_of_order", SLIDE_OUT_OF_ORDER, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(SLIDING_WIDE).reduce((x, y) -> x + "," + y)
                .toStream()
                .to("out", texts());
        });
        Case.add(cases, "sliding_aggregate", SLIDE_OUT_OF_ORDER, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(SLIDING_WIDE)
                .aggregate(() -> 100L, (k, v, sum) -> sum + Long.parseLong(v),
                    Materialized.with(Serdes.String(), Serdes.Long()))
                .toStream()
                .to("out", longs());
        });
        // Aggregates that are null delete their window.
        Case.add(cases, "sliding_aggregate_to_null", SLIDE_OUT_OF_ORDER, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(SLIDING_WIDE)
                .aggregate(() -> 0L, (k, v, sum) -> v.equals("3") || v.equals("9") ? null : count(sum),
                    Materialized.with(Serdes.String(), Serdes.Long()))
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "sliding_after_key_change", SLIDE_OUT_OF_ORDER, b -> {
            b.<String, String>stream("in")
                .selectKey((k, v) -> v.substring(0, 1))
                .groupByKey()
                .windowedBy(SLIDING)
                .count()
                .toStream()
                .to("out", longs());
        });
    }

    private static Long count(final Long before) {
        return before == null ? 1 : before + 1;
    }

    private static void slidingStores(final Map<String, Case> cases) {
        Case.add(cases, "sliding_count_store_name", SLIDE, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(SLIDING)
                .count(Named.as("counter"), Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("counts")
                    .withRetention(Duration.ofMinutes(3)))
                .toStream()
                .to("out", longs());
        });
        // No name is burnt here, unlike for other windows.
        Case.add(cases, "sliding_count_materialized_without_name", SLIDE, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(SLIDING)
                .count(Materialized.with(Serdes.String(), Serdes.Long()))
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "sliding_in_memory", SLIDE, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(SLIDING)
                .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("counts")
                    .withStoreType(Materialized.StoreType.IN_MEMORY))
                .toStream()
                .to("out", longs());
        });
    }

    private static void unlimited(final Map<String, Case> cases) {
        Case.add(cases, "unlimited_count", UNLIMITED, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(UnlimitedWindows.of()).count().toStream()
                .to("out", longs());
        });
        Case.add(cases, "unlimited_count_start", UNLIMITED, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(UnlimitedWindows.of().startOn(Instant.ofEpochMilli(10)))
                .count(Named.as("counter"), Materialized.as("counts"))
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "unlimited_reduce_in_memory", UNLIMITED, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(UnlimitedWindows.of().startOn(Instant.ofEpochMilli(10)))
                .reduce((x, y) -> x + "," + y, Materialized.<String, String, WindowStore<Bytes, byte[]>>as("lists")
                    .withStoreType(Materialized.StoreType.IN_MEMORY))
                .toStream()
                .to("out", texts());
        });
    }

    private static Produced<Windowed<String>, Long> longs() {
        return Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, 10), Serdes.Long());
    }

    private static Produced<Windowed<String>, String> texts() {
        return Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, 10), Serdes.String());
    }
}
