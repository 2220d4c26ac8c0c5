package lab.oracle;

import java.lang.reflect.Field;
import java.util.Map;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.EagerBufferConfig;
import org.apache.kafka.streams.kstream.Suppressed.StrictBufferConfig;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.internals.AbstractStream;

/** Updates of tables that are held back. */
final class Suppressions {
    private static final long NO_LIMIT = Long.MAX_VALUE;

    private Suppressions() {
    }

    static void add(final Map<String, Operator> operators) {
        for (final String of : new String[] {"table", "nullable", "longs"}) {
            operators.put(of + "_suppress", (b, op) -> {
                final KTable<String, Object> table = b.get(op, 0);
                b.set(op, table.suppress(limit(op)));
            });
        }
        for (final String of : new String[] {"windowed", "windowed_nullable", "windowed_longs"}) {
            operators.put(of + "_suppress", (b, op) -> {
                final KTable<Windowed<String>, Object> table = known(b, op);
                b.setWindowed(op, table.suppress(limit(op)));
            });
            operators.put(of + "_final", (b, op) -> {
                final KTable<Windowed<String>, Object> table = known(b, op);
                final Suppressed<Windowed> closed = (Suppressed) Suppressed.untilWindowCloses(strict(op));
                final Suppressed<Windowed> named = op.name() == null ? closed : closed.withName(op.name());
                b.setWindowed(op, ((KTable) table).suppress(named));
            });
        }
    }

    private static <K> Suppressed<K> limit(final Op op) {
        final Suppressed<K> suppressed = op.has("early")
            ? Suppressed.untilTimeLimit(op.span("limit"), eager(op))
            : Suppressed.untilTimeLimit(op.span("limit"), strict(op));
        return op.name() == null ? suppressed : suppressed.withName(op.name());
    }

    private static EagerBufferConfig eager(final Op op) {
        EagerBufferConfig buffer;
        if (op.has("converted")) {
            buffer = bounded(op).emitEarlyWhenFull();
        } else if (op.has("max_records")) {
            buffer = Suppressed.BufferConfig.maxRecords(op.option("max_records").asLong());
            buffer = op.has("max_bytes") ? buffer.withMaxBytes(op.option("max_bytes").asLong()) : buffer;
        } else {
            buffer = Suppressed.BufferConfig.maxBytes(op.option("max_bytes").asLong(NO_LIMIT));
        }
        return op.has("unlogged") ? buffer.withLoggingDisabled() : logged(buffer, op);
    }

    private static EagerBufferConfig logged(final EagerBufferConfig buffer, final Op op) {
        return op.has("logged") ? buffer.withLoggingEnabled(Map.of()) : buffer;
    }

    /** Without a bound, what is not said to be eager is strict. */
    private static StrictBufferConfig strict(final Op op) {
        StrictBufferConfig buffer = bounded(op);
        if (op.has("converted")) {
            final EagerBufferConfig eager =
                Suppressed.BufferConfig.maxRecords(op.option("max_records").asLong(NO_LIMIT));
            buffer = op.has("max_records") ? eager.shutDownWhenFull() : eager.withNoBound();
            buffer = op.has("max_bytes") ? buffer.withMaxBytes(op.option("max_bytes").asLong()) : buffer;
        }
        if (op.has("unlogged")) {
            return buffer.withLoggingDisabled();
        }
        return op.has("logged") ? buffer.withLoggingEnabled(Map.of()) : buffer;
    }

    private static StrictBufferConfig bounded(final Op op) {
        StrictBufferConfig buffer = Suppressed.BufferConfig.unbounded();
        if (op.has("max_records")) {
            buffer = buffer.withMaxRecords(op.option("max_records").asLong());
        }
        return op.has("max_bytes") ? buffer.withMaxBytes(op.option("max_bytes").asLong()) : buffer;
    }

    /** The windowed table of the first input; if Kafka Streams has lost the serde of its keys, it is told again. */
    private static KTable<Windowed<String>, Object> known(final Build b, final Op op) {
        final KTable<Windowed<String>, Object> table = b.get(op, 0);
        try {
            final Field keys = AbstractStream.class.getDeclaredField("keySerde");
            keys.setAccessible(true);
            if (keys.get(table) == null) {
                keys.set(table, b.windowedKeys(op));
            }
        } catch (final ReflectiveOperationException failure) {
            throw new IllegalStateException(failure);
        }
        return table;
    }
}
