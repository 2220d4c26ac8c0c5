package lab.oracle;

import static lab.oracle.TableAggregates.text;

import java.util.Map;
import java.util.function.BiFunction;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.KeyValueStore;

/** Joins of tables by their keys. */
final class TableJoins {
    private TableJoins() {
    }

    static void add(final Map<String, Operator> operators) {
        for (final String kind : new String[] {"inner", "left", "outer"}) {
            operators.put("tables_" + kind, (b, op) -> TableJoins.<String, String>join(b, op, kind));
            operators.put("tables_" + kind + "_nullable", (b, op) -> TableJoins.<String, String>join(b, op, kind));
        }
        operators.put("table_with_longs", (b, op) -> TableJoins.<String, Long>join(b, op, op.text("kind")));
        operators.put("longs_with_table", (b, op) -> TableJoins.<Long, String>join(b, op, op.text("kind")));
        operators.put("nullable_with_nullable", (b, op) -> TableJoins.<String, String>join(b, op, op.text("kind")));
        operators.put("windowed_with_windowed", (b, op) -> {
            final KTable<Windowed<String>, String> table = b.get(op, 0);
            b.setWindowed(op, plain(table, b.get(op, 1), joiner(op), op.text("kind"), op));
        });
    }

    private static <V, VO> ValueJoiner<V, VO, String> joiner(final Op op) {
        final BiFunction<String, String, String> lambda = Lambdas.joiner(op.option("lambda"));
        return (l, r) -> lambda.apply(text(l), text(r));
    }

    private static <V, VO> void join(final Build b, final Op op, final String kind) {
        final KTable<String, V> table = b.get(op, 0);
        final KTable<String, VO> other = b.get(op, 1);
        final ValueJoiner<V, VO, String> joiner = joiner(op);
        b.set(op, op.isMaterialized()
            ? stored(table, other, joiner, kind, op)
            : plain(table, other, joiner, kind, op));
    }

    private static <K, V, VO> KTable<K, String> plain(
        final KTable<K, V> table,
        final KTable<K, VO> other,
        final ValueJoiner<V, VO, String> joiner,
        final String kind,
        final Op op
    ) {
        final Named named = op.name() == null ? null : op.named();
        return switch (kind) {
            case "inner" -> named == null ? table.join(other, joiner) : table.join(other, joiner, named);
            case "left" -> named == null ? table.leftJoin(other, joiner) : table.leftJoin(other, joiner, named);
            default -> named == null ? table.outerJoin(other, joiner) : table.outerJoin(other, joiner, named);
        };
    }

    private static <V, VO> KTable<String, String> stored(
        final KTable<String, V> table,
        final KTable<String, VO> other,
        final ValueJoiner<V, VO, String> joiner,
        final String kind,
        final Op op
    ) {
        final Materialized<String, String, KeyValueStore<Bytes, byte[]>> store = op.materialized(Serdes.String());
        final Named named = op.name() == null ? null : op.named();
        return switch (kind) {
            case "inner" -> named == null
                ? table.join(other, joiner, store) : table.join(other, joiner, named, store);
            case "left" -> named == null
                ? table.leftJoin(other, joiner, store) : table.leftJoin(other, joiner, named, store);
            default -> named == null
                ? table.outerJoin(other, joiner, store) : table.outerJoin(other, joiner, named, store);
        };
    }
}
