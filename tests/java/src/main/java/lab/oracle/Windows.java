package lab.oracle;

import java.time.Instant;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.BiPredicate;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.UnlimitedWindows;
import org.apache.kafka.streams.kstream.Windowed;

/** Windows as a call describes them, and what can be done with windowed tables and streams. */
final class Windows {
    private Windows() {
    }

    static void add(final Map<String, Operator> operators) {
        tables(operators);
        streams(operators);
    }

    /** Tumbling or hopping ones. */
    static TimeWindows times(final Op op) {
        final TimeWindows windows = TimeWindows.ofSizeAndGrace(op.span("size"), op.span("grace"));
        return op.has("advance") ? windows.advanceBy(op.span("advance")) : windows;
    }

    static SlidingWindows sliding(final Op op) {
        return SlidingWindows.ofTimeDifferenceAndGrace(op.span("size"), op.span("grace"));
    }

    static UnlimitedWindows unlimited(final Op op) {
        final UnlimitedWindows windows = UnlimitedWindows.of();
        return op.has("start") ? windows.startOn(Instant.ofEpochMilli(op.option("start").asLong())) : windows;
    }

    static SessionWindows sessions(final Op op) {
        return SessionWindows.ofInactivityGapAndGrace(op.span("gap"), op.span("grace"));
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
                : table.filter((k, v) -> lambda.test(shown(k), v), op.named()));
        });
        operators.put("windowed_map_values", (b, op) -> {
            final KTable<Windowed<String>, String> table = b.get(op, 0);
            final BiFunction<String, String, String> lambda = Lambdas.mapper(op.option("lambda"));
            b.setWindowed(op, op.name() == null
                ? table.mapValues((k, v) -> Lambdas.shown(lambda.apply(shown(k), v)))
                : table.mapValues((k, v) -> Lambdas.shown(lambda.apply(shown(k), v)), op.named()));
        });
        operators.put("windowed_to_stream", (b, op) ->
            b.setWindowed(op, toStream(b.<KTable<Windowed<String>, String>>get(op, 0), op)));
        operators.put("windowed_nullable_to_stream", (b, op) ->
            b.setWindowed(op, toStream(b.<KTable<Windowed<String>, String>>get(op, 0), op).mapValues(v -> v)));
        operators.put("windowed_longs_to_stream", (b, op) ->
            b.setWindowed(op, toStream(b.<KTable<Windowed<String>, Long>>get(op, 0), op)
                .mapValues(v -> v == null ? null : v.toString())));
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
}
