package lab.cases;

import static lab.cases.Step.advance;
import static lab.cases.Step.in;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** The Processor API inside the DSL: forwarding, record metadata, stores and punctuators. */
final class ProcessorCases {
    private ProcessorCases() {
    }

    static void add(final Map<String, Case> cases) {
        Case.add(cases, "process", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").process(Twice::new).to("out");
        });
        Case.add(cases, "process_then_count", Inputs.PLAIN, b -> {
            b.<String, String>stream("in")
                .process(Twice::new, Named.as("twice"))
                .groupByKey()
                .count()
                .toStream()
                .to("out", Produced.with(Serdes.String(), Serdes.Long()));
        });
        Case.add(cases, "process_values", Inputs.PLAIN, b -> {
            b.<String, String>stream("in").processValues(Where::new).to("out");
        });
        Case.add(cases, "process_with_store", Inputs.PLAIN, b -> {
            b.addStateStore(Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore("lengths"), Serdes.String(), Serdes.Long()));
            b.<String, String>stream("in")
                .process(Lengths::new, "lengths")
                .to("out", Produced.with(Serdes.String(), Serdes.Long()));
        });
        Case.add(cases, "process_punctuators", PUNCTUATIONS, b -> {
            b.<String, String>stream("in").process(Ticks::new).to("out");
        });
    }

    /** Forwards each record twice: unchanged, and with another timestamp and a header more. */
    private static final class Twice extends ContextualProcessor<String, String, String, String> {
        @Override
        public void process(final Record<String, String> record) {
            context().forward(record);
            record.headers().add("second", "yes".getBytes(StandardCharsets.UTF_8));
            context().forward(record.withKey(record.key() + "+").withTimestamp(record.timestamp() + 7));
        }
    }

    /** Replaces the value by topic/partition/offset of the record. */
    static final class Where extends ContextualFixedKeyProcessor<String, String, String> {
        @Override
        public void process(final FixedKeyRecord<String, String> record) {
            final String where = context().recordMetadata()
                .map(m -> m.topic() + "/" + m.partition() + "/" + m.offset())
                .orElse("nowhere");
            context().forward(record.withValue(where));
        }
    }

    /** Sums the lengths of the values by key; an empty value deletes the sum and forwards a null. */
    private static final class Lengths extends ContextualProcessor<String, String, String, Long> {
        @Override
        public void process(final Record<String, String> record) {
            final KeyValueStore<String, Long> store = context().getStateStore("lengths");
            if (record.value().isEmpty()) {
                store.delete(record.key());
                context().forward(record.withValue(null));
                return;
            }
            final Long before = store.get(record.key());
            final long sum = (before == null ? 0 : before) + record.value().length();
            store.put(record.key(), sum);
            context().forward(record.withValue(sum));
        }
    }

    /** Forwards nothing but the ticks: by stream time every 10 ms, by wall-clock time every 100 ms. */
    private static final class Ticks extends ContextualProcessor<String, String, String, String> {
        @Override
        public void init(final ProcessorContext<String, String> context) {
            super.init(context);
            context.schedule(Duration.ofMillis(10), PunctuationType.STREAM_TIME,
                time -> context.forward(new Record<>("stream", "tick", time)));
            context.schedule(Duration.ofMillis(100), PunctuationType.WALL_CLOCK_TIME,
                time -> context.forward(new Record<>("wall", "tick", time)));
        }

        @Override
        public void process(final Record<String, String> record) {
        }
    }

    private static final List<Step> PUNCTUATIONS = List.of(
        in("in", "a", "1", 1000),
        in("in", "a", "2", 1005),
        in("in", "a", "3", 1010),
        in("in", "a", "4", 1005),
        advance(99),
        advance(1),
        advance(250),
        in("in", "a", "5", 1055),
        in("in", "a", "6", 1056),
        in("in", "a", "7", 1060));
}
