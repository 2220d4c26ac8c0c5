//! Tests of what users get: the public API, the first program of the README and the template for a new project.
//!
//! These tests run Cargo, with the lowest supported version of Rust and without C and C++.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout.
pub fn root() -> PathBuf {
    let package =
        std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    Path::new(&package).ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

/// The lowest supported version of Rust: `rust-version` of the workspace.
pub fn rust_version() -> String {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap_or_default();
    let line = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \""));
    line.map(|version| version.trim_end_matches('"').to_owned()).unwrap_or_default()
}

/// Where that Cargo builds: the folder of `make msrv`, which has compiled most of it.
pub fn target() -> PathBuf {
    let exe = std::env::current_exe().unwrap_or_default();
    exe.ancestors().nth(3).map_or_else(|| root().join("target"), Path::to_path_buf).join("msrv")
}

/// Cargo of the lowest supported version of Rust, run in `folder`.
pub fn cargo(folder: &Path) -> Command {
    let mut cargo = Command::new("rustup");
    cargo.args(["run", &rust_version(), "cargo"]).current_dir(folder);
    // Set by the Cargo that runs this test.
    cargo.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC").env_remove("RUSTDOC");
    cargo.env("CARGO_TARGET_DIR", target());
    cargo
}

/// Runs a command. Errors: its output, if it fails.
pub fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{command:?} failed:\n{out}\n{err}"))
}
