package lab.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.Map;
import java.util.function.BiFunction;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.kstream.ValueJoinerWithKey;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowBytesStoreSupplier;

/** Joins of two streams of all kinds, with all their options; and joiners that see the key, of tables too. */
final class StreamJoins {
    private StreamJoins() {
    }

    static void add(final Map<String, Operator> operators) {
        operators.put("stream_join", (b, op) -> b.set(op, inner(b, op, b.get(op, 1))));
        operators.put("stream_left_join", (b, op) -> b.set(op, left(b, op, b.get(op, 1))));
        operators.put("stream_outer_join", (b, op) -> b.set(op, outer(b, op, b.get(op, 1))));
        operators.put("self_join", (b, op) -> b.set(op, inner(b, op, b.get(op, 0))));
        operators.put("self_left_join", (b, op) -> b.set(op, left(b, op, b.get(op, 0))));
        operators.put("self_outer_join", (b, op) -> b.set(op, outer(b, op, b.get(op, 0))));
        operators.put("join_table_keyed", (b, op) -> {
            final KTable<String, String> table = b.get(op, 1);
            b.set(op, op.name() == null
                ? source(b, op).join(table, keyed(op))
                : source(b, op).join(table, keyed(op), Joined.as(op.name())));
        });
        operators.put("left_join_table_keyed", (b, op) -> {
            final KTable<String, String> table = b.get(op, 1);
            b.set(op, op.name() == null
                ? source(b, op).leftJoin(table, keyed(op))
                : source(b, op).leftJoin(table, keyed(op), Joined.as(op.name())));
        });
        operators.put("join_global_keyed", (b, op) -> {
            final GlobalKTable<String, String> table = b.get(op, 1);
            final BiFunction<String, String, String> key = Lambdas.mapper(op.option("key"));
            b.set(op, op.name() == null
                ? source(b, op).join(table, key::apply, keyed(op))
                : source(b, op).join(table, key::apply, keyed(op), op.named()));
        });
        operators.put("left_join_global_keyed", (b, op) -> {
            final GlobalKTable<String, String> table = b.get(op, 1);
            final BiFunction<String, String, String> key = Lambdas.mapper(op.option("key"));
            b.set(op, op.name() == null
                ? source(b, op).leftJoin(table, key::apply, keyed(op))
                : source(b, op).leftJoin(table, key::apply, keyed(op), op.named()));
        });
    }

    private static KStream<String, String> source(final Build b, final Op op) {
        return b.stream(op);
    }

    private static ValueJoiner<String, String, String> plain(final Op op) {
        return Lambdas.joiner(op.option("lambda"))::apply;
    }

    /** The joiner's result, behind the key; what is null stays so. */
    private static ValueJoinerWithKey<String, String, String, String> keyed(final Op op) {
        final BiFunction<String, String, String> joiner = Lambdas.joiner(op.option("lambda"));
        return (key, left, right) -> {
            final String joined = joiner.apply(left, right);
            return joined == null ? null : Lambdas.tail(Lambdas.shown(key) + ":" + joined);
        };
    }

    private static boolean isKeyed(final Op op) {
        return op.option("keyed").asBoolean(false);
    }

    private static KStream<String, String> inner(final Build b, final Op op, final KStream<String, String> other) {
        final StreamJoined<String, String, String> joined = joined(op);
        if (joined == null) {
            return isKeyed(op)
                ? source(b, op).join(other, keyed(op), windows(op))
                : source(b, op).join(other, plain(op), windows(op));
        }
        return isKeyed(op)
            ? source(b, op).join(other, keyed(op), windows(op), joined)
            : source(b, op).join(other, plain(op), windows(op), joined);
    }

    private static KStream<String, String> left(final Build b, final Op op, final KStream<String, String> other) {
        final StreamJoined<String, String, String> joined = joined(op);
        if (joined == null) {
            return isKeyed(op)
                ? source(b, op).leftJoin(other, keyed(op), windows(op))
                : source(b, op).leftJoin(other, plain(op), windows(op));
        }
        return isKeyed(op)
            ? source(b, op).leftJoin(other, keyed(op), windows(op), joined)
            : source(b, op).leftJoin(other, plain(op), windows(op), joined);
    }

    private static KStream<String, String> outer(final Build b, final Op op, final KStream<String, String> other) {
        final StreamJoined<String, String, String> joined = joined(op);
        if (joined == null) {
            return isKeyed(op)
                ? source(b, op).outerJoin(other, keyed(op), windows(op))
                : source(b, op).outerJoin(other, plain(op), windows(op));
        }
        return isKeyed(op)
            ? source(b, op).outerJoin(other, keyed(op), windows(op), joined)
            : source(b, op).outerJoin(other, plain(op), windows(op), joined);
    }

    /** Of two sides, the one that cannot be refused comes first. */
    @SuppressWarnings("deprecation")
    private static JoinWindows windows(final Op op) {
        final JoinWindows windows;
        if (op.has("old")) {
            final JoinWindows old = JoinWindows.of(op.span("difference"));
            windows = op.text("old").equals("grace") ? old.grace(op.span("grace")) : old;
        } else {
            windows = JoinWindows.ofTimeDifferenceAndGrace(op.span("difference"), op.span("grace"));
        }
        final boolean beforeFirst = op.has("before") && op.option("before").asLong() >= 0;
        final JoinWindows first = beforeFirst ? windows.before(op.span("before")) : windows;
        final JoinWindows second = op.has("after") ? first.after(op.span("after")) : first;
        return op.has("before") && !beforeFirst ? second.before(op.span("before")) : second;
    }

    /** The options of a join, or null if it has none. */
    private static StreamJoined<String, String, String> joined(final Op op) {
        if (op.name() == null && !op.has("joined")) {
            return null;
        }
        final JsonNode options = op.option("joined");
        StreamJoined<String, String, String> joined = options.has("store")
            ? StreamJoined.as(options.get("store").asText())
            : StreamJoined.with(null, null, null);
        if (op.name() != null) {
            joined = joined.withName(op.name());
        }
        if (options.has("logging")) {
            joined = joined.withLoggingDisabled();
        }
        if (options.has("memory")) {
            joined = joined.withDslStoreSuppliers(BuiltInDslStoreSuppliers.IN_MEMORY);
        }
        if (options.has("this")) {
            joined = joined.withThisStoreSupplier(supplier(options.get("this")));
        }
        if (options.has("other")) {
            joined = joined.withOtherStoreSupplier(supplier(options.get("other")));
        }
        return joined;
    }

    private static WindowBytesStoreSupplier supplier(final JsonNode options) {
        final String name = options.get("name").asText();
        final Duration retention = Duration.ofMillis(options.get("retention").asLong());
        final Duration size = Duration.ofMillis(options.get("size").asLong());
        final boolean duplicates = options.get("duplicates").asBoolean();
        return options.get("memory").asBoolean()
            ? Stores.inMemoryWindowStore(name, retention, size, duplicates)
            : Stores.persistentWindowStore(name, retention, size, duplicates);
    }
}
