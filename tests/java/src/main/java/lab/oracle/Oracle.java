package lab.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.test.TestRecord;

/** Runs cases on Kafka's TopologyTestDriver: one case a line on standard input, one answer a line on standard output. */
public final class Oracle {
    static {
        // Before the first logger is made: what Kafka warns of here is what the cases are for.
        System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "off");
    }

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, Operator> OPERATORS = Families.operators();

    private final String stateDirectory;
    private long cases;

    private Oracle(final String stateDirectory) {
        this.stateDirectory = stateDirectory;
    }

    public static void main(final String[] args) throws IOException {
        final PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        // What else prints must not come between the answers.
        System.setOut(System.err);
        final Oracle oracle = new Oracle(args[0]);
        final BufferedReader cases = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = cases.readLine(); line != null; line = cases.readLine()) {
            answers.println(JSON.writeValueAsString(oracle.run(JSON.readTree(line))));
        }
        System.exit(0);
    }

    private ObjectNode run(final JsonNode one) {
        final ObjectNode answer = JSON.createObjectNode();
        final ArrayNode steps = answer.putArray("steps");
        final Properties config = config(one.get("config"));
        final Topology topology;
        try {
            final Build build = new Build();
            for (final JsonNode call : one.get("ops")) {
                final Op op = new Op(call);
                final Operator operator = OPERATORS.get(op.operator());
                if (operator == null) {
                    return answer.put("fault", "no operator is called " + op.operator());
                }
                operator.apply(build, op);
            }
            topology = build.builder.build(config);
        } catch (final RuntimeException failure) {
            return answer.put("failure", told(failure));
        }
        final String describe = topology.describe().toString();
        try (TopologyTestDriver driver = new TopologyTestDriver(topology, config, Instant.ofEpochMilli(0))) {
            answer.put("describe", describe);
            try {
                long now = 0;
                for (final JsonNode step : one.get("input")) {
                    feed(driver, step);
                    now += step.path("advance_ms").asLong(0);
                    steps.add(seen(driver).put("now", now));
                }
            } catch (final RuntimeException failure) {
                return answer.put("failure", told(failure));
            }
            answer.set("stores", Stores.content(driver));
        } catch (final RuntimeException failure) {
            // A driver whose application has failed may fail once more when it closes.
            return answer.has("failure") ? answer : answer.put("failure", told(failure));
        }
        return answer;
    }

    /** The failure with what it comes from. */
    private static String told(final Throwable failure) {
        return failure.getCause() == null ? failure.toString() : failure + " / " + told(failure.getCause());
    }

    private Properties config(final JsonNode of) {
        final Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, "app");
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "none:1");
        config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, of.get("cache_bytes").asLong());
        config.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, of.get("optimization").asText());
        // A driver whose last flush fails leaves its stores open, and their files locked.
        config.put(StreamsConfig.STATE_DIR_CONFIG, stateDirectory + "/" + cases++);
        final long interval = of.path("emit_interval_ms").asLong(1000);
        config.put(StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_WINDOWED_AGGREGATION, interval);
        config.put(StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_OUTER_JOIN_SPURIOUS_RESULTS_FIX, interval);
        return config;
    }

    private static void feed(final TopologyTestDriver driver, final JsonNode step) {
        if (step.has("advance_ms")) {
            driver.advanceWallClockTime(Duration.ofMillis(step.get("advance_ms").asLong()));
            return;
        }
        final Headers headers = new RecordHeaders();
        for (final JsonNode header : step.path("headers")) {
            headers.add(header.get(0).asText(), header.get(1).asText().getBytes(StandardCharsets.UTF_8));
        }
        driver.createInputTopic(step.get("topic").asText(), new StringSerializer(), new StringSerializer())
            .pipeInput(new TestRecord<>(text(step.get("key")), text(step.get("value")), headers,
                step.get("timestamp").asLong()));
    }

    private static String text(final JsonNode text) {
        return text == null || text.isNull() ? null : text.asText();
    }

    /** What the step wrote to each topic: key, value, timestamp and headers of each record. */
    private static ObjectNode seen(final TopologyTestDriver driver) {
        final ObjectNode seen = JSON.createObjectNode();
        final ObjectNode output = seen.putObject("output");
        for (final String topic : new TreeSet<>(driver.producedTopicNames())) {
            final TestOutputTopic<byte[], byte[]> records =
                driver.createOutputTopic(topic, new ByteArrayDeserializer(), new ByteArrayDeserializer());
            if (records.isEmpty()) {
                continue;
            }
            final ArrayNode all = output.putArray(topic);
            while (!records.isEmpty()) {
                final TestRecord<byte[], byte[]> record = records.readRecord();
                final ArrayNode fields = all.addArray();
                fields.add(hex(record.key())).add(hex(record.value())).add(record.timestamp());
                final ArrayNode headers = fields.addArray();
                for (final Header header : record.headers()) {
                    headers.addArray().add(header.key()).add(hex(header.value()));
                }
            }
        }
        seen.put("dropped", dropped(driver));
        return seen;
    }

    private static long dropped(final TopologyTestDriver driver) {
        double dropped = 0;
        for (final Map.Entry<MetricName, ? extends Metric> metric : driver.metrics().entrySet()) {
            if (metric.getKey().name().equals("dropped-records-total")) {
                dropped += (Double) metric.getValue().metricValue();
            }
        }
        return (long) dropped;
    }

    /** Lower-case hexadecimal digits; null stays null. */
    static String hex(final byte[] bytes) {
        return bytes == null ? null : HexFormat.of().formatHex(bytes);
    }
}
