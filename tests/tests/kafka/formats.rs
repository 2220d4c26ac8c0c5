//! Java's own classes read every kind of topic that this library writes, beyond the results and changelogs of `interop`:
//! what sub-topologies and the sides of a join tell each other, and the changelogs of special stores.

use std::collections::BTreeMap;
use std::time::Duration;

use kstreams::prelude::*;
use streams_core::topology::Topology;
use tempfile::TempDir;
use tests::lab::{KafkaClient, TestRecord, shared};

use crate::support::{App, Turn, config, read_by_java, rows, turn, wait_committed};

const LIMIT: Duration = Duration::from_secs(180);

/// The header of [`traced`] records as Java shows it.
const HEADER: &str = r#"[["origin","78"]]"#;

/// An application whose topics Java reads.
struct Writer {
    client: KafkaClient,
    name: &'static str,
    /// The topics that it reads.
    sources: Vec<&'static str>,
    app: App,
    _folder: TempDir,
    _turn: Turn,
}

impl Writer {
    /// Runs it with these topics; it reads the internal ones, too.
    fn run(
        name: &'static str,
        inputs: &[&'static str],
        internal: &[&'static str],
        outputs: &[&'static str],
        topology: Topology,
    ) -> Self {
        let turn = turn();
        let client = shared().expect("a broker").client();
        let folder = tempfile::tempdir().expect("a folder");
        for topic in inputs.iter().chain(outputs) {
            client.create_topic(topic, 1, &[]).expect("topic");
        }
        // Java comes after the application, which must not delete what it has read.
        let settings = config(&client, name, folder.path()).with("repartition.purge.interval.ms", 3_600_000);
        let app = App::run(topology, settings.expect("a setting"));
        let sources = [inputs, internal].concat();
        Writer { client, name, sources, app, _folder: folder, _turn: turn }
    }

    /// Feeds it and waits until it has done everything that follows.
    fn feed(&self, topic: &str, records: impl IntoIterator<Item = TestRecord>) {
        self.client.produce(topic, records).expect("sent");
        wait_committed(&self.client, self.name, &self.sources, LIMIT);
    }
}

fn record(key: &str, value: &str, time: i64) -> TestRecord {
    TestRecord::new(key, value).at(time)
}

fn traced(key: &str, value: &str, time: i64) -> TestRecord {
    record(key, value, time).header("origin", "x")
}

/// A regrouped table, a versioned table, and a stream that waits for late updates of it.
#[test]
fn java_reads_regrouped_tables_and_versions() {
    let builder = StreamsBuilder::new();
    let regroup = |_: &String, home: String| {
        let (group, value) = home.split_once('/').expect("two parts");
        (group.to_owned(), value.to_owned())
    };
    let homes = builder.table::<String, String>("tables-homes");
    homes.group_by_with(regroup, Grouped::named("by-group")).count();
    let versions = Stores::persistent_versioned_key_value_store("prices", hours(1));
    // Brokers compact by the machine's clock, to which these versions are old.
    let uncompacted = BTreeMap::from([("min.compaction.lag.ms".to_owned(), i64::MAX.to_string())]);
    let versions = Materialized::as_store(versions).with_logging_enabled(uncompacted);
    let prices: KTable<String, String> = builder.table_with("tables-prices", Consumed::new(), versions);
    builder.stream::<String, String>("tables-orders").join_with(
        &prices,
        |order, price| format!("{order} {price}"),
        Joined::named("priced").with_grace_period(millis(100)),
    );
    let writer = Writer::run(
        "tables",
        &["tables-homes", "tables-prices", "tables-orders"],
        &["tables-by-group-repartition"],
        &[],
        builder.build().expect("a topology"),
    );
    let deleted = TestRecord::tombstone("x").at(1_003);
    let moves = [traced("x", "g1/1", 1_000), record("x", "g1/2", 1_001), record("x", "g2/3", 1_002), deleted];
    writer.feed("tables-homes", moves);
    let deleted = TestRecord::tombstone("k").at(1_800);
    let late = record("k", "c", 1_500);
    writer.feed("tables-prices", [record("k", "a", 1_000), record("k", "b", 2_000), late, deleted]);
    let orders = [record("k", "o1", 1_600), traced("k", "o2", 1_650), record("k", "o3", 1_710)];
    writer.feed("tables-orders", orders);
    writer.app.close();

    let found = read_by_java(
        &writer.client,
        &[
            "tables-by-group-repartition/text/change",
            "tables-prices-changelog/text/text",
            "tables-priced-Buffer-changelog/numbered-time-first:1/buffered",
        ],
    );
    assert_eq!(
        found["tables-by-group-repartition"],
        [
            format!("g1=(1<-null)@1000 {HEADER}").as_str(),
            "g1=(2<-1)@1001",
            "g1=(null<-2)@1002",
            "g2=(3<-null)@1002",
            "g2=(null<-3)@1003",
        ]
    );
    assert_eq!(found["tables-prices-changelog"], ["k=a@1000", "k=b@2000", "k=c@1500", "k=null@1800"]);
    let waits = |order, time, offset, headers| {
        format!("({order}<-null) prior null time 0 from tables-orders/0:{offset} {time} {headers}@now")
    };
    assert_eq!(
        rows(&found["tables-priced-Buffer-changelog"]),
        [
            format!("[k@1650/1651]#2={}", waits("o2", 1_650, 1, HEADER)),
            format!("[k@1710/1711]#3={}", waits("o3", 1_710, 2, "[]")),
        ]
    );
}

/// What the sides of a foreign-key join tell each other, and the subscriptions that one of them keeps.
#[test]
fn java_reads_subscriptions_and_responses() {
    const REGISTRATION: &str = "foreign-joined-subscription-registration-topic";
    const RESPONSE: &str = "foreign-joined-subscription-response-topic";
    const STORE: &str = "foreign-joined-subscription-store-changelog";
    // Kafka's Murmur3.hash128 of the orders "p1" and "p2".
    const P1: &str = "[3669095028225185793, -7808916563121879841]";
    const P2: &str = "[-8957133420022913130, 6267662107804743641]";

    let builder = StreamsBuilder::new();
    let products = builder.table::<String, String>("foreign-products");
    builder.table::<String, String>("foreign-orders").join_foreign_key_with(
        &products,
        |order| Some(order.clone()),
        |order, product| format!("{order} {product}"),
        TableJoined::named("joined"),
        Materialized::new(),
    );
    let writer = Writer::run(
        "foreign",
        &["foreign-products", "foreign-orders"],
        &[REGISTRATION, RESPONSE],
        &[],
        builder.build().expect("a topology"),
    );
    writer.feed("foreign-products", [record("p1", "apple", 1_000)]);
    writer.feed("foreign-orders", [record("o1", "p1", 1_010)]);
    writer.feed("foreign-orders", [record("o1", "p2", 1_020)]);
    writer.feed("foreign-orders", [TestRecord::tombstone("o1").at(1_030)]);
    writer.feed("foreign-orders", [traced("o2", "p1", 1_040)]);
    writer.feed("foreign-products", [record("p1", "pear", 1_050)]);
    writer.app.close();

    let found = read_by_java(
        &writer.client,
        &[
            &format!("{REGISTRATION}/text/subscription"),
            &format!("{RESPONSE}/text/response"),
            &format!("{STORE}/combined/subscription"),
        ],
    );
    let subscription = |order, instruction, hash| {
        format!(
            "SubscriptionWrapper{{version=1, primaryKey={order}, instruction={instruction}, hash={hash}, \
             primaryPartition=0}}"
        )
    };
    let second = subscription("o2", "PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE", P1);
    assert_eq!(
        found[REGISTRATION],
        [
            format!("p1={}@1010", subscription("o1", "PROPAGATE_ONLY_IF_FK_VAL_AVAILABLE", P1)),
            format!("p1={}@1020", subscription("o1", "DELETE_KEY_NO_PROPAGATE", P2)),
            format!("p2={}@1020", subscription("o1", "PROPAGATE_NULL_IF_NO_FK_VAL_AVAILABLE", P2)),
            format!("p2={}@1030", subscription("o1", "DELETE_KEY_AND_PROPAGATE", "null")),
            format!("p1={second}@1040 {HEADER}"),
        ]
    );
    let response = |product, hash| {
        format!(
            "SubscriptionResponseWrapper{{version=0, foreignValue={product}, originalValueHash={hash}, \
             primaryPartition=null}}"
        )
    };
    assert_eq!(
        found[RESPONSE],
        [
            format!("o1={}@1010", response("apple", P1)),
            format!("o1={}@1020", response("null", P2)),
            format!("o1={}@1030", response("null", "null")),
            format!("o2={}@1040 {HEADER}", response("apple", P1)),
            format!("o2={}@1050", response("pear", P1)),
        ]
    );
    assert_eq!(rows(&found[STORE]), [format!("p1|o2={second}@1040 {HEADER}")]);
}

/// Rows that suppression holds back: final results of windows, and updates of rows that were let through before.
#[test]
fn java_reads_what_suppression_holds_back() {
    let builder = StreamsBuilder::new();
    let words = builder.stream::<String, String>("held-in").group_by_key();
    let windows = TimeWindows::of_size_and_grace(millis(10), millis(5));
    let finals = Suppressed::until_window_closes(BufferConfig::unbounded()).with_name("finals");
    words.windowed_by(windows).reduce(|before, word| before + &word).suppress(finals);
    let rare = Suppressed::until_time_limit(millis(10), BufferConfig::unbounded()).with_name("rare");
    words.reduce(|before, word| before + &word).suppress(rare);
    let writer = Writer::run("held", &["held-in"], &[], &[], builder.build().expect("a topology"));
    writer.feed(
        "held-in",
        [
            record("a", "x", 1_000),
            record("a", "y", 1_004),
            // Lets the row of `a` through.
            record("b", "z", 1_013),
            traced("b", "q", 1_014),
            // Closes the window that ends at 1010.
            record("a", "w", 1_016),
        ],
    );
    writer.app.close();

    let found = read_by_java(
        &writer.client,
        &["held-finals-store-changelog/time:10/buffered", "held-rare-store-changelog/text/buffered"],
    );
    let version = r#"[["v","03"]]"#;
    assert_eq!(
        rows(&found["held-finals-store-changelog"]),
        [
            format!("[a@1010/1020]=(w<-null) prior null time 1020 from held-in/0:4 1016 []@now {version}"),
            format!(
                "[b@1010/1020]=(zq<-z) prior null time 1020 from held-in/0:3 1014 {HEADER}@now {version}"
            ),
        ]
    );
    assert_eq!(
        rows(&found["held-rare-store-changelog"]),
        [
            format!("a=(xyw<-xy) prior xy time 1016 from held-in/0:4 1016 []@now {version}"),
            format!("b=(zq<-z) prior null time 1013 from held-in/0:3 1014 {HEADER}@now {version}"),
        ]
    );
}

/// Both sides of an outer join of streams, and the records that wait for a partner.
#[test]
fn java_reads_the_stores_of_stream_joins() {
    let builder = StreamsBuilder::new();
    let right = builder.stream::<String, String>("pairs-right");
    builder.stream::<String, String>("pairs-left").outer_join_stream_with(
        &right,
        |left, right| format!("{left:?} {right:?}"),
        JoinWindows::of_time_difference_with_no_grace(millis(10)),
        StreamJoined::new().with_store_name("kept"),
    );
    let inputs = ["pairs-left", "pairs-right"];
    let writer = Writer::run("pairs", &inputs, &[], &[], builder.build().expect("a topology"));
    writer.feed("pairs-left", [traced("a", "l1", 1_000), record("a", "l2", 1_000)]);
    writer.feed("pairs-right", [traced("a", "r1", 1_005), record("b", "r2", 1_006)]);
    writer.feed("pairs-left", [record("c", "l3", 1_007), record("c", "l4", 1_007)]);
    writer.app.close();

    let found = read_by_java(
        &writer.client,
        &[
            "pairs-kept-outer-this-join-store-changelog/numbered:20/text",
            "pairs-kept-outer-other-join-store-changelog/numbered:20/text",
            "pairs-kept-outer-shared-join-store-changelog/waiting-key/waiting-values",
        ],
    );
    assert_eq!(
        found["pairs-kept-outer-this-join-store-changelog"],
        [
            format!("[a@1000/1020]#1=l1@1000 {HEADER}").as_str(),
            "[a@1000/1020]#2=l2@1000",
            "[c@1007/1027]#3=l3@1007",
            "[c@1007/1027]#4=l4@1007",
        ]
    );
    assert_eq!(
        found["pairs-kept-outer-other-join-store-changelog"],
        [format!("[a@1005/1025]#1=r1@1005 {HEADER}").as_str(), "[b@1006/1026]#2=r2@1006"]
    );
    assert_eq!(
        rows(&found["pairs-kept-outer-shared-join-store-changelog"]),
        ["<left,c:1007>=[<left,l3>, <left,l4>]@1007", "<right,b:1006>=[<right,r2>]@1006"]
    );
}

/// Windows that overlap, those that are emitted when they close, and headers.
#[test]
fn java_reads_overlapping_windows_and_headers() {
    let builder = StreamsBuilder::new();
    let words = builder.stream::<String, String>("overlap-in").group_by_key();
    let hopping = TimeWindows::of_size_and_grace(millis(10), millis(100)).advance_by(millis(5));
    let hopping = words.windowed_by(hopping).count_with(Materialized::named("hopping"));
    hopping.to_stream().to("overlap-hopping");
    let sliding = SlidingWindows::of_time_difference_and_grace(millis(10), millis(100));
    let sliding = words.windowed_by(sliding).count_with(Materialized::named("sliding"));
    sliding.to_stream().to("overlap-sliding");
    let closed = words.windowed_by(TimeWindows::of_size_with_no_grace(millis(10)));
    closed.emit_strategy(EmitStrategy::OnWindowClose).count_with(Materialized::named("closed"));
    let sessions = words.windowed_by(SessionWindows::of_inactivity_gap_with_no_grace(millis(5)));
    sessions.emit_strategy(EmitStrategy::OnWindowClose).count_with(Materialized::named("closed-sessions"));
    let writer = Writer::run(
        "overlap",
        &["overlap-in"],
        &[],
        &["overlap-hopping", "overlap-sliding"],
        builder.build().expect("a topology"),
    );
    let mut first = traced("a", "x", 1_000).header("origin", [0xff]);
    first.headers.push(("none".to_owned(), None));
    writer.feed("overlap-in", [first, record("a", "y", 1_004), record("a", "z", 1_030)]);
    writer.app.close();

    let found = read_by_java(
        &writer.client,
        &[
            "overlap-hopping/time:10/long",
            "overlap-sliding/time:10/long",
            "overlap-hopping-changelog/time-changelog:10/long",
            "overlap-sliding-changelog/time-changelog:10/long",
            "overlap-closed-changelog/time-changelog:10/long",
            "overlap-closed-sessions-changelog/session/long",
        ],
    );
    let headers = r#"[["origin","78"],["origin","ff"],["none",null]]"#;
    assert_eq!(
        found["overlap-hopping"],
        [
            format!("[a@995/1005]=1@1000 {headers}").as_str(),
            format!("[a@1000/1010]=1@1000 {headers}").as_str(),
            "[a@995/1005]=2@1004",
            "[a@1000/1010]=2@1004",
            "[a@1025/1035]=1@1030",
            "[a@1030/1040]=1@1030",
        ]
    );
    assert_eq!(
        found["overlap-sliding"],
        [
            format!("[a@990/1000]=1@1000 {headers}").as_str(),
            "[a@1001/1011]=1@1004",
            "[a@994/1004]=2@1004",
            "[a@1020/1030]=1@1030",
        ]
    );
    let hopping =
        ["[a@1000/1010]=2@1004", "[a@1025/1035]=1@1030", "[a@1030/1040]=1@1030", "[a@995/1005]=2@1004"];
    assert_eq!(rows(&found["overlap-hopping-changelog"]), hopping);
    let sliding =
        ["[a@1001/1011]=1@1004", "[a@1020/1030]=1@1030", "[a@990/1000]=1@1000", "[a@994/1004]=2@1004"];
    assert_eq!(rows(&found["overlap-sliding-changelog"]), sliding);
    assert_eq!(rows(&found["overlap-closed-changelog"]), ["[a@1000/1010]=2@1004", "[a@1030/1040]=1@1030"]);
    let sessions = rows(&found["overlap-closed-sessions-changelog"]);
    assert_eq!(sessions, ["[a@1000/1004]=2@1004", "[a@1030/1030]=1@1030"]);
}
