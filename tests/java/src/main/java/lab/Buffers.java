package lab;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.internals.ProcessorRecordContext;
import org.apache.kafka.streams.state.internals.BufferValue;

/** The changelog values of suppression: as they are written, and how those of older versions are read. */
final class Buffers {
    private static final String HELPER =
        "org.apache.kafka.streams.state.internals.TimeOrderedKeyValueBufferChangelogDeserializationHelper";
    private static final String[] VALUES = {null, "", "x", "y", "longer value \u20ac"};

    private Buffers() {
    }

    static void print() throws ReflectiveOperationException {
        final List<Headers> headers = List.of(
            new RecordHeaders(),
            new RecordHeaders(new Header[] {new RecordHeader("origin", bytes("x")), new RecordHeader("", new byte[0])}),
            new RecordHeaders(new Header[] {new RecordHeader("\u00e4\ud83d\ude00", null)}));
        for (final Headers each : headers) {
            for (final String prior : VALUES) {
                for (final String old : VALUES) {
                    value(new ProcessorRecordContext(1_700_000_000_000L, 42, 3, "topic", each), prior, old, "new");
                }
            }
            value(new ProcessorRecordContext(0, -1, -1, "\u00e4\u20ac", each), "x", "x", null);
        }
        for (final Headers each : headers) {
            for (final String old : VALUES) {
                for (final String prior : new String[] {null, "prior"}) {
                    restored(each, prior, old);
                }
            }
        }
    }

    private static void value(
            final ProcessorRecordContext context, final String prior, final String old, final String now)
            throws ReflectiveOperationException {
        final Constructor<BufferValue> constructor = BufferValue.class.getDeclaredConstructor(
            byte[].class, byte[].class, byte[].class, ProcessorRecordContext.class);
        constructor.setAccessible(true);
        final BufferValue value = constructor.newInstance(bytes(prior), bytes(old), bytes(now), context);
        final Method size = BufferValue.class.getDeclaredMethod("residentMemorySizeEstimate");
        size.setAccessible(true);
        Golden.line("format", "buffer_value", "timestamp", context.timestamp(), "offset", context.offset(),
            "topic", context.topic(), "partition", context.partition(), "headers", pairs(context.headers()),
            "prior", prior, "old", old, "new", now, "time", 7L, "bytes", Json.hex(serialize(value, 7)),
            "resident_bytes", size.invoke(value));
    }

    private static byte[] serialize(final BufferValue value, final long time) throws ReflectiveOperationException {
        final Method serialize = BufferValue.class.getDeclaredMethod("serialize", int.class);
        serialize.setAccessible(true);
        final ByteBuffer buffer = (ByteBuffer) serialize.invoke(value, Long.BYTES);
        return buffer.putLong(time).array();
    }

    /** What the older versions wrote, from the layouts in the comments of the real buffer, read by the real helper. */
    private static void restored(final Headers headers, final String prior, final String old)
            throws ReflectiveOperationException {
        final byte[] context = new ProcessorRecordContext(5, 6, 7, "source", headers).serialize();
        final byte[] change = concat(sized(bytes(old)), sized(bytes("new")));
        final byte[] time = ByteBuffer.allocate(8).putLong(99).array();
        restored(0, "deserializeV0", headers, prior, concat(time, change));
        restored(1, "deserializeV1", headers, prior, concat(time, context, sized(change)));
        restored(2, "duckTypeV2", headers, prior, concat(context, sized(change), sized(bytes(prior)), time));
        final byte[] third = concat(context, sized(bytes(prior)), sized(bytes(old)), sized(bytes("new")), time);
        restored(2, "duckTypeV2", headers, prior, third);
        restored(3, "deserializeV3", headers, prior, third);
    }

    private static void restored(
            final int version, final String method, final Headers headers, final String prior, final byte[] value)
            throws ReflectiveOperationException {
        final ConsumerRecord<byte[], byte[]> record = new ConsumerRecord<>("changelog", 1, 8, 9L,
            TimestampType.CREATE_TIME, -1, -1, bytes("key"), value, headers, Optional.empty());
        final Bytes key = Bytes.wrap(bytes("key"));
        final Object result;
        try {
            if (version < 2) {
                result = method(method, ConsumerRecord.class, Bytes.class, byte[].class)
                    .invoke(null, record, key, bytes(prior));
            } else {
                result = method(method, ConsumerRecord.class, Bytes.class).invoke(null, record, key);
            }
        } catch (final InvocationTargetException e) {
            throw new IllegalStateException(method, e.getCause());
        }
        final BufferValue read = (BufferValue) get(result, "bufferValue");
        final long time = (long) get(result, "time");
        Golden.line("format", "buffer_restored", "version", version, "headers", pairs(headers), "timestamp", 9L,
            "prior", prior, "value", Json.hex(value), "bytes", Json.hex(serialize(read, time)));
    }

    /** The value of a buffer's changelog record, in the words of the helper that the real buffer restores with. */
    static String read(final String topic, final byte[] value) {
        try {
            final ConsumerRecord<byte[], byte[]> record = new ConsumerRecord<>(topic, 0, 0, null, value);
            final Object result = method("deserializeV3", ConsumerRecord.class, Bytes.class).invoke(null, record, null);
            final Object row = get(result, "bufferValue");
            final ProcessorRecordContext from = (ProcessorRecordContext) get(row, "context");
            return String.format("(%s<-%s) prior %s time %s from %s/%d:%d %d %s",
                text(get(row, "newValue")), text(get(row, "oldValue")), text(get(row, "priorValue")),
                get(result, "time"), from.topic(), from.partition(), from.offset(), from.timestamp(),
                Json.write(pairs(from.headers())));
        } catch (final ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }

    private static Method method(final String name, final Class<?>... types) throws ReflectiveOperationException {
        final Method method = Class.forName(HELPER).getDeclaredMethod(name, types);
        method.setAccessible(true);
        return method;
    }

    private static Object get(final Object of, final String name) throws ReflectiveOperationException {
        final Method getter = of.getClass().getDeclaredMethod(name);
        getter.setAccessible(true);
        return getter.invoke(of);
    }

    private static byte[] bytes(final String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(final Object bytes) {
        return bytes == null ? null : new String((byte[]) bytes, StandardCharsets.UTF_8);
    }

    private static byte[] sized(final byte[] value) {
        if (value == null) {
            return ByteBuffer.allocate(4).putInt(-1).array();
        }
        return ByteBuffer.allocate(4 + value.length).putInt(value.length).put(value).array();
    }

    private static byte[] concat(final byte[]... parts) {
        int length = 0;
        for (final byte[] part : parts) {
            length += part.length;
        }
        final ByteBuffer all = ByteBuffer.allocate(length);
        for (final byte[] part : parts) {
            all.put(part);
        }
        return all.array();
    }

    static List<Object> pairs(final Headers headers) {
        final List<Object> pairs = new ArrayList<>();
        for (final Header header : headers) {
            final List<Object> pair = new ArrayList<>();
            pair.add(header.key());
            pair.add(Json.hex(header.value()));
            pairs.add(pair);
        }
        return pairs;
    }
}
