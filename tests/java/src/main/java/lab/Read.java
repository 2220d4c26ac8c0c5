package lab;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.streams.kstream.SessionWindowedDeserializer;
import org.apache.kafka.streams.kstream.TimeWindowedDeserializer;

/** Reads topics to their ends with Kafka Streams' own deserializers and prints one JSON object a record. */
public final class Read {
    private Read() {
    }

    public static void main(final String[] args) {
        if (args.length < 2) {
            System.err.println("usage: Read <bootstrap> <topic>/<key>/<value> ...; a key or value is text, long, "
                + "time:<size ms>, time-changelog:<size ms> or session");
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
            default -> throw new IllegalArgumentException("unknown deserializer " + name);
        };
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
                    "key", String.valueOf(keys.deserialize(topic, record.key())),
                    "value", String.valueOf(values.deserialize(topic, record.value())),
                    "timestamp", record.timestamp())));
            }
        }
    }
}
