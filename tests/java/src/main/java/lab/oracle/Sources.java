package lab.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.state.KeyValueStore;

/** Where a topology begins. */
final class Sources {
    private Sources() {
    }

    static void add(final Map<String, Operator> operators) {
        operators.put("stream", (b, op) -> b.set(op, op.name() == null && !op.has("extractor")
            ? b.builder.stream(op.topic())
            : b.builder.stream(op.topic(), consumed(op))));
        operators.put("stream_of_topics", (b, op) -> {
            final List<String> topics = new ArrayList<>();
            op.option("topics").forEach(topic -> topics.add(topic.asText()));
            b.set(op, b.builder.stream(topics, consumed(op)));
        });
        operators.put("stream_of_pattern", (b, op) ->
            b.set(op, b.builder.stream(Pattern.compile(op.text("pattern")), consumed(op))));
        operators.put("table", (b, op) -> {
            final Materialized<String, String, KeyValueStore<Bytes, byte[]>> store =
                op.isMaterialized() ? op.materialized(Serdes.String()) : null;
            b.set(op, store == null
                ? b.builder.table(op.topic(), consumed(op))
                : b.builder.table(op.topic(), consumed(op), store));
        });
        operators.put("global_table", (b, op) -> {
            final Materialized<String, String, KeyValueStore<Bytes, byte[]>> store =
                op.isMaterialized() ? op.materialized(Serdes.String()) : null;
            b.set(op, store == null
                ? b.builder.globalTable(op.topic(), consumed(op))
                : b.builder.globalTable(op.topic(), consumed(op), store));
        });
    }

    private static Consumed<String, String> consumed(final Op op) {
        final Consumed<String, String> consumed = Consumed.with(Serdes.String(), Serdes.String());
        final Consumed<String, String> named = op.name() == null ? consumed : consumed.withName(op.name());
        return op.has("extractor") ? named.withTimestampExtractor(new Extractor(op.option("extractor"))) : named;
    }

    /** Event time from the record's own time and its value, or from that of the partition. */
    private record Extractor(JsonNode lambda) implements TimestampExtractor {
        @Override
        public long extract(final ConsumerRecord<Object, Object> record, final long partitionTime) {
            final String value = (String) record.value();
            return switch (lambda.get("f").asText()) {
                case "partition_time" -> Math.max(0, partitionTime);
                case "skip" -> Lambdas.divides(lambda, Lambdas.sum(value)) ? -1 : record.timestamp();
                default -> record.timestamp() + Lambdas.sum(value) % lambda.get("n").asLong();
            };
        }
    }
}
