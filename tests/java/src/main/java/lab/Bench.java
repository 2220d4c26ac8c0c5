package lab;

import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;

/** One benchmark workload on Kafka Streams; prints RUNNING when it starts to work and runs until SIGTERM. */
public final class Bench {
    private static final Duration WINDOW = Duration.ofSeconds(60);
    /** Longer than the whole input, so that no record is late and no window expires. */
    private static final Duration GRACE = Duration.ofHours(1);

    private Bench() {
    }

    public static void main(final String[] args) throws InterruptedException {
        if (args.length < 7) {
            System.err.println("usage: Bench <bootstrap> <workload> <guarantee> <app id> <input> <output> <state dir> "
                + "[<key>=<value> ...]");
            System.exit(2);
        }
        final Topology topology = topology(args[1], args[4], args[5]);
        final Properties config = config(args[0], args[2], args[3], args[6]);
        for (int i = 7; i < args.length; i++) {
            final String[] setting = args[i].split("=", 2);
            config.put(setting[0], setting[1]);
        }
        final KafkaStreams streams = new KafkaStreams(topology, config);
        final CountDownLatch stopped = new CountDownLatch(1);
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.RUNNING) {
                System.out.println("RUNNING");
                System.out.flush();
            } else if (now == KafkaStreams.State.ERROR || now == KafkaStreams.State.NOT_RUNNING) {
                stopped.countDown();
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
        streams.start();
        stopped.await();
    }

    private static Properties config(
            final String bootstrap, final String guarantee, final String appId, final String stateDir) {
        final boolean exactlyOnce = guarantee.equals(StreamsConfig.EXACTLY_ONCE_V2);
        if (!exactlyOnce && !guarantee.equals(StreamsConfig.AT_LEAST_ONCE)) {
            throw new IllegalArgumentException("guarantee is at_least_once or exactly_once_v2, not " + guarantee);
        }
        final Properties config = new Properties();
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, appId);
        config.put(StreamsConfig.STATE_DIR_CONFIG, stateDir);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, guarantee);
        config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, exactlyOnce ? 100 : 1000);
        config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        return config;
    }

    private static Topology topology(final String workload, final String input, final String output) {
        final StreamsBuilder builder = new StreamsBuilder();
        switch (workload) {
            case "passthrough" -> builder
                .stream(input, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
                .to(output, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
            case "stateless" -> strings(builder, input)
                .filter((key, value) -> value.charAt(0) < 'n')
                .mapValues(value -> value.substring(45))
                .to(output, Produced.with(Serdes.String(), Serdes.String()));
            case "count" -> strings(builder, input)
                .groupByKey(Grouped.with(Serdes.String(), Serdes.String()))
                .count()
                .toStream()
                .to(output, Produced.with(Serdes.String(), Serdes.Long()));
            case "tumbling" -> {
                final Serde<Windowed<String>> windowed =
                    WindowedSerdes.timeWindowedSerdeFrom(String.class, WINDOW.toMillis());
                strings(builder, input)
                    .groupByKey(Grouped.with(Serdes.String(), Serdes.String()))
                    .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE))
                    .count()
                    .toStream()
                    .to(output, Produced.with(windowed, Serdes.Long()));
            }
            default -> throw new IllegalArgumentException(
                "workload is passthrough, stateless, count or tumbling, not " + workload);
        }
        return builder.build();
    }

    private static KStream<String, String> strings(final StreamsBuilder builder, final String input) {
        return builder.stream(input, Consumed.with(Serdes.String(), Serdes.String()));
    }
}
