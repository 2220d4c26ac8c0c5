package lab.oracle;

import java.util.Map;
import java.util.function.BiFunction;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.ValueJoiner;

/** Joins of a stream with a table, a global table and another stream. */
final class Joins {
    private Joins() {
    }

    static void add(final Map<String, Operator> operators) {
        tables(operators);
        globals(operators);
        streams(operators);
    }

    private static ValueJoiner<String, String, String> joiner(final Op op) {
        return Lambdas.joiner(op.option("lambda"))::apply;
    }

    private static void tables(final Map<String, Operator> operators) {
        operators.put("join_table", (b, op) -> {
            final KTable<String, String> table = b.get(op, 1);
            b.set(op, op.name() == null
                ? b.stream(op).join(table, joiner(op))
                : b.stream(op).join(table, joiner(op), Joined.as(op.name())));
        });
        operators.put("left_join_table", (b, op) -> {
            final KTable<String, String> table = b.get(op, 1);
            b.set(op, op.name() == null
                ? b.stream(op).leftJoin(table, joiner(op))
                : b.stream(op).leftJoin(table, joiner(op), Joined.as(op.name())));
        });
        operators.put("join_longs", (b, op) -> {
            final KTable<String, Long> table = b.get(op, 1);
            final ValueJoiner<String, String, String> texts = joiner(op);
            final ValueJoiner<String, Long, String> joiner = (l, r) -> texts.apply(l, r.toString());
            b.set(op, op.name() == null
                ? b.stream(op).join(table, joiner)
                : b.stream(op).join(table, joiner, Joined.as(op.name())));
        });
    }

    private static void globals(final Map<String, Operator> operators) {
        operators.put("join_global", (b, op) -> {
            final GlobalKTable<String, String> table = b.get(op, 1);
            final BiFunction<String, String, String> key = Lambdas.mapper(op.option("key"));
            b.set(op, op.name() == null
                ? b.stream(op).join(table, key::apply, joiner(op))
                : b.stream(op).join(table, key::apply, joiner(op), op.named()));
        });
        operators.put("left_join_global", (b, op) -> {
            final GlobalKTable<String, String> table = b.get(op, 1);
            final BiFunction<String, String, String> key = Lambdas.mapper(op.option("key"));
            b.set(op, op.name() == null
                ? b.stream(op).leftJoin(table, key::apply, joiner(op))
                : b.stream(op).leftJoin(table, key::apply, joiner(op), op.named()));
        });
    }

    private static void streams(final Map<String, Operator> operators) {
        operators.put("join_stream", (b, op) -> {
            final KStream<String, String> other = b.get(op, 1);
            final StreamJoined<String, String, String> joined = joined(op);
            b.set(op, joined == null
                ? b.stream(op).join(other, joiner(op), windows(op))
                : b.stream(op).join(other, joiner(op), windows(op), joined));
        });
    }

    static JoinWindows windows(final Op op) {
        JoinWindows windows = JoinWindows.ofTimeDifferenceAndGrace(op.span("difference"), op.span("grace"));
        if (op.has("before")) {
            windows = windows.before(op.span("before"));
        }
        if (op.has("after")) {
            windows = windows.after(op.span("after"));
        }
        return windows;
    }

    /** A name for the node or the stores, if the call has one. */
    static StreamJoined<String, String, String> joined(final Op op) {
        final String store = op.text("store");
        if (store == null) {
            return op.name() == null ? null : StreamJoined.<String, String, String>with(null, null, null).withName(op.name());
        }
        final StreamJoined<String, String, String> joined = StreamJoined.as(store);
        return op.name() == null ? joined : joined.withName(op.name());
    }
}
