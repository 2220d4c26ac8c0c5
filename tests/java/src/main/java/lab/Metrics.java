package lab;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.metrics.MeasurableStat;
import org.apache.kafka.common.metrics.MetricConfig;
import org.apache.kafka.common.metrics.stats.Avg;
import org.apache.kafka.common.metrics.stats.Max;
import org.apache.kafka.common.metrics.stats.Min;
import org.apache.kafka.common.metrics.stats.Rate;
import org.apache.kafka.common.metrics.stats.WindowedCount;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.test.TestRecord;

/** What Kafka Streams measures of a small topology, what it writes to a dead letter queue, and how it computes over windows. */
public final class Metrics {
    private Metrics() {
    }

    public static void main(final String[] arguments) {
        windows();
        topology();
    }

    /** Values at moments, and what each statistic is then. */
    private static void windows() {
        final MetricConfig config = new MetricConfig();
        final Map<String, MeasurableStat> stats = new TreeMap<>(Map.of(
            "avg", new Avg(), "max", new Max(), "min", new Min(),
            "sum-rate", new Rate(), "count-rate", new Rate(new WindowedCount())));
        // Moments far apart and close together, in the order of time; each with a value.
        final long[] moments = {1_000, 1_500, 20_000, 31_000, 31_500, 62_000, 90_000, 200_000, 229_999, 230_000, 290_001};
        for (final long moment : moments) {
            final double value = moment % 7_001;
            for (final Map.Entry<String, MeasurableStat> stat : stats.entrySet()) {
                stat.getValue().record(config, value, moment);
                System.out.println("window\t" + moment + "\t" + value + "\t" + stat.getKey() + "\t"
                    + stat.getValue().measure(config, moment + 100));
            }
        }
    }

    private static void topology() {
        final StreamsBuilder builder = new StreamsBuilder();
        builder.stream("in", Consumed.with(Serdes.String(), Serdes.String()))
            .mapValues(value -> {
                if (value.startsWith("bad")) {
                    throw new IllegalArgumentException("refused: " + value);
                }
                return Long.parseLong(value);
            })
            .to("out", Produced.with(Serdes.String(), Serdes.Long()));
        final Properties properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, "app");
        properties.put(StreamsConfig.METRICS_RECORDING_LEVEL_CONFIG, "DEBUG");
        properties.put(StreamsConfig.ERRORS_DEAD_LETTER_QUEUE_TOPIC_NAME_CONFIG, "letters");
        properties.put(StreamsConfig.PROCESSING_EXCEPTION_HANDLER_CLASS_CONFIG,
            "org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler");
        try (TopologyTestDriver driver =
                new TopologyTestDriver(builder.build(), properties, Instant.ofEpochMilli(100_000))) {
            final TestInputTopic<byte[], byte[]> in =
                driver.createInputTopic("in", new ByteArraySerializer(), new ByteArraySerializer());
            final String[] values = {"12", "bad one", "7", "bad two"};
            for (int number = 0; number < values.length; number++) {
                final RecordHeaders headers = new RecordHeaders();
                headers.add("trace", bytes("t" + number));
                in.pipeInput(new TestRecord<>(
                    bytes("k" + number), bytes(values[number]), headers, 99_000L + 100 * number));
            }
            for (final Map.Entry<MetricName, ? extends Metric> metric : driver.metrics().entrySet()) {
                print(metric.getKey(), metric.getValue().metricValue());
            }
            for (ProducerRecord<byte[], byte[]> letter; (letter = read(driver)) != null;) {
                print(letter);
            }
        }
    }

    private static ProducerRecord<byte[], byte[]> read(final TopologyTestDriver driver) {
        final var out = driver.createOutputTopic("letters", new ByteArrayDeserializer(), new ByteArrayDeserializer());
        if (out.isEmpty()) {
            return null;
        }
        final TestRecord<byte[], byte[]> record = out.readRecord();
        return new ProducerRecord<>("letters", null, record.timestamp(), record.key(), record.value(), record.headers());
    }

    private static void print(final MetricName name, final Object value) {
        if (!name.group().startsWith("stream")) {
            return;
        }
        final List<String> tags = new ArrayList<>();
        for (final Map.Entry<String, String> tag : new TreeMap<>(name.tags()).entrySet()) {
            if (!tag.getKey().equals("thread-id")) {
                tags.add(tag.getKey() + "=" + tag.getValue());
            }
        }
        System.out.println("metric\t" + name.group() + "\t" + name.name() + "\t" + String.join(" ", tags) + "\t" + value);
    }

    private static void print(final ProducerRecord<byte[], byte[]> letter) {
        final StringBuilder line = new StringBuilder("letter\t" + text(letter.key()) + "\t" + text(letter.value()) + "\t"
            + letter.timestamp());
        for (final Header header : letter.headers()) {
            line.append('\t').append(header.key());
            if (!header.key().endsWith("exception") && !header.key().endsWith("stacktrace")) {
                line.append('=').append(text(header.value()));
            }
        }
        System.out.println(line);
    }

    private static byte[] bytes(final String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(final byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
