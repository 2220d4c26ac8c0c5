package lab.oracle;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;

/** A topology that is being built: the builder, and what the numbered registers hold. */
final class Build {
    final StreamsBuilder builder = new StreamsBuilder();
    private final Map<Integer, Object> registers = new HashMap<>();
    private final Map<Integer, Serde<Windowed<String>>> windowed = new HashMap<>();

    /** What an input of the call holds; the caller knows its type. */
    @SuppressWarnings("unchecked")
    <T> T get(final Op op, final int input) {
        return (T) registers.get(op.input(input));
    }

    KStream<String, String> stream(final Op op) {
        return get(op, 0);
    }

    /** The serde of the windowed keys of an input; Kafka Streams does not always know it. */
    Serde<Windowed<String>> windowedKeys(final Op op) {
        return windowed.get(op.input(0));
    }

    /** A result with windowed keys: those of the input, if it has such. */
    void setWindowed(final Op op, final Object value) {
        setWindowed(op, 0, value);
    }

    void setWindowed(final Op op, final int output, final Object value) {
        final Serde<Windowed<String>> before = windowedKeys(op);
        windowed.put(op.output(output), before == null ? windowsOf(op) : before);
        set(op, output, value);
    }

    /** The serde of the windows that a call makes: who reads such a key again must know how long its window is. */
    private static Serde<Windowed<String>> windowsOf(final Op op) {
        if (op.has("gap")) {
            return WindowedSerdes.sessionWindowedSerdeFrom(String.class);
        }
        return WindowedSerdes.timeWindowedSerdeFrom(
            String.class, op.has("size") ? op.span("size").toMillis() : Long.MAX_VALUE);
    }

    void set(final Op op, final Object value) {
        set(op, 0, value);
    }

    void set(final Op op, final int output, final Object value) {
        registers.put(op.output(output), value);
    }
}
