//! The golden files of `tests/golden`: what the real Kafka classes write and what the real Kafka Streams does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::error::LabError;
use crate::java::{JavaLab, tail};

/// The case definitions, in the order of the golden file.
const CASES: [&str; 15] = [
    "StatelessCases",
    "ProcessorCases",
    "TableCases",
    "AggregateCases",
    "WindowCases",
    "SlidingCases",
    "EmitCases",
    "SuppressCases",
    "JoinCases",
    "StreamJoinCases",
    "TableGroupCases",
    "TableJoinCases",
    "ForeignKeyCases",
    "CogroupCases",
    "StoreCases",
];

const README_HEAD: &str = "\
# Golden files

Written by `make golden` from the programs in `tests/java`, which run the real Apache Kafka 4.3.1. Do not edit them: a
test generates them again and compares.

- `formats.jsonl` (`Golden.java`, `Buffers.java`): one JSON object a line with a `format` and the bytes, in
  hexadecimal, that Kafka's own classes write for it.
- `conformance.jsonl` (`Conformance.java`): one JSON object a case: `name`; `describe`, the text of
  `Topology.describe()`; `config`, settings besides those below, if there are any; `unnamed`, the message with which the
  topology is refused when `ensure.explicit.internal.resource.naming` is on, or null; `input`, the steps; `output`, every
  record of every produced topic, changelogs and repartition topics included. Application id `app`, no cache, one
  partition, wall clock from 0.

An input step is a record with text as key and value, or `advance_ms`, an advance of the wall clock. An output record has
the number of the `step` that led to it, `topic`, `key` and `value` in hexadecimal or null, `timestamp` and `headers`
(pairs of name and hexadecimal value). A timestamp that is null is the wall clock's: the producer fills it in. Within a
step the order is kept in each topic; topics follow each other by name. Kafka's test driver commits after each step.

The topologies, as they are built in `tests/java/src/main/java/lab/cases`; the inputs they name are in `Inputs.java`.
`b` is the `StreamsBuilder`. The default serdes are `String` for keys and values; every other serde stands in the calls
(`longs()`: default key, `Long` value; `timeLongs()`, `sessionTexts()` and so on: windowed `String` key with windows of
10 ms, `Long` or `String` value; `count()` brings `Long`). `TUMBLING`: windows of 10 ms with 5 ms of grace;
`TUMBLING_NO_GRACE`: the same without; `HOPPING`: `TUMBLING` with a new window every 4 ms; `SESSIONS`: a gap of 10 ms
with 5 ms of grace; `WINDOWS`: a join of up to 10 ms before and after with 5 ms of grace; `NO_GRACE`: the same without;
`ASYMMETRIC`: `WINDOWS` with 1 ms before and 11 ms after; `LATER` and `EARLIER`: `WINDOWS` from 2 ms to 8 ms on one side
only; `OLD`: `WINDOWS` by the deprecated methods. `SELF`, `MERGE` and `ALL` are values of `topology.optimization`.
`THROTTLED` lets outer joins look for closed windows once in 1000 ms (in Kafka's test driver they look at every record,
unless configured otherwise). `stream(b, topic)` is `b.stream(topic)`, `changed` that with a `selectKey` that keeps the key;
`pair()`: a join called `pair` with stores called `stores`; `onDisk` and `inMemory`: window stores that fit `WINDOWS`.
";

/// A golden file and what it should hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoldenFile {
    /// Where it is checked in.
    pub path: PathBuf,
    /// What the Java programs say now.
    pub text: String,
}

/// Runs the Java programs and returns what the golden files should hold.
pub fn golden_files() -> Result<Vec<GoldenFile>, LabError> {
    let java = JavaLab::prepare()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden");
    let file = |name: &str, text| GoldenFile { path: folder.join(name), text };
    Ok(vec![
        file("formats.jsonl", output(&java, "lab.Golden")?),
        file("conformance.jsonl", output(&java, "lab.Conformance")?),
        file("README.md", readme()?),
    ])
}

fn output(java: &JavaLab, class: &str) -> Result<String, LabError> {
    let done = java.command(class, 512, true).stdin(Stdio::null()).output();
    let done = done.map_err(LabError::io(format!("running {class}")))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    Err(LabError::Refused {
        what: format!("running {class} ({})", done.status),
        answer: tail(&String::from_utf8_lossy(&done.stderr), 40),
    })
}

fn readme() -> Result<String, LabError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../java/src/main/java/lab/cases");
    let mut text = README_HEAD.to_owned();
    for class in CASES {
        let path = folder.join(format!("{class}.java"));
        let source =
            fs::read_to_string(&path).map_err(LabError::io(format!("reading {}", path.display())))?;
        text.push_str(&format!("\n## {class}\n"));
        describe(&source, &mut text);
    }
    Ok(text)
}

/// Copies the comments, constants and bodies of the cases out of a Java class.
fn describe(source: &str, text: &mut String) {
    let mut comment = String::new();
    let mut body = false;
    for line in source.lines() {
        if let Some(head) = line.strip_prefix("        Case.add(cases, \"") {
            let (name, rest) = head.split_once("\", ").unwrap_or((head, ""));
            let (input, rest) = rest.split_once(", ").unwrap_or((rest, ""));
            let settings = rest.split_once(", b ->").map(|(config, _)| format!(", settings `{config}`"));
            let settings = settings.unwrap_or_default();
            text.push_str(&format!("\n### {name}\n\nInput `{input}`{settings}.{comment}\n\n```java\n"));
            comment.clear();
            body = true;
        } else if body && line == "        });" {
            text.push_str("```\n");
            body = false;
        } else if body {
            text.push_str(line.strip_prefix("            ").unwrap_or(line));
            text.push('\n');
        } else if let Some(said) = line.strip_prefix("        // ") {
            comment.push(' ');
            comment.push_str(said);
        }
    }
}
