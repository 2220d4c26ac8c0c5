//! Every example gives the same result on Kafka as on the embedded broker.

use ::examples::{ExampleApp, Options, OutputRecord, final_records, run};

use tests::lab::shared;

use crate::support::turn;

/// The last record of each topic and key, without its partition: Kafka and the embedded broker may count differently.
fn last(outputs: &[OutputRecord]) -> Vec<OutputRecord> {
    final_records(outputs).into_iter().cloned().collect()
}

fn same_on_both(make: impl Fn(&Options) -> ::examples::Result<ExampleApp>) {
    let _turn = turn();
    let state = tempfile::tempdir().expect("a folder for state");
    let embedded = Options::default();
    let kafka = Options {
        bootstrap_servers: shared().expect("a broker").bootstrap().to_owned(),
        state_dir: Some(state.path().to_owned()),
        ..Options::default()
    };
    let app = make(&embedded).expect("the example reads its data");
    let expected = last(&run(&app, &embedded).expect("it runs on the embedded broker").outputs);
    let outputs = last(&run(&app, &kafka).expect("it runs on Kafka").outputs);
    assert!(expected.len() > 10, "{} writes {} results only", app.name, expected.len());
    assert!(outputs == expected, "{}: {} and {} results", app.name, outputs.len(), expected.len());
}

#[test]
fn word_count_is_the_same_on_kafka() {
    same_on_both(::examples::word_count::app);
}

#[test]
fn flights_are_the_same_on_kafka() {
    same_on_both(::examples::flights::app);
}

#[test]
fn fraud_is_the_same_on_kafka() {
    same_on_both(|_| ::examples::fraud::app_on(&::examples::fraud::scenario(3, 200, 4_000, 20)));
}
