//! Compares two topologies by what they would do to state.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, Severity};
use crate::topology::facts::{Facts, Store, is_internal, without_number};

/// All changes, the worst first.
pub fn compare(old: &Facts, new: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    stores(old, new, &mut found);
    kept_stores(old, new, &mut found);
    repartition(old, new, &mut found);
    inputs(old, new, &mut found);
    if found.is_empty() && old.shape != new.shape {
        found.push(Finding::new(
            Severity::Note,
            "nodes-changed",
            "topology",
            "nodes are added, removed or moved, and nothing that has state: instances may be replaced one by one",
        ));
    }
    if owned(old) != owned(new) {
        let what = "instances of the old and the new topology do not process next to each other";
        let advice = "stop all instances, then start the new ones";
        found.push(Finding::new(Severity::Note, "no-rolling-deploy", "instances", what).advice(advice));
    }
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

/// What instances have to agree about, to process next to each other: what each sub-topology reads and keeps.
fn owned(facts: &Facts) -> impl PartialEq {
    let own = facts.stores.iter().filter_map(|(name, store)| Some((store.subtopology?, name.clone())));
    let stores: BTreeSet<(u32, String)> = own.collect();
    (facts.sources.clone(), facts.patterns.clone(), stores)
}

/// Stores that only one of them has. One that is gone and one that is new are taken for the same if the same operators fill
/// them from the same topics.
fn stores(old: &Facts, new: &Facts, found: &mut Vec<Finding>) {
    let gone: Vec<(&String, &Store)> =
        old.stores.iter().filter(|(name, _)| !new.stores.contains_key(*name)).collect();
    let mut fresh: BTreeMap<&String, &Store> =
        new.stores.iter().filter(|(name, _)| !old.stores.contains_key(*name)).collect();
    for (name, store) in gone {
        let same = fresh.iter().filter(|(_, other)| is_same(store, other)).map(|(name, _)| *name);
        // Of several, one whose name differs by its number alone.
        let candidates: Vec<&String> = same.collect();
        let by_name = || candidates.iter().find(|other| without_number(other) == without_number(name));
        let Some(renamed) = by_name().or(candidates.first()).copied() else {
            found.push(gone_store(name, store));
            continue;
        };
        fresh.remove(renamed);
        found.push(renamed_store(name, renamed, store));
    }
    for (name, store) in fresh {
        found.push(match store.subtopology {
            None => Finding::new(
                Severity::Note,
                "global-store-new",
                name,
                "a new global store is filled from its topic",
            ),
            Some(_) => Finding::new(
                Severity::Note,
                "store-new",
                name,
                "a new store begins empty: records that were processed before are not in it",
            )
            .advice("to fill it with them, reset the application, or deploy under a new application.id"),
        });
    }
}

/// Whether two stores seem to be the same one under two names.
fn is_same(old: &Store, new: &Store) -> bool {
    old.subtopology.is_some() == new.subtopology.is_some()
        && old.inputs == new.inputs
        && (old.operators == new.operators || !old.operators.is_disjoint(&new.operators))
}

fn gone_store(name: &str, store: &Store) -> Finding {
    if store.subtopology.is_none() {
        return Finding::new(Severity::Note, "global-store-gone", name, "the global store is no longer kept");
    }
    Finding::new(Severity::State, "store-gone", name, "no store has this name; its state is no longer used").advice(
        format!(
            "if that is meant, say so with --accept {name}, and delete its changelog topic afterwards; if not, give the \
             operator that needs it this name"
        ),
    )
}

fn renamed_store(old: &str, new: &str, store: &Store) -> Finding {
    if store.subtopology.is_none() {
        let what = "the global store is filled again from its topic, under the new name";
        return Finding::new(Severity::Note, "global-store-renamed", old, what).becomes(new);
    }
    let why = match (without_number(old), without_number(new)) {
        (Some(_), Some(_)) => {
            "the number in its generated name moved: it begins empty, and the old changelog is left behind"
        }
        _ => "the store has another name: it begins empty, and the old changelog is left behind",
    };
    let advice = format!(
        "{}. If it may begin empty, --accept {old}, and delete the old changelog topic afterwards",
        how_to_keep(old)
    );
    Finding::new(Severity::State, "store-renamed", old, why).becomes(new).advice(advice)
}

/// How a store keeps a name. Joins and suppressions append something to the names that they are given.
fn how_to_keep(name: &str) -> String {
    let generated = without_number(name).is_some();
    let appended = |call: &str, ends: &[&str]| match ends.iter().find_map(|end| name.strip_suffix(end)) {
        Some(given) if !generated => format!("to keep the state, name it again: {call}(\"{given}\")"),
        _ => {
            format!("{call} names it from now on; a generated name cannot be kept, so that its rows are lost")
        }
    };
    if name.contains("SUPPRESS") {
        return appended("Suppressed::with_name", &["-store"]);
    }
    let joins = ["-this-join-store", "-other-join-store", "-shared-join-store"];
    let is_join = ["KSTREAM-JOIN", "KSTREAM-OUTER"].iter().any(|begin| name.starts_with(begin));
    if is_join || joins.iter().any(|end| name.ends_with(end)) {
        return appended("StreamJoined::with_store_name", &joins);
    }
    format!("to keep the state, give it the old name: Materialized::named(\"{name}\")")
}

/// Stores that both have.
fn kept_stores(old: &Facts, new: &Facts, found: &mut Vec<Finding>) {
    for (name, was) in &old.stores {
        let Some(is) = new.stores.get(name) else { continue };
        let apart = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
            !one.is_empty() && !other.is_empty() && one.is_disjoint(other)
        };
        if apart(&was.inputs, &is.inputs) || apart(&was.operators, &is.operators) {
            found.push(mixed_up(name, was, is));
            continue;
        }
        if was.inputs != is.inputs {
            let what = format!("its records come from {} instead of {}", list(&is.inputs), list(&was.inputs));
            found.push(Finding::new(Severity::Note, "store-inputs-changed", name, what));
        } else if without_number(name).is_some() && was.way != is.way {
            let what = "what is in front of it changed, and its name is generated: it may be another operator's state";
            let advice = "check that the same operator has it, and name it";
            found.push(Finding::new(Severity::Note, "store-way-changed", name, what).advice(advice));
        }
        match (was.subtopology, is.subtopology) {
            (Some(one), Some(other)) if one != other => {
                let what = format!(
                    "it moves from sub-topology {one} to {other}: its changelog stays, and each task rebuilds its local \
                     copy from it"
                );
                found.push(Finding::new(Severity::Note, "store-moved", name, what));
            }
            (Some(_), None) | (None, Some(_)) => found.push(mixed_up(name, was, is)),
            _ => {}
        }
    }
}

fn mixed_up(name: &str, was: &Store, is: &Store) -> Finding {
    let say = |store: &Store| {
        let by = if store.operators.is_empty() { "a processor".to_owned() } else { list(&store.operators) };
        match store.subtopology {
            Some(_) => format!("{by} fed by {}", list(&store.inputs)),
            None => format!("a global store of {}", list(&store.inputs)),
        }
    };
    let (was, is) = (say(was), say(is));
    let what = format!(
        "the name was that of {was} and becomes that of {is}: one would continue with the other's rows"
    );
    Finding::new(Severity::State, "store-mixed-up", name, what)
        .advice("give both stores names of their own, the old one the name that it has now")
}

/// Internal topics between sub-topologies.
fn repartition(old: &Facts, new: &Facts, found: &mut Vec<Finding>) {
    let fresh: Vec<&String> =
        new.repartition.keys().filter(|name| !old.repartition.contains_key(*name)).collect();
    for name in old.repartition.keys().filter(|name| !new.repartition.contains_key(*name)) {
        let generated = without_number(name);
        let like = |other: &&&String| generated.is_some() && without_number(other) == generated;
        let only = (fresh.len() == 1).then(|| fresh.first()).flatten();
        let becomes = fresh.iter().find(like).or(only);
        let what = "records in it that were not processed yet are left behind";
        let mut finding = Finding::new(Severity::InFlight, "repartition-topic-gone", name, what).advice(
            "name it (Grouped::named, Repartitioned::named, StreamJoined::with_name) so that it stays; or stop what writes \
             to the input topics, wait until `streams group` shows no lag, and deploy then",
        );
        if let Some(other) = becomes {
            finding.kind = "repartition-topic-renamed";
            finding = finding.becomes(other.as_str());
        }
        found.push(finding);
    }
    for (name, readers) in &new.repartition {
        let moved = old.repartition.get(name).filter(|before| *before != readers);
        if let Some(before) = moved {
            let numbers = |set: &BTreeSet<u32>| list(&set.iter().map(u32::to_string).collect());
            let what = format!(
                "sub-topology {} reads it instead of {}; offsets stay",
                numbers(readers),
                numbers(before)
            );
            found.push(Finding::new(Severity::Note, "repartition-topic-moved", name, what));
        }
    }
}

/// Topics of others.
fn inputs(old: &Facts, new: &Facts, found: &mut Vec<Finding>) {
    let read = |facts: &Facts| -> BTreeSet<String> {
        let patterns = facts.patterns.values().flatten().cloned();
        facts.inputs().into_iter().map(str::to_owned).chain(patterns).collect()
    };
    let (was, is) = (read(old), read(new));
    for topic in was.difference(&is) {
        let what = "it is no longer read; the group's offsets of it expire";
        found.push(Finding::new(Severity::Note, "input-gone", topic, what));
    }
    for topic in is.difference(&was) {
        let what = "it is read for the first time, from where auto.offset.reset says";
        found.push(Finding::new(Severity::Note, "input-new", topic, what));
    }
    for (id, topics) in &new.sources {
        let own = |topics: &BTreeSet<String>| -> BTreeSet<String> {
            topics.iter().filter(|topic| !is_internal(topic)).cloned().collect()
        };
        let before =
            old.sources.iter().find(|(_, before)| !own(before).is_empty() && own(before) == own(topics));
        if let Some((before, _)) = before.filter(|(before, _)| *before != id) {
            let what =
                format!("what was sub-topology {before} is sub-topology {id}: its tasks have other numbers");
            found.push(Finding::new(
                Severity::Note,
                "subtopology-renumbered",
                format!("sub-topology {before}"),
                what,
            ));
        }
    }
}

fn list(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
