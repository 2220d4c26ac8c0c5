package lab.oracle;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;
import org.apache.kafka.streams.state.internals.SessionKeySchema;
import org.apache.kafka.streams.state.internals.WindowKeySchema;
import org.apache.kafka.streams.state.internals.WrappedStateStore;

/** The content of stores as bytes: changelog keys (the sequence number of a window's record is 0) and stored values. */
final class Stores {
    private Stores() {
    }

    static ObjectNode content(final TopologyTestDriver driver) {
        final ObjectNode stores = JsonNodeFactory.instance.objectNode();
        for (final Map.Entry<String, StateStore> one : driver.getAllStateStores().entrySet()) {
            if (one.getValue() != null) {
                entries(bytes(one.getValue()), stores.putArray(one.getKey()));
            }
        }
        return stores;
    }

    /** The layer below the one that knows types. */
    private static StateStore bytes(final StateStore store) {
        return store instanceof WrappedStateStore<?, ?, ?> wrapper ? wrapper.wrapped() : store;
    }

    @SuppressWarnings("unchecked")
    private static void entries(final StateStore store, final ArrayNode entries) {
        if (store instanceof WindowStore<?, ?>) {
            try (KeyValueIterator<Windowed<Bytes>, byte[]> all = ((WindowStore<Bytes, byte[]>) store).all()) {
                all.forEachRemaining(one -> add(entries,
                    WindowKeySchema.toStoreKeyBinary(one.key.key(), one.key.window().start(), 0), one.value));
            }
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
        }
    }

    private static void add(final ArrayNode entries, final Bytes key, final byte[] value) {
        entries.addArray().add(Oracle.hex(key.get())).add(Oracle.hex(value));
    }
}
