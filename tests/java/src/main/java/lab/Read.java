package lab;

import java.lang.reflect.Method;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.SessionWindowedDeserializer;
import org.apache.kafka.streams.kstream.TimeWindowedDeserializer;
import org.apache.kafka.streams.kstream.internals.ChangedDeserializer;
import org.apache.kafka.streams.kstream.internals.foreignkeyjoin.CombinedKey;
import org.apache.kafka.streams.kstream.internals.foreignkeyjoin.CombinedKeySchema;
import org.apache.kafka.streams.kstream.internals.foreignkeyjoin.SubscriptionResponseWrapperSerde;
import org.apache.kafka.streams.kstream.internals.foreignkeyjoin.SubscriptionWrapperSerde;
import org.apache.kafka.streams.state.internals.LeftOrRightValueSerde;
import org.apache.kafka.streams.state.internals.PrefixedWindowKeySchemas.TimeFirstWindowKeySchema;
import org.apache.kafka.streams.state.internals.TimestampedKeyAndJoinSideSerde;
import org.apache.kafka.streams.state.internals.WindowKeySchema;

/** Reads topics to their ends with Kafka Streams' own deserializers and prints one JSON object a record. */
public final class Read {
    private Read() {
    }

    public static void main(final String[] args) {
        if (args.length < 2) {
            System.err.println("usage: Read <bootstrap> <topic>/<key>/<value> ...; a key or value is a name of "
                + "deserializer(), with :<size ms> where windows have one");
            System.exit(2);
        }
        final Properties config = new Properties();
        config.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        try (KafkaConsumer<byte[], byte[]> consumer =
                 new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            for (int i = 1; i < args.length; i++) {
                final String[] parts = args[i].split("/");
                read(consumer, parts[0], deserializer(parts[1]), deserializer(parts[2]));
            }
        }
    }

    private static Deserializer<?> deserializer(final String name) {
        final String[] parts = name.split(":");
        final long size = parts.length > 1 ? Long.parseLong(parts[1]) : 0;
        return switch (parts[0]) {
            case "text" -> new StringDeserializer();
            case "long" -> new LongDeserializer();
            case "time" -> new TimeWindowedDeserializer<>(new StringDeserializer(), size);
            case "time-changelog" -> {
                final TimeWindowedDeserializer<String> windowed =
                    new TimeWindowedDeserializer<>(new StringDeserializer(), size);
                windowed.setIsChangelogTopic(true);
                yield windowed;
            }
            case "session" -> new SessionWindowedDeserializer<>(new StringDeserializer());
            case "numbered" -> (topic, data) ->
                WindowKeySchema.fromStoreKey(data, size, new StringDeserializer(), new RecordHeaders(), topic)
                    + "#" + sequence(WindowKeySchema.class, data);
            case "numbered-time-first" -> (topic, data) ->
                TimeFirstWindowKeySchema.fromStoreKey(data, size, new StringDeserializer(), new RecordHeaders(), topic)
                    + "#" + sequence(TimeFirstWindowKeySchema.class, data);
            case "change" -> new ChangedDeserializer<>(new StringDeserializer());
            case "subscription" -> new SubscriptionWrapperSerde<>(() -> null, Serdes.String()).deserializer();
            case "response" -> new SubscriptionResponseWrapperSerde<>(Serdes.String()).deserializer();
            case "combined" -> (topic, data) -> combined(data);
            case "waiting-key" -> new TimestampedKeyAndJoinSideSerde<>(Serdes.String()).deserializer();
            case "waiting-values" -> Read::waiting;
            case "buffered" -> Buffers::read;
            default -> throw new IllegalArgumentException("unknown deserializer " + name);
        };
    }

    /** The classes are public, but not the methods that read this part of a key. */
    private static Object sequence(final Class<?> schema, final byte[] key) {
        try {
            final Method extract = schema.getDeclaredMethod("extractStoreSequence", byte[].class);
            extract.setAccessible(true);
            return extract.invoke(null, (Object) key);
        } catch (final ReflectiveOperationException error) {
            throw new IllegalStateException(error);
        }
    }

    private static String combined(final byte[] data) {
        final CombinedKeySchema<String, String> schema =
            new CombinedKeySchema<>(() -> null, Serdes.String(), () -> null, Serdes.String());
        schema.init(null);
        final CombinedKey<String, String> key = schema.fromBytes(Bytes.wrap(data), new RecordHeaders());
        return key.foreignKey() + "|" + key.primaryKey();
    }

    /** A list of bytes whose elements are read one by one, as the real store does. */
    private static List<?> waiting(final String topic, final byte[] data) {
        final Deserializer<?> element = new LeftOrRightValueSerde<>(Serdes.String(), Serdes.String()).deserializer();
        final List<?> values = (List<?>) Serdes.ListSerde(ArrayList.class, Serdes.ByteArray()).deserializer()
            .deserialize(topic, data);
        return values.stream()
            .map(value -> element.deserialize(topic, new RecordHeaders(), (byte[]) value))
            .toList();
    }

    /** With the headers, without which some cannot read; a deletion is null for all. */
    private static String text(
            final Deserializer<?> deserializer,
            final ConsumerRecord<?, ?> record,
            final byte[] data) {
        return String.valueOf(data == null ? null : deserializer.deserialize(record.topic(), record.headers(), data));
    }

    private static void read(
            final KafkaConsumer<byte[], byte[]> consumer,
            final String topic,
            final Deserializer<?> keys,
            final Deserializer<?> values) {
        final List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
            .map(partition -> new TopicPartition(topic, partition.partition()))
            .toList();
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        final Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        while (partitions.stream().anyMatch(at -> consumer.position(at) < ends.get(at))) {
            for (final ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                System.out.println(Json.write(Json.object(
                    "topic", topic,
                    "key", text(keys, record, record.key()),
                    "value", text(values, record, record.value()),
                    "timestamp", record.timestamp(),
                    "headers", Buffers.pairs(record.headers()))));
            }
        }
    }
}
