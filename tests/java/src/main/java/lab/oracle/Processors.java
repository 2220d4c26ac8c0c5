package lab.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** Processors of one's own: with a store, and with punctuations of both clocks. */
final class Processors {
    private Processors() {
    }

    static void add(final Map<String, Operator> operators) {
        operators.put("process", (b, op) -> {
            final String[] stores = stores(b, op);
            b.set(op, op.name() == null
                ? b.stream(op).process(() -> new Keeper(op), stores)
                : b.stream(op).process(() -> new Keeper(op), op.named(), stores));
        });
        operators.put("process_values", (b, op) -> {
            final String[] stores = stores(b, op);
            b.set(op, op.name() == null
                ? b.stream(op).processValues(() -> new ValueKeeper(op), stores)
                : b.stream(op).processValues(() -> new ValueKeeper(op), op.named(), stores));
        });
    }

    private static String[] stores(final Build b, final Op op) {
        if (!op.has("store")) {
            return new String[0];
        }
        final JsonNode options = op.option("store");
        final String name = options.get("name").asText();
        StoreBuilder<KeyValueStore<String, String>> store = Stores.keyValueStoreBuilder(
            options.path("memory").asBoolean()
                ? Stores.inMemoryKeyValueStore(name)
                : Stores.persistentKeyValueStore(name),
            Serdes.String(), Serdes.String());
        if (options.path("caching").asBoolean()) {
            store = store.withCachingEnabled();
        }
        if (options.path("unlogged").asBoolean()) {
            store = store.withLoggingDisabled();
        }
        b.builder.addStateStore(store);
        return new String[] {name};
    }

    /** The list of the key's values so far; a null ends it. */
    private static String next(final KeyValueStore<String, String> store, final String key, final String value) {
        if (store == null) {
            return value;
        }
        final String before = store.get(Lambdas.shown(key));
        final String next = value == null ? null : Lambdas.tail((before == null ? "" : before) + value);
        store.put(Lambdas.shown(key), next);
        return next;
    }

    private static List<KeyValue<String, String>> all(final KeyValueIterator<String, String> entries) {
        final List<KeyValue<String, String>> all = new ArrayList<>();
        try (entries) {
            entries.forEachRemaining(all::add);
        }
        return all;
    }

    private static final class Keeper implements Processor<String, String, String, String> {
        private final Op op;
        private ProcessorContext<String, String> context;
        private KeyValueStore<String, String> store;

        private Keeper(final Op op) {
            this.op = op;
        }

        @Override
        public void init(final ProcessorContext<String, String> context) {
            this.context = context;
            store = op.has("store") ? context.getStateStore(op.option("store").get("name").asText()) : null;
            if (op.has("stream")) {
                context.schedule(op.span("stream"), PunctuationType.STREAM_TIME, time -> punctuate(time, "@stream"));
            }
            if (op.has("wall")) {
                context.schedule(op.span("wall"), PunctuationType.WALL_CLOCK_TIME, time -> punctuate(time, "@wall"));
            }
        }

        @Override
        public void process(final Record<String, String> record) {
            final Record<String, String> next = record.withValue(next(store, record.key(), record.value()));
            context.forward(next);
            if (op.has("again")) {
                final Headers headers = new RecordHeaders(next.headers());
                headers.add("again", "yes".getBytes(StandardCharsets.UTF_8));
                context.forward(next.withKey(Lambdas.shown(next.key()) + "+")
                    .withTimestamp(next.timestamp() + 1)
                    .withHeaders(headers));
            }
        }

        private void punctuate(final long time, final String clock) {
            if (store == null) {
                context.forward(new Record<>("tick", clock, time));
                return;
            }
            for (final KeyValue<String, String> entry : all(store.all())) {
                if (op.has("clear")) {
                    store.delete(entry.key);
                }
                context.forward(new Record<>(entry.key, entry.value + clock, time));
            }
        }
    }

    private static final class ValueKeeper implements FixedKeyProcessor<String, String, String> {
        private final Op op;
        private FixedKeyProcessorContext<String, String> context;
        private KeyValueStore<String, String> store;

        private ValueKeeper(final Op op) {
            this.op = op;
        }

        @Override
        public void init(final FixedKeyProcessorContext<String, String> context) {
            this.context = context;
            store = op.has("store") ? context.getStateStore(op.option("store").get("name").asText()) : null;
            if (op.has("stream")) {
                context.schedule(op.span("stream"), PunctuationType.STREAM_TIME, time -> punctuate("@stream"));
            }
            if (op.has("wall")) {
                context.schedule(op.span("wall"), PunctuationType.WALL_CLOCK_TIME, time -> punctuate("@wall"));
            }
        }

        @Override
        public void process(final FixedKeyRecord<String, String> record) {
            context.forward(record.withValue(next(store, record.key(), record.value()))
                .withTimestamp(record.timestamp() + (op.has("again") ? 1 : 0)));
        }

        private void punctuate(final String clock) {
            if (store == null) {
                return;
            }
            // Backwards, Kafka's caches show deleted keys.
            final boolean cached = op.option("store").path("caching").asBoolean();
            for (final KeyValue<String, String> entry : all(cached ? store.all() : store.reverseAll())) {
                store.put(entry.key, op.has("clear") ? null : Lambdas.tail(entry.value + clock));
            }
        }
    }
}
