package lab.oracle;

import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.BiPredicate;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Predicate;
import org.apache.kafka.streams.kstream.ValueMapperWithKey;
import org.apache.kafka.streams.state.KeyValueStore;

/** Operators on tables, and the ways between tables and streams. */
final class Tables {
    private Tables() {
    }

    static void add(final Map<String, Operator> operators) {
        operators.put("table_filter", (b, op) -> filter(b, op, true));
        operators.put("table_filter_not", (b, op) -> filter(b, op, false));
        operators.put("table_map_values", Tables::<String>mapValues);
        operators.put("deleting_map_values", Tables::<String>mapValues);
        operators.put("nullable_map_values", Tables::<String>mapValues);
        operators.put("longs_map_values", Tables::<Long>mapValues);
        operators.put("table_to_stream", (b, op) -> b.set(op, toStream(b.<KTable<String, String>>get(op, 0), op)));
        // In Rust the value of this stream is a null within a null, which one more step makes one.
        operators.put("nullable_to_stream", (b, op) ->
            b.set(op, toStream(b.<KTable<String, String>>get(op, 0), op).mapValues(v -> v)));
        operators.put("longs_to_stream", (b, op) ->
            b.set(op, toStream(b.<KTable<String, Long>>get(op, 0), op).mapValues(v -> v == null ? null : v.toString())));
        operators.put("to_table", Tables::toTable);
        operators.put("deleting_to_table", Tables::toTable);
    }

    private static void toTable(final Build b, final Op op) {
        final KStream<String, String> stream = b.stream(op);
        if (op.isMaterialized()) {
            final Materialized<String, String, KeyValueStore<Bytes, byte[]>> store = op.materialized(Serdes.String());
            b.set(op, op.name() == null ? stream.toTable(store) : stream.toTable(op.named(), store));
        } else {
            b.set(op, op.name() == null ? stream.toTable() : stream.toTable(op.named()));
        }
    }

    private static <V> KStream<String, V> toStream(final KTable<String, V> table, final Op op) {
        return op.name() == null ? table.toStream() : table.toStream(op.named());
    }

    private static void filter(final Build b, final Op op, final boolean keep) {
        final KTable<String, String> table = b.get(op, 0);
        final BiPredicate<String, String> lambda = Lambdas.predicate(op.option("lambda"));
        final Predicate<String, String> accepts = lambda::test;
        if (op.isMaterialized()) {
            final Materialized<String, String, KeyValueStore<Bytes, byte[]>> store = op.materialized(Serdes.String());
            if (op.name() == null) {
                b.set(op, keep ? table.filter(accepts, store) : table.filterNot(accepts, store));
            } else {
                b.set(op, keep
                    ? table.filter(accepts, op.named(), store)
                    : table.filterNot(accepts, op.named(), store));
            }
        } else if (op.name() == null) {
            b.set(op, keep ? table.filter(accepts) : table.filterNot(accepts));
        } else {
            b.set(op, keep ? table.filter(accepts, op.named()) : table.filterNot(accepts, op.named()));
        }
    }

    private static <V> void mapValues(final Build b, final Op op) {
        final KTable<String, V> table = b.get(op, 0);
        final BiFunction<String, String, String> lambda = Lambdas.mapper(op.option("lambda"));
        final boolean deletes = op.operator().startsWith("deleting_");
        final ValueMapperWithKey<String, V, String> map = (k, v) -> {
            final String mapped = lambda.apply(k, v == null ? null : v.toString());
            return deletes ? mapped : Lambdas.shown(mapped);
        };
        if (op.isMaterialized()) {
            final Materialized<String, String, KeyValueStore<Bytes, byte[]>> store = op.materialized(Serdes.String());
            b.set(op, op.name() == null ? table.mapValues(map, store) : table.mapValues(map, op.named(), store));
        } else {
            b.set(op, op.name() == null ? table.mapValues(map) : table.mapValues(map, op.named()));
        }
    }
}
