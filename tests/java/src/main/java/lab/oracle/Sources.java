package lab.oracle;

import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.KeyValueStore;

/** Where a topology begins. */
final class Sources {
    private Sources() {
    }

    static void add(final Map<String, Operator> operators) {
        operators.put("stream", (b, op) -> b.set(op, op.name() == null
            ? b.builder.stream(op.topic())
            : b.builder.stream(op.topic(), Consumed.as(op.name()))));
        operators.put("table", (b, op) -> {
            final Consumed<String, String> consumed = op.name() == null
                ? Consumed.with(Serdes.String(), Serdes.String())
                : Consumed.<String, String>as(op.name()).withKeySerde(Serdes.String()).withValueSerde(Serdes.String());
            final Materialized<String, String, KeyValueStore<Bytes, byte[]>> store =
                op.isMaterialized() ? op.materialized(Serdes.String()) : null;
            b.set(op, store == null
                ? b.builder.table(op.topic(), consumed)
                : b.builder.table(op.topic(), consumed, store));
        });
        operators.put("global_table", (b, op) -> {
            final Materialized<String, String, KeyValueStore<Bytes, byte[]>> store =
                op.isMaterialized() ? op.materialized(Serdes.String()) : null;
            b.set(op, store == null
                ? b.builder.globalTable(op.topic())
                : b.builder.globalTable(op.topic(), store));
        });
    }
}
