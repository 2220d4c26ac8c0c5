package lab.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.BiPredicate;
import org.apache.kafka.streams.KeyValue;

/** The catalogue of user functions, the same as in {@code lambdas.rs}. */
final class Lambdas {
    private static final int LIST_CHARS = 14;

    private Lambdas() {
    }

    /** A null as text. */
    static String shown(final String text) {
        return text == null ? "null" : text;
    }

    /** The sum of the text's UTF-8 bytes. */
    static long sum(final String text) {
        long sum = 0;
        for (final byte one : shown(text).getBytes(StandardCharsets.UTF_8)) {
            sum += one & 0xff;
        }
        return sum;
    }

    /** The last characters of a list. */
    static String tail(final String text) {
        return text.substring(Math.max(0, text.length() - LIST_CHARS));
    }

    static boolean divides(final JsonNode lambda, final long what) {
        return what % Math.max(1, lambda.path("n").asLong(2)) == lambda.path("r").asLong(2);
    }

    private static IllegalStateException unknown(final JsonNode lambda) {
        return new IllegalStateException("the catalogue has no lambda " + lambda);
    }

    static BiPredicate<String, String> predicate(final JsonNode lambda) {
        return switch (lambda.path("f").asText()) {
            case "always" -> (k, v) -> true;
            case "never" -> (k, v) -> false;
            case "value_is_null" -> (k, v) -> v == null;
            case "value_is_not_null" -> (k, v) -> v != null;
            case "key_is_not_null" -> (k, v) -> k != null;
            case "sum" -> (k, v) -> divides(lambda, sum(k) + sum(v));
            case "value_sum" -> (k, v) -> divides(lambda, sum(v));
            default -> throw unknown(lambda);
        };
    }

    static BiFunction<String, String, String> mapper(final JsonNode lambda) {
        final String x = lambda.path("x").asText("");
        return switch (lambda.path("f").asText()) {
            case "key" -> (k, v) -> k;
            case "value" -> (k, v) -> v;
            case "append" -> (k, v) -> shown(v) + x;
            case "constant" -> (k, v) -> x;
            case "first" -> (k, v) -> v == null ? null : v.substring(0, Math.min(1, v.length()));
            case "both" -> (k, v) -> tail(shown(k) + ":" + shown(v));
            case "null_if" -> (k, v) -> divides(lambda, sum(v)) ? null : v;
            case "key_null_if" -> (k, v) -> divides(lambda, sum(v)) ? null : k;
            case "modulo" -> (k, v) -> "k" + sum(v) % lambda.path("n").asLong(2);
            default -> throw unknown(lambda);
        };
    }

    static BiFunction<String, String, List<KeyValue<String, String>>> flatMapper(final JsonNode lambda) {
        return switch (lambda.path("f").asText()) {
            case "twice" -> (k, v) -> List.of(KeyValue.pair(k, v), KeyValue.pair(v, k));
            case "again" -> (k, v) -> List.of(KeyValue.pair(k, v), KeyValue.pair(k, shown(v) + "'"));
            case "none_if" -> (k, v) -> divides(lambda, sum(v)) ? List.of() : List.of(KeyValue.pair(k, v));
            case "characters" -> (k, v) -> {
                final List<KeyValue<String, String>> all = new ArrayList<>();
                final String text = shown(v);
                for (int at = 0; at < Math.min(3, text.length()); at++) {
                    all.add(KeyValue.pair(text.substring(at, at + 1), tail(shown(k) + text)));
                }
                return all;
            };
            default -> throw unknown(lambda);
        };
    }

    static BiFunction<String, String, String> joiner(final JsonNode lambda) {
        return switch (lambda.path("f").asText()) {
            case "list" -> Lambdas::list;
            case "left" -> (l, r) -> l;
            case "right" -> (l, r) -> r;
            case "max" -> (l, r) -> shown(l).compareTo(shown(r)) >= 0 ? shown(l) : shown(r);
            case "null_if" -> (l, r) -> divides(lambda, sum(l) + sum(r)) ? null : list(l, r);
            default -> throw unknown(lambda);
        };
    }

    private static String list(final String left, final String right) {
        return tail(shown(left) + "+" + shown(right));
    }

    /** The aggregator of texts. */
    static String next(final String key, final String value, final String before) {
        return tail(before + shown(key) + shown(value));
    }
}
