package lab.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.processor.StateStore;

/** One call of the DSL, as the case describes it. */
record Op(JsonNode call) {
    String operator() {
        return call.get("op").asText();
    }

    JsonNode option(final String name) {
        return call.path("options").path(name);
    }

    boolean has(final String name) {
        return !option(name).isMissingNode();
    }

    String text(final String name) {
        return has(name) ? option(name).asText() : null;
    }

    Duration span(final String name) {
        return Duration.ofMillis(option(name).asLong());
    }

    String topic() {
        return text("topic");
    }

    /** The name that the call gives its node, or null. */
    String name() {
        return text("name");
    }

    /** The name as an option; only if there is one. */
    Named named() {
        return Named.as(name());
    }

    boolean isMaterialized() {
        return has("materialized");
    }

    <V, S extends StateStore> Materialized<String, V, S> materialized(final Serde<V> values) {
        final Serde<String> keys = Serdes.String();
        final JsonNode options = option("materialized");
        Materialized<String, V, S> materialized = options.has("name")
            ? Materialized.<String, V, S>as(options.get("name").asText()).withKeySerde(keys).withValueSerde(values)
            : Materialized.with(keys, values);
        if (options.has("caching") && !options.get("caching").asBoolean()) {
            materialized = materialized.withCachingDisabled();
        }
        if (options.has("logging") && !options.get("logging").asBoolean()) {
            materialized = materialized.withLoggingDisabled();
        }
        if (options.path("memory").asBoolean(false)) {
            materialized = materialized.withStoreType(Materialized.StoreType.IN_MEMORY);
        }
        if (options.has("retention")) {
            materialized = materialized.withRetention(Duration.ofMillis(options.get("retention").asLong()));
        }
        return materialized;
    }

    /** How many registers it reads. */
    int inputs() {
        return call.path("inputs").size();
    }

    int input(final int at) {
        return call.get("inputs").get(at).asInt();
    }

    int output(final int at) {
        return call.get("outputs").get(at).asInt();
    }
}
