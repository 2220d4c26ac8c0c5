package lab.cases;

import static lab.cases.Step.in;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.state.KeyValueStore;

/** Suppression: until windows of 10 ms with 5 ms of grace close, or until a time limit of 10 ms. */
final class SuppressCases {
    private static final TimeWindows TUMBLING =
        TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), Duration.ofMillis(5));
    private static final TimeWindows HOPPING = TUMBLING.advanceBy(Duration.ofMillis(4));
    private static final SlidingWindows SLIDING =
        SlidingWindows.ofTimeDifferenceAndGrace(Duration.ofMillis(10), Duration.ofMillis(5));
    private static final SessionWindows SESSIONS =
        SessionWindows.ofInactivityGapAndGrace(Duration.ofMillis(10), Duration.ofMillis(5));
    private static final Duration LIMIT = Duration.ofMillis(10);
    private static final Grouped<String, String> TEXTS = Grouped.with(Serdes.String(), Serdes.String());

    /** Updates, deletions and re-creations of rows; ties, out of order; what is emitted in between. */
    static final List<Step> ROWS = List.of(
        in("in", "a", "1", 100, "origin", "x"),
        in("in", "b", "2", 100),
        in("in", "a", "3", 105),
        in("in", "c", "4", 109, "origin", "y", "none", ""),
        in("in", "a", "5", 110, "origin", "z"),
        in("in", "b", null, 111),
        in("in", "a", null, 112),
        in("in", "a", "6", 119),
        in("in", "c", "4", 119),
        in("in", "d", "7", 90),
        in("in", null, "8", 130),
        in("in", "unknown", null, 131),
        in("in", "a", "9", 131),
        in("in", "e", "a longer value", 131),
        in("in", "a", "10", 150),
        in("in", "e", null, 160),
        in("in", "a", "11", 200_000),
        in("in", "b", "12", 200_000));

    /** A stream `in` and a table `table` whose updates wait. */
    static final List<Step> LOOK_UPS = List.of(
        in("table", "a", "A1", 100),
        in("in", "a", "1", 100),
        in("table", "a", "A2", 105),
        in("in", "a", "2", 106),
        in("table", "b", "B1", 111),
        in("in", "a", "3", 112),
        in("table", "a", "A3", 113),
        in("in", "a", "4", 114),
        in("in", "b", "5", 114),
        in("table", "a", null, 115),
        in("in", "a", "6", 116),
        in("table", "c", "C1", 130),
        in("in", "a", "7", 131),
        in("in", "b", "8", 131));

    private SuppressCases() {
    }

    static void add(final Map<String, Case> cases) {
        windows(cases);
        limits(cases);
        bounds(cases);
        readers(cases);
    }

    private static void windows(final Map<String, Case> cases) {
        Case.add(cases, "suppress_tumbling_count", EmitCases.CLOSING, b -> {
            b.<String, String>stream("in").groupByKey(TEXTS).windowedBy(TUMBLING).count()
                .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()))
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "suppress_tumbling_named", EmitCases.CLOSING, b -> {
            b.<String, String>stream("in").groupByKey(TEXTS).windowedBy(TUMBLING).count(Materialized.as("counts"))
                .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded().withLoggingEnabled(Map.of()))
                    .withName("final"))
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "suppress_tumbling_without_log", EmitCases.CLOSING, b -> {
            b.<String, String>stream("in").groupByKey(TEXTS).windowedBy(TUMBLING).count()
                .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded().withLoggingDisabled()))
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "suppress_hopping_reduce", EmitCases.CLOSING, b -> {
            b.<String, String>stream("in").groupByKey(TEXTS).windowedBy(HOPPING).reduce((x, y) -> x + "," + y)
                .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()))
                .toStream()
                .to("out", texts());
        });
        Case.add(cases, "suppress_sliding_count", EmitCases.CLOSING, b -> {
            b.<String, String>stream("in").groupByKey(TEXTS).windowedBy(SLIDING).count()
                .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()))
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "suppress_session_count", EmitCases.CLOSING, b -> {
            b.<String, String>stream("in").groupByKey(TEXTS).windowedBy(SESSIONS).count()
                .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()))
                .toStream()
                .to("out", sessionLongs());
        });
        // The grace period is found above other operators.
        Case.add(cases, "suppress_tumbling_after_filter", EmitCases.CLOSING, b -> {
            b.<String, String>stream("in").groupByKey(TEXTS).windowedBy(TUMBLING).count()
                .filter((w, n) -> n > 1)
                .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()))
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "suppress_tumbling_after_key_change", EmitCases.CLOSING, b -> {
            b.<String, String>stream("in")
                .filter((k, v) -> v != null)
                .groupBy((k, v) -> v.substring(0, 1), TEXTS)
                .windowedBy(TUMBLING)
                .count()
                .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()))
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "suppress_tumbling_time_limit", EmitCases.CLOSING, b -> {
            b.<String, String>stream("in").groupByKey(TEXTS).windowedBy(TUMBLING).count()
                .suppress(Suppressed.untilTimeLimit(LIMIT, BufferConfig.maxRecords(2)))
                .toStream()
                .to("out", longs());
        });
    }

    private static void limits(final Map<String, Case> cases) {
        Case.add(cases, "suppress_time_limit", ROWS, b -> {
            b.<String, String>table("in")
                .suppress(Suppressed.untilTimeLimit(LIMIT, BufferConfig.unbounded()))
                .toStream()
                .to("out");
        });
        Case.add(cases, "suppress_time_limit_zero", ROWS, b -> {
            b.<String, String>table("in")
                .suppress(Suppressed.untilTimeLimit(Duration.ZERO, BufferConfig.unbounded()))
                .toStream()
                .to("out");
        });
        Case.add(cases, "suppress_time_limit_named", ROWS, b -> {
            b.<String, String>table("in", Materialized.as("rows"))
                .suppress(Suppressed.<String>untilTimeLimit(LIMIT, BufferConfig.unbounded()).withName("later"))
                .toStream()
                .to("out");
        });
        Case.add(cases, "suppress_count", ROWS, b -> {
            b.<String, String>stream("in").groupByKey(TEXTS).count()
                .suppress(Suppressed.untilTimeLimit(LIMIT, BufferConfig.unbounded()))
                .toStream()
                .to("out", Produced.with(Serdes.String(), Serdes.Long()));
        });
    }

    private static void bounds(final Map<String, Case> cases) {
        Case.add(cases, "suppress_max_records", ROWS, b -> {
            b.<String, String>table("in")
                .suppress(Suppressed.untilTimeLimit(Duration.ofMillis(20), BufferConfig.maxRecords(1)))
                .toStream()
                .to("out");
        });
        Case.add(cases, "suppress_max_records_zero", ROWS, b -> {
            b.<String, String>table("in")
                .suppress(Suppressed.untilTimeLimit(LIMIT, BufferConfig.maxRecords(0)))
                .toStream()
                .to("out");
        });
        // A row of this input takes from 31 to 60 bytes.
        Case.add(cases, "suppress_max_bytes", ROWS, b -> {
            b.<String, String>table("in")
                .suppress(Suppressed.untilTimeLimit(Duration.ofMillis(500), BufferConfig.maxBytes(100)))
                .toStream()
                .to("out");
        });
        Case.add(cases, "suppress_max_bytes_tight", ROWS, b -> {
            b.<String, String>table("in")
                .suppress(Suppressed.untilTimeLimit(Duration.ofMillis(500), BufferConfig.maxBytes(43)))
                .toStream()
                .to("out");
        });
        Case.add(cases, "suppress_both_bounds", ROWS, b -> {
            b.<String, String>table("in")
                .suppress(Suppressed.untilTimeLimit(Duration.ofMillis(500),
                    BufferConfig.maxRecords(2).withMaxBytes(90)))
                .toStream()
                .to("out");
        });
        Case.add(cases, "suppress_emit_early", ROWS, b -> {
            b.<String, String>table("in")
                .suppress(Suppressed.untilTimeLimit(Duration.ofMillis(500),
                    BufferConfig.unbounded().withMaxRecords(2).emitEarlyWhenFull()))
                .toStream()
                .to("out");
        });
        Case.add(cases, "suppress_strict_never_full", ROWS, b -> {
            b.<String, String>table("in")
                .suppress(Suppressed.untilTimeLimit(LIMIT, BufferConfig.maxRecords(9).shutDownWhenFull()))
                .toStream()
                .to("out");
        });
    }

    private static void readers(final Map<String, Case> cases) {
        Case.add(cases, "suppress_then_map_values", ROWS, b -> {
            b.<String, String>table("in")
                .suppress(Suppressed.untilTimeLimit(LIMIT, BufferConfig.unbounded()))
                .mapValues(v -> v + "!", Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as("mapped")
                    .withKeySerde(Serdes.String())
                    .withValueSerde(Serdes.String()))
                .toStream()
                .to("out");
        });
        // Whoever looks a row up that waits finds it as it was.
        Case.add(cases, "suppress_then_stream_join", LOOK_UPS, b -> {
            b.<String, String>stream("in")
                .leftJoin(b.<String, String>table("table")
                    .suppress(Suppressed.untilTimeLimit(LIMIT, BufferConfig.unbounded())), (l, r) -> l + "+" + r)
                .to("out");
        });
        Case.add(cases, "suppress_twice", ROWS, b -> {
            b.<String, String>table("in")
                .suppress(Suppressed.untilTimeLimit(LIMIT, BufferConfig.unbounded()))
                .suppress(Suppressed.untilTimeLimit(Duration.ofMillis(5), BufferConfig.unbounded()))
                .toStream()
                .to("out");
        });
    }

    private static Produced<Windowed<String>, Long> longs() {
        return Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, 10), Serdes.Long());
    }

    private static Produced<Windowed<String>, String> texts() {
        return Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, 10), Serdes.String());
    }

    private static Produced<Windowed<String>, Long> sessionLongs() {
        return Produced.with(WindowedSerdes.sessionWindowedSerdeFrom(String.class), Serdes.Long());
    }
}
