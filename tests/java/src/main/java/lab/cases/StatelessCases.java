package lab.cases;

import static lab.cases.Step.in;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.RecordContext;
import org.apache.kafka.streams.processor.TopicNameExtractor;

/** Streams without state: every operator alone, named, chained and with nulls. */
final class StatelessCases {
    private StatelessCases() {
    }

    static void add(final Map<String, Case> cases) {
        Case.add(cases, "stream_to", Inputs.NULLS, b -> {
            b.stream("in").to("out");
        });
        Case.add(cases, "stream_named", Inputs.PLAIN, b -> {
            b.stream("in", Consumed.as("my-source")).to("out", Produced.as("my-sink"));
        });
        Case.add(cases, "stream_two_topics", TWO_TOPICS, b -> {
            b.stream(List.of("in", "in2")).to("out");
        });
        Case.add(cases, "stream_twice", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").filter((k, v) -> k.equals("a")).to("out");
            b.<String, String>stream("in").filter((k, v) -> k.equals("b")).to("out2");
        });
        Case.add(cases, "filter", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").filter((k, v) -> k.equals("a")).to("out");
        });
        Case.add(cases, "filter_not", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").filterNot((k, v) -> k.equals("a")).to("out");
        });
        Case.add(cases, "filter_nulls", Inputs.NULLS, b -> {
            b.<String, String>stream("in").filter((k, v) -> v == null || k == null).to("out");
        });
        Case.add(cases, "map", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").map((k, v) -> KeyValue.pair(v, k + "!")).to("out");
        });
        Case.add(cases, "map_values", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").mapValues(v -> v + "!").to("out");
        });
        Case.add(cases, "map_values_with_key", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").mapValues((k, v) -> k + "=" + v).to("out");
        });
        Case.add(cases, "map_values_to_long", Inputs.PLAIN, b -> {
            b.<String, String>stream("in")
                .mapValues(v -> (long) v.length())
                .to("out", Produced.with(Serdes.String(), Serdes.Long()));
        });
        Case.add(cases, "flat_map", Inputs.PLAIN, b -> {
            b.<String, String>stream("in")
                .flatMap((k, v) -> {
                    final List<KeyValue<String, String>> pairs = new ArrayList<>();
                    for (int i = 0; i < v.length(); i++) {
                        pairs.add(KeyValue.pair(k + i, v.substring(i)));
                    }
                    return pairs;
                })
                .to("out");
        });
        Case.add(cases, "flat_map_values", Inputs.WORDS, b -> {
            b.<String, String>stream("in").flatMapValues(v -> Arrays.asList(v.split(" "))).to("out");
        });
        Case.add(cases, "select_key", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").selectKey((k, v) -> v).to("out");
        });
        Case.add(cases, "peek", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").peek((k, v) -> { }).to("out");
        });
        Case.add(cases, "foreach", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").foreach((k, v) -> { });
        });
        Case.add(cases, "merge", TWO_TOPICS, b -> {
            final KStream<String, String> first = b.stream("in");
            final KStream<String, String> second = b.stream("in2");
            first.mapValues(v -> "1:" + v).merge(second.mapValues(v -> "2:" + v)).to("out");
        });
        Case.add(cases, "split", Inputs.PLAIN, b -> {
            final Map<String, KStream<String, String>> branches = b.<String, String>stream("in")
                .split()
                .branch((k, v) -> k.equals("a"))
                .branch((k, v) -> k.equals("b"))
                .defaultBranch();
            branches.get("KSTREAM-BRANCH-00000000011").to("out-1");
            branches.get("KSTREAM-BRANCH-00000000012").to("out-2");
            branches.get("KSTREAM-BRANCH-00000000010").to("out-0");
        });
        Case.add(cases, "split_named", Inputs.PLAIN, b -> {
            final Map<String, KStream<String, String>> branches = b.<String, String>stream("in")
                .split(Named.as("split-"))
                .branch((k, v) -> k.equals("a"), Branched.as("a"))
                .branch((k, v) -> k.equals("b"))
                .defaultBranch(Branched.as("rest"));
            branches.get("split-a").to("out-a");
            branches.get("split-2").to("out-b");
            branches.get("split-rest").to("out-rest");
        });
        Case.add(cases, "split_no_default", Inputs.PLAIN, b -> {
            b.<String, String>stream("in")
                .split(Named.as("split-"))
                .branch((k, v) -> k.equals("a"), Branched.withConsumer(s -> s.to("out-a")))
                .branch((k, v) -> k.equals("b"), Branched.withConsumer(s -> s.to("out-b"), "second"))
                .noDefaultBranch();
        });
        Case.add(cases, "repartition", Inputs.NULLS, b -> {
            b.stream("in").repartition().to("out");
        });
        Case.add(cases, "repartition_named", Inputs.PLAIN, b -> {
            b.<String, String>stream("in")
                .selectKey((k, v) -> v)
                .repartition(Repartitioned.<String, String>as("by-value").withNumberOfPartitions(3))
                .mapValues(v -> v + "!")
                .to("out");
        });
        Case.add(cases, "to_extractor", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").to(new ByKey());
        });
        Case.add(cases, "to_twice", Inputs.PLAIN, b -> {
            final KStream<String, String> stream = b.stream("in");
            stream.to("out");
            stream.mapValues(v -> v + "!").to("out2");
        });
        Case.add(cases, "chain_named", Inputs.PLAIN, b -> {
            b.<String, String>stream("in", Consumed.as("source"))
                .filter((k, v) -> !v.isEmpty(), Named.as("keep"))
                .filterNot((k, v) -> k.isEmpty(), Named.as("drop"))
                .map((k, v) -> KeyValue.pair(v, k), Named.as("swap"))
                .mapValues(v -> v + "!", Named.as("shout"))
                .flatMap((k, v) -> List.of(KeyValue.pair(k, v), KeyValue.pair(v, k)), Named.as("both"))
                .flatMapValues(v -> List.of(v, v), Named.as("twice"))
                .selectKey((k, v) -> k + v, Named.as("key"))
                .peek((k, v) -> { }, Named.as("look"))
                .to("out", Produced.as("sink"));
        });
        Case.add(cases, "chain_partly_named", Inputs.PLAIN, b -> {
            b.<String, String>stream("in")
                .filter((k, v) -> !v.isEmpty(), Named.as("keep"))
                .mapValues(v -> v + "!")
                .selectKey((k, v) -> v, Named.as("key"))
                .peek((k, v) -> { })
                .to("out");
        });
        Case.add(cases, "two_independent_topologies", TWO_TOPICS, b -> {
            b.stream("in").to("out");
            b.stream("in2").to("out2");
        });
    }

    /** Chooses topic out-a for key a and out-rest for the rest; describe() prints its text. */
    private static final class ByKey implements TopicNameExtractor<String, String> {
        @Override
        public String extract(final String key, final String value, final RecordContext context) {
            return key.equals("a") ? "out-a" : "out-rest";
        }

        @Override
        public String toString() {
            return "by-key";
        }
    }

    private static final List<Step> TWO_TOPICS = List.of(
        in("in", "a", "1", 1000),
        in("in2", "a", "2", 900, "origin", "x"),
        in("in2", "b", "3", 1100),
        in("in", "b", "4", 1100));
}
