package lab.oracle;

/** One operator of a case: makes the call that the JSON object describes. */
@FunctionalInterface
interface Operator {
    void apply(Build build, Op op);
}
