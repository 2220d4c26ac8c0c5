//! A short measurement, which leaves nothing behind.

use lab::shared;

use super::streams;

#[test]
fn a_cluster_is_measured_and_left_as_it_was() {
    let client = shared().expect("a broker").client();
    let at = ["--bootstrap-servers", client.bootstrap()];
    let run = streams(&[&["bench", "--records", "2000", "--partitions", "2", "--json"][..], &at].concat());
    let report = run.json(0);
    assert_eq!(report["records"], 2_000);
    for rate in ["produced_per_second", "consumed_per_second", "counted_per_second"] {
        assert!(report[rate].as_f64().is_some_and(|rate| rate > 0.0), "{rate}: {report}");
    }
    let left: Vec<String> = client.topics().expect("topics");
    assert!(left.iter().all(|topic| !topic.starts_with("streams-bench-")), "{left:?}");
}
