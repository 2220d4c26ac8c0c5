package lab.oracle;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Map;
import java.util.NavigableMap;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.internals.AbstractSegments;
import org.apache.kafka.streams.state.internals.InMemoryWindowStore;
import org.apache.kafka.streams.state.internals.PrefixedSessionKeySchemas;
import org.apache.kafka.streams.state.internals.RocksDBTimeOrderedKeyValueBuffer;
import org.apache.kafka.streams.state.internals.RocksDBTimeOrderedSessionSegmentedBytesStore;
import org.apache.kafka.streams.state.internals.RocksDBTimeOrderedWindowSegmentedBytesStore;
import org.apache.kafka.streams.state.internals.RocksDBVersionedStore;
import org.apache.kafka.streams.state.internals.SegmentedBytesStore;
import org.apache.kafka.streams.state.internals.SessionKeySchema;
import org.apache.kafka.streams.state.internals.TimeOrderedKeyValueBuffer;
import org.apache.kafka.streams.state.internals.Utils;
import org.apache.kafka.streams.state.internals.VersionedKeyValueToBytesStoreAdapter;
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
        if (store instanceof VersionedKeyValueToBytesStoreAdapter) {
            return innermost(field(store, "inner"));
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
                all.forEachRemaining(one -> add(entries, plain(store, one.key), one.value));
            }
        } else if (store instanceof RocksDBTimeOrderedKeyValueBuffer<?, ?>) {
            buffered(field(store, "store"), entries);
        } else if (store instanceof RocksDBVersionedStore) {
            versions(store, entries);
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
                // In memory, the records of joins have headers and times that their changelog has not.
                add(entries, WindowKeySchema.toStoreKeyBinary(Bytes.wrap(plain), start, number),
                    numbered ? Utils.rawPlainValue(value) : value);
            }));
    }

    /** What stores for results on close keep by time has its changelog's key after all. */
    private static Bytes plain(final Object store, final Bytes key) {
        if (store instanceof RocksDBTimeOrderedWindowSegmentedBytesStore<?>) {
            // A prefix, the time, the key and a number.
            final ByteBuffer bytes = ByteBuffer.wrap(key.get(), 1, key.get().length - 1);
            final long start = bytes.getLong();
            final byte[] plain = new byte[bytes.remaining() - Integer.BYTES];
            bytes.get(plain);
            return WindowKeySchema.toStoreKeyBinary(Bytes.wrap(plain), start, bytes.getInt());
        }
        return store instanceof RocksDBTimeOrderedSessionSegmentedBytesStore<?>
            ? SessionKeySchema.toBinary(PrefixedSessionKeySchemas.TimeFirstSessionKeySchema.from(key))
            : key;
    }

    /** Records that wait for a table's rows; what the changelog has of them ends with a time that is always 0. */
    private static void buffered(final Object store, final ArrayNode entries) {
        try (KeyValueIterator<Bytes, byte[]> all = ((SegmentedBytesStore) store).all()) {
            all.forEachRemaining(one ->
                add(entries, one.key, Arrays.copyOf(one.value, one.value.length + Long.BYTES)));
        }
    }

    /** The versions that can be found: the key and when it is valid from, and until when it is and the value. */
    @SuppressWarnings("unchecked")
    private static void versions(final Object store, final ArrayNode entries) {
        try (KeyValueIterator<Bytes, byte[]> all = ((KeyValueStore<Bytes, byte[]>) field(store, "latestValueStore")).all()) {
            all.forEachRemaining(one -> {
                final ByteBuffer row = ByteBuffer.wrap(one.value);
                version(entries, one.key, row.getLong(), Long.MAX_VALUE, rest(row, row.remaining()));
            });
        }
        final long oldest = (long) field(store, "observedStreamTime") - (long) field(store, "historyRetention");
        for (final Object segment : ((AbstractSegments<?>) field(store, "segmentStores")).allSegments(true)) {
            try (KeyValueIterator<Bytes, byte[]> all = ((KeyValueStore<Bytes, byte[]>) segment).all()) {
                all.forEachRemaining(one -> past(entries, one.key, ByteBuffer.wrap(one.value), oldest));
            }
        }
    }

    /** The row of a key in a segment: the latest end, the earliest begin, begin and length of each, and the values. */
    private static void past(final ArrayNode entries, final Bytes key, final ByteBuffer row, final long oldest) {
        long end = row.getLong();
        final long earliest = row.getLong();
        if (end == earliest) {
            return;
        }
        int valuesEnd = row.limit();
        for (long begin = Long.MAX_VALUE; begin != earliest; end = begin) {
            begin = row.getLong();
            final int length = row.getInt();
            if (length < 0) {
                continue;
            }
            valuesEnd -= length;
            if (end > oldest) {
                version(entries, key, begin, end, rest(row.duplicate().position(valuesEnd), length));
            }
        }
    }

    private static byte[] rest(final ByteBuffer row, final int length) {
        final byte[] value = new byte[length];
        row.get(value);
        return value;
    }

    private static void version(
            final ArrayNode entries, final Bytes key, final long from, final long to, final byte[] value) {
        final byte[] begin = ByteBuffer.allocate(key.get().length + Long.BYTES).put(key.get()).putLong(from).array();
        final byte[] row = ByteBuffer.allocate(value.length + Long.BYTES).putLong(to).put(value).array();
        add(entries, Bytes.wrap(begin), row);
    }

    private static void add(final ArrayNode entries, final Bytes key, final byte[] value) {
        entries.addArray().add(Oracle.hex(key.get())).add(Oracle.hex(value));
    }
}
