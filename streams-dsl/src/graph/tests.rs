//! Topologies are described exactly as Kafka Streams 4.3.1 describes the same programs: `java_descriptions.txt` is what
//! its `Topology.describe()` prints, one section a test.

use std::collections::BTreeMap;

use streams_core::config::TopologyOptimization;
use streams_core::processor::{
    FixedKeyContext, FixedKeyProcessor, FixedKeyRecord, Processor, ProcessorContext, ProcessorResult,
};
use streams_core::record::Record;
use streams_core::store::Stores;

use crate::error::DslError;
use crate::handles::{KStream, StreamsBuilder};
use crate::operators::stateless::Branched;
use crate::options::{BufferConfig, Consumed, Materialized, Printed, Produced, Repartitioned, Suppressed};
use crate::windows::millis;

const ALL: TopologyOptimization = TopologyOptimization {
    reuse_ktable_source_topics: true,
    merge_repartition_topics: true,
    single_store_self_join: true,
};

type Payments = KStream<String, i64>;

fn sections() -> BTreeMap<&'static str, String> {
    let all = include_str!("java_descriptions.txt");
    all.split("=== ")
        .filter_map(|section| section.split_once('\n'))
        .map(|(name, text)| (name, text.to_owned()))
        .collect()
}

fn check_with(name: &str, optimization: TopologyOptimization, program: impl FnOnce(&StreamsBuilder)) {
    let builder = StreamsBuilder::new();
    program(&builder);
    let topology = builder.build_with(optimization).unwrap();
    assert_eq!(topology.describe().to_string(), sections()[name], "{name}");
}

fn check(name: &str, program: impl FnOnce(&StreamsBuilder)) {
    check_with(name, TopologyOptimization::default(), program);
}

fn input(builder: &StreamsBuilder, topic: &str) -> Payments {
    builder.stream(topic)
}

fn stored(name: &str) -> Materialized<String, i64> {
    Materialized::named(name)
}

struct Identity;

impl Processor<String, i64, String, i64> for Identity {
    fn process(
        &mut self,
        record: Record<String, i64>,
        context: &mut ProcessorContext<'_, String, i64>,
    ) -> ProcessorResult {
        context.forward(record)
    }
}

impl FixedKeyProcessor<String, i64, i64> for Identity {
    fn process(
        &mut self,
        record: FixedKeyRecord<String, i64>,
        context: &mut FixedKeyContext<'_, String, i64>,
    ) -> ProcessorResult {
        context.forward(record)
    }
}

struct Swallow;

impl Processor<String, i64, (), ()> for Swallow {
    fn process(&mut self, _: Record<String, i64>, _: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
        Ok(())
    }
}

#[test]
fn stateless_operators() {
    check("stateless_chain", |b| {
        input(b, "in")
            .filter(|_, _| true)
            .filter_not(|_, _| true)
            .map_values(|v| v)
            .map(|k, v| (k, v))
            .flat_map(|k, v| [(k, v)])
            .flat_map_values(|v| [v])
            .select_key(|k, _| k.clone())
            .peek(|_, _| {})
            .to("out");
    });
}

#[test]
fn a_name_uses_up_a_number() {
    check("named_chain", |b| {
        b.stream_with("in", Consumed::named("src"))
            .named("keep")
            .filter(|_: &String, _: &i64| true)
            .map_values(|v| v)
            .named("rekey")
            .select_key(|k, _| k.clone())
            .to_with("out", Produced::named("sink"));
    });
}

#[test]
fn several_topics_are_one_source() {
    check("several_topics", |b| b.stream::<String, i64>(["b", "a"]).for_each(|_, _| {}));
}

#[test]
fn the_same_topic_is_read_once() {
    check("same_topic_twice", |b| {
        input(b, "in").filter(|_, _| true).to("o1");
        input(b, "other").to("o3");
        input(b, "in").map_values(|v| v).to("o2");
    });
}

#[test]
fn merges() {
    check("merge", |b| {
        let (x, y) = (input(b, "a"), input(b, "b"));
        x.merge(&y).to("out");
        x.named("both").merge(&y).filter(|_, _| true).to("out2");
    });
    check("diamond", |b| {
        let x = input(b, "a");
        let (l, r) = (x.filter(|_, _| true), x.map_values(|v| v));
        l.merge(&r).merge(&x).to("out");
        r.to("r");
    });
}

#[test]
fn branches() {
    check("split", |b| {
        let branches = input(b, "in")
            .split()
            .branch(|_, _| true)
            .branch_with(|_, _| true, Branched::named("x"))
            .default_branch();
        branches.iter().for_each(|(name, branch)| branch.to(&format!("out-{name}")));
    });
    check("split_named", |b| {
        let branches = input(b, "in")
            .named("sp-")
            .split()
            .branch_with(
                |_, _| true,
                Branched::with_function(|s: Payments| Some(s.map_values(|v| v))).with_name("f"),
            )
            .branch_with(|_, _| true, Branched::with_consumer(|s: Payments| s.to("c")))
            .no_default_branch();
        branches.iter().for_each(|(name, branch)| branch.to(&format!("out-{name}")));
    });
}

#[test]
fn repartitions() {
    check("repartition", |b| {
        input(b, "in").repartition().to("out");
        input(b, "in2")
            .map(|k, v| (k, v))
            .repartition_with(Repartitioned::named("again").with_number_of_partitions(3))
            .map_values(|v| v)
            .to("out2");
    });
}

#[test]
fn tables() {
    check("table_unstored", |b| {
        b.table::<String, i64>("t").filter(|_, _| true).map_values(|v| v).to_stream().to("out");
    });
    check("table_stored", |b| {
        let rows = b.table_with("t", Consumed::new(), stored("rows"));
        rows.filter(|_, _| true).map_values(|v| v).to_stream().to("out");
    });
    check("table_named", |b| {
        b.table_with::<String, i64>("t", Consumed::named("people"), Materialized::new())
            .named("f")
            .filter_with(|_, _| true, stored("kept"))
            .named("m")
            .map_values_with(|v| v, Materialized::<String, i64>::new())
            .filter_not_with(|_, _| true, Materialized::new())
            .named("s")
            .to_stream()
            .to("out");
    });
    check("table_to_stream_key", |b| {
        b.table::<String, i64>("t").to_stream().select_key(|k, _| k.clone()).to("out");
    });
}

#[test]
fn streams_as_tables() {
    check("to_table", |b| {
        input(b, "in").to_table().to_stream().to("o1");
        input(b, "in2").select_key(|k, _| k.clone()).to_table_with(Materialized::new()).to_stream().to("o2");
        let third = input(b, "in3").select_key(|k, _| k.clone());
        third.named("latest").to_table_with(stored("latest-rows")).to_stream().to("o3");
    });
}

#[test]
fn processors() {
    check("process", |b| {
        b.add_state_store(Stores::key_value_store::<String, i64>("late"));
        b.add_state_store(Stores::key_value_store::<String, i64>("st"));
        input(b, "in").process(|_| Ok(Identity), &["st"]).to("o1");
        input(b, "in")
            .named("own")
            .process(|_| Ok(Identity), &["st"])
            .process_values(|_| Ok(Identity), &[])
            .named("vals")
            .process_values(|_| Ok(Identity), &["late"])
            .to("o2");
    });
}

#[test]
fn global_tables_and_stores() {
    check("global_table", |b| {
        b.global_table::<String, i64>("g");
        b.global_table_with("h", Consumed::named("hh"), stored("hs"));
        input(b, "in").to("out");
    });
    check("global_store", |b| {
        input(b, "in").to("out");
        let store = Stores::key_value_store::<String, i64>;
        b.add_global_store(store("gs"), "g", Consumed::new(), |_| Ok(Swallow));
        b.add_global_store(store("gn"), "gn", Consumed::named("glob"), |_| Ok(Swallow));
    });
}

#[test]
fn printers() {
    check("print", |b| {
        let x = input(b, "in");
        x.print(Printed::to_standard_output());
        x.print(Printed::to_standard_output().with_name("pr"));
    });
}

#[test]
fn a_source_topic_can_be_the_changelog() {
    check_with("reuse_source_topic", ALL, |b| {
        b.table_with("t", Consumed::new(), stored("rows")).to_stream().to("out");
    });
}

#[test]
fn repartitions_are_merged_on_request() {
    let program = |b: &StreamsBuilder| {
        let k = input(b, "in").select_key(|k, _| k.clone());
        k.to_table_with(stored("a")).to_stream().to("o1");
        k.filter(|_, _| true).to_table_with(stored("b")).to_stream().to("o2");
        k
    };
    check("unmerged_repartitions", |b| {
        program(b);
    });
    check_with("merge_repartitions", ALL, |b| {
        program(b).map_values(|v| v).to_table_with(stored("c")).to_stream().to("o3");
    });
    check_with("merge_repartitions_below_merge", ALL, |b| {
        let k = input(b, "in").select_key(|k, _| k.clone());
        let m = k.merge(&input(b, "in2").map(|k, v| (k, v)));
        m.named("ta").to_table_with(stored("a")).to_stream().to("o1");
        m.filter(|_, _| true).to_table_with(stored("b")).to_stream().to("o2");
    });
}

fn error(program: impl FnOnce(&StreamsBuilder)) -> DslError {
    let builder = StreamsBuilder::new();
    program(&builder);
    builder.build().unwrap_err()
}

#[test]
fn mistakes_are_reported_when_the_topology_is_built() {
    let bad_name = error(|b| input(b, "in").named("no spaces").filter(|_, _| true).to("out"));
    assert!(matches!(bad_name, DslError::Name { .. }), "{bad_name}");

    let types = error(|b| {
        input(b, "in").to("o1");
        b.stream::<String, String>("in").to("o2");
    });
    assert!(matches!(types, DslError::SourceTypes { .. }), "{types}");

    let overlap = error(|b| {
        input(b, "in").to("o1");
        b.stream::<String, i64>(["in", "more"]).to("o2");
    });
    assert!(matches!(overlap, DslError::OverlappingSources { .. }), "{overlap}");

    let duplicate = error(|b| {
        let x = input(b, "in").named("same").filter(|_, _| true);
        x.named("same").filter(|_, _| true).to("out");
    });
    assert!(duplicate.to_string().contains("same"), "{duplicate}");

    let serde = error(|b| {
        #[derive(Clone)]
        struct Opaque;
        input(b, "in").map_values(|_| Opaque).to_with("out", Produced::inherit());
    });
    assert!(matches!(serde, DslError::MissingSerde { part: "value", .. }), "{serde}");

    let partitions = error(|b| {
        let options = Repartitioned::new().with_number_of_partitions(0);
        input(b, "in").repartition_with(options).to("out");
    });
    assert!(matches!(partitions, DslError::Option { .. }), "{partitions}");

    let other = StreamsBuilder::new();
    let foreign = error(|b| input(b, "in").merge(&input(&other, "elsewhere")).to("out"));
    assert!(matches!(foreign, DslError::ForeignStream { .. }), "{foreign}");
}

#[test]
fn a_suppression_has_the_serdes_of_its_table() {
    let suppress = |builder: &StreamsBuilder, materialized: Option<Materialized<String, String>>| {
        let rows = builder.table::<String, String>("in");
        let mapped = match materialized {
            Some(materialized) => rows.map_values_with(|row| row, materialized),
            None => rows.map_values(|row| row),
        };
        mapped.suppress(Suppressed::until_time_limit(millis(1), BufferConfig::unbounded()));
    };
    let unknown = error(|b| suppress(b, None));
    assert!(matches!(unknown, DslError::MissingSerde { part: "value", .. }), "{unknown}");
    let builder = StreamsBuilder::new();
    suppress(&builder, Some(Materialized::new()));
    assert!(builder.build().is_ok());
}
