//! The programs of `tests/golden/conformance.jsonl`, whose topologies, results and changelogs must be those that Kafka
//! Streams 4.3.1 recorded there, and the bytes of `tests/golden/formats.jsonl`.
//!
//! | file | what |
//! |---|---|
//! | `replay` | runs a case and compares; says where the comparison is not exact |
//! | `stateless`, `processors`, `tables` | the cases, by family as in Java |
//! | `aggregates`, `windows`, `sliding`, `emit` | the same |
//! | `suppress`, `joins`, `stream_joins` | the same |
//! | `table_groups`, `table_joins` | cases of grouped, joined and transformed tables |
//! | `foreign_key`, `cogroup` | cases of foreign-key joins and cogrouped streams |
//! | `stores` | cases of versioned tables, LRU maps and joins with a grace period |
//! | `nullable` | some of them again, with types that may be null |
//! | `formats` | the bytes of serdes, keys, stores and offset metadata |

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod aggregates;
mod cogroup;
mod emit;
mod foreign_key;
mod formats;
mod joins;
mod nullable;
mod processors;
mod replay;
mod sliding;
mod stateless;
mod stores;
mod stream_joins;
mod suppress;
mod table_groups;
mod table_joins;
mod tables;
mod windows;

use std::collections::BTreeSet;

use kstreams::StreamsBuilder;
use replay::{check_all, check_names, golden};

/// Builds one case's program.
pub type Program = fn(&StreamsBuilder);

/// The case's name and its program.
pub type Case = (&'static str, Program);

const FAMILIES: &[&[Case]] = &[
    stateless::CASES,
    processors::CASES,
    tables::CASES,
    aggregates::CASES,
    windows::CASES,
    sliding::CASES,
    emit::CASES,
    suppress::CASES,
    joins::CASES,
    stream_joins::CASES,
    table_groups::CASES,
    table_joins::CASES,
    foreign_key::CASES,
    cogroup::CASES,
    stores::CASES,
    nullable::CASES,
];

/// Recorded cases that are not run, with the reason.
const LEFT_OUT: &[(&str, &str)] = &[];

#[test]
fn stateless_operators_do_what_kafka_streams_does() {
    check_all(stateless::CASES);
}

#[test]
fn processors_do_what_kafka_streams_does() {
    check_all(processors::CASES);
}

#[test]
fn tables_do_what_kafka_streams_does() {
    check_all(tables::CASES);
}

#[test]
fn aggregations_do_what_kafka_streams_does() {
    check_all(aggregates::CASES);
}

#[test]
fn windows_do_what_kafka_streams_does() {
    check_all(windows::CASES);
}

#[test]
fn sliding_windows_do_what_kafka_streams_does() {
    check_all(sliding::CASES);
}

#[test]
fn emission_on_close_does_what_kafka_streams_does() {
    check_all(emit::CASES);
}

#[test]
fn suppression_does_what_kafka_streams_does() {
    check_all(suppress::CASES);
}

#[test]
fn joins_do_what_kafka_streams_does() {
    check_all(joins::CASES);
}

#[test]
fn joins_of_streams_do_what_kafka_streams_does() {
    check_all(stream_joins::CASES);
}

#[test]
fn grouped_tables_do_what_kafka_streams_does() {
    check_all(table_groups::CASES);
}

#[test]
fn joined_and_transformed_tables_do_what_kafka_streams_does() {
    check_all(table_joins::CASES);
}

#[test]
fn foreign_key_joins_do_what_kafka_streams_does() {
    check_all(foreign_key::CASES);
}

#[test]
fn cogrouped_aggregations_do_what_kafka_streams_does() {
    check_all(cogroup::CASES);
}

#[test]
fn stores_do_what_kafka_streams_does() {
    check_all(stores::CASES);
}

#[test]
fn nulls_are_treated_as_kafka_streams_does() {
    check_all(nullable::CASES);
}

/// `ensure.explicit.internal.resource.naming` (KIP-1111), for every case.
#[test]
fn generated_names_are_refused_as_kafka_streams_does() {
    check_names(FAMILIES);
}

#[test]
fn every_recorded_case_is_run_or_listed() {
    let run: BTreeSet<String> =
        FAMILIES.iter().flat_map(|cases| *cases).map(|(name, _)| (*name).into()).collect();
    let left_out: BTreeSet<String> = LEFT_OUT.iter().map(|(name, _)| (*name).into()).collect();
    assert!(run.is_disjoint(&left_out), "a case that is run is listed as left out");
    let known: BTreeSet<String> = run.union(&left_out).cloned().collect();
    assert_eq!(known, golden().into_keys().collect(), "left: run or listed, right: recorded");
}
