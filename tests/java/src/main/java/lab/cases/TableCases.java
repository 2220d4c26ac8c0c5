package lab.cases;

import java.util.Map;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;

/** Tables: from a topic, from a stream, back to a stream. */
final class TableCases {
    private TableCases() {
    }

    static void add(final Map<String, Case> cases) {
        Case.add(cases, "table_to_stream", Inputs.TABLE, b -> {
            b.table("in").toStream().to("out");
        });
        Case.add(cases, "table_consumed_name", Inputs.TABLE, b -> {
            b.table("in", Consumed.as("prices")).toStream(Named.as("changes")).to("out");
        });
        Case.add(cases, "table_store_name", Inputs.TABLE, b -> {
            b.table("in", Materialized.as("prices-store")).toStream().to("out");
        });
        Case.add(cases, "table_to_stream_with_key", Inputs.TABLE, b -> {
            b.<String, String>table("in").toStream((k, v) -> k + "=" + v).to("out");
        });
        Case.add(cases, "to_table", Inputs.TABLE, b -> {
            b.stream("in").toTable().toStream().to("out");
        });
        Case.add(cases, "to_table_named", Inputs.TABLE, b -> {
            b.stream("in").toTable(Named.as("latest"), Materialized.as("latest-store")).toStream().to("out");
        });
        Case.add(cases, "to_table_after_key_change", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").selectKey((k, v) -> v).toTable().toStream().to("out");
        });
        Case.add(cases, "to_table_after_key_change_named", Inputs.PLAIN, b -> {
            b.<String, String>stream("in")
                .selectKey((k, v) -> v)
                .toTable(Named.as("latest"), Materialized.as("latest-store"))
                .toStream()
                .to("out");
        });
        Case.add(cases, "global_table_alone", Inputs.STREAM_TABLE, b -> {
            b.globalTable("table", Materialized.as("globals"));
            b.stream("in").to("out");
        });
    }
}
