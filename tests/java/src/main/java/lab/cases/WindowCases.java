package lab.cases;

import java.time.Duration;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/** Windowed aggregations: tumbling, hopping and session windows, all of 10 ms with 5 ms of grace unless said. */
final class WindowCases {
    private static final TimeWindows TUMBLING =
        TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), Duration.ofMillis(5));
    private static final TimeWindows TUMBLING_NO_GRACE = TimeWindows.ofSizeWithNoGrace(Duration.ofMillis(10));
    private static final TimeWindows HOPPING = TUMBLING.advanceBy(Duration.ofMillis(4));
    private static final SessionWindows SESSIONS =
        SessionWindows.ofInactivityGapAndGrace(Duration.ofMillis(10), Duration.ofMillis(5));

    private WindowCases() {
    }

    static void add(final Map<String, Case> cases) {
        tumbling(cases);
        hopping(cases);
        session(cases);
    }

    private static void tumbling(final Map<String, Case> cases) {
        Case.add(cases, "tumbling_count", Inputs.WINDOWS, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(TUMBLING).count().toStream()
                .to("out", timeLongs());
        });
        Case.add(cases, "tumbling_count_null_values", Inputs.WINDOW_NULLS, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(TUMBLING).count().toStream()
                .to("out", timeLongs());
        });
        Case.add(cases, "tumbling_count_no_grace", Inputs.WINDOWS, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(TUMBLING_NO_GRACE).count().toStream()
                .to("out", timeLongs());
        });
        Case.add(cases, "tumbling_count_store_name", Inputs.WINDOWS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(TUMBLING)
                .count(Named.as("counter"), Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("counts")
                    .withRetention(Duration.ofMinutes(3)))
                .toStream()
                .to("out", timeLongs());
        });
        Case.add(cases, "tumbling_count_materialized_without_name", Inputs.WINDOWS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(TUMBLING)
                .count(Materialized.with(Serdes.String(), Serdes.Long()))
                .toStream()
                .to("out", timeLongs());
        });
        Case.add(cases, "tumbling_reduce", Inputs.WINDOWS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(TUMBLING)
                .reduce((x, y) -> x + "," + y)
                .toStream()
                .to("out", timeTexts());
        });
        Case.add(cases, "tumbling_aggregate", Inputs.WINDOWS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(TUMBLING)
                .aggregate(() -> 0L, (k, v, sum) -> sum + Long.parseLong(v),
                    Materialized.with(Serdes.String(), Serdes.Long()))
                .toStream()
                .to("out", timeLongs());
        });
        Case.add(cases, "tumbling_after_key_change", Inputs.WINDOWS, b -> {
            b.<String, String>stream("in")
                .selectKey((k, v) -> v.substring(0, 1))
                .groupByKey()
                .windowedBy(TUMBLING)
                .count()
                .toStream()
                .to("out", timeLongs());
        });
        Case.add(cases, "tumbling_grouped_name_store_name", Inputs.WINDOWS, b -> {
            b.<String, String>stream("in")
                .groupBy((k, v) -> v.substring(0, 1), Grouped.as("by-digit"))
                .windowedBy(TUMBLING)
                .count(Materialized.as("counts"))
                .toStream()
                .to("out", timeLongs());
        });
        Case.add(cases, "tumbling_key_to_text", Inputs.WINDOWS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(TUMBLING)
                .count()
                .toStream((w, n) -> w.key() + "@" + w.window().start() + "-" + w.window().end())
                .to("out", Produced.with(Serdes.String(), Serdes.Long()));
        });
        Case.add(cases, "tumbling_in_memory", Inputs.WINDOWS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(TUMBLING)
                .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("counts")
                    .withStoreType(Materialized.StoreType.IN_MEMORY))
                .toStream()
                .to("out", timeLongs());
        });
    }

    private static void hopping(final Map<String, Case> cases) {
        // Windows of 10 ms, a new one every 4 ms.
        Case.add(cases, "hopping_count", Inputs.WINDOWS, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(HOPPING).count().toStream()
                .to("out", timeLongs());
        });
        Case.add(cases, "hopping_reduce_store_name", Inputs.WINDOWS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(HOPPING)
                .reduce((x, y) -> x + "," + y, Materialized.as("texts"))
                .toStream()
                .to("out", timeTexts());
        });
        Case.add(cases, "hopping_after_key_change", Inputs.WINDOWS, b -> {
            b.<String, String>stream("in")
                .selectKey((k, v) -> v.substring(0, 1))
                .groupByKey()
                .windowedBy(HOPPING)
                .count()
                .toStream()
                .to("out", timeLongs());
        });
    }

    private static void session(final Map<String, Case> cases) {
        Case.add(cases, "session_count", Inputs.SESSIONS, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(SESSIONS).count().toStream()
                .to("out", sessionLongs());
        });
        Case.add(cases, "session_count_null_values", Inputs.WINDOW_NULLS, b -> {
            b.<String, String>stream("in").groupByKey().windowedBy(SESSIONS).count().toStream()
                .to("out", sessionLongs());
        });
        Case.add(cases, "session_count_store_name", Inputs.SESSIONS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(SESSIONS)
                .count(Named.as("counter"), Materialized.<String, Long, SessionStore<Bytes, byte[]>>as("sessions"))
                .toStream()
                .to("out", sessionLongs());
        });
        Case.add(cases, "session_reduce", Inputs.SESSIONS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(SESSIONS)
                .reduce((x, y) -> x + "," + y)
                .toStream()
                .to("out", sessionTexts());
        });
        Case.add(cases, "session_aggregate", Inputs.SESSIONS, b -> {
            b.<String, String>stream("in")
                .groupByKey()
                .windowedBy(SESSIONS)
                .aggregate(() -> 0L, (k, v, sum) -> sum + Long.parseLong(v), (k, x, y) -> x + y,
                    Materialized.with(Serdes.String(), Serdes.Long()))
                .toStream()
                .to("out", sessionLongs());
        });
        Case.add(cases, "session_after_key_change", Inputs.SESSIONS, b -> {
            b.<String, String>stream("in")
                .selectKey((k, v) -> v.substring(0, 1))
                .groupByKey()
                .windowedBy(SESSIONS)
                .count()
                .toStream()
                .to("out", sessionLongs());
        });
    }

    private static Produced<Windowed<String>, Long> timeLongs() {
        return Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, 10), Serdes.Long());
    }

    private static Produced<Windowed<String>, String> timeTexts() {
        return Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, 10), Serdes.String());
    }

    private static Produced<Windowed<String>, Long> sessionLongs() {
        return Produced.with(WindowedSerdes.sessionWindowedSerdeFrom(String.class), Serdes.Long());
    }

    private static Produced<Windowed<String>, String> sessionTexts() {
        return Produced.with(WindowedSerdes.sessionWindowedSerdeFrom(String.class), Serdes.String());
    }
}
