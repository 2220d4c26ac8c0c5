//! What newcomers begin with builds and runs: the program of the README, and a project from the template.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;

use publish::{cargo, root, run};

/// Copies a folder, fills in the placeholders of `cargo generate`, and takes `kstreams` from the checkout.
fn generate(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            generate(&entry.path(), &to);
        } else if entry.file_name() != "cargo-generate.toml" {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            let filled =
                text.replace("{{project-name}}", "my-streams").replace("{{crate_name}}", "my_streams");
            assert!(!filled.contains("{{"), "{}: an unknown placeholder", entry.path().display());
            let home = format!("kstreams = {{ path = \"{}\",", root().join("kstreams").display());
            std::fs::write(to, filled.replace("kstreams = { version = \"0.1\",", &home)).unwrap();
        }
    }
}

/// Runs the project's program without C and C++ and returns its output.
fn runs(folder: &Path) -> String {
    // The versions of dependencies that this workspace tests.
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let output = cargo(folder).args(["run", "--quiet"]).args(QUICKLY).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Without C and C++, and without optimised dependencies.
const QUICKLY: [&str; 4] =
    ["--offline", "--no-default-features", "--config", "profile.dev.package.'*'.opt-level=0"];

#[test]
fn the_first_program_prints_what_the_page_says() {
    let page = std::fs::read_to_string(root().join("README.md")).unwrap();
    let program = page.split("```rust,no_run\n").nth(1).and_then(|block| block.split("```").next()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::write(folder.path().join("src/main.rs"), program).unwrap();
    let home = root().join("kstreams").display().to_string();
    let manifest = format!(
        "[package]\nname = \"words\"\nedition = \"2024\"\n[dependencies.kstreams]\npath = \"{home}\"\n\
         default-features = false\n[workspace]\n"
    );
    std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();

    let printed = runs(folder.path());
    let mut lines: Vec<_> = printed.lines().collect();
    lines.sort_unstable();
    let said = page.split("`cargo run` prints each word with its count: ").nth(1).unwrap();
    let said: Vec<_> = said.split('`').skip(1).step_by(2).take(lines.len()).collect();
    assert_eq!(lines, said);
}

#[test]
fn a_generated_project_passes_its_tests_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    generate(&root().join("template"), folder.path());
    let manifest = std::fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
    assert_eq!(manifest.matches("kstreams = { path").count(), 2, "{manifest}");

    assert_eq!(runs(folder.path()), "ann has 1250 cents\n");
    run(cargo(folder.path()).arg("test").args(QUICKLY)).unwrap();
}
