//! Crates depend one way: `state-stores <- streams-core <- streams-dsl <- kstreams <- {examples, tests, docs}`.

use crate::{report, root};

/// Folders of packages, and which packages of the workspace those may depend on.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("state-stores", &[]),
    ("streams-core", &["state-stores"]),
    ("streams-dsl", &["state-stores", "streams-core"]),
    // The crate that users add.
    ("kstreams", &["streams-dsl"]),
    ("examples", &["streams-core", "kstreams"]),
    // The suites run the examples; the examples never need the suites.
    ("tests", &["state-stores", "streams-core", "kstreams", "examples", "lab", "field"]),
    // The lab talks to brokers and knows nothing of what is tested.
    ("tests/lab", &[]),
    ("tests/field", &["state-stores", "streams-core", "kstreams", "lab"]),
    // Kafka Streams judges an application of its own.
    ("tests/smoke", &["streams-core", "kstreams", "lab"]),
    // The storm passes over the kill test's application.
    ("tests/storm", &["state-stores", "streams-core", "lab", "tests"]),
    // What the compiler says of mistakes.
    ("tests/mistakes", &["kstreams"]),
    // Tests of the packages, the public API and the template.
    ("tests/publish", &[]),
    ("docs", &["kstreams"]),
];

/// The packages named under any `[...dependencies]`.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut in_dependencies = false;
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            in_dependencies = section.ends_with("dependencies");
            // `[dependencies.name]`
            if let Some((table, name)) = section.rsplit_once('.')
                && table.ends_with("dependencies")
            {
                found.push(name);
            }
        } else if in_dependencies && !line.starts_with('#') {
            found.extend(line.split(['.', ' ', '=']).next().filter(|name| !name.is_empty()));
        }
    }
    found
}

/// A package may name itself under `[dev-dependencies]`: so its own tests have features that are not default.
fn problems(package: &str, allowed: &[&str], manifest: &str) -> Vec<String> {
    let ours = |name: &&str| MAY_DEPEND_ON.iter().any(|(folder, _)| folder.rsplit('/').next() == Some(name));
    let wrong = dependencies(manifest)
        .into_iter()
        .filter(ours)
        .filter(|name| *name != package && !allowed.contains(name));
    wrong.map(|name| format!("{package}/Cargo.toml: {package} must not depend on {name}")).collect()
}

#[test]
fn crates_depend_one_way() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap_or_default();
    let members = read("Cargo.toml");
    let mut all = Vec::new();
    for (package, allowed) in MAY_DEPEND_ON {
        assert!(members.contains(&format!("\"{package}\"")), "{package} is no member of the workspace");
        let manifest = read(&format!("{package}/Cargo.toml"));
        assert!(!manifest.is_empty(), "{package}/Cargo.toml is missing");
        all.extend(problems(package, allowed, &manifest));
    }
    report("crates depend one way (docs/ARCHITECTURE.md)", all);
}

/// A crate is published without what lies outside of its folder.
#[test]
fn published_crates_have_the_licence() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap_or_default();
    let licence = read("LICENSE");
    assert!(!licence.is_empty());
    let published = ["state-stores", "streams-core", "streams-dsl", "kstreams"];
    let without = published.iter().filter(|package| read(&format!("{package}/LICENSE")) != licence);
    let all = without.map(|package| format!("{package}/LICENSE is not LICENSE")).collect();
    report("published crates have the licence", all);
}

#[test]
fn a_dependency_upwards_is_found() {
    let manifest = "\
[package]
name = \"x\"
[dependencies]
bytes.workspace = true
streams-dsl.workspace = true
[dev-dependencies.streams-core]
workspace = true
";
    assert_eq!(dependencies(manifest), ["bytes", "streams-dsl", "streams-core"]);
    assert_eq!(problems("state-stores", &[], manifest).len(), 2);
    assert_eq!(problems("x", &["streams-core", "streams-dsl"], manifest).len(), 0);
}
