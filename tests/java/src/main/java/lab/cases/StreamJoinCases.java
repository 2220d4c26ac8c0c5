package lab.cases;

import java.time.Duration;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowBytesStoreSupplier;

/** Left, outer and self joins of streams, joiners with key, stores of one's own, optimizations. */
@SuppressWarnings("deprecation")
final class StreamJoinCases {
    private static final JoinWindows WINDOWS =
        JoinWindows.ofTimeDifferenceAndGrace(Duration.ofMillis(10), Duration.ofMillis(5));
    private static final JoinWindows NO_GRACE = JoinWindows.ofTimeDifferenceWithNoGrace(Duration.ofMillis(10));
    private static final JoinWindows ASYMMETRIC = WINDOWS.before(Duration.ofMillis(1)).after(Duration.ofMillis(11));
    private static final JoinWindows LATER = WINDOWS.before(Duration.ofMillis(-2)).after(Duration.ofMillis(8));
    private static final JoinWindows EARLIER = WINDOWS.after(Duration.ofMillis(-2)).before(Duration.ofMillis(8));
    private static final JoinWindows OLD = JoinWindows.of(Duration.ofMillis(10)).grace(Duration.ofMillis(5));

    private static final Map<String, String> THROTTLED =
        Map.of("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", "1000");
    private static final Map<String, String> SELF = Map.of("topology.optimization", "single.store.self.join");
    private static final Map<String, String> MERGE = Map.of("topology.optimization", "merge.repartition.topics");
    private static final Map<String, String> ALL = Map.of("topology.optimization", "all");

    private StreamJoinCases() {
    }

    static void add(final Map<String, Case> cases) {
        left(cases);
        outer(cases);
        stores(cases);
        self(cases);
        chains(cases);
        withKey(cases);
        merged(cases);
    }

    private static KStream<String, String> stream(final StreamsBuilder b, final String topic) {
        return b.stream(topic);
    }

    private static KStream<String, String> changed(final StreamsBuilder b, final String topic) {
        return stream(b, topic).selectKey((k, v) -> k);
    }

    private static StreamJoined<String, String, String> pair() {
        return StreamJoined.<String, String, String>as("stores").withName("pair");
    }

    private static WindowBytesStoreSupplier onDisk(final String name) {
        return Stores.persistentWindowStore(name, Duration.ofMillis(25), Duration.ofMillis(20), true);
    }

    private static WindowBytesStoreSupplier inMemory(final String name) {
        return Stores.inMemoryWindowStore(name, Duration.ofMillis(25), Duration.ofMillis(20), true);
    }

    private static void left(final Map<String, Case> cases) {
        Case.add(cases, "stream_stream_left_join", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").leftJoin(stream(b, "right"), (l, r) -> l + "+" + r, WINDOWS).to("out");
        });
        Case.add(cases, "stream_stream_left_join_throttled", Inputs.OUTER_JOIN, THROTTLED, b -> {
            stream(b, "left").leftJoin(stream(b, "right"), (l, r) -> l + "+" + r, WINDOWS).to("out");
        });
        Case.add(cases, "stream_stream_left_join_no_grace", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").leftJoin(stream(b, "right"), (l, r) -> l + "+" + r, NO_GRACE).to("out");
        });
        Case.add(cases, "stream_stream_left_join_asymmetric", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").leftJoin(stream(b, "right"), (l, r) -> l + "+" + r, ASYMMETRIC).to("out");
        });
        Case.add(cases, "stream_stream_left_join_later", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").leftJoin(stream(b, "right"), (l, r) -> l + "+" + r, LATER).to("out");
        });
        Case.add(cases, "stream_stream_left_join_earlier", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").leftJoin(stream(b, "right"), (l, r) -> l + "+" + r, EARLIER).to("out");
        });
        // The deprecated definition: results without a partner at once, and no store for them.
        Case.add(cases, "stream_stream_left_join_old", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").leftJoin(stream(b, "right"), (l, r) -> l + "+" + r, OLD).to("out");
        });
        Case.add(cases, "stream_stream_left_join_with_key", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").leftJoin(stream(b, "right"), (k, l, r) -> k + ":" + l + "+" + r, WINDOWS).to("out");
        });
        Case.add(cases, "stream_stream_left_join_named", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").leftJoin(stream(b, "right"), (l, r) -> l + "+" + r, WINDOWS, pair()).to("out");
        });
        Case.add(cases, "stream_stream_left_join_after_key_change", Inputs.OUTER_JOIN, b -> {
            changed(b, "left").leftJoin(changed(b, "right"), (l, r) -> l + "+" + r, WINDOWS).to("out");
        });
        Case.add(cases, "stream_stream_left_join_after_key_change_named", Inputs.OUTER_JOIN, b -> {
            changed(b, "left").leftJoin(changed(b, "right"), (l, r) -> l + "+" + r, WINDOWS, pair()).to("out");
        });
    }

    private static void outer(final Map<String, Case> cases) {
        Case.add(cases, "stream_stream_outer_join", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").outerJoin(stream(b, "right"), (l, r) -> l + "+" + r, WINDOWS).to("out");
        });
        Case.add(cases, "stream_stream_outer_join_throttled", Inputs.OUTER_JOIN, THROTTLED, b -> {
            stream(b, "left").outerJoin(stream(b, "right"), (l, r) -> l + "+" + r, WINDOWS).to("out");
        });
        Case.add(cases, "stream_stream_outer_join_throttled_later", Inputs.OUTER_JOIN, THROTTLED, b -> {
            stream(b, "left").outerJoin(stream(b, "right"), (l, r) -> l + "+" + r, LATER).to("out");
        });
        Case.add(cases, "stream_stream_outer_join_no_grace", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").outerJoin(stream(b, "right"), (l, r) -> l + "+" + r, NO_GRACE).to("out");
        });
        Case.add(cases, "stream_stream_outer_join_asymmetric", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").outerJoin(stream(b, "right"), (l, r) -> l + "+" + r, ASYMMETRIC).to("out");
        });
        Case.add(cases, "stream_stream_outer_join_later", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").outerJoin(stream(b, "right"), (l, r) -> l + "+" + r, LATER).to("out");
        });
        Case.add(cases, "stream_stream_outer_join_earlier", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").outerJoin(stream(b, "right"), (l, r) -> l + "+" + r, EARLIER).to("out");
        });
        Case.add(cases, "stream_stream_outer_join_old", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").outerJoin(stream(b, "right"), (l, r) -> l + "+" + r, OLD).to("out");
        });
        Case.add(cases, "stream_stream_outer_join_with_key", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").outerJoin(stream(b, "right"), (k, l, r) -> k + ":" + l + "+" + r, WINDOWS).to("out");
        });
        Case.add(cases, "stream_stream_outer_join_named", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").outerJoin(stream(b, "right"), (l, r) -> l + "+" + r, WINDOWS, pair()).to("out");
        });
        Case.add(cases, "stream_stream_outer_join_after_key_change", Inputs.OUTER_JOIN, b -> {
            changed(b, "left").outerJoin(changed(b, "right"), (l, r) -> l + "+" + r, WINDOWS).to("out");
        });
        Case.add(cases, "stream_stream_outer_join_after_key_change_named", Inputs.OUTER_JOIN, b -> {
            changed(b, "left").outerJoin(changed(b, "right"), (l, r) -> l + "+" + r, WINDOWS, pair()).to("out");
        });
    }

    private static void stores(final Map<String, Case> cases) {
        Case.add(cases, "stream_stream_join_suppliers", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").join(stream(b, "right"), (l, r) -> l + "+" + r, WINDOWS,
                    StreamJoined.<String, String, String>with(onDisk("this-win"), onDisk("other-win")))
                .to("out");
        });
        Case.add(cases, "stream_stream_left_join_this_supplier", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").leftJoin(stream(b, "right"), (l, r) -> l + "+" + r, WINDOWS,
                    pair().withThisStoreSupplier(inMemory("this-win")))
                .to("out");
        });
        Case.add(cases, "stream_stream_outer_join_other_supplier", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").outerJoin(stream(b, "right"), (l, r) -> l + "+" + r, WINDOWS,
                    pair().withOtherStoreSupplier(inMemory("other-win")))
                .to("out");
        });
        // The options about changelogs do not reach stores that the user brings.
        Case.add(cases, "stream_stream_outer_join_unlogged_suppliers", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").outerJoin(stream(b, "right"), (l, r) -> l + "+" + r, WINDOWS,
                    StreamJoined.<String, String, String>with(onDisk("this-win"), inMemory("other-win"))
                        .withLoggingDisabled())
                .to("out");
        });
        Case.add(cases, "stream_stream_outer_join_unlogged", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").outerJoin(stream(b, "right"), (l, r) -> l + "+" + r, WINDOWS,
                    StreamJoined.<String, String, String>as("stores").withLoggingDisabled())
                .to("out");
        });
        Case.add(cases, "stream_stream_outer_join_in_memory", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").outerJoin(stream(b, "right"), (l, r) -> l + "+" + r, WINDOWS,
                    StreamJoined.<String, String, String>with(BuiltInDslStoreSuppliers.IN_MEMORY))
                .to("out");
        });
    }

    private static void self(final Map<String, Case> cases) {
        Case.add(cases, "self_join", Inputs.SELF_JOIN, b -> {
            final KStream<String, String> in = stream(b, "in");
            in.join(in, (l, r) -> l + "+" + r, WINDOWS).to("out");
        });
        Case.add(cases, "self_join_one_store", Inputs.SELF_JOIN, SELF, b -> {
            final KStream<String, String> in = stream(b, "in");
            in.join(in, (l, r) -> l + "+" + r, WINDOWS).to("out");
        });
        Case.add(cases, "self_join_one_store_asymmetric", Inputs.SELF_JOIN, SELF, b -> {
            final KStream<String, String> in = stream(b, "in");
            in.join(in, (k, l, r) -> k + ":" + l + "+" + r, ASYMMETRIC).to("out");
        });
        Case.add(cases, "self_join_one_store_later", Inputs.SELF_JOIN, SELF, b -> {
            final KStream<String, String> in = stream(b, "in");
            in.join(in, (l, r) -> l + "+" + r, LATER).to("out");
        });
        Case.add(cases, "self_join_one_store_named", Inputs.SELF_JOIN, SELF, b -> {
            final KStream<String, String> in = stream(b, "in");
            in.join(in, (l, r) -> l + "+" + r, NO_GRACE, pair()).to("out");
        });
        // The optimization takes left and outer joins for inner ones.
        Case.add(cases, "self_left_join_one_store", Inputs.SELF_JOIN, SELF, b -> {
            final KStream<String, String> in = stream(b, "in");
            in.leftJoin(in, (l, r) -> l + "+" + r, WINDOWS).to("out");
        });
        Case.add(cases, "self_outer_join_one_store", Inputs.SELF_JOIN, SELF, b -> {
            final KStream<String, String> in = stream(b, "in");
            in.outerJoin(in, (l, r) -> l + "+" + r, WINDOWS, pair()).to("out");
        });
        Case.add(cases, "self_outer_join", Inputs.SELF_JOIN, b -> {
            final KStream<String, String> in = stream(b, "in");
            in.outerJoin(in, (l, r) -> l + "+" + r, WINDOWS).to("out");
        });
        // The same topic read twice is one stream.
        Case.add(cases, "self_join_one_store_read_twice", Inputs.SELF_JOIN, SELF, b -> {
            stream(b, "in").join(stream(b, "in"), (l, r) -> l + "+" + r, WINDOWS).to("out");
        });
        Case.add(cases, "self_join_one_store_after_key_change", Inputs.SELF_JOIN, SELF, b -> {
            final KStream<String, String> in = changed(b, "in");
            in.join(in, (l, r) -> l + "+" + r, WINDOWS).to("out");
        });
        // Two repartition topics, so two streams.
        Case.add(cases, "self_join_after_key_change_named", Inputs.SELF_JOIN, SELF, b -> {
            final KStream<String, String> in = changed(b, "in");
            in.join(in, (l, r) -> l + "+" + r, WINDOWS, pair()).to("out");
        });
        // The two repartition topics become one, and the join one with itself.
        Case.add(cases, "self_join_after_key_change_named_merged", Inputs.SELF_JOIN, ALL, b -> {
            final KStream<String, String> in = changed(b, "in");
            in.join(in, (l, r) -> l + "+" + r, WINDOWS, pair()).to("out");
        });
        // A filter between makes another stream of it.
        Case.add(cases, "self_join_of_filtered", Inputs.SELF_JOIN, ALL, b -> {
            final KStream<String, String> in = stream(b, "in");
            in.filter((k, v) -> true).join(in, (l, r) -> l + "+" + r, WINDOWS).to("out");
        });
    }

    private static void chains(final Map<String, Case> cases) {
        // Results of one join have other times and headers than the current record; the next join keeps theirs.
        Case.add(cases, "stream_stream_join_of_join", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").join(stream(b, "right"), (l, r) -> l + "+" + r, WINDOWS)
                .join(stream(b, "left"), (l, r) -> l + "+" + r, WINDOWS)
                .to("out");
        });
        Case.add(cases, "stream_stream_outer_join_of_left_join", Inputs.OUTER_JOIN, b -> {
            stream(b, "left").leftJoin(stream(b, "right"), (l, r) -> l + "+" + r, WINDOWS)
                .outerJoin(stream(b, "right"), (l, r) -> l + "+" + r, WINDOWS)
                .to("out");
        });
    }

    private static void withKey(final Map<String, Case> cases) {
        Case.add(cases, "stream_table_left_join_with_key", Inputs.STREAM_TABLE, b -> {
            final KTable<String, String> table = b.table("table");
            stream(b, "in").leftJoin(table, (k, s, t) -> k + ":" + s + "+" + t).to("out");
        });
        Case.add(cases, "stream_table_left_join_with_key_named", Inputs.STREAM_TABLE, b -> {
            final KTable<String, String> table = b.table("table");
            changed(b, "in").leftJoin(table, (k, s, t) -> k + ":" + s + "+" + t, Joined.as("enrich")).to("out");
        });
        Case.add(cases, "stream_global_table_join_with_key", Inputs.STREAM_TABLE, b -> {
            final GlobalKTable<String, String> table = b.globalTable("table");
            stream(b, "in").join(table, (k, v) -> k, (k, s, t) -> k + ":" + s + "+" + t).to("out");
        });
        Case.add(cases, "stream_global_table_left_join_with_key", Inputs.STREAM_TABLE, b -> {
            final GlobalKTable<String, String> table = b.globalTable("table");
            stream(b, "in").leftJoin(table, (k, v) -> "a", (k, s, t) -> k + ":" + s + "+" + t).to("out");
        });
    }

    private static void merged(final Map<String, Case> cases) {
        Case.add(cases, "merged_repartition_of_joins", Inputs.STREAM_TABLE, MERGE, b -> {
            final KTable<String, String> table = b.table("table");
            final KStream<String, String> in = changed(b, "in");
            in.join(table, (s, t) -> s + "+" + t, Joined.as("one")).to("out");
            in.leftJoin(table, (s, t) -> s + "-" + t, Joined.as("two")).to("out");
            in.groupByKey().count().toStream().to("counts", Produced.with(Serdes.String(), Serdes.Long()));
        });
        // Without a left join, records with a null key do not get through.
        Case.add(cases, "merged_repartition_of_inner_joins", Inputs.STREAM_TABLE, MERGE, b -> {
            final KTable<String, String> table = b.table("table");
            final KStream<String, String> in = changed(b, "in");
            in.join(table, (s, t) -> s + "+" + t, Joined.as("one")).to("out");
            in.filter((k, v) -> true).join(table, (s, t) -> s + "-" + t, Joined.as("two")).to("out");
        });
        Case.add(cases, "merged_repartition_of_stream_joins", Inputs.OUTER_JOIN, MERGE, b -> {
            final KStream<String, String> left = changed(b, "left");
            final KStream<String, String> right = stream(b, "right");
            left.join(right, (l, r) -> l + "+" + r, WINDOWS, StreamJoined.<String, String, String>as("s").withName("n"))
                .to("out");
            left.leftJoin(right, (l, r) -> l + "-" + r, WINDOWS, pair()).to("out");
        });
        Case.add(cases, "joins_share_a_repartition", Inputs.STREAM_TABLE, b -> {
            final KTable<String, String> table = b.table("table");
            final KStream<String, String> in = changed(b, "in");
            in.join(table, (s, t) -> s + "+" + t).to("out");
            in.leftJoin(table, (s, t) -> s + "-" + t).to("out");
        });
    }
}
