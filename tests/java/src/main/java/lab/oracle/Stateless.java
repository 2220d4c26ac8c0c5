package lab.oracle;

import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.function.BiPredicate;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.BranchedKStream;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.RecordContext;
import org.apache.kafka.streams.processor.TopicNameExtractor;

/** Operators on streams that keep no state, and sinks. */
final class Stateless {
    private Stateless() {
    }

    static void add(final Map<String, Operator> operators) {
        filters(operators);
        maps(operators);
        others(operators);
        groups(operators);
    }

    private static void filters(final Map<String, Operator> operators) {
        operators.put("filter", (b, op) -> {
            final BiPredicate<String, String> keep = Lambdas.predicate(op.option("lambda"));
            b.set(op, op.name() == null
                ? b.stream(op).filter(keep::test)
                : b.stream(op).filter(keep::test, op.named()));
        });
        operators.put("filter_not", (b, op) -> {
            final BiPredicate<String, String> drop = Lambdas.predicate(op.option("lambda"));
            b.set(op, op.name() == null
                ? b.stream(op).filterNot(drop::test)
                : b.stream(op).filterNot(drop::test, op.named()));
        });
        operators.put("split", (b, op) -> {
            final BiPredicate<String, String> first = Lambdas.predicate(op.option("lambda"));
            final BranchedKStream<String, String> split =
                op.name() == null ? b.stream(op).split() : b.stream(op).split(op.named());
            final Map<String, KStream<String, String>> branches =
                new TreeMap<>(split.branch(first::test).defaultBranch());
            final Iterator<KStream<String, String>> all = branches.values().iterator();
            b.set(op, 1, all.next());
            b.set(op, 0, all.next());
        });
    }

    private static void maps(final Map<String, Operator> operators) {
        operators.put("map", (b, op) -> {
            final BiFunction<String, String, String> key = Lambdas.mapper(op.option("key"));
            final BiFunction<String, String, String> value = Lambdas.mapper(op.option("value"));
            b.set(op, op.name() == null
                ? b.stream(op).map((k, v) -> KeyValue.pair(key.apply(k, v), value.apply(k, v)))
                : b.stream(op).map((k, v) -> KeyValue.pair(key.apply(k, v), value.apply(k, v)), op.named()));
        });
        operators.put("map_values", (b, op) -> {
            final BiFunction<String, String, String> map = Lambdas.mapper(op.option("lambda"));
            b.set(op, op.name() == null
                ? b.stream(op).mapValues((k, v) -> map.apply(k, v))
                : b.stream(op).mapValues((k, v) -> map.apply(k, v), op.named()));
        });
        operators.put("flat_map", (b, op) -> {
            final BiFunction<String, String, List<KeyValue<String, String>>> map =
                Lambdas.flatMapper(op.option("lambda"));
            b.set(op, op.name() == null
                ? b.stream(op).flatMap((k, v) -> map.apply(k, v))
                : b.stream(op).flatMap((k, v) -> map.apply(k, v), op.named()));
        });
        operators.put("flat_map_values", (b, op) -> {
            final BiFunction<String, String, List<KeyValue<String, String>>> map =
                Lambdas.flatMapper(op.option("lambda"));
            b.set(op, op.name() == null
                ? b.stream(op).flatMapValues((k, v) -> map.apply(k, v).stream().map(pair -> pair.value).toList())
                : b.stream(op).flatMapValues(
                    (k, v) -> map.apply(k, v).stream().map(pair -> pair.value).toList(), op.named()));
        });
        operators.put("select_key", (b, op) -> {
            final BiFunction<String, String, String> select = Lambdas.mapper(op.option("lambda"));
            b.set(op, op.name() == null
                ? b.stream(op).selectKey(select::apply)
                : b.stream(op).selectKey(select::apply, op.named()));
        });
    }

    private static void others(final Map<String, Operator> operators) {
        operators.put("peek", (b, op) -> b.set(op, op.name() == null
            ? b.stream(op).peek((k, v) -> { })
            : b.stream(op).peek((k, v) -> { }, op.named())));
        operators.put("repartition", (b, op) -> b.set(op, op.name() == null
            && !op.has("partitions")
            ? b.stream(op).repartition()
            : b.stream(op).repartition(repartitioned(op))));
        operators.put("merge", (b, op) -> {
            final KStream<String, String> other = b.get(op, 1);
            b.set(op, op.name() == null ? b.stream(op).merge(other) : b.stream(op).merge(other, op.named()));
        });
        operators.put("for_each", (b, op) -> {
            if (op.name() == null) {
                b.stream(op).foreach((k, v) -> { });
            } else {
                b.stream(op).foreach((k, v) -> { }, op.named());
            }
        });
        operators.put("to_dynamic", (b, op) -> {
            if (op.name() == null) {
                b.stream(op).to(new Parts(op.topic()));
            } else {
                b.stream(op).to(new Parts(op.topic()), Produced.as(op.name()));
            }
        });
        operators.put("to", (b, op) -> {
            if (op.name() == null) {
                b.stream(op).to(op.topic());
            } else {
                b.stream(op).to(op.topic(), Produced.as(op.name()));
            }
        });
    }

    private static Repartitioned<String, String> repartitioned(final Op op) {
        final Repartitioned<String, String> named =
            op.name() == null ? Repartitioned.with(Serdes.String(), Serdes.String()) : Repartitioned.as(op.name());
        return op.has("partitions") ? named.withNumberOfPartitions(op.option("partitions").asInt()) : named;
    }

    /** Chooses one of two topics by the value. */
    private record Parts(String topic) implements TopicNameExtractor<String, String> {
        @Override
        public String extract(final String key, final String value, final RecordContext context) {
            return topic + "-part" + Lambdas.sum(value) % 2;
        }

        @Override
        public String toString() {
            return "parts";
        }
    }

    private static void groups(final Map<String, Operator> operators) {
        operators.put("group_by_key", (b, op) -> b.set(op, op.name() == null
            ? b.stream(op).groupByKey()
            : b.stream(op).groupByKey(Grouped.as(op.name()))));
        operators.put("group_by", (b, op) -> {
            final BiFunction<String, String, String> select = Lambdas.mapper(op.option("lambda"));
            b.set(op, op.name() == null
                ? b.stream(op).groupBy(select::apply)
                : b.stream(op).groupBy(select::apply, Grouped.as(op.name())));
        });
    }
}
