package lab.cases;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.kafka.streams.StreamsBuilder;

/** A named topology and the input it gets. */
public record Case(Consumer<StreamsBuilder> topology, List<Step> input) {

    /** All cases by name, in the order of definition. */
    public static Map<String, Case> all() {
        final Map<String, Case> cases = new LinkedHashMap<>();
        StatelessCases.add(cases);
        ProcessorCases.add(cases);
        TableCases.add(cases);
        AggregateCases.add(cases);
        WindowCases.add(cases);
        JoinCases.add(cases);
        StoreCases.add(cases);
        return cases;
    }

    /** Adds a case; each name is used once. */
    static void add(
            final Map<String, Case> cases,
            final String name,
            final List<Step> input,
            final Consumer<StreamsBuilder> topology) {
        if (cases.put(name, new Case(topology, input)) != null) {
            throw new IllegalStateException("two cases are called " + name);
        }
    }
}
