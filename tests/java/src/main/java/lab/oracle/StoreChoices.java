package lab.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.BiPredicate;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Reducer;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionBytesStoreSupplier;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowBytesStoreSupplier;
import org.apache.kafka.streams.state.WindowStore;

/** Stores of the user's choice: versioned ones and joins as of a record's time, LRU maps, places, retentions. */
final class StoreChoices {
    private StoreChoices() {
    }

    static void add(final Map<String, Operator> operators) {
        tables(operators);
        aggregations(operators);
        joins(operators);
        windows(operators);
    }

    private static String storeName(final Op op) {
        return op.option("stored").get("name").asText();
    }

    private static KeyValueBytesStoreSupplier keyValue(final Op op) {
        final JsonNode options = op.option("stored");
        final String name = storeName(op);
        return switch (options.get("kind").asText()) {
            case "disk" -> Stores.persistentTimestampedKeyValueStore(name);
            case "memory" -> Stores.inMemoryKeyValueStore(name);
            case "lru" -> Stores.lruMap(name, options.get("max").asInt());
            default -> {
                final Duration history = Duration.ofMillis(options.get("history").asLong());
                yield options.has("segment")
                    ? Stores.persistentVersionedKeyValueStore(
                        name, history, Duration.ofMillis(options.get("segment").asLong()))
                    : Stores.persistentVersionedKeyValueStore(name, history);
            }
        };
    }

    private static <V, S extends StateStore> Materialized<String, V, S> settled(
            final Op op, final Materialized<String, V, S> store, final Serde<V> values) {
        final JsonNode options = op.option("stored");
        Materialized<String, V, S> materialized = store.withKeySerde(Serdes.String()).withValueSerde(values);
        if (options.has("caching")) {
            materialized = options.get("caching").asBoolean()
                ? materialized.withCachingEnabled()
                : materialized.withCachingDisabled();
        }
        return options.has("logging") ? materialized.withLoggingDisabled() : materialized;
    }

    private static <V> Materialized<String, V, KeyValueStore<Bytes, byte[]>> stored(final Op op, final Serde<V> values) {
        return settled(op, Materialized.<String, V>as(keyValue(op)), values);
    }

    private static Materialized<String, String, KeyValueStore<Bytes, byte[]>> texts(final Op op) {
        return stored(op, Serdes.String());
    }

    private static Duration retention(final Op op) {
        return Duration.ofMillis(op.option("stored").get("retention").asLong());
    }

    private static <V> Materialized<String, V, WindowStore<Bytes, byte[]>> windows(final Op op, final Serde<V> values) {
        final WindowBytesStoreSupplier supplier = switch (op.option("stored").get("kind").asText()) {
            case "window" ->
                Stores.persistentTimestampedWindowStore(storeName(op), retention(op), op.span("size"), false);
            case "window in memory" -> Stores.inMemoryWindowStore(storeName(op), retention(op), op.span("size"), false);
            default -> null;
        };
        return settled(op, supplier == null
            ? Materialized.<String, V, WindowStore<Bytes, byte[]>>as(storeName(op)).withRetention(retention(op))
            : Materialized.<String, V>as(supplier), values);
    }

    private static Materialized<String, String, SessionStore<Bytes, byte[]>> sessions(final Op op) {
        final SessionBytesStoreSupplier supplier = switch (op.option("stored").get("kind").asText()) {
            case "session" -> Stores.persistentSessionStore(storeName(op), retention(op));
            case "session in memory" -> Stores.inMemorySessionStore(storeName(op), retention(op));
            default -> null;
        };
        return settled(op, supplier == null
            ? Materialized.<String, String, SessionStore<Bytes, byte[]>>as(storeName(op)).withRetention(retention(op))
            : Materialized.<String, String>as(supplier), Serdes.String());
    }

    private static void source(final Build b, final Op op) {
        final Consumed<String, String> consumed = Consumed.with(Serdes.String(), Serdes.String());
        b.set(op, b.builder.table(
            op.topic(), op.name() == null ? consumed : consumed.withName(op.name()), texts(op)));
    }

    private static void toTable(final Build b, final Op op) {
        b.set(op, op.name() == null ? b.stream(op).toTable(texts(op)) : b.stream(op).toTable(op.named(), texts(op)));
    }

    private static void tables(final Map<String, Operator> operators) {
        operators.put("versioned_table", StoreChoices::source);
        operators.put("lru_table", StoreChoices::source);
        operators.put("stored_to_table", StoreChoices::toTable);
        operators.put("versioned_to_table", StoreChoices::toTable);
        operators.put("as_table", (b, op) -> b.set(op, b.<Object>get(op, 0)));
        operators.put("versioned_to_stream", (b, op) -> {
            final KTable<String, String> table = b.get(op, 0);
            b.set(op, op.name() == null ? table.toStream() : table.toStream(op.named()));
        });
        operators.put("versioned_filter", (b, op) -> {
            final KTable<String, String> table = b.get(op, 0);
            final BiPredicate<String, String> lambda = Lambdas.predicate(op.option("lambda"));
            b.set(op, op.name() == null ? table.filter(lambda::test) : table.filter(lambda::test, op.named()));
        });
        operators.put("versioned_map_values", (b, op) -> {
            final KTable<String, String> table = b.get(op, 0);
            final BiFunction<String, String, String> lambda = Lambdas.mapper(op.option("lambda"));
            b.set(op, op.name() == null
                ? table.mapValues((k, v) -> Lambdas.shown(lambda.apply(k, v)))
                : table.mapValues((k, v) -> Lambdas.shown(lambda.apply(k, v)), op.named()));
        });
        operators.put("stored_filter", (b, op) -> {
            final KTable<String, String> table = b.get(op, 0);
            final BiPredicate<String, String> lambda = Lambdas.predicate(op.option("lambda"));
            b.set(op, op.name() == null
                ? table.filter(lambda::test, texts(op))
                : table.filter(lambda::test, op.named(), texts(op)));
        });
        operators.put("stored_map_values", (b, op) -> {
            final KTable<String, String> table = b.get(op, 0);
            final BiFunction<String, String, String> lambda = Lambdas.mapper(op.option("lambda"));
            b.set(op, op.name() == null
                ? table.mapValues((k, v) -> Lambdas.shown(lambda.apply(k, v)), texts(op))
                : table.mapValues((k, v) -> Lambdas.shown(lambda.apply(k, v)), op.named(), texts(op)));
        });
    }

    private static void aggregations(final Map<String, Operator> operators) {
        operators.put("stored_count", (b, op) -> {
            final KGroupedStream<String, String> grouped = b.get(op, 0);
            final Materialized<String, Long, KeyValueStore<Bytes, byte[]>> store = stored(op, Serdes.Long());
            b.set(op, op.name() == null ? grouped.count(store) : grouped.count(op.named(), store));
        });
        operators.put("stored_reduce", (b, op) -> {
            final KGroupedStream<String, String> grouped = b.get(op, 0);
            final Reducer<String> reducer = Lambdas.joiner(op.option("lambda"))::apply;
            b.set(op, op.name() == null
                ? grouped.reduce(reducer, texts(op))
                : grouped.reduce(reducer, op.named(), texts(op)));
        });
        operators.put("stored_aggregate", StoreChoices::aggregate);
        operators.put("versioned_aggregate", StoreChoices::aggregate);
    }

    private static void aggregate(final Build b, final Op op) {
        final KGroupedStream<String, String> grouped = b.get(op, 0);
        b.set(op, op.name() == null
            ? grouped.aggregate(() -> "i", Lambdas::next, texts(op))
            : grouped.aggregate(() -> "i", Lambdas::next, op.named(), texts(op)));
    }

    private static Joined<String, String, String> joined(final Op op) {
        final Joined<String, String, String> joined =
            op.name() == null ? Joined.with(null, null, null) : Joined.as(op.name());
        return op.has("join_grace") ? joined.withGracePeriod(op.span("join_grace")) : joined;
    }

    private static void joins(final Map<String, Operator> operators) {
        operators.put("as_of_join", (b, op) -> {
            final KTable<String, String> table = b.get(op, 1);
            final ValueJoiner<String, String, String> joiner = Lambdas.joiner(op.option("lambda"))::apply;
            b.set(op, b.stream(op).join(table, joiner, joined(op)));
        });
        operators.put("as_of_left_join", (b, op) -> {
            final KTable<String, String> table = b.get(op, 1);
            final ValueJoiner<String, String, String> joiner = Lambdas.joiner(op.option("lambda"))::apply;
            // With a grace period Java cannot take a null key (docs/GLOSSARY.md).
            final KStream<String, String> stream =
                op.has("join_grace") ? b.stream(op).filter((k, v) -> k != null) : b.stream(op);
            b.set(op, stream.leftJoin(table, joiner, joined(op)));
        });
    }

    private static void windows(final Map<String, Operator> operators) {
        operators.put("stored_window_count", (b, op) -> {
            final KGroupedStream<String, String> grouped = b.get(op, 0);
            final TimeWindowedKStream<String, String> windowed = grouped.windowedBy(Windows.times(op));
            final Materialized<String, Long, WindowStore<Bytes, byte[]>> store = windows(op, Serdes.Long());
            b.setWindowed(op, op.name() == null ? windowed.count(store) : windowed.count(op.named(), store));
        });
        operators.put("stored_sliding_aggregate", (b, op) -> {
            final KGroupedStream<String, String> grouped = b.get(op, 0);
            final TimeWindowedKStream<String, String> windowed = grouped.windowedBy(Windows.sliding(op));
            final Materialized<String, String, WindowStore<Bytes, byte[]>> store = windows(op, Serdes.String());
            b.setWindowed(op, op.name() == null
                ? windowed.aggregate(() -> "i", Lambdas::next, store)
                : windowed.aggregate(() -> "i", Lambdas::next, op.named(), store));
        });
        operators.put("stored_session_aggregate", (b, op) -> {
            final KGroupedStream<String, String> grouped = b.get(op, 0);
            final SessionWindowedKStream<String, String> windowed = grouped.windowedBy(Windows.sessions(op));
            b.setWindowed(op, op.name() == null
                ? windowed.aggregate(() -> "i", Lambdas::next, Windows::merge, sessions(op))
                : windowed.aggregate(() -> "i", Lambdas::next, Windows::merge, op.named(), sessions(op)));
        });
    }
}
