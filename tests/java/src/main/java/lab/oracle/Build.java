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

    /** A result with windowed keys. */
    void setWindowed(final Op op, final Object value, final Serde<Windowed<String>> keys) {
        setWindowed(op, 0, value, keys);
    }

    void setWindowed(final Op op, final int output, final Object value, final Serde<Windowed<String>> keys) {
        final String size = op.has("size") ? "size" : "difference";
        // Who reads such keys again must know how long the windows are.
        windowed.put(op.output(output), keys instanceof WindowedSerdes.TimeWindowedSerde<?> && op.has(size)
            ? WindowedSerdes.timeWindowedSerdeFrom(String.class, op.span(size).toMillis())
            : keys);
        set(op, output, value);
    }

    void set(final Op op, final Object value) {
        set(op, 0, value);
    }

    void set(final Op op, final int output, final Object value) {
        registers.put(op.output(output), value);
    }
}
