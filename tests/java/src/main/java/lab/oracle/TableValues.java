package lab.oracle;

import static lab.oracle.TableAggregates.text;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import java.util.function.BiFunction;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.ValueTransformerWithKey;
import org.apache.kafka.streams.kstream.ValueTransformerWithKeySupplier;
import org.apache.kafka.streams.processor.ProcessorContext;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** Tables of values that a transformer makes. */
final class TableValues {
    private TableValues() {
    }

    static void add(final Map<String, Operator> operators) {
        operators.put("transform_values", TableValues::<String>transform);
        operators.put("nullable_transform_values", TableValues::<String>transform);
        operators.put("longs_transform_values", TableValues::<Long>transform);
        operators.put("transform_values_apart", TableValues::<String>transform);
        operators.put("apart_to_stream", (b, op) -> {
            final KTable<String, String> table = b.get(op, 0);
            b.set(op, op.name() == null ? table.toStream() : table.toStream(op.named()));
        });
        operators.put("apart_group_by", TableAggregates::<String>groupBy);
    }

    private static <V> void transform(final Build b, final Op op) {
        final KTable<String, V> table = b.get(op, 0);
        final ValueTransformerWithKeySupplier<String, V, String> supplier = () -> new Transformer<>(op);
        final String[] stores = stores(b, op);
        if (op.isMaterialized()) {
            final Materialized<String, String, KeyValueStore<Bytes, byte[]>> store = op.materialized(Serdes.String());
            b.set(op, op.name() == null
                ? table.transformValues(supplier, store, stores)
                : table.transformValues(supplier, store, op.named(), stores));
        } else {
            b.set(op, op.name() == null
                ? table.transformValues(supplier, stores)
                : table.transformValues(supplier, op.named(), stores));
        }
    }

    private static String[] stores(final Build b, final Op op) {
        if (!op.has("store")) {
            return new String[0];
        }
        final JsonNode options = op.option("store");
        final String name = options.get("name").asText();
        final KeyValueBytesStoreSupplier supplier = options.path("memory").asBoolean()
            ? Stores.inMemoryKeyValueStore(name)
            : Stores.persistentKeyValueStore(name);
        StoreBuilder<KeyValueStore<String, String>> store =
            Stores.keyValueStoreBuilder(supplier, Serdes.String(), Serdes.String());
        if (options.path("caching").asBoolean()) {
            store = store.withCachingEnabled();
        }
        b.builder.addStateStore(store);
        return new String[] {name};
    }

    private static final class Transformer<V> implements ValueTransformerWithKey<String, V, String> {
        private final Op op;
        private final BiFunction<String, String, String> lambda;
        private ProcessorContext context;
        private KeyValueStore<String, String> store;

        private Transformer(final Op op) {
            this.op = op;
            lambda = Lambdas.mapper(op.option("lambda"));
        }

        @Override
        public void init(final ProcessorContext context) {
            this.context = context;
            store = op.has("store") ? context.getStateStore(op.option("store").get("name").asText()) : null;
        }

        @Override
        public String transform(final String key, final V value) {
            String next = lambda.apply(key, text(value));
            if (store != null) {
                final String before = store.get(Lambdas.shown(key));
                store.put(Lambdas.shown(key), Lambdas.tail((before == null ? "" : before) + Lambdas.shown(next)));
                next = next == null ? null : Lambdas.tail((before == null ? "" : before) + next);
            }
            if (next != null && op.has("timed")) {
                next = next + "@" + context.timestamp();
            }
            if (next != null && op.has("headed")) {
                next = next + "#" + context.headers().toArray().length;
            }
            return next;
        }

        @Override
        public void close() {
        }
    }
}
