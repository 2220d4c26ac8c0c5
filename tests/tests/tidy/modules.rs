//! The modules of a crate depend one way, and `state-stores` knows nothing of the engine.

use crate::source::{Source, find_word, is_name};
use crate::{check_files, report};

/// Which modules of its crate a module may use: only such as stand above it in the crate's table. Tests may use any.
type Floors = &'static [(&'static str, &'static str)];

/// The crates whose modules have floors.
const CRATES: &[(&str, Floors)] =
    &[("state-stores", STATE_STORES), ("streams-core", STREAMS_CORE), ("streams-dsl", STREAMS_DSL)];

const STATE_STORES: Floors = &[
    ("causes", ""),
    ("debug_as_display", ""),
    ("excerpt", ""),
    ("codec", "debug_as_display"),
    ("headers", ""),
    ("error", "causes debug_as_display excerpt codec"),
    // Rows and nothing but rows: RocksDB and memory.
    ("backend", "error"),
    // What a database holds beside its stores' rows.
    ("keyspaces", "error backend"),
    ("metadata", "error backend"),
    ("offsets", "error backend"),
    ("cursor", "error backend"),
    // Kafka Streams' bytes of keys and values.
    ("schema", "headers"),
    // What is not committed yet.
    ("overlay", "headers"),
    ("store", "error headers backend"),
    ("table", "error codec headers backend keyspaces cursor schema overlay store"),
    // Key-value stores, windows, sessions and the like: tables with keys of their kind.
    ("kind", "error codec headers backend keyspaces cursor schema overlay store table"),
    // From the records of a changelog to rows, for every kind.
    ("restore", "error headers backend keyspaces schema table kind"),
];

const STREAMS_CORE: Floors = &[
    ("ids", ""),
    ("time", ""),
    ("config", ""),
    ("record", "ids time"),
    ("window", "time"),
    // A queue in the order of times, for partitions and punctuations.
    ("time_queue", "time"),
    // Whoever calls code of users turns its panics into errors of his own.
    ("user_code", ""),
    // How many nodes fit on a thread's stack.
    ("stack", ""),
    ("partitioner", "ids"),
    // Beside the processing: it knows no topology and no store.
    ("transport", "ids time record user_code"),
    ("metrics", "ids time config"),
    ("serde", "ids time record window user_code"),
    // The crate's error holds its causes, so it stands above those that have errors of their own.
    ("error", "ids time config record user_code transport serde"),
    // Records of a topic, for programs: beside the processing as well.
    ("embedded_topic", "ids time record partitioner error transport serde"),
    ("embedded", "transport embedded_topic"),
    // Handles and builders of stores; what a store is made of is in `state-stores`.
    ("store", "ids time config record window user_code error metrics serde"),
    // Of the transport, a source node reads raw records and a handler is told its errors.
    (
        "processor",
        "ids time time_queue config record window user_code partitioner error metrics serde transport store",
    ),
    ("topology", "ids time config record window stack partitioner error metrics serde store processor"),
    (
        "runtime",
        "ids time time_queue config record window user_code stack partitioner error metrics serde transport store processor \
         topology",
    ),
    // The test driver stands on everything, and nothing on it.
    (
        "testing",
        "ids time config record window stack partitioner error metrics serde transport store processor topology runtime",
    ),
];

const STREAMS_DSL: Floors = &[
    ("error", ""),
    ("naming", "error"),
    ("windows", ""),
    // Which values are Kafka's null.
    ("nulls", ""),
    ("options", "error windows"),
    // The logical plan: untyped nodes that write themselves.
    ("graph", "error naming options"),
    // How rows are stored, looked up and forwarded.
    ("rows", "error options graph"),
    // What programs hold. Operators are methods on handles; a handle that one family of operators has is with it.
    ("handles", "error naming windows nulls options graph rows"),
    ("operators", "error naming windows nulls options graph rows handles"),
    ("prelude", "error windows options handles operators"),
];

/// Parts of names that a `use` of `state-stores` must not have.
const NOT_IN_STATE_STORES: &[&str] = &["topic", "task", "rdkafka", "streams_core", "streams_dsl"];

/// The floors of the crate that a file belongs to, and its module.
fn place(path: &str) -> Option<(Floors, &str)> {
    let (name, inside) = path.split_once("/src/")?;
    let (_, floors) = CRATES.iter().find(|(known, _)| *known == name)?;
    let module = inside.split('/').next()?;
    Some((*floors, module.strip_suffix(".rs").unwrap_or(module))).filter(|(_, module)| *module != "lib")
}

/// The modules that are named as `crate::module` or `crate::{module, ...}`, with their positions.
fn used(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in find_word(code, "crate") {
        let Some(rest) = code[at..].strip_prefix("crate::") else { continue };
        let first =
            |text: &str| text.bytes().take_while(|byte| is_name(*byte)).map(char::from).collect::<String>();
        match rest.strip_prefix('{') {
            None => found.push((at, first(rest))),
            Some(list) => {
                let mut depth = 0_i32;
                let mut item = String::new();
                for c in list.chars() {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    if depth < 0 || (depth == 0 && c == ',') {
                        found.push((at, first(item.trim())));
                        item.clear();
                    } else {
                        item.push(c);
                    }
                    if depth < 0 {
                        break;
                    }
                }
            }
        }
    }
    found.retain(|(_, name)| !name.is_empty());
    found
}

/// Whether a name is among names with spaces between them.
fn names(list: &str, name: &str) -> bool {
    list.split_whitespace().any(|item| item == name)
}

fn upward_uses(source: &Source) -> Vec<String> {
    let Some((floors, module)) = place(&source.path) else { return Vec::new() };
    let Some((_, allowed)) = floors.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{}: the module '{module}' is not in the table of {}", source.path, file!())];
    };
    let code = source.production();
    let wrong = used(&code).into_iter().filter(|(_, name)| name != module && !names(allowed, name));
    let known = |name: &str| floors.iter().any(|(module, _)| *module == name);
    // An item of lib.rs stands on some floor: it is named there. A macro or a mistake is the compiler's business.
    let hidden = |name: &str| module != "prelude" && name.starts_with(char::is_uppercase);
    wrong
        .filter(|(_, name)| known(name) || hidden(name))
        .map(|(at, name)| format!("{}:{}: '{module}' must not use '{name}'", source.path, source.line_of(at)))
        .collect()
}

fn names_of_the_engine(source: &Source) -> Vec<String> {
    if !source.path.starts_with("state-stores/src/") {
        return Vec::new();
    }
    let code = source.production();
    let mut problems = Vec::new();
    for at in find_word(&code, "use") {
        let statement = code[at..].split(';').next().unwrap_or_default().to_lowercase();
        for word in NOT_IN_STATE_STORES.iter().filter(|word| statement.contains(**word)) {
            let line = source.line_of(at);
            problems.push(format!(
                "{}:{line}: stores are useful without Kafka; they know no {word}",
                source.path
            ));
        }
    }
    problems
}

#[test]
fn modules_depend_one_way() {
    check_files("modules of a crate depend one way", upward_uses);
}

#[test]
fn state_stores_know_nothing_of_the_engine() {
    check_files("state-stores knows nothing of the engine", names_of_the_engine);
}

#[test]
fn the_tables_have_no_circle() {
    let mut problems = Vec::new();
    for (name, floors) in CRATES {
        for (index, (module, allowed)) in floors.iter().enumerate() {
            let above = |name: &&str| floors.iter().take(index).any(|(module, _)| module == name);
            let wrong = allowed.split_whitespace().filter(|name| !above(name));
            problems.extend(
                wrong.map(|other| format!("{name}: {module} may use {other}, which is not above it")),
            );
        }
    }
    report("the tables of modules have no circle", problems);
}

#[test]
fn a_use_upwards_is_found() {
    let text = "//! x\nuse crate::ids::TaskId;\nuse crate::{runtime::X, record::{A, B}, time};\n\
                #[cfg(test)]\nmod tests {\n    use crate::testing::Y;\n}\n";
    let problems = upward_uses(&Source::new("streams-core/src/serde/mod.rs", text));
    assert_eq!(problems, ["streams-core/src/serde/mod.rs:3: 'serde' must not use 'runtime'"]);
    let unknown = upward_uses(&Source::new("streams-core/src/new_thing.rs", text));
    assert!(unknown[0].contains("'new_thing' is not in the table"));
    let text = "//! x\nuse crate::graph::Step;\nuse crate::{KStream, operators::X};\n";
    let problems = upward_uses(&Source::new("streams-dsl/src/rows/mod.rs", text));
    let upward = ["'rows' must not use 'KStream'", "'rows' must not use 'operators'"];
    assert_eq!(problems, upward.map(|problem| format!("streams-dsl/src/rows/mod.rs:3: {problem}")));
    let store = Source::new("state-stores/src/x.rs", "use a::TaskId;\nuse b::Store;\n// a topic\n");
    assert_eq!(names_of_the_engine(&store).len(), 1);
}
