//! `StatelessCases.java`, in Rust.

use kstreams::prelude::*;
use streams_core::ids::TopicName;
use streams_core::processor::TopicNameExtractor;
use streams_core::record::RecordMetadata;

use crate::Case;

pub const CASES: &[Case] = &[
    ("stream_to", |b| nullable(b, "in").to("out")),
    ("stream_named", |b| {
        let stream = b.stream_with::<String, String>("in", Consumed::named("my-source"));
        stream.to_with("out", Produced::named("my-sink"));
    }),
    ("stream_two_topics", |b| b.stream::<String, String>(["in", "in2"]).to("out")),
    ("stream_twice", |b| {
        texts(b, "in").filter(|k, _| k == "a").to("out");
        texts(b, "in").filter(|k, _| k == "b").to("out2");
    }),
    ("filter", |b| texts(b, "in").filter(|k, _| k == "a").to("out")),
    ("filter_not", |b| texts(b, "in").filter_not(|k, _| k == "a").to("out")),
    ("filter_nulls", |b| {
        nullable(b, "in").filter(|k, v| v.is_none() || k.is_none()).to("out");
    }),
    ("map", |b| texts(b, "in").map(|k, v| (v, k + "!")).to("out")),
    ("map_values", |b| texts(b, "in").map_values(|v| v + "!").to("out")),
    ("map_values_with_key", |b| texts(b, "in").map_values_with_key(|k, v| format!("{k}={v}")).to("out")),
    ("map_values_to_long", |b| texts(b, "in").map_values(|v| v.len() as i64).to("out")),
    ("flat_map", |b| texts(b, "in").flat_map(tails).to("out")),
    ("flat_map_values", |b| texts(b, "in").flat_map_values(words).to("out")),
    ("select_key", |b| texts(b, "in").select_key(|_, v| v.clone()).to("out")),
    ("peek", |b| texts(b, "in").peek(|_, _| {}).to("out")),
    ("foreach", |b| texts(b, "in").for_each(|_, _| {})),
    ("merge", |b| {
        let (first, second) = (texts(b, "in"), texts(b, "in2"));
        first.map_values(|v| format!("1:{v}")).merge(&second.map_values(|v| format!("2:{v}"))).to("out");
    }),
    ("split", |b| {
        let branches =
            texts(b, "in").split().branch(|k, _| k == "a").branch(|k, _| k == "b").default_branch();
        branches["KSTREAM-BRANCH-00000000011"].to("out-1");
        branches["KSTREAM-BRANCH-00000000012"].to("out-2");
        branches["KSTREAM-BRANCH-00000000010"].to("out-0");
    }),
    ("split_named", |b| {
        let branches = texts(b, "in")
            .named("split-")
            .split()
            .branch_with(|k, _| k == "a", Branched::named("a"))
            .branch(|k, _| k == "b")
            .default_branch_with(Branched::named("rest"));
        branches["split-a"].to("out-a");
        branches["split-2"].to("out-b");
        branches["split-rest"].to("out-rest");
    }),
    ("split_no_default", |b| {
        texts(b, "in")
            .named("split-")
            .split()
            .branch_with(|k, _| k == "a", Branched::with_consumer(|s| s.to("out-a")))
            .branch_with(|k, _| k == "b", Branched::with_consumer(|s| s.to("out-b")).with_name("second"))
            .no_default_branch();
    }),
    ("repartition", |b| nullable(b, "in").repartition().to("out")),
    ("repartition_named", |b| {
        texts(b, "in")
            .select_key(|_, v| v.clone())
            .repartition_with(Repartitioned::named("by-value").with_number_of_partitions(3))
            .map_values(|v| v + "!")
            .to("out");
    }),
    ("to_extractor", |b| texts(b, "in").to_dynamic(ByKey)),
    ("to_twice", |b| {
        let stream = texts(b, "in");
        stream.to("out");
        stream.map_values(|v| v + "!").to("out2");
    }),
    ("chain_named", |b| {
        b.stream_with::<String, String>("in", Consumed::named("source"))
            .named("keep")
            .filter(|_, v| !v.is_empty())
            .named("drop")
            .filter_not(|k, _| k.is_empty())
            .named("swap")
            .map(|k, v| (v, k))
            .named("shout")
            .map_values(|v| v + "!")
            .named("both")
            .flat_map(|k, v| [(k.clone(), v.clone()), (v, k)])
            .named("twice")
            .flat_map_values(|v| [v.clone(), v])
            .named("key")
            .select_key(|k, v| format!("{k}{v}"))
            .named("look")
            .peek(|_, _| {})
            .named("sink")
            .to("out");
    }),
    ("chain_partly_named", |b| {
        texts(b, "in")
            .named("keep")
            .filter(|_, v| !v.is_empty())
            .map_values(|v| v + "!")
            .named("key")
            .select_key(|_, v| v.clone())
            .peek(|_, _| {})
            .to("out");
    }),
    ("two_independent_topologies", |b| {
        texts(b, "in").to("out");
        texts(b, "in2").to("out2");
    }),
];

/// A key or value as Kafka has it: maybe null.
pub type Text = Option<String>;

/// A stream of texts that may be null.
pub fn nullable(b: &StreamsBuilder, topic: &str) -> KStream<Text, Text> {
    b.stream(topic)
}

/// A stream of texts; records with nulls are dropped where they are read.
pub fn texts(b: &StreamsBuilder, topic: &str) -> KStream<String, String> {
    b.stream(topic)
}

/// The words of a line; Java's `split` leaves empty texts at the end out.
pub fn words(line: String) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn tails(key: String, value: String) -> Vec<(String, String)> {
    (0..value.len()).map(|at| (format!("{key}{at}"), value[at..].to_owned())).collect()
}

struct ByKey;

impl TopicNameExtractor<String, String> for ByKey {
    fn extract(&self, key: &String, _: &String, _: Option<&RecordMetadata>) -> TopicName {
        if key == "a" { "out-a".into() } else { "out-rest".into() }
    }

    fn describe(&self) -> String {
        "by-key".to_owned()
    }
}
