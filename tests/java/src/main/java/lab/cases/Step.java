package lab.cases;

import java.util.List;

/** One step of an input script: a record for a topic, or, when the topic is null, an advance of the wall clock. */
public record Step(String topic, String key, String value, long timestamp, List<String> headers, long advanceMs) {

    /** A record. */
    static Step in(final String topic, final String key, final String value, final long timestamp) {
        return new Step(topic, key, value, timestamp, List.of(), 0);
    }

    /** A record with headers: name, value, name, value, ... */
    static Step in(
            final String topic, final String key, final String value, final long timestamp, final String... headers) {
        return new Step(topic, key, value, timestamp, List.of(headers), 0);
    }

    /** Time passes. */
    static Step advance(final long milliseconds) {
        return new Step(null, null, null, 0, List.of(), milliseconds);
    }
}
