package lab.oracle;

import java.util.Map;
import java.util.function.BiFunction;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Reducer;
import org.apache.kafka.streams.state.KeyValueStore;

/** Aggregations of grouped streams without windows. */
final class Aggregates {
    private Aggregates() {
    }

    static void add(final Map<String, Operator> operators) {
        operators.put("count", (b, op) -> {
            final KGroupedStream<String, String> grouped = b.get(op, 0);
            if (op.isMaterialized()) {
                final Materialized<String, Long, KeyValueStore<Bytes, byte[]>> store = op.materialized(Serdes.Long());
                b.set(op, op.name() == null ? grouped.count(store) : grouped.count(op.named(), store));
            } else {
                b.set(op, op.name() == null ? grouped.count() : grouped.count(op.named()));
            }
        });
        operators.put("reduce", (b, op) -> {
            final KGroupedStream<String, String> grouped = b.get(op, 0);
            final Reducer<String> reducer = Lambdas.joiner(op.option("lambda"))::apply;
            if (op.isMaterialized() || op.name() != null) {
                final Materialized<String, String, KeyValueStore<Bytes, byte[]>> store = store(op);
                b.set(op, op.name() == null
                    ? grouped.reduce(reducer, store)
                    : grouped.reduce(reducer, op.named(), store));
            } else {
                b.set(op, grouped.reduce(reducer));
            }
        });
        operators.put("aggregate", (b, op) -> aggregate(b, op, Lambdas::next));
        operators.put("aggregate_nullable", (b, op) -> {
            final BiFunction<String, String, String> joiner = Lambdas.joiner(op.option("lambda"));
            aggregate(b, op, (k, v, before) -> joiner.apply(before, v));
        });
    }

    /** With a name for the node alone, Java wants a Materialized too. */
    private static Materialized<String, String, KeyValueStore<Bytes, byte[]>> store(final Op op) {
        return op.isMaterialized()
            ? op.materialized(Serdes.String())
            : Materialized.with(Serdes.String(), Serdes.String());
    }

    private static void aggregate(final Build b, final Op op, final Aggregator<String, String, String> adder) {
        final KGroupedStream<String, String> grouped = b.get(op, 0);
        if (op.isMaterialized() || op.name() != null) {
            b.set(op, op.name() == null
                ? grouped.aggregate(() -> "i", adder, store(op))
                : grouped.aggregate(() -> "i", adder, op.named(), store(op)));
        } else {
            b.set(op, grouped.aggregate(() -> "i", adder));
        }
    }
}
