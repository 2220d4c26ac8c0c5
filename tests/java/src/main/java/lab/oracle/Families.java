package lab.oracle;

import java.util.HashMap;
import java.util.Map;

/** All operators by name. A new family adds a line here. */
final class Families {
    private Families() {
    }

    static Map<String, Operator> operators() {
        final Map<String, Operator> operators = new HashMap<>();
        Sources.add(operators);
        Stateless.add(operators);
        Tables.add(operators);
        Aggregates.add(operators);
        WindowAggregates.add(operators);
        Windows.add(operators);
        Joins.add(operators);
        Cogroups.add(operators);
        StreamJoins.add(operators);
        StoreChoices.add(operators);
        Processors.add(operators);
        TableAggregates.add(operators);
        TableJoins.add(operators);
        TableValues.add(operators);
        Suppressions.add(operators);
        ForeignKeys.add(operators);
        return operators;
    }
}
