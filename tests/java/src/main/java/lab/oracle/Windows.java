package lab.oracle;

import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.BiPredicate;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Reducer;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/** Tumbling, hopping and session windows, and what can be done with windowed tables and streams. */
final class Windows {
    private static final Serde<Windowed<String>> SESSION = WindowedSerdes.sessionWindowedSerdeFrom(String.class);

    private Windows() {
    }

    static void add(final Map<String, Operator> operators) {
        times(operators);
        sessions(operators);
        tables(operators);
        streams(operators);
    }

    private static TimeWindowedKStream<String, String> time(final Build b, final Op op) {
        final KGroupedStream<String, String> grouped = b.get(op, 0);
        return grouped.windowedBy(timeWindows(op));
    }

    static TimeWindows timeWindows(final Op op) {
        final TimeWindows windows = TimeWindows.ofSizeAndGrace(op.span("size"), op.span("grace"));
        return op.has("advance") ? windows.advanceBy(op.span("advance")) : windows;
    }

    private static SessionWindowedKStream<String, String> session(final Build b, final Op op) {
        final KGroupedStream<String, String> grouped = b.get(op, 0);
        return grouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(op.span("gap"), op.span("grace")));
    }

    private static void times(final Map<String, Operator> operators) {
        operators.put("window_count", (b, op) -> {
            final TimeWindowedKStream<String, String> windowed = time(b, op);
            if (op.isMaterialized()) {
                final Materialized<String, Long, WindowStore<Bytes, byte[]>> store = op.materialized(Serdes.Long());
                b.setWindowed(op, op.name() == null ? windowed.count(store) : windowed.count(op.named(), store), time(op));
            } else {
                b.setWindowed(op, op.name() == null ? windowed.count() : windowed.count(op.named()), time(op));
            }
        });
        operators.put("window_reduce", (b, op) -> {
            final TimeWindowedKStream<String, String> windowed = time(b, op);
            final Reducer<String> reducer = Lambdas.joiner(op.option("lambda"))::apply;
            if (op.isMaterialized()) {
                final Materialized<String, String, WindowStore<Bytes, byte[]>> store =
                    op.materialized(Serdes.String());
                b.setWindowed(op, op.name() == null
                    ? windowed.reduce(reducer, store)
                    : windowed.reduce(reducer, op.named(), store), time(op));
            } else {
                b.setWindowed(op, op.name() == null ? windowed.reduce(reducer) : windowed.reduce(reducer, op.named()), time(op));
            }
        });
        operators.put("window_aggregate", (b, op) -> aggregate(b, op, Lambdas::next));
        operators.put("window_aggregate_nullable", (b, op) -> {
            final BiFunction<String, String, String> joiner = Lambdas.joiner(op.option("lambda"));
            aggregate(b, op, (k, v, before) -> joiner.apply(before, v));
        });
    }

    private static void aggregate(final Build b, final Op op, final Aggregator<String, String, String> adder) {
        final TimeWindowedKStream<String, String> windowed = time(b, op);
        if (op.isMaterialized()) {
            final Materialized<String, String, WindowStore<Bytes, byte[]>> store = op.materialized(Serdes.String());
            b.setWindowed(op, op.name() == null
                ? windowed.aggregate(() -> "i", adder, store)
                : windowed.aggregate(() -> "i", adder, op.named(), store), time(op));
        } else {
            b.setWindowed(op, op.name() == null
                ? windowed.aggregate(() -> "i", adder)
                : windowed.aggregate(() -> "i", adder, op.named()), time(op));
        }
    }

    private static void sessions(final Map<String, Operator> operators) {
        operators.put("session_count", (b, op) -> {
            final SessionWindowedKStream<String, String> windowed = session(b, op);
            if (op.isMaterialized()) {
                final Materialized<String, Long, SessionStore<Bytes, byte[]>> store = op.materialized(Serdes.Long());
                b.setWindowed(op, op.name() == null ? windowed.count(store) : windowed.count(op.named(), store), SESSION);
            } else {
                b.setWindowed(op, op.name() == null ? windowed.count() : windowed.count(op.named()), SESSION);
            }
        });
        operators.put("session_reduce", (b, op) -> {
            final SessionWindowedKStream<String, String> windowed = session(b, op);
            final Reducer<String> reducer = Lambdas.joiner(op.option("lambda"))::apply;
            if (op.isMaterialized()) {
                final Materialized<String, String, SessionStore<Bytes, byte[]>> store =
                    op.materialized(Serdes.String());
                b.setWindowed(op, op.name() == null
                    ? windowed.reduce(reducer, store)
                    : windowed.reduce(reducer, op.named(), store), SESSION);
            } else {
                b.setWindowed(op, op.name() == null ? windowed.reduce(reducer) : windowed.reduce(reducer, op.named()), SESSION);
            }
        });
        operators.put("session_aggregate", (b, op) -> {
            final SessionWindowedKStream<String, String> windowed = session(b, op);
            if (op.isMaterialized()) {
                final Materialized<String, String, SessionStore<Bytes, byte[]>> store =
                    op.materialized(Serdes.String());
                b.setWindowed(op, op.name() == null
                    ? windowed.aggregate(() -> "i", Lambdas::next, Windows::merge, store)
                    : windowed.aggregate(() -> "i", Lambdas::next, Windows::merge, op.named(), store), SESSION);
            } else {
                b.setWindowed(op, op.name() == null
                    ? windowed.aggregate(() -> "i", Lambdas::next, Windows::merge)
                    : windowed.aggregate(() -> "i", Lambdas::next, Windows::merge, op.named()), SESSION);
            }
        });
    }

    static String merge(final String key, final String one, final String two) {
        return Lambdas.tail(one + "|" + two);
    }

    /** A window as text: key, start and end. */
    static String shown(final Windowed<String> key) {
        return Lambdas.shown(key.key()) + "@" + key.window().start() + "-" + key.window().end();
    }

    private static void tables(final Map<String, Operator> operators) {
        operators.put("windowed_filter", (b, op) -> {
            final KTable<Windowed<String>, String> table = b.get(op, 0);
            final BiPredicate<String, String> lambda = Lambdas.predicate(op.option("lambda"));
            b.setWindowed(op, op.name() == null
                ? table.filter((k, v) -> lambda.test(shown(k), v))
                : table.filter((k, v) -> lambda.test(shown(k), v), op.named()), b.windowedKeys(op));
        });
        operators.put("windowed_map_values", (b, op) -> {
            final KTable<Windowed<String>, String> table = b.get(op, 0);
            final BiFunction<String, String, String> lambda = Lambdas.mapper(op.option("lambda"));
            b.setWindowed(op, op.name() == null
                ? table.mapValues((k, v) -> Lambdas.shown(lambda.apply(shown(k), v)))
                : table.mapValues((k, v) -> Lambdas.shown(lambda.apply(shown(k), v)), op.named()), b.windowedKeys(op));
        });
        operators.put("windowed_to_stream", (b, op) ->
            b.setWindowed(op, toStream(b.<KTable<Windowed<String>, String>>get(op, 0), op), b.windowedKeys(op)));
        operators.put("windowed_nullable_to_stream", (b, op) ->
            b.setWindowed(op, toStream(b.<KTable<Windowed<String>, String>>get(op, 0), op).mapValues(v -> v), b.windowedKeys(op)));
        operators.put("windowed_longs_to_stream", (b, op) ->
            b.setWindowed(op, toStream(b.<KTable<Windowed<String>, Long>>get(op, 0), op)
                .mapValues(v -> v == null ? null : v.toString()), b.windowedKeys(op)));
    }

    private static <V> KStream<Windowed<String>, V> toStream(final KTable<Windowed<String>, V> table, final Op op) {
        return op.name() == null ? table.toStream() : table.toStream(op.named());
    }

    private static void streams(final Map<String, Operator> operators) {
        operators.put("windowed_select_key", (b, op) -> {
            final KStream<Windowed<String>, String> stream = b.get(op, 0);
            b.set(op, op.name() == null
                ? stream.selectKey((k, v) -> shown(k))
                : stream.selectKey((k, v) -> shown(k), op.named()));
        });
        operators.put("windowed_base_key", (b, op) -> {
            final KStream<Windowed<String>, String> stream = b.get(op, 0);
            b.set(op, op.name() == null
                ? stream.selectKey((k, v) -> k.key())
                : stream.selectKey((k, v) -> k.key(), op.named()));
        });
        operators.put("windowed_to", (b, op) -> {
            final KStream<Windowed<String>, String> stream = b.get(op, 0);
            stream.to(op.topic(), Produced.with(b.windowedKeys(op), Serdes.String()));
        });
    }

    /** The serde of the windows of a call: what reads a key back must know how long its window is. */
    private static Serde<Windowed<String>> time(final Op op) {
        return WindowedSerdes.timeWindowedSerdeFrom(String.class, op.option("size").asLong());
    }
}
