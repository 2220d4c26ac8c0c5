package lab.oracle;

import java.util.Map;
import java.util.function.BiFunction;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.CogroupedKStream;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.SessionWindowedCogroupedKStream;
import org.apache.kafka.streams.kstream.TimeWindowedCogroupedKStream;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/** One to three grouped streams folded into one table: whole, in windows, in sliding windows, in sessions. */
final class Cogroups {
    private Cogroups() {
    }

    static void add(final Map<String, Operator> operators) {
        for (final String number : new String[] {"one", "two", "three"}) {
            operators.put("cogroup_" + number, (b, op) -> b.set(op, whole(texts(b, op), op)));
            operators.put("cogroup_window_" + number, (b, op) ->
                b.setWindowed(op, windowed(texts(b, op).windowedBy(Windows.times(op)), op)));
            operators.put("cogroup_sliding_" + number, (b, op) ->
                b.setWindowed(op, windowed(texts(b, op).windowedBy(Windows.sliding(op)), op)));
            operators.put("cogroup_session_" + number, (b, op) ->
                b.setWindowed(op, sessions(texts(b, op).windowedBy(Windows.sessions(op)), op)));
        }
        operators.put("cogroup_nullable", (b, op) -> b.set(op, whole(nullables(b, op), op)));
        operators.put("cogroup_window_nullable", (b, op) ->
            b.setWindowed(op, windowed(nullables(b, op).windowedBy(Windows.times(op)), op)));
        operators.put("cogroup_sliding_nullable", (b, op) ->
            b.setWindowed(op, windowed(nullables(b, op).windowedBy(Windows.sliding(op)), op)));
        operators.put("cogroup_twice", (b, op) -> {
            final CogroupedKStream<String, String> cogrouped = texts(b, op);
            b.set(op, 0, cogrouped.aggregate(() -> "i"));
            b.setWindowed(op, 1, windowed(cogrouped.windowedBy(Windows.times(op)), op));
        });
    }

    private static Aggregator<String, String, String> marked(final int number) {
        return (key, value, before) ->
            Lambdas.tail(before + Lambdas.shown(key) + Lambdas.shown(value) + ";" + number);
    }

    private static CogroupedKStream<String, String> texts(final Build b, final Op op) {
        CogroupedKStream<String, String> cogrouped =
            b.<KGroupedStream<String, String>>get(op, 0).cogroup(marked(1));
        for (int at = 1; at < op.inputs(); at++) {
            cogrouped = cogrouped.cogroup(b.<KGroupedStream<String, String>>get(op, at), marked(at + 1));
        }
        return cogrouped;
    }

    private static Aggregator<String, String, String> nullable(final Op op, final int number) {
        final BiFunction<String, String, String> joiner = Lambdas.joiner(op.option("lambda"));
        return (key, value, before) -> {
            final String joined = joiner.apply(before, value);
            return joined == null ? null : Lambdas.tail(joined + ";" + number);
        };
    }

    private static CogroupedKStream<String, String> nullables(final Build b, final Op op) {
        return b.<KGroupedStream<String, String>>get(op, 0).cogroup(nullable(op, 1))
            .cogroup(b.<KGroupedStream<String, String>>get(op, 1), nullable(op, 2));
    }

    private static KTable<String, String> whole(final CogroupedKStream<String, String> cogrouped, final Op op) {
        if (op.isMaterialized()) {
            final Materialized<String, String, KeyValueStore<Bytes, byte[]>> store = op.materialized(Serdes.String());
            return op.name() == null
                ? cogrouped.aggregate(() -> "i", store)
                : cogrouped.aggregate(() -> "i", op.named(), store);
        }
        return op.name() == null ? cogrouped.aggregate(() -> "i") : cogrouped.aggregate(() -> "i", op.named());
    }

    private static KTable<Windowed<String>, String> windowed(
            final TimeWindowedCogroupedKStream<String, String> windowed, final Op op) {
        if (op.isMaterialized()) {
            final Materialized<String, String, WindowStore<Bytes, byte[]>> store = op.materialized(Serdes.String());
            return op.name() == null
                ? windowed.aggregate(() -> "i", store)
                : windowed.aggregate(() -> "i", op.named(), store);
        }
        return op.name() == null ? windowed.aggregate(() -> "i") : windowed.aggregate(() -> "i", op.named());
    }

    private static KTable<Windowed<String>, String> sessions(
            final SessionWindowedCogroupedKStream<String, String> windowed, final Op op) {
        if (op.isMaterialized()) {
            final Materialized<String, String, SessionStore<Bytes, byte[]>> store = op.materialized(Serdes.String());
            return op.name() == null
                ? windowed.aggregate(() -> "i", Windows::merge, store)
                : windowed.aggregate(() -> "i", Windows::merge, op.named(), store);
        }
        return op.name() == null
            ? windowed.aggregate(() -> "i", Windows::merge)
            : windowed.aggregate(() -> "i", Windows::merge, op.named());
    }
}
