package lab.cases;

import static lab.cases.Step.advance;
import static lab.cases.Step.in;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/** Emission on window close: windows of 10 ms with 5 ms of grace unless said. */
final class EmitCases {
    private static final TimeWindows TUMBLING =
        TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), Duration.ofMillis(5));
    private static final TimeWindows TUMBLING_NO_GRACE = TimeWindows.ofSizeWithNoGrace(Duration.ofMillis(10));
    private static final TimeWindows HOPPING = TUMBLING.advanceBy(Duration.ofMillis(4));
    private static final SlidingWindows SLIDING =
        SlidingWindows.ofTimeDifferenceAndGrace(Duration.ofMillis(10), Duration.ofMillis(5));
    private static final SessionWindows SESSIONS =
        SessionWindows.ofInactivityGapAndGrace(Duration.ofMillis(10), Duration.ofMillis(5));
    private static final EmitStrategy ON_CLOSE = EmitStrategy.onWindowClose();

    /** Closes windows with and without the throttle in between, several at once, late records, nulls, a far jump. */
    static final List<Step> CLOSING = List.of(
        in("in", "b", "1", 2),
        in("in", "a", "2", 1, "origin", "x"),
        in("in", "a", "3", 9),
        in("in", "bb", "4", 11),
        in("in", "a", "5", 14),
        in("in", "a", "6", 15, "origin", "closes"),
        in("in", "c", "7", 21),
        in("in", "c", "8", 26),
        advance(999),
        in("in", "c", "9", 27),
        advance(1),
        in("in", "a", "10", 28, "origin", "after the throttle"),
        in("in", "a", "11", 4),
        advance(1000),
        in("in", "c", "12", 29),
        advance(1000),
        in("in", "a", "13", 44),
        in("in", null, "14", 45),
        advance(1000),
        in("in", null, "15", 60),
        in("in", "a", null, 61),
        advance(5000),
        in("in", "d", "16", 200_000),
        in("in", "d", "17", 199_991),
        advance(1000),
        in("in", "e", "18", 200_030),
        advance(1000),
        in("in", "e", "19", 1));

    private EmitCases() {
    }

    static void add(final Map<String, Case> cases) {
        tumbling(cases);
        others(cases);
        sessions(cases);
    }

    private static void tumbling(final Map<String, Case> cases) {
        Case.add(cases, "tumbling_count_on_close", CLOSING, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(TUMBLING).emitStrategy(ON_CLOSE).count().toStream()
                .to("out", longs());
        });
        Case.add(cases, "tumbling_count_on_close_no_grace", CLOSING, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(TUMBLING_NO_GRACE).emitStrategy(ON_CLOSE).count()
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "tumbling_count_on_update", CLOSING, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(TUMBLING).emitStrategy(EmitStrategy.onWindowUpdate())
                .count()
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "tumbling_reduce_on_close_store_name", CLOSING, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(TUMBLING)
                .emitStrategy(ON_CLOSE)
                .reduce((x, y) -> x + "," + y, Named.as("lister"), Materialized.as("lists"))
                .toStream()
                .to("out", texts());
        });
        Case.add(cases, "tumbling_count_on_close_in_memory", CLOSING, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(TUMBLING)
                .emitStrategy(ON_CLOSE)
                .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("counts")
                    .withStoreType(Materialized.StoreType.IN_MEMORY))
                .toStream()
                .to("out", longs());
        });
        Case.add(cases, "tumbling_on_close_after_key_change", CLOSING, b -> {
            b.<String, String>stream("in")
                .filter((k, v) -> v != null)
                .selectKey((k, v) -> v.substring(0, 1))
                .groupByKey()
                .windowedBy(TUMBLING)
                .emitStrategy(ON_CLOSE)
                .count()
                .toStream()
                .to("out", longs());
        });
    }

    private static void others(final Map<String, Case> cases) {
        Case.add(cases, "hopping_count_on_close", CLOSING, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(HOPPING).emitStrategy(ON_CLOSE).count().toStream()
                .to("out", longs());
        });
        Case.add(cases, "sliding_count_on_close", CLOSING, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(SLIDING).emitStrategy(ON_CLOSE).count().toStream()
                .to("out", longs());
        });
        Case.add(cases, "sliding_reduce_on_close_in_memory", CLOSING, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(SLIDING)
                .emitStrategy(ON_CLOSE)
                .reduce((x, y) -> x + "," + y, Materialized.<String, String, WindowStore<Bytes, byte[]>>as("lists")
                    .withStoreType(Materialized.StoreType.IN_MEMORY))
                .toStream()
                .to("out", texts());
        });
    }

    private static void sessions(final Map<String, Case> cases) {
        Case.add(cases, "session_count_on_close", CLOSING, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(SESSIONS).emitStrategy(ON_CLOSE).count().toStream()
                .to("out", sessionLongs());
        });
        Case.add(cases, "session_count_on_close_in_memory", CLOSING, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(SESSIONS)
                .emitStrategy(ON_CLOSE)
                .count(Materialized.<String, Long, SessionStore<Bytes, byte[]>>as("counts")
                    .withStoreType(Materialized.StoreType.IN_MEMORY))
                .toStream()
                .to("out", sessionLongs());
        });
        Case.add(cases, "session_reduce_on_close_store_name", CLOSING, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(SESSIONS)
                .emitStrategy(ON_CLOSE)
                .reduce((x, y) -> x + "," + y, Named.as("lister"), Materialized.as("lists"))
                .toStream()
                .to("out", sessionTexts());
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

    private static Produced<Windowed<String>, String> sessionTexts() {
        return Produced.with(WindowedSerdes.sessionWindowedSerdeFrom(String.class), Serdes.String());
    }
}
