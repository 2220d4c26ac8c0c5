//! The map of the code names every public module of the three crates, and decisions have one form.

use crate::{report, root};

const MAP: &str = "docs/ARCHITECTURE.md";
const CRATES: &[&str] = &["state-stores", "streams-core", "streams-dsl"];

/// The modules that a `lib.rs` opens.
fn public_modules(lib: &str) -> Vec<&str> {
    let names = lib.lines().filter_map(|line| line.trim_start().strip_prefix("pub mod "));
    names.filter_map(|rest| rest.split([';', ' ', '{']).next()).collect()
}

/// A module is on the map as `name`, `crate::name` or `crate/src/name`, in code style.
fn is_named(map: &str, package: &str, module: &str) -> bool {
    let in_code = map.split('`').skip(1).step_by(2);
    let mut paths = in_code.map(|code| code.trim_end_matches('/').trim_end_matches(".rs"));
    let (folder, path) =
        (format!("{package}/src/{module}"), format!("{}::{module}", package.replace('-', "_")));
    paths.any(|code| code == module || code == folder || code == path)
}

#[test]
fn the_map_names_every_public_module() {
    let Ok(map) = std::fs::read_to_string(root().join(MAP)) else {
        report("the map of the code", vec![format!("{MAP} is missing; write what each module is for")]);
        return;
    };
    let mut problems = Vec::new();
    for package in CRATES {
        let path = format!("{package}/src/lib.rs");
        let lib = std::fs::read_to_string(root().join(&path)).unwrap_or_default();
        let missing = public_modules(&lib).into_iter().filter(|module| !is_named(&map, package, module));
        problems.extend(missing.map(|module| format!("{MAP}: does not name `{package}/src/{module}`")));
    }
    report("the map of the code names every public module", problems);
}

#[test]
fn a_module_off_the_map_is_found() {
    assert_eq!(public_modules("//! x\npub mod a;\nmod b;\n    pub mod c {\n}\n"), ["a", "c"]);
    let map = "the `a` and `state-stores/src/b/` and `state_stores::c` modules, not d";
    for (module, named) in [("a", true), ("b", true), ("c", true), ("d", false)] {
        assert_eq!(is_named(map, "state-stores", module), named, "{module}");
    }
}

/// What is wrong with the form of a decision (docs/style.md).
fn misshapen(number: &str, text: &str) -> Option<&'static str> {
    if !text.starts_with(&format!("# {number}: ")) {
        return Some("begins with another title than its number, a colon and a sentence");
    }
    if !text.lines().any(|line| line.starts_with("**Decided.**")) {
        return Some("has no paragraph **Decided.**");
    }
    text.lines()
        .any(|line| line.starts_with("## "))
        .then_some("has headings instead of paragraphs that begin in bold")
}

#[test]
fn decisions_have_one_form() {
    let mut problems = Vec::new();
    let pages = std::fs::read_dir(root().join("docs/decisions")).into_iter().flatten().flatten();
    for page in pages {
        let name = page.file_name().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(page.path()).unwrap_or_default();
        let wrong = misshapen(name.get(..4).unwrap_or_default(), &text);
        problems.extend(wrong.map(|wrong| format!("docs/decisions/{name} {wrong}")));
    }
    report("decisions have one form (docs/style.md)", problems);
}

#[test]
fn a_decision_of_another_form_is_found() {
    assert_eq!(misshapen("0001", "# 0001: A title\n\n**Decided.** So.\n"), None);
    for text in [
        "# 0001 A title\n\n**Decided.** So.\n",
        "# 0001: A title\n",
        "# 0001: A title\n\n**Decided.**\n\n## Why\n",
    ] {
        assert!(misshapen("0001", text).is_some(), "{text}");
    }
}
