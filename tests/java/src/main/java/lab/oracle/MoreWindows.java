package lab.oracle;

import java.time.Instant;
import java.util.Map;
import java.util.function.BiFunction;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Reducer;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.UnlimitedWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/** Sliding and unlimited windows, and results on window close. */
final class MoreWindows {
    private static final Serde<Windowed<String>> TIME = WindowedSerdes.timeWindowedSerdeFrom(String.class, 1);
    private static final Serde<Windowed<String>> ENDLESS =
        WindowedSerdes.timeWindowedSerdeFrom(String.class, Long.MAX_VALUE);
    private static final Serde<Windowed<String>> SESSION = WindowedSerdes.sessionWindowedSerdeFrom(String.class);

    private MoreWindows() {
    }

    private interface Windowing {
        TimeWindowedKStream<String, String> of(KGroupedStream<String, String> grouped, Op op);
    }

    static void add(final Map<String, Operator> operators) {
        add(operators, "sliding_", (grouped, op) -> grouped.windowedBy(Cogroups.sliding(op)));
        add(operators, "unlimited_", (grouped, op) -> grouped.windowedBy(unlimited(op)));
        add(operators, "emitting_", (grouped, op) -> grouped.windowedBy(Windows.timeWindows(op)));
        sessions(operators);
    }

    private static UnlimitedWindows unlimited(final Op op) {
        final UnlimitedWindows windows = UnlimitedWindows.of();
        return op.has("start") ? windows.startOn(Instant.ofEpochMilli(op.option("start").asLong())) : windows;
    }

    private static EmitStrategy strategy(final Op op) {
        return op.text("emit").equals("close") ? EmitStrategy.onWindowClose() : EmitStrategy.onWindowUpdate();
    }

    private static TimeWindowedKStream<String, String> windowed(final Build b, final Op op, final Windowing windowing) {
        final TimeWindowedKStream<String, String> windowed = windowing.of(b.get(op, 0), op);
        return op.has("emit") ? windowed.emitStrategy(strategy(op)) : windowed;
    }

    private static void add(final Map<String, Operator> operators, final String prefix, final Windowing windowing) {
        final Serde<Windowed<String>> keys = prefix.equals("unlimited_") ? ENDLESS : TIME;
        operators.put(prefix + "count", (b, op) ->
            b.setWindowed(op, count(windowed(b, op, windowing), op), keys));
        operators.put(prefix + "reduce", (b, op) ->
            b.setWindowed(op, reduce(windowed(b, op, windowing), op), keys));
        operators.put(prefix + "aggregate", (b, op) ->
            b.setWindowed(op, aggregate(windowed(b, op, windowing), op, Lambdas::next), keys));
        operators.put(prefix + "aggregate_nullable", (b, op) -> {
            final BiFunction<String, String, String> joiner = Lambdas.joiner(op.option("lambda"));
            b.setWindowed(op,
                aggregate(windowed(b, op, windowing), op, (k, v, before) -> joiner.apply(before, v)), keys);
        });
    }

    private static KTable<Windowed<String>, Long> count(
            final TimeWindowedKStream<String, String> windowed, final Op op) {
        if (op.isMaterialized()) {
            final Materialized<String, Long, WindowStore<Bytes, byte[]>> store = op.materialized(Serdes.Long());
            return op.name() == null ? windowed.count(store) : windowed.count(op.named(), store);
        }
        return op.name() == null ? windowed.count() : windowed.count(op.named());
    }

    private static KTable<Windowed<String>, String> reduce(
            final TimeWindowedKStream<String, String> windowed, final Op op) {
        final Reducer<String> reducer = Lambdas.joiner(op.option("lambda"))::apply;
        if (op.isMaterialized()) {
            final Materialized<String, String, WindowStore<Bytes, byte[]>> store = op.materialized(Serdes.String());
            return op.name() == null
                ? windowed.reduce(reducer, store)
                : windowed.reduce(reducer, op.named(), store);
        }
        return op.name() == null ? windowed.reduce(reducer) : windowed.reduce(reducer, op.named());
    }

    private static KTable<Windowed<String>, String> aggregate(
            final TimeWindowedKStream<String, String> windowed,
            final Op op,
            final Aggregator<String, String, String> adder) {
        if (op.isMaterialized()) {
            final Materialized<String, String, WindowStore<Bytes, byte[]>> store = op.materialized(Serdes.String());
            return op.name() == null
                ? windowed.aggregate(() -> "i", adder, store)
                : windowed.aggregate(() -> "i", adder, op.named(), store);
        }
        return op.name() == null
            ? windowed.aggregate(() -> "i", adder)
            : windowed.aggregate(() -> "i", adder, op.named());
    }

    private static SessionWindowedKStream<String, String> session(final Build b, final Op op) {
        final KGroupedStream<String, String> grouped = b.get(op, 0);
        final SessionWindowedKStream<String, String> windowed =
            grouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(op.span("gap"), op.span("grace")));
        return op.has("emit") ? windowed.emitStrategy(strategy(op)) : windowed;
    }

    private static void sessions(final Map<String, Operator> operators) {
        operators.put("emitting_session_count", (b, op) -> {
            final SessionWindowedKStream<String, String> windowed = session(b, op);
            if (op.isMaterialized()) {
                final Materialized<String, Long, SessionStore<Bytes, byte[]>> store = op.materialized(Serdes.Long());
                b.setWindowed(op, op.name() == null ? windowed.count(store) : windowed.count(op.named(), store), SESSION);
            } else {
                b.setWindowed(op, op.name() == null ? windowed.count() : windowed.count(op.named()), SESSION);
            }
        });
        operators.put("emitting_session_reduce", (b, op) -> {
            final SessionWindowedKStream<String, String> windowed = session(b, op);
            final Reducer<String> reducer = Lambdas.joiner(op.option("lambda"))::apply;
            if (op.isMaterialized()) {
                final Materialized<String, String, SessionStore<Bytes, byte[]>> store =
                    op.materialized(Serdes.String());
                b.setWindowed(op, op.name() == null
                    ? windowed.reduce(reducer, store)
                    : windowed.reduce(reducer, op.named(), store), SESSION);
            } else {
                b.setWindowed(op,
                    op.name() == null ? windowed.reduce(reducer) : windowed.reduce(reducer, op.named()), SESSION);
            }
        });
        operators.put("emitting_session_aggregate", (b, op) -> {
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
}
