package lab.oracle;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.NavigableMap;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.internals.InMemoryWindowStore;
import org.apache.kafka.streams.state.internals.SegmentedBytesStore;
import org.apache.kafka.streams.state.internals.SessionKeySchema;
import org.apache.kafka.streams.state.internals.TimeOrderedKeyValueBuffer;
import org.apache.kafka.streams.state.internals.WindowKeySchema;
import org.apache.kafka.streams.state.internals.WrappedStateStore;

/**
 * The content of stores as bytes: changelog keys and stored values, as the innermost store holds them. What lies around
 * it (types, caches, changelogs, other formats of values) shows more than is there, as expired windows in a cache.
 */
final class Stores {
    private Stores() {
    }

    static ObjectNode content(final TopologyTestDriver driver) {
        final ObjectNode stores = JsonNodeFactory.instance.objectNode();
        for (final Map.Entry<String, StateStore> one : driver.getAllStateStores().entrySet()) {
            if (one.getValue() != null) {
                entries(innermost(one.getValue()), stores.putArray(one.getKey()));
            }
        }
        return stores;
    }

    private static Object innermost(final Object store) {
        if (store instanceof WrappedStateStore<?, ?, ?> wrapper) {
            return innermost(wrapper.wrapped());
        }
        return store.getClass().getSimpleName().endsWith("Adapter") ? innermost(field(store, "store")) : store;
    }

    /** What the store keeps in a field of its own or of a class that it extends. */
    private static Object field(final Object store, final String name) {
        for (Class<?> type = store.getClass(); type != null; type = type.getSuperclass()) {
            try {
                final Field field = type.getDeclaredField(name);
                field.setAccessible(true);
                return field.get(store);
            } catch (final NoSuchFieldException inherited) {
                continue;
            } catch (final IllegalAccessException failure) {
                throw new IllegalStateException(failure);
            }
        }
        throw new IllegalStateException(store.getClass() + " has no field " + name);
    }

    @SuppressWarnings("unchecked")
    private static void entries(final Object store, final ArrayNode entries) {
        if (store instanceof SegmentedBytesStore segments) {
            try (KeyValueIterator<Bytes, byte[]> all = segments.all()) {
                all.forEachRemaining(one -> add(entries, one.key, one.value));
            }
        } else if (store instanceof InMemoryWindowStore) {
            windows(store, entries);
        } else if (store instanceof SessionStore<?, ?>) {
            try (KeyValueIterator<Windowed<Bytes>, byte[]> all =
                    ((SessionStore<Bytes, byte[]>) store).fetch((Bytes) null, (Bytes) null)) {
                all.forEachRemaining(one -> add(entries, SessionKeySchema.toBinary(one.key.key(),
                    one.key.window().start(), one.key.window().end()), one.value));
            }
        } else if (store instanceof KeyValueStore<?, ?>) {
            try (KeyValueIterator<Bytes, byte[]> all = ((KeyValueStore<Bytes, byte[]>) store).all()) {
                all.forEachRemaining(one -> add(entries, one.key, one.value));
            }
        } else if (!(store instanceof TimeOrderedKeyValueBuffer<?, ?, ?>)) {
            // What such a buffer holds, its changelog says.
            throw new IllegalStateException("the content of a " + store.getClass() + " cannot be told");
        }
    }

    /** Windows in memory; the store itself cannot iterate over those of size 0. */
    @SuppressWarnings("unchecked")
    private static void windows(final Object store, final ArrayNode entries) {
        final long first = (long) field(store, "observedStreamTime") - (long) field(store, "retentionPeriod") + 1;
        final boolean numbered = (boolean) field(store, "retainDuplicates");
        ((NavigableMap<Long, NavigableMap<Bytes, byte[]>>) field(store, "segmentMap")).tailMap(first, true)
            .forEach((start, window) -> window.forEach((key, value) -> {
                final ByteBuffer bytes = ByteBuffer.wrap(key.get());
                final byte[] plain = new byte[bytes.remaining() - (numbered ? Integer.BYTES : 0)];
                bytes.get(plain);
                final int number = numbered ? bytes.getInt() : 0;
                add(entries, WindowKeySchema.toStoreKeyBinary(Bytes.wrap(plain), start, number), value);
            }));
    }

    private static void add(final ArrayNode entries, final Bytes key, final byte[] value) {
        entries.addArray().add(Oracle.hex(key.get())).add(Oracle.hex(value));
    }
}
