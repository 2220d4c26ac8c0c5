//! The short form of `make smoke`: Kafka Streams' verifiers pass an application whose processes are killed.

#![allow(clippy::panic, reason = "tests fail by panicking")]

use smoke::{Campaign, Fault, Judge, Run};

fn pass(judge: Judge, guarantee: &'static str, fault: Fault) {
    let folder = tempfile::tempdir().expect("a folder");
    let campaign =
        Campaign { program: env!("CARGO_BIN_EXE_smoke_app").into(), folder: folder.path().to_path_buf() };
    if let Err(error) = campaign.run(Run { judge, guarantee, fault, short: true, seed: 1 }) {
        let kept = folder.keep();
        panic!("{error}\nlogs and state are kept in {}", kept.display());
    }
}

#[test]
fn streams_smoke_test_exactly_once_with_kills() {
    pass(Judge::Streams, "exactly_once_v2", Fault::Kill);
}

#[test]
fn relational_smoke_test_exactly_once_with_kills() {
    pass(Judge::Relational, "exactly_once_v2", Fault::Kill);
}
