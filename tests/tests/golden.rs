//! The golden files are what the real Kafka says, and every case of the conformance suite does something.

use std::collections::HashSet;

use serde_json::Value;
use tests::lab::{LabError, golden_files};

#[test]
fn golden_files_are_what_kafka_says() -> Result<(), LabError> {
    for file in golden_files()? {
        let what = format!("reading {}", file.path.display());
        let kept = std::fs::read_to_string(&file.path).map_err(|source| LabError::Io { what, source })?;
        let differs = kept.lines().zip(file.text.lines()).position(|(kept, now)| kept != now);
        assert_eq!(differs, None, "{} differs from this line on; run `make golden`", file.path.display());
        assert_eq!(kept.len(), file.text.len(), "{} has another length", file.path.display());
    }
    Ok(())
}

#[test]
fn conformance_cases_are_complete() -> Result<(), serde_json::Error> {
    let readme = include_str!("../golden/README.md");
    let mut names = HashSet::new();
    for line in include_str!("../golden/conformance.jsonl").lines() {
        let case: Value = serde_json::from_str(line)?;
        let name = case["name"].as_str().unwrap_or_default();
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        assert!(readme.contains(&format!("\n### {name}\n")), "{name} is not described");
        assert!(case["describe"].as_str().is_some_and(|text| text.starts_with("Topologies:\n")), "{name}");
        let outputs = case["output"].as_array().map_or(0, Vec::len);
        assert!(outputs > 0 || name == "foreach", "{name} produces nothing");
    }
    assert!(names.len() >= 40, "only {} cases", names.len());
    Ok(())
}
