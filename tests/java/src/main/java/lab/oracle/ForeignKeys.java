package lab.oracle;

import static lab.oracle.TableAggregates.text;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.TableJoined;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.state.KeyValueStore;

/** Joins of tables by a foreign key. */
final class ForeignKeys {
    private ForeignKeys() {
    }

    static void add(final Map<String, Operator> operators) {
        operators.put("fk_join", ForeignKeys::<String, String>join);
        operators.put("fk_left_join", ForeignKeys::<String, String>leftJoin);
        operators.put("fk_join_nullable", ForeignKeys::<String, String>join);
        operators.put("fk_left_join_nullable", ForeignKeys::<String, String>leftJoin);
        operators.put("fk_join_longs", ForeignKeys::<String, Long>join);
        operators.put("longs_fk_left_join", ForeignKeys::<Long, String>leftJoin);
    }

    private static <V, VO> void join(final Build b, final Op op) {
        final KTable<String, V> table = b.get(op, 0);
        final KTable<String, VO> other = b.get(op, 1);
        final BiFunction<String, String, String> key = Lambdas.mapper(op.option("key"));
        final ValueJoiner<V, VO, String> joiner = joiner(op);
        final TableJoined<String, String> joined = joined(op);
        if (op.has("with_key")) {
            final BiFunction<String, V, String> extractor = (k, v) -> key.apply(k, text(v));
            if (op.isMaterialized()) {
                b.set(op, joined == null
                    ? table.join(other, extractor, joiner, store(op))
                    : table.join(other, extractor, joiner, joined, store(op)));
            } else {
                b.set(op, joined == null
                    ? table.join(other, extractor, joiner)
                    : table.join(other, extractor, joiner, joined));
            }
            return;
        }
        final Function<V, String> extractor = v -> key.apply(null, text(v));
        if (op.isMaterialized()) {
            b.set(op, joined == null
                ? table.join(other, extractor, joiner, store(op))
                : table.join(other, extractor, joiner, joined, store(op)));
        } else {
            b.set(op, joined == null
                ? table.join(other, extractor, joiner)
                : table.join(other, extractor, joiner, joined));
        }
    }

    private static <V, VO> void leftJoin(final Build b, final Op op) {
        final KTable<String, V> table = b.get(op, 0);
        final KTable<String, VO> other = b.get(op, 1);
        final BiFunction<String, String, String> key = Lambdas.mapper(op.option("key"));
        final ValueJoiner<V, VO, String> joiner = joiner(op);
        final TableJoined<String, String> joined = joined(op);
        if (op.has("with_key")) {
            final BiFunction<String, V, String> extractor = (k, v) -> key.apply(k, text(v));
            if (op.isMaterialized()) {
                b.set(op, joined == null
                    ? table.leftJoin(other, extractor, joiner, store(op))
                    : table.leftJoin(other, extractor, joiner, joined, store(op)));
            } else {
                b.set(op, joined == null
                    ? table.leftJoin(other, extractor, joiner)
                    : table.leftJoin(other, extractor, joiner, joined));
            }
            return;
        }
        final Function<V, String> extractor = v -> key.apply(null, text(v));
        if (op.isMaterialized()) {
            b.set(op, joined == null
                ? table.leftJoin(other, extractor, joiner, store(op))
                : table.leftJoin(other, extractor, joiner, joined, store(op)));
        } else {
            b.set(op, joined == null
                ? table.leftJoin(other, extractor, joiner)
                : table.leftJoin(other, extractor, joiner, joined));
        }
    }

    private static Materialized<String, String, KeyValueStore<Bytes, byte[]>> store(final Op op) {
        return op.materialized(Serdes.String());
    }

    private static <V, VO> ValueJoiner<V, VO, String> joiner(final Op op) {
        final BiFunction<String, String, String> lambda = Lambdas.joiner(op.option("lambda"));
        return (l, r) -> lambda.apply(text(l), text(r));
    }

    private static TableJoined<String, String> joined(final Op op) {
        if (op.name() == null && !op.has("partitioner") && !op.has("other_partitioner")) {
            return null;
        }
        TableJoined<String, String> joined = TableJoined.with(null, null);
        if (op.name() != null) {
            joined = joined.withName(op.name());
        }
        if (op.has("partitioner")) {
            joined = joined.withPartitioner(partitioner(op.text("partitioner")));
        }
        if (op.has("other_partitioner")) {
            joined = joined.withOtherPartitioner(partitioner(op.text("other_partitioner")));
        }
        return joined;
    }

    /** To the one partition there is, or where the key belongs; which is the same. */
    private static StreamPartitioner<String, Void> partitioner(final String which) {
        return (topic, key, value, partitions) -> which.equals("first") ? Optional.of(Set.of(0)) : Optional.empty();
    }
}
