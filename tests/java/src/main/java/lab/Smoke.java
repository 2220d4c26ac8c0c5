package lab;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.streams.tests.RelationalSmokeTest;
import org.apache.kafka.streams.tests.SmokeTestDriver;

/**
 * Generators and verifiers of Kafka Streams' own smoke tests with fewer records than their command lines have. The last
 * line is SUCCESS or FAILURE.
 */
public final class Smoke {
    private Smoke() {
    }

    public static void main(final String[] args) throws InterruptedException {
        if (args.length != 6) {
            System.err.println("usage: Smoke streams <bootstrap> <guarantee> <keys> <records a key> <seconds>\n"
                + "       Smoke relational <bootstrap> <guarantee> <articles> <comments> <seconds>");
            System.exit(2);
        }
        final int first = Integer.parseInt(args[3]);
        final int second = Integer.parseInt(args[4]);
        final Duration time = Duration.ofSeconds(Long.parseLong(args[5]));
        final boolean exactlyOnce = "exactly_once_v2".equals(args[2]);
        final boolean passed = switch (args[0]) {
            case "streams" -> {
                final Map<String, Set<Integer>> data = SmokeTestDriver.generate(args[1], first, second, time);
                yield SmokeTestDriver.verify(args[1], data, second, exactlyOnce).passed();
            }
            case "relational" -> {
                RelationalSmokeTest.DataSet.generate(first, second).produce(args[1], time);
                yield RelationalSmokeTest.App.verifySync(args[1], Instant.now().plus(Duration.ofMinutes(3)));
            }
            default -> throw new IllegalArgumentException(args[0]);
        };
        System.out.println(passed ? "SUCCESS" : "FAILURE");
    }
}
