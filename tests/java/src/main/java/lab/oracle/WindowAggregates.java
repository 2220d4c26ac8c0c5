package lab.oracle;

import java.util.Map;
import java.util.function.BiFunction;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Reducer;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/** Aggregations in windows of every kind, with results on update and on close. */
final class WindowAggregates {
    private WindowAggregates() {
    }

    private interface Windowing {
        TimeWindowedKStream<String, String> of(KGroupedStream<String, String> grouped, Op op);
    }

    static void add(final Map<String, Operator> operators) {
        times(operators, "window_", (grouped, op) -> grouped.windowedBy(Windows.times(op)));
        times(operators, "emitting_", (grouped, op) -> grouped.windowedBy(Windows.times(op)));
        times(operators, "sliding_", (grouped, op) -> grouped.windowedBy(Windows.sliding(op)));
        times(operators, "unlimited_", (grouped, op) -> grouped.windowedBy(Windows.unlimited(op)));
        sessions(operators, "session_");
        sessions(operators, "emitting_session_");
    }

    private static EmitStrategy strategy(final Op op) {
        return op.text("emit").equals("close") ? EmitStrategy.onWindowClose() : EmitStrategy.onWindowUpdate();
    }

    private static void times(final Map<String, Operator> operators, final String prefix, final Windowing windowing) {
        operators.put(prefix + "count", (b, op) ->
            b.setWindowed(op, count(windowed(b, op, windowing), op)));
        operators.put(prefix + "reduce", (b, op) ->
            b.setWindowed(op, reduce(windowed(b, op, windowing), op)));
        operators.put(prefix + "aggregate", (b, op) ->
            b.setWindowed(op, aggregate(windowed(b, op, windowing), op, Lambdas::next)));
        operators.put(prefix + "aggregate_nullable", (b, op) -> {
            final BiFunction<String, String, String> joiner = Lambdas.joiner(op.option("lambda"));
            b.setWindowed(op, aggregate(windowed(b, op, windowing), op, (k, v, before) -> joiner.apply(before, v)));
        });
    }

    private static TimeWindowedKStream<String, String> windowed(final Build b, final Op op, final Windowing windowing) {
        final TimeWindowedKStream<String, String> windowed = windowing.of(b.get(op, 0), op);
        return op.has("emit") ? windowed.emitStrategy(strategy(op)) : windowed;
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

    private static void sessions(final Map<String, Operator> operators, final String prefix) {
        operators.put(prefix + "count", (b, op) -> b.setWindowed(op, count(sessions(b, op), op)));
        operators.put(prefix + "reduce", (b, op) -> b.setWindowed(op, reduce(sessions(b, op), op)));
        operators.put(prefix + "aggregate", (b, op) -> b.setWindowed(op, aggregate(sessions(b, op), op)));
    }

    private static SessionWindowedKStream<String, String> sessions(final Build b, final Op op) {
        final SessionWindowedKStream<String, String> windowed =
            b.<KGroupedStream<String, String>>get(op, 0).windowedBy(Windows.sessions(op));
        return op.has("emit") ? windowed.emitStrategy(strategy(op)) : windowed;
    }

    private static KTable<Windowed<String>, Long> count(
            final SessionWindowedKStream<String, String> windowed, final Op op) {
        if (op.isMaterialized()) {
            final Materialized<String, Long, SessionStore<Bytes, byte[]>> store = op.materialized(Serdes.Long());
            return op.name() == null ? windowed.count(store) : windowed.count(op.named(), store);
        }
        return op.name() == null ? windowed.count() : windowed.count(op.named());
    }

    private static KTable<Windowed<String>, String> reduce(
            final SessionWindowedKStream<String, String> windowed, final Op op) {
        final Reducer<String> reducer = Lambdas.joiner(op.option("lambda"))::apply;
        if (op.isMaterialized()) {
            final Materialized<String, String, SessionStore<Bytes, byte[]>> store = op.materialized(Serdes.String());
            return op.name() == null
                ? windowed.reduce(reducer, store)
                : windowed.reduce(reducer, op.named(), store);
        }
        return op.name() == null ? windowed.reduce(reducer) : windowed.reduce(reducer, op.named());
    }

    private static KTable<Windowed<String>, String> aggregate(
            final SessionWindowedKStream<String, String> windowed, final Op op) {
        if (op.isMaterialized()) {
            final Materialized<String, String, SessionStore<Bytes, byte[]>> store = op.materialized(Serdes.String());
            return op.name() == null
                ? windowed.aggregate(() -> "i", Lambdas::next, Windows::merge, store)
                : windowed.aggregate(() -> "i", Lambdas::next, Windows::merge, op.named(), store);
        }
        return op.name() == null
            ? windowed.aggregate(() -> "i", Lambdas::next, Windows::merge)
            : windowed.aggregate(() -> "i", Lambdas::next, Windows::merge, op.named());
    }
}
