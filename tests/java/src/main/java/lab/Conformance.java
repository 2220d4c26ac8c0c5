package lab;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import lab.cases.Case;
import lab.cases.Step;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyConfig;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.errors.TopologyException;
import org.apache.kafka.streams.test.TestRecord;

/** Runs every case on Kafka's TopologyTestDriver and prints what it saw, one JSON object a case. */
public final class Conformance {
    private Conformance() {
    }

    public static void main(final String[] args) throws IOException {
        for (final Map.Entry<String, Case> one : Case.all().entrySet()) {
            System.out.println(Json.write(run(one.getKey(), one.getValue())));
        }
        // Stores may leave threads behind that are no daemons.
        System.exit(0);
    }

    private static Map<String, Object> run(final String name, final Case one) throws IOException {
        final StreamsBuilder builder = new StreamsBuilder();
        one.topology().accept(builder);
        final Properties config = config();
        config.putAll(one.config());
        final Topology topology = builder.build(config);
        final List<Object> input = new ArrayList<>();
        final List<Object> output = new ArrayList<>();
        try (TopologyTestDriver driver = new TopologyTestDriver(topology, config, Instant.ofEpochMilli(0))) {
            int step = 0;
            for (final Step next : one.input()) {
                input.add(feed(driver, next));
                drain(driver, step, output);
                step++;
            }
        }
        final Map<String, Object> seen = Json.object("name", name, "describe", topology.describe().toString(),
            "unnamed", unnamed(one));
        if (!one.config().isEmpty()) {
            seen.put("config", one.config());
        }
        seen.putAll(Json.object("input", input, "output", output));
        return seen;
    }

    /** The message with which the topology is refused when every internal name must be explicit; null if it is not. */
    private static String unnamed(final Case one) throws IOException {
        final Properties explicit = config();
        explicit.putAll(one.config());
        explicit.put(StreamsConfig.ENSURE_EXPLICIT_INTERNAL_RESOURCE_NAMING_CONFIG, true);
        final StreamsBuilder builder = new StreamsBuilder(new TopologyConfig(new StreamsConfig(explicit)));
        one.topology().accept(builder);
        try {
            builder.build(explicit);
            return null;
        } catch (final TopologyException refused) {
            return refused.getMessage();
        }
    }

    private static Properties config() throws IOException {
        final Properties config = new Properties();
        // A folder of its own: several of these programs may run at once.
        final File folder = Files.createTempDirectory("conformance").toFile();
        folder.deleteOnExit();
        config.put(StreamsConfig.STATE_DIR_CONFIG, folder.getPath());
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, "app");
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "none:1");
        config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        // As in production; the driver would set it to 0.
        config.put(StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_WINDOWED_AGGREGATION, 1000L);
        return config;
    }

    private static Map<String, Object> feed(final TopologyTestDriver driver, final Step step) {
        if (step.topic() == null) {
            driver.advanceWallClockTime(Duration.ofMillis(step.advanceMs()));
            return Json.object("advance_ms", step.advanceMs());
        }
        final Headers headers = new RecordHeaders();
        for (int i = 0; i < step.headers().size(); i += 2) {
            headers.add(step.headers().get(i), step.headers().get(i + 1).getBytes(StandardCharsets.UTF_8));
        }
        driver.createInputTopic(step.topic(), new StringSerializer(), new StringSerializer())
            .pipeInput(new TestRecord<>(step.key(), step.value(), headers, step.timestamp()));
        return Json.object("topic", step.topic(), "key", step.key(), "value", step.value(),
            "timestamp", step.timestamp(), "headers", pairs(headers));
    }

    /** Within a step the driver keeps order in each topic only: topics follow each other by name. */
    private static void drain(final TopologyTestDriver driver, final int step, final List<Object> output) {
        for (final String topic : new TreeSet<>(driver.producedTopicNames())) {
            final TestOutputTopic<byte[], byte[]> records =
                driver.createOutputTopic(topic, new ByteArrayDeserializer(), new ByteArrayDeserializer());
            while (!records.isEmpty()) {
                final TestRecord<byte[], byte[]> record = records.readRecord();
                output.add(Json.object("step", step, "topic", topic, "key", Json.hex(record.key()),
                    "value", Json.hex(record.value()), "timestamp", record.timestamp(),
                    "headers", pairs(record.headers())));
            }
        }
    }

    private static List<Object> pairs(final Headers headers) {
        final List<Object> pairs = new ArrayList<>();
        for (final Header header : headers) {
            pairs.add(List.of(header.key(), Json.hex(header.value())));
        }
        return pairs;
    }
}
