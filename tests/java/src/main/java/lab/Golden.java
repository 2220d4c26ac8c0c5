package lab;

import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.kstream.SessionWindowedSerializer;
import org.apache.kafka.streams.kstream.TimeWindowedSerializer;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.internals.Change;
import org.apache.kafka.streams.kstream.internals.ChangedSerializer;
import org.apache.kafka.streams.kstream.internals.SessionWindow;
import org.apache.kafka.streams.kstream.internals.TimeWindow;
import org.apache.kafka.streams.kstream.internals.foreignkeyjoin.CombinedKeySchema;
import org.apache.kafka.streams.kstream.internals.foreignkeyjoin.SubscriptionResponseWrapper;
import org.apache.kafka.streams.kstream.internals.foreignkeyjoin.SubscriptionResponseWrapperSerde;
import org.apache.kafka.streams.kstream.internals.foreignkeyjoin.SubscriptionWrapper;
import org.apache.kafka.streams.kstream.internals.foreignkeyjoin.SubscriptionWrapperSerde;
import org.apache.kafka.streams.processor.internals.ProcessorMetadata;
import org.apache.kafka.streams.processor.internals.TopicPartitionMetadata;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.apache.kafka.streams.state.internals.LeftOrRightValue;
import org.apache.kafka.streams.state.internals.LeftOrRightValueSerde;
import org.apache.kafka.streams.state.internals.Murmur3;
import org.apache.kafka.streams.state.internals.SessionKeySchema;
import org.apache.kafka.streams.state.internals.TimestampedKeyAndJoinSide;
import org.apache.kafka.streams.state.internals.TimestampedKeyAndJoinSideSerde;
import org.apache.kafka.streams.state.internals.ValueAndTimestampSerde;
import org.apache.kafka.streams.state.internals.WindowKeySchema;

/** Prints the bytes that the real Kafka classes write, one JSON object a line. */
public final class Golden {
    private static final String TOPIC = "topic";
    private static final List<String> KEYS = List.of("", "a", "key", "user-00042", "\u00e4\u00f6\u00fc \u20ac \ud83d\ude00", "k\u0000z");
    private static final long[][] WINDOWS = {{0, 1}, {0, 60_000}, {1_700_000_000_000L, 1_700_000_060_000L}, {5, Long.MAX_VALUE}};

    private Golden() {
    }

    public static void main(final String[] args) throws ReflectiveOperationException {
        murmur2();
        serdes();
        timeWindows();
        sessionWindows();
        offsetMetadata();
        changes();
        valuesAndTimestamps();
        waitingRecords();
        Buffers.print();
        murmur3();
        foreignKeys();
    }

    static void line(final Object... members) {
        System.out.println(Json.write(Json.object(members)));
    }

    private static void murmur2() {
        for (final String key : KEYS) {
            murmur2(key.getBytes(StandardCharsets.UTF_8));
        }
        final Random random = new Random(7);
        for (int length = 0; length < 40; length++) {
            for (int i = 0; i < 4; i++) {
                final byte[] key = new byte[length];
                random.nextBytes(key);
                murmur2(key);
            }
        }
        for (int i = 0; i < 100; i++) {
            murmur2(("user-" + i).getBytes(StandardCharsets.UTF_8));
        }
    }

    private static void murmur2(final byte[] key) {
        final Map<String, Object> partitions = new LinkedHashMap<>();
        for (final int count : new int[] {1, 2, 3, 4, 7, 12, 50, 1000}) {
            partitions.put(String.valueOf(count), BuiltInPartitioner.partitionForKey(key, count));
        }
        line("format", "murmur2", "key", Json.hex(key), "hash", Utils.murmur2(key), "partitions", partitions);
    }

    private static void serdes() {
        KEYS.forEach(value -> serde("String", Serdes.String(), value));
        for (final int value : new int[] {0, 1, -1, 127, 128, 65_536, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
            serde("Integer", Serdes.Integer(), value);
        }
        for (final long value : new long[] {0, 1, -1, 255, 1_700_000_000_000L, Long.MAX_VALUE, Long.MIN_VALUE}) {
            serde("Long", Serdes.Long(), value);
        }
        for (final short value : new short[] {0, 1, -1, 256, Short.MAX_VALUE, Short.MIN_VALUE}) {
            serde("Short", Serdes.Short(), value);
        }
        for (final float value : new float[] {0f, -0f, 1f, -1.5f, 3.1415927f, Float.MIN_VALUE, Float.MAX_VALUE,
            Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.NaN}) {
            serde("Float", Serdes.Float(), value);
        }
        for (final double value : new double[] {0d, -0d, 1d, -1.5d, Math.PI, Double.MIN_VALUE, Double.MAX_VALUE,
            Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.NaN}) {
            serde("Double", Serdes.Double(), value);
        }
        serde("Boolean", Serdes.Boolean(), true);
        serde("Boolean", Serdes.Boolean(), false);
        serde("Void", Serdes.Void(), null);
        serde("UUID", Serdes.UUID(), new UUID(0, 0));
        serde("UUID", Serdes.UUID(), UUID.fromString("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"));
        for (final byte[] value : List.of(new byte[0], new byte[] {0}, new byte[] {-1, 0, 127, -128})) {
            line("format", "serde", "type", "Bytes", "value", Json.hex(value), "bytes",
                Json.hex(Serdes.Bytes().serializer().serialize(TOPIC, Bytes.wrap(value))));
        }
    }

    private static <T> void serde(final String type, final Serde<T> serde, final T value) {
        line("format", "serde", "type", type, "value", value == null ? null : value.toString(), "bytes",
            Json.hex(serde.serializer().serialize(TOPIC, value)));
    }

    private static void timeWindows() {
        final TimeWindowedSerializer<String> topicKey = new TimeWindowedSerializer<>(new StringSerializer());
        for (final String key : KEYS) {
            for (final long[] bounds : WINDOWS) {
                final Windowed<String> windowed = new Windowed<>(key, new TimeWindow(bounds[0], bounds[1]));
                line("format", "time_windowed_key", "key", key, "start", bounds[0], "end", bounds[1], "bytes",
                    Json.hex(topicKey.serialize(TOPIC, windowed)), "base_key_bytes",
                    Json.hex(topicKey.serializeBaseKey(TOPIC, windowed)));
                for (final int sequence : new int[] {0, 1, Integer.MAX_VALUE}) {
                    line("format", "window_store_key", "key", key, "start", bounds[0], "sequence", sequence, "bytes",
                        Json.hex(WindowKeySchema.toStoreKeyBinary(bytes(key), bounds[0], sequence).get()));
                }
            }
        }
    }

    private static void sessionWindows() {
        final SessionWindowedSerializer<String> topicKey = new SessionWindowedSerializer<>(new StringSerializer());
        for (final String key : KEYS) {
            for (final long[] bounds : WINDOWS) {
                final Windowed<String> windowed = new Windowed<>(key, new SessionWindow(bounds[0], bounds[1]));
                line("format", "session_windowed_key", "key", key, "start", bounds[0], "end", bounds[1], "bytes",
                    Json.hex(topicKey.serialize(TOPIC, windowed)), "store_key_bytes",
                    Json.hex(SessionKeySchema.toBinary(bytes(key), bounds[0], bounds[1]).get()));
            }
        }
    }

    private static Bytes bytes(final String key) {
        return Bytes.wrap(key.getBytes(StandardCharsets.UTF_8));
    }

    private static void offsetMetadata() {
        final Map<String, Long> two = new LinkedHashMap<>();
        two.put("KSTREAM-AGGREGATE-STATE-STORE-0000000001", 1_700_000_000_000L);
        two.put("\u00e4", -1L);
        for (final long time : new long[] {-1, 0, 1, 1_700_000_000_000L, Long.MAX_VALUE}) {
            for (final Map<String, Long> stores : List.of(Map.<String, Long>of(), Map.of("store", 42L), two)) {
                final ProcessorMetadata processors = new ProcessorMetadata(new LinkedHashMap<>(stores));
                line("format", "offset_metadata", "partition_time", time, "processor_metadata", stores, "text",
                    new TopicPartitionMetadata(time, processors).encode());
            }
        }
        // Older and foreign texts, and what the real decoder makes of them.
        for (final String text : List.of("", "AQAAAYvP5WgA", "AgAAAYvP5WgA", "not base 64!", "CQAAAAAAAAAB")) {
            final TopicPartitionMetadata decoded = TopicPartitionMetadata.decode(text);
            line("format", "offset_metadata_decoded", "text", text, "partition_time", decoded.partitionTime());
        }
    }

    private static void changes() {
        final ChangedSerializer<String> strings = new ChangedSerializer<>(new StringSerializer());
        strings.configure(Map.of(), false);
        final String[] values = {null, "", "x", "y", "longer value \u20ac", "v".repeat(200)};
        for (final String older : values) {
            for (final String newer : values) {
                if (older != null || newer != null) {
                    line("format", "change", "old", older, "new", newer, "bytes",
                        Json.hex(strings.serialize(TOPIC, new RecordHeaders(), new Change<>(newer, older))));
                }
            }
        }
        final ChangedSerializer<Long> longs = new ChangedSerializer<>(Serdes.Long().serializer());
        longs.configure(Map.of(), false);
        line("format", "change_of_long", "old", 1L, "new", 2L, "bytes",
            Json.hex(longs.serialize(TOPIC, new RecordHeaders(), new Change<>(2L, 1L))));
    }

    private static void valuesAndTimestamps() {
        for (final long time : new long[] {0, 1, 1_700_000_000_000L, Long.MAX_VALUE}) {
            valueAndTimestamp("String", Serdes.String(), "x", time);
            valueAndTimestamp("String", Serdes.String(), "", time);
            valueAndTimestamp("Long", Serdes.Long(), 42L, time);
        }
    }

    private static <V> void valueAndTimestamp(
            final String type, final Serde<V> inner, final V value, final long timestamp) {
        final ValueAndTimestampSerde<V> serde = new ValueAndTimestampSerde<>(inner);
        line("format", "value_and_timestamp", "type", type, "value", value.toString(), "timestamp", timestamp, "bytes",
            Json.hex(serde.serializer().serialize(TOPIC, new RecordHeaders(), ValueAndTimestamp.make(value, timestamp))));
    }

    /** What waits for a partner in an outer join: keys, values, lists of values. */
    private static void waitingRecords() {
        final TimestampedKeyAndJoinSideSerde<String> keys = new TimestampedKeyAndJoinSideSerde<>(Serdes.String());
        for (final String key : KEYS) {
            for (final long time : new long[] {0, 1, 1_700_000_000_000L, Long.MAX_VALUE}) {
                line("format", "waiting_key", "key", key, "timestamp", time, "left", true, "bytes",
                    Json.hex(keys.serializer().serialize(TOPIC, new RecordHeaders(), TimestampedKeyAndJoinSide.makeLeft(key, time))));
                line("format", "waiting_key", "key", key, "timestamp", time, "left", false, "bytes",
                    Json.hex(keys.serializer().serialize(TOPIC, new RecordHeaders(), TimestampedKeyAndJoinSide.makeRight(key, time))));
            }
        }
        final LeftOrRightValueSerde<String, Long> values = new LeftOrRightValueSerde<>(Serdes.String(), Serdes.Long());
        for (final String value : KEYS) {
            line("format", "waiting_value", "left", value, "bytes",
                Json.hex(values.serializer().serialize(TOPIC, new RecordHeaders(), LeftOrRightValue.makeLeftValue(value))));
        }
        for (final long value : new long[] {0, -1, 1_700_000_000_000L}) {
            line("format", "waiting_value", "right", value, "bytes",
                Json.hex(values.serializer().serialize(TOPIC, new RecordHeaders(), LeftOrRightValue.makeRightValue(value))));
        }
        final List<byte[]> list = new ArrayList<>();
        final List<String> texts = new ArrayList<>();
        for (final String text : KEYS) {
            list.add(text.getBytes(StandardCharsets.UTF_8));
            texts.add(text);
            line("format", "value_list", "values", List.copyOf(texts), "bytes",
                Json.hex(Serdes.ListSerde(ArrayList.class, Serdes.ByteArray()).serializer().serialize(TOPIC, list)));
        }
    }

    private static void murmur3() {
        for (final String key : KEYS) {
            murmur3(key.getBytes(StandardCharsets.UTF_8));
        }
        final Random random = new Random(11);
        for (int length = 0; length < 70; length++) {
            for (int i = 0; i < 2; i++) {
                final byte[] data = new byte[length];
                random.nextBytes(data);
                murmur3(data);
            }
        }
    }

    private static void murmur3(final byte[] data) {
        final long[] hash = Murmur3.hash128(data);
        line("format", "murmur3", "data", Json.hex(data), "first", hash[0], "second", hash[1]);
    }

    private static void foreignKeys() {
        final long[][] hashes = {null, {0, 0}, {-1, 1}, Murmur3.hash128(new byte[] {7})};
        for (final String key : KEYS) {
            for (final long[] hash : hashes) {
                for (final SubscriptionWrapper.Instruction instruction : SubscriptionWrapper.Instruction.values()) {
                    subscription(new SubscriptionWrapper<>(hash, instruction, key, (byte) 0, null));
                    subscription(new SubscriptionWrapper<>(hash, instruction, key, 3));
                }
                response(new SubscriptionResponseWrapper<>(hash, key, 5));
                response(new SubscriptionResponseWrapper<>(hash, null, null));
            }
        }
        subscription(new SubscriptionWrapper<>(hashes[1], SubscriptionWrapper.Instruction.fromValue((byte) 2), "k",
            Integer.MAX_VALUE));
        for (final String foreign : KEYS) {
            for (final String primary : KEYS) {
                combinedKey(foreign, primary);
            }
        }
    }

    private static void subscription(final SubscriptionWrapper<String> wrapper) {
        final byte[] bytes = new SubscriptionWrapperSerde<>(() -> TOPIC, Serdes.String()).serializer()
            .serialize(TOPIC, new RecordHeaders(), wrapper);
        line("format", "subscription", "hash", hash(wrapper.hash()), "instruction", (int) wrapper.instruction().value(),
            "key", wrapper.primaryKey(), "partition", wrapper.primaryPartition(), "bytes", Json.hex(bytes));
    }

    private static void response(final SubscriptionResponseWrapper<String> wrapper) {
        final SubscriptionResponseWrapperSerde<String> serde = new SubscriptionResponseWrapperSerde<>(Serdes.String());
        final byte[] bytes = serde.serializer().serialize(TOPIC, new RecordHeaders(), wrapper);
        final SubscriptionResponseWrapper<String> read =
            serde.deserializer().deserialize(TOPIC, new RecordHeaders(), bytes);
        line("format", "subscription_response", "hash", hash(wrapper.originalValueHash()), "value", wrapper.foreignValue(),
            "read_value", read.foreignValue(), "bytes", Json.hex(bytes));
    }

    private static List<Long> hash(final long[] hash) {
        return hash == null ? null : List.of(hash[0], hash[1]);
    }

    /** The class is public, but not the methods that write. */
    private static void combinedKey(final String foreign, final String primary) {
        final CombinedKeySchema<String, String> schema =
            new CombinedKeySchema<>(() -> TOPIC, Serdes.String(), () -> TOPIC, Serdes.String());
        schema.init(null);
        try {
            final Method toBytes = CombinedKeySchema.class
                .getDeclaredMethod("toBytes", Object.class, Object.class, Headers.class);
            final Method prefixBytes = CombinedKeySchema.class
                .getDeclaredMethod("prefixBytes", Object.class, Headers.class);
            toBytes.setAccessible(true);
            prefixBytes.setAccessible(true);
            line("format", "combined_key", "foreign", foreign, "primary", primary,
                "bytes", Json.hex(((Bytes) toBytes.invoke(schema, foreign, primary, new RecordHeaders())).get()),
                "prefix", Json.hex(((Bytes) prefixBytes.invoke(schema, foreign, new RecordHeaders())).get()));
        } catch (final ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }
}
