package lab.oracle;

import java.util.Map;
import java.util.function.BiFunction;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedTable;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.KeyValueMapper;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Reducer;
import org.apache.kafka.streams.state.KeyValueStore;

/** Tables grouped by another key, and the aggregations of groups. */
final class TableAggregates {
    private TableAggregates() {
    }

    static void add(final Map<String, Operator> operators) {
        operators.put("table_group_by", TableAggregates::<String>groupBy);
        operators.put("nullable_group_by", TableAggregates::<String>groupBy);
        operators.put("longs_group_by", TableAggregates::<Long>groupBy);
        operators.put("group_count", (b, op) -> {
            final KGroupedTable<String, String> grouped = b.get(op, 0);
            if (op.isMaterialized()) {
                final Materialized<String, Long, KeyValueStore<Bytes, byte[]>> store = op.materialized(Serdes.Long());
                b.set(op, op.name() == null ? grouped.count(store) : grouped.count(op.named(), store));
            } else {
                b.set(op, op.name() == null ? grouped.count() : grouped.count(op.named()));
            }
        });
        operators.put("group_reduce", (b, op) -> {
            final KGroupedTable<String, String> grouped = b.get(op, 0);
            final Reducer<String> add = Lambdas.joiner(op.option("lambda"))::apply;
            final Reducer<String> subtract = Lambdas.joiner(op.option("subtract"))::apply;
            if (op.name() != null) {
                b.set(op, grouped.reduce(add, subtract, op.named(), store(op)));
            } else {
                b.set(op, op.isMaterialized()
                    ? grouped.reduce(add, subtract, store(op))
                    : grouped.reduce(add, subtract));
            }
        });
        operators.put("group_aggregate", (b, op) -> aggregate(b, op, Lambdas::next,
            (k, v, before) -> Lambdas.tail(before + "-" + Lambdas.shown(k) + Lambdas.shown(v))));
        operators.put("group_aggregate_nullable", (b, op) -> {
            final BiFunction<String, String, String> add = Lambdas.joiner(op.option("lambda"));
            final BiFunction<String, String, String> subtract = Lambdas.joiner(op.option("subtract"));
            aggregate(b, op, (k, v, before) -> add.apply(before, v), (k, v, before) -> subtract.apply(before, v));
        });
    }

    static <V> void groupBy(final Build b, final Op op) {
        final KTable<String, V> table = b.get(op, 0);
        final BiFunction<String, String, String> key = Lambdas.mapper(op.option("key"));
        final BiFunction<String, String, String> value = Lambdas.mapper(op.option("lambda"));
        final KeyValueMapper<String, V, KeyValue<String, String>> selector = (k, v) ->
            KeyValue.pair(key.apply(k, text(v)), value.apply(k, text(v)));
        if (op.has("serdes")) {
            b.set(op, table.groupBy(selector, Grouped.with(op.name(), Serdes.String(), Serdes.String())));
        } else {
            b.set(op, op.name() == null ? table.groupBy(selector) : table.groupBy(selector, Grouped.as(op.name())));
        }
    }

    /** A value of any type as text; null stays null. */
    static String text(final Object value) {
        return value == null ? null : value.toString();
    }

    /** With a name for the node alone, Java wants a Materialized too. */
    private static Materialized<String, String, KeyValueStore<Bytes, byte[]>> store(final Op op) {
        return op.isMaterialized()
            ? op.materialized(Serdes.String())
            : Materialized.with(Serdes.String(), Serdes.String());
    }

    private static void aggregate(
        final Build b,
        final Op op,
        final Aggregator<String, String, String> add,
        final Aggregator<String, String, String> subtract
    ) {
        final KGroupedTable<String, String> grouped = b.get(op, 0);
        if (op.isMaterialized()) {
            b.set(op, op.name() == null
                ? grouped.aggregate(() -> "i", add, subtract, store(op))
                : grouped.aggregate(() -> "i", add, subtract, op.named(), store(op)));
        } else {
            b.set(op, op.name() == null
                ? grouped.aggregate(() -> "i", add, subtract)
                : grouped.aggregate(() -> "i", add, subtract, op.named()));
        }
    }
}
