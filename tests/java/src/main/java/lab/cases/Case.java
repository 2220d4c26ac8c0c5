package lab.cases;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.kafka.streams.StreamsBuilder;

/** A named topology, the input it gets, and settings beside those that all cases have. */
public record Case(Consumer<StreamsBuilder> topology, List<Step> input, Map<String, String> config) {

    /** Settings with a record cache: updates go downstream when it is flushed. */
    static final Map<String, String> CACHED = Map.of("statestore.cache.max.bytes", "1048576");

    /** All cases by name, in the order of definition. */
    public static Map<String, Case> all() {
        final Map<String, Case> cases = new LinkedHashMap<>();
        StatelessCases.add(cases);
        ProcessorCases.add(cases);
        TableCases.add(cases);
        AggregateCases.add(cases);
        WindowCases.add(cases);
        SlidingCases.add(cases);
        EmitCases.add(cases);
        SuppressCases.add(cases);
        JoinCases.add(cases);
        StreamJoinCases.add(cases);
        TableGroupCases.add(cases);
        TableJoinCases.add(cases);
        ForeignKeyCases.add(cases);
        CogroupCases.add(cases);
        StoreCases.add(cases);
        return cases;
    }

    /** Adds a case; each name is used once, and one that ends in `_optimized` is built with all optimizations. */
    static void add(
            final Map<String, Case> cases,
            final String name,
            final List<Step> input,
            final Consumer<StreamsBuilder> topology) {
        final boolean optimized = name.endsWith("_optimized");
        add(cases, name, input, optimized ? Map.of("topology.optimization", "all") : Map.of(), topology);
    }

    /** Adds a case with settings of its own. */
    static void add(
            final Map<String, Case> cases,
            final String name,
            final List<Step> input,
            final Map<String, String> config,
            final Consumer<StreamsBuilder> topology) {
        if (cases.put(name, new Case(topology, input, config)) != null) {
            throw new IllegalStateException("two cases are called " + name);
        }
    }
}
